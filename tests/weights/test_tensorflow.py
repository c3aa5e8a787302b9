"""TensorFlow's files are read as TensorFlow reads them, and named as transformers names them.

The checkpoints in golden/tensorflow were written by TensorFlow; its own reading and transformers' are kept beside them.
"""

import hashlib
import json
import shutil
import tracemalloc
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from bigbird_cli.errors import ModelError
from bigbird_cli.files.protobuf import read_varint
from bigbird_cli.weights.formats.tensorflow.bundle import read, skipped, stored_types
from bigbird_cli.weights.formats.tensorflow.crc32c import crc32c, masked
from bigbird_cli.weights.formats.tensorflow.names import from_tensorflow
from bigbird_cli.weights.formats.tensorflow.slices import slice_key
from bigbird_cli.weights.formats.tensorflow.table import read_block

GOLDEN = Path(__file__).resolve().parent / "golden" / "tensorflow"
PREFIX = {name: GOLDEN / name / "model.ckpt-0" for name in ("plain", "sharded", "partitioned", "types")}
PREFIX["trivia"] = GOLDEN / "trivia" / "variables" / "variables"
TIED = {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias"}

Values = dict[str, np.ndarray]


def golden(name: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads((GOLDEN / name).read_text(encoding="utf-8"))
    return found


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


# as TensorFlow reads them


@pytest.mark.parametrize("name", ["plain", "sharded", "partitioned", "types"])
def test_tensors_are_those_that_tensorflow_reads(name: str) -> None:
    kinds = stored_types(PREFIX[name])
    got = {
        tensor: f"{kinds.get(tensor, array.dtype)} {array.shape} {digest(array)}"
        for tensor, array in read(PREFIX[name]).items()
    }
    assert got == golden("tensors.json")[name]


def test_what_holds_no_numbers_is_named() -> None:
    assert skipped(PREFIX["types"]) == {
        "complex": "holds complex numbers, no weights",
        "words": "holds text, no weights",
    }
    assert skipped(PREFIX["trivia"]).keys() == {"_CHECKPOINTABLE_OBJECT_GRAPH"}
    assert skipped(PREFIX["plain"]) == {}


def test_a_saved_model_has_its_variables_names() -> None:
    tensors = read(PREFIX["trivia"])
    assert tensors["transformer_scaffold_1/big_bird_attention/query/kernel"].shape == (16, 2, 8)
    assert tensors["trivia_qa_head/dense/kernel"].shape == (16, 24)
    assert tensors["trivia_qa_head/dense/kernel#2"].shape == (24, 16)


def test_a_big_endian_bundle_is_read(tmp_path: Path) -> None:
    numbers = np.array([1.5, -2], dtype=">f4").tobytes()
    write_bundle(tmp_path / "big", {b"a": (entry(shape=(2,), data=numbers), numbers)}, header=b"\x08\x01\x10\x01")
    np.testing.assert_array_equal(read(tmp_path / "big")["a"], np.array([1.5, -2], dtype=np.float32))


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),  # this one and the next: RFC 3720, B.4
        (bytes(range(32)), 0x46DD794E),
        (b"", 0),
    ],
)
def test_crc32c_gives_published_values(data: bytes, crc: int) -> None:
    assert crc32c(np.frombuffer(data, dtype=np.uint8)) == crc


@pytest.mark.parametrize("size", [1, 3, 4, 5, 127, 4096, 65533, 65536, 200_001])
def test_crc32c_of_any_length_is_that_of_one_bit_after_the_other(size: int) -> None:
    data = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8)
    state = 0xFFFFFFFF
    for byte in data.tolist():
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    assert crc32c(data) == state ^ 0xFFFFFFFF


# as transformers names them


@pytest.mark.parametrize(
    ("name", "source"),
    [("plain", "plain"), ("plain", "sharded"), ("plain", "partitioned"), ("trivia", "trivia")],
)
def test_arrays_are_those_of_transformers_converter(name: str, source: str) -> None:
    arrays, _, _ = from_tensorflow(read(PREFIX[source]))
    want = {ours: value for ours, value in golden("transformers.json")[name].items() if ours not in TIED}
    assert {ours: digest(array) for ours, array in arrays.items()} == want


@pytest.mark.parametrize("name", ["plain", "trivia"])
def test_every_tensor_is_used_or_has_a_reason(name: str) -> None:
    tensors = read(PREFIX[name])
    names = set(tensors)
    arrays, used, unused = from_tensorflow(tensors)
    assert used.keys() | unused.keys() == names
    assert not used.keys() & unused.keys()
    assert set(used.values()) == arrays.keys()
    assert {tensor.rpartition("/")[2] for tensor in unused} <= {"adam_m", "adam_v", "global_step"}


def test_a_bare_encoder_has_no_prefix() -> None:
    tensors = {name: array for name, array in read(PREFIX["sharded"]).items() if name.startswith("bert/")}
    arrays, used, _ = from_tensorflow(tensors)
    assert "encoder.layer.1.output.dense.weight" in arrays
    assert used["bert/pooler/dense/kernel"] == "pooler.weight"


@pytest.mark.parametrize(
    "left_out", ["cls/seq_relationship/", "bert/pooler/ cls/seq_relationship/", "cls/ bert/pooler/"]
)
def test_a_part_that_a_checkpoint_may_lack_is_not_missed(left_out: str) -> None:
    tensors = read(PREFIX["sharded"])
    kept = {name: array for name, array in tensors.items() if not name.startswith(tuple(left_out.split()))}
    n_kept = len(kept)
    arrays, _, unused = from_tensorflow(kept)
    assert len(arrays) == n_kept
    assert not unused


def test_kernels_with_heads_apart_are_put_together() -> None:
    want, _, _ = from_tensorflow(read(PREFIX["sharded"]))
    tensors = read(PREFIX["sharded"])
    attention = "bert/encoder/layer_0/attention"
    for part in ("query", "key", "value"):
        for leaf, shape in (("kernel", (16, 2, 8)), ("bias", (2, 8))):
            name = f"{attention}/self/{part}/{leaf}"
            tensors[name] = tensors[name].reshape(shape)
    tensors[f"{attention}/output/dense/kernel"] = tensors[f"{attention}/output/dense/kernel"].reshape(2, 8, 16)
    got, _, _ = from_tensorflow(tensors)
    for name, array in want.items():
        np.testing.assert_array_equal(got[name], array)


def test_a_classifier_on_the_pooler_is_left_behind_with_a_reason() -> None:
    tensors = {name: array for name, array in read(PREFIX["sharded"]).items() if name.startswith("bert/")}
    tensors["bert/classifier/kernel"] = np.zeros((16, 3), dtype=np.float32)
    _, _, unused = from_tensorflow(tensors)
    assert "train a new head" in unused["bert/classifier/kernel"]


@pytest.mark.parametrize("name", sorted(golden("tensors.json")["sharded"]))
def test_a_missing_tensor_is_named(name: str) -> None:
    tensors = read(PREFIX["sharded"])
    del tensors[name]
    with pytest.raises(ModelError, match=rf"the tensor {name} is missing"):
        from_tensorflow(tensors)


@pytest.mark.parametrize("name", ["bert/encoder/layer_1/output/dense/kernel", "cls/predictions/output_bias"])
def test_a_misshapen_tensor_is_named(name: str) -> None:
    tensors = read(PREFIX["sharded"])
    tensors[name] = tensors[name][:-1]
    with pytest.raises(ModelError, match=rf"the tensor {name} has the shape"):
        from_tensorflow(tensors)


def test_a_kernel_that_lies_the_other_way_is_misshapen() -> None:
    tensors = read(PREFIX["trivia"])
    name = "trivia_qa_head/dense/kernel"
    tensors[name], tensors[f"{name}#2"] = tensors[f"{name}#2"], tensors[name]
    with pytest.raises(ModelError, match=rf"the tensor {name} has the shape"):
        from_tensorflow(tensors)


@pytest.mark.parametrize("name", ["bert/encoder/layer_1/extra/kernel", "bert/encoder/layer_99999999/output/dense/bias"])
def test_an_unknown_tensor_of_the_model_is_an_error(name: str) -> None:
    tensors = read(PREFIX["sharded"])
    tensors[name] = np.zeros(1, dtype=np.float32)
    with pytest.raises(ModelError, match=r"no parameter of a BigBird|99999999"):
        from_tensorflow(tensors)


def test_another_model_is_refused() -> None:
    with pytest.raises(ModelError, match="bert/embeddings/word_embeddings is missing"):
        from_tensorflow({"pegasus/decoder/layer_0/output/dense/bias": np.zeros(3, dtype=np.float32)})


# files that are broken or mean harm


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.index: the file cannot be read"):
        read(tmp_path / "none")
    prefix = copied("sharded", tmp_path)
    shard = prefix.with_name("model.ckpt-0.data-00001-of-00002")
    shard.unlink()
    with pytest.raises(ModelError, match=f"{shard.name}: the file cannot be read"):
        read(prefix)


def test_altered_weights_are_found_out(tmp_path: Path) -> None:
    prefix = copied("sharded", tmp_path)
    shard = prefix.with_name("model.ckpt-0.data-00001-of-00002")
    data = bytearray(shard.read_bytes())
    data[1000] ^= 1
    shard.write_bytes(data)
    with pytest.raises(ModelError, match=f"{shard.name}.*checksum"):
        read(prefix)


HUGE = (1 << 40,)


@pytest.mark.parametrize(
    ("tensors", "header", "problem"),
    [
        ({b"a": {"shape": HUGE}}, None, "4 bytes"),
        ({b"a": {"shape": HUGE, "size": 4 << 40}}, None, "takes 4398046511104 bytes"),
        ({b"a": {"shape": (1 << 62, 4)}}, None, "cannot be"),
        ({b"a": {"shape": (1,) * 33}}, None, "33 dimensions"),
        ({b"a": {"shape": (-1,)}}, None, "cannot be"),
        ({b"a": {"offset": 1 << 62}}, None, "takes 4 bytes"),
        ({b"a": {"shard": 1}}, None, "data file 1 of 1"),
        ({bytes([65 + i]): {"offset": 0} for i in range(9)}, None, "take 36 bytes"),
        ({b"a": {"slices": (((0, 2),),), "shape": HUGE}}, None, "a part of a is missing"),
        ({b"\xfe": {}}, None, "no UTF-8"),
        ({b"a": {}}, b"\x08\xff\xff\xff\xff\x07", "2147483647 data files"),
        ({b"a": {}}, b"\x08\x01\x10\x07", "byte order"),
        ({b"a": {}}, b"", "0 data files"),
    ],
)
def test_claims_that_the_files_belie_take_no_memory(
    tmp_path: Path, tensors: Mapping[bytes, Mapping[str, object]], header: bytes | None, problem: str
) -> None:
    data = np.zeros(1, dtype=np.float32).tobytes()
    entries = {key: (entry(data=data, **changes), data) for key, changes in tensors.items()}  # type: ignore[arg-type]
    if len(entries) > 1:  # all claim the same bytes
        entries = {key: (value, data if key == b"A" else b"") for key, (value, _) in entries.items()}
    write_bundle(tmp_path / "x", entries, header=b"\x08\x01" if header is None else header)
    tracemalloc.start()
    try:
        with pytest.raises(ModelError, match=problem):
            read(tmp_path / "x")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_parts_that_overlap_are_refused(tmp_path: Path) -> None:
    data = np.zeros(2, dtype=np.float32).tobytes()
    places = (((0, 2),), ((1, 2),))
    parts = {slice_key(b"a", place): (entry(shape=(2,), data=data), data) for place in places}
    parts = {key: (entry(shape=(2,), data=data, offset=8 * i), data) for i, key in enumerate(sorted(parts))}
    whole = entry(shape=(4,), slices=places, size=0, crc=0)
    write_bundle(tmp_path / "x", {**parts, b"a": (whole, b"")})
    with pytest.raises(ModelError, match="stores a part of a twice"):
        read(tmp_path / "x")


def test_a_compressed_index_is_refused(tmp_path: Path) -> None:
    prefix = copied("types", tmp_path)
    index = prefix.with_name("model.ckpt-0.index")
    table = bytearray(index.read_bytes())
    offset, size = blocks(table)[0]
    table[offset + size] = 1
    sign(table, offset, size)
    index.write_bytes(table)
    with pytest.raises(ModelError, match=r"model.ckpt-0.index: .*compressed"):
        read(prefix)


def test_an_index_without_end_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "x.index").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ModelError, match="larger than any index"):
        read(tmp_path / "x")


def test_damaged_files_are_refused_or_read_as_they_were(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = ("sharded", "partitioned", "types", "trivia")
    whole = {name: read(PREFIX[name]) for name in names}
    refused = []
    for trial in range(500):
        name = names[trial % 4]
        prefix = copied(name, tmp_path / str(trial))
        files = sorted(prefix.parent.iterdir())
        damage(files[int(rng.integers(len(files)))], rng)
        try:
            got = read(prefix)
        except ModelError as error:
            refused.append(str(error.where).startswith(str(prefix)))
        else:
            assert_same(got, whole[name])
        shutil.rmtree(prefix.parent)
    assert len(refused) > 400
    assert all(refused), "an error names no file"


def test_an_index_with_wrong_words_and_right_checksums_brings_nothing_down(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    names = ("sharded", "partitioned", "types", "trivia")
    n_refused = 0
    tracemalloc.start()
    try:
        for trial in range(500):
            prefix = copied(names[trial % 4], tmp_path / str(trial))
            index = prefix.with_name(f"{prefix.name}.index")
            table = bytearray(index.read_bytes())
            offset, size = blocks(table)[trial // 4 % 2]
            for place in rng.integers(0, size, rng.integers(1, 4)):
                table[offset + place] = rng.choice([0, 1, 127, 128, 255, int(rng.integers(256))])
            sign(table, offset, size)
            index.write_bytes(table)
            try:
                from_tensorflow(read(prefix))
            except ModelError:
                n_refused += 1
            shutil.rmtree(prefix.parent)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()
    assert n_refused > 250


# helpers


def copied(name: str, folder: Path) -> Path:
    shutil.copytree(PREFIX[name].parent, folder, dirs_exist_ok=True)
    return folder / PREFIX[name].name


def damage(path: Path, rng: np.random.Generator) -> None:
    """Cut a file off, lengthen it, or change some of its bytes."""
    data = bytearray(path.read_bytes())
    kind = int(rng.integers(4))
    if kind == 0:
        del data[int(rng.integers(len(data))) :]
    elif kind == 1:
        place = int(rng.integers(len(data)))
        data[place:place] = rng.bytes(int(rng.integers(1, 9)))
    else:
        for place in rng.integers(0, len(data), rng.integers(1, 5)):
            data[place] ^= int(rng.integers(1, 256))
    path.write_bytes(data)


def assert_same(got: Values, want: Values) -> None:
    assert got.keys() == want.keys()
    for name, array in want.items():
        assert got[name].dtype == array.dtype
        np.testing.assert_array_equal(got[name], array)


def blocks(table: bytes | bytearray) -> list[tuple[int, int]]:
    """Offset and size of the first block of entries and of the index block, by the footer and the first handle."""
    file = bytes(table)
    at = 0
    handles = []
    for _ in range(4):
        number, at = read_varint(file[-48:], at)
        handles.append(number)
    (_, handle), *_ = read_block(file, handles[2], handles[3])
    offset, at = read_varint(handle, 0)
    return [(offset, read_varint(handle, at)[0]), (handles[2], handles[3])]


def sign(table: bytearray, offset: int, size: int) -> None:
    """Put the right checksum after a block."""
    crc = crc32c(np.frombuffer(bytes(table[offset : offset + size + 1]), dtype=np.uint8))
    table[offset + size + 1 : offset + size + 5] = masked(crc).to_bytes(4, "little")


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def number(tag: int, value: int) -> bytes:
    return varint(tag << 3) + varint(value)


def message(tag: int, content: bytes) -> bytes:
    return varint(tag << 3 | 2) + varint(len(content)) + content


def entry(
    *,
    shape: tuple[int, ...] = (1,),
    data: bytes = b"",
    shard: int = 0,
    offset: int = 0,
    size: int | None = None,
    crc: int | None = None,
    slices: tuple[tuple[tuple[int, int], ...], ...] = (),
) -> bytes:
    """A BundleEntryProto of float32."""
    if crc is None:
        crc = masked(crc32c(np.frombuffer(data, dtype=np.uint8)))
    return b"".join(
        [
            number(1, 1),
            message(2, b"".join(message(2, number(1, length)) for length in shape)),
            number(3, shard),
            number(4, offset),
            number(5, len(data) if size is None else size),
            varint(6 << 3 | 5) + crc.to_bytes(4, "little"),
            *(message(7, b"".join(message(1, number(1, a) + number(2, n)) for a, n in part)) for part in slices),
        ]
    )


def write_bundle(prefix: Path, entries: Mapping[bytes, tuple[bytes, bytes]], *, header: bytes = b"\x08\x01") -> None:
    """A bundle of one block, whose entries are given with the data that stands for each in the only data file."""
    rows = [(b"", header), *((key, value) for key, (value, _) in sorted(entries.items()))]
    table = bytearray()
    handle = write_block(table, rows)
    index = write_block(table, [(b"\xff", handle)])
    table += (varint(0) + varint(0) + index).ljust(40, b"\0") + (0xDB4775248B80FB57).to_bytes(8, "little")
    prefix.with_name(f"{prefix.name}.index").write_bytes(table)
    data = b"".join(data for _, (_, data) in sorted(entries.items()))
    prefix.with_name(f"{prefix.name}.data-00000-of-00001").write_bytes(data)


def write_block(table: bytearray, rows: list[tuple[bytes, bytes]]) -> bytes:
    offset = len(table)
    for key, value in rows:
        table += varint(0) + varint(len(key)) + varint(len(value)) + key + value
    table += bytes(4) + (1).to_bytes(4, "little")  # one restart, at the beginning
    size = len(table) - offset
    table += bytes(5)
    sign(table, offset, size)
    return varint(offset) + varint(size)

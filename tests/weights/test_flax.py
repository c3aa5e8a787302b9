"""Files that Flax wrote give its models' outputs, and what we write is what Flax writes, byte for byte."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import msgpack
import numpy as np
import pytest

from bigbird_cli.backend import open_backend
from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.heads import HEADS
from bigbird_cli.bigbird.names import FLAX_TO_BIGBIRD, SHARED_BIAS, expected_names
from bigbird_cli.errors import ModelError
from bigbird_cli.weights.formats import flax

GOLDEN = Path(__file__).parent / "golden" / "flax"
GOLDEN_HEADS = {"none": "none", "pretraining": "pretraining", "classify": "document_labels", "qa": "span"}
"""The golden folders, each with the head of its model."""


def golden_file(folder: str) -> Path:
    return GOLDEN / folder / "flax_model.msgpack"


def refuse(path: Path, match: str) -> None:
    with pytest.raises(ModelError, match=match) as caught:
        flax.read(path)
    assert caught.value.where == str(path)
    assert caught.value.exit_code == 4


def array_of(shape: object, dtype: str, data: bytes) -> msgpack.ExtType:
    return msgpack.ExtType(1, msgpack.packb((shape, dtype, data)))


def write_tree(path: Path, tree: object) -> Path:
    path.write_bytes(msgpack.packb(tree))
    return path


@pytest.mark.parametrize("folder", GOLDEN_HEADS)
def test_outputs_are_those_of_flax(folder: str) -> None:
    config, head = BigBirdConfig.from_file(GOLDEN / folder / "config.json"), GOLDEN_HEADS[folder]
    tensors, _, _ = flax.from_flax(flax.read(golden_file(folder)))
    with np.load(GOLDEN / "outputs.npz") as golden:
        got = open_backend().probe(config, tensors, golden["ids"], head=head, where="-")
        want = {name.partition("/")[2]: golden[name] for name in golden.files if name.startswith(f"{folder}/")}
    compared = [name for name in want if name in got]
    assert compared[: 2 if head == "span" else None] == list(want)[: 2 if head == "span" else None]
    for name in compared:
        assert np.abs(want[name].clip(-1e4)).max() > 0.1
        np.testing.assert_allclose(got[name].clip(-1e4), want[name].clip(-1e4), rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("folder", GOLDEN_HEADS)
def test_there_and_back_is_the_same_file(folder: str, tmp_path: Path) -> None:
    stored = flax.read(golden_file(folder))
    n_stored = len(stored)
    tensors, used, unused = flax.from_flax(stored)
    assert not stored, "the arrays stand in memory twice"
    assert len(used) == len(tensors) == n_stored
    assert not unused
    flax.write(tmp_path / "a.msgpack", flax.to_flax(tensors))
    assert (tmp_path / "a.msgpack").read_bytes() == golden_file(folder).read_bytes()


@pytest.mark.parametrize("head", HEADS)
def test_every_parameter_of_every_class_has_a_name_in_flax(head: str) -> None:
    settings = json.loads((GOLDEN / "none" / "config.json").read_text(encoding="utf-8"))
    config = BigBirdConfig.from_dict(settings | {"is_decoder": True, "add_cross_attention": True, "num_labels": 3})
    shapes = {name: shape for name, shape in expected_names(config, head).items() if name not in SHARED_BIAS}
    draws = np.random.default_rng(0)
    tensors = {name: draws.standard_normal(shape) for name, shape in shapes.items()}
    named = flax.to_flax(tensors)
    assert not any("weight" in name or "." in name for name in named)
    back, used, _ = flax.from_flax(dict(named))
    assert back.keys() == tensors.keys() == set(used.values())
    for name, array in tensors.items():
        np.testing.assert_array_equal(back[name], array)


def test_no_two_names_share_one() -> None:
    assert len(set(FLAX_TO_BIGBIRD.values())) == len(FLAX_TO_BIGBIRD)


def test_a_shared_bias_is_written_once_and_another_one_refused() -> None:
    bias = np.arange(3.0)
    twins = {"cls.predictions.bias": bias, "cls.predictions.decoder.bias": bias.copy()}
    assert list(flax.to_flax(twins)) == ["cls/predictions/bias"]
    with pytest.raises(ModelError, match="no place for the tensor cls"):
        flax.to_flax(twins | {"cls.predictions.decoder.bias": bias + 1})


@pytest.mark.parametrize("name", ["opt/kernel", "bert/pooler/weight", "bert/encoder/layer/x/output/dense/bias"])
def test_an_unknown_tensor_is_named(name: str) -> None:
    with pytest.raises(ModelError, match=name):
        flax.from_flax({name: np.ones((2, 2))})


def test_a_kernel_that_is_no_matrix_is_named() -> None:
    with pytest.raises(ModelError, match=r"bert/pooler/kernel has the shape \(4,\)"):
        flax.from_flax({"bert/pooler/kernel": np.ones(4)})


def test_everything_that_flax_stores_is_read() -> None:
    got = flax.read(GOLDEN / "types.msgpack")
    with np.load(GOLDEN / "types.npz") as golden:
        pieces, row = golden["pieces"], golden["row"]
    for kind in ("float16", "float32", "float64", "int8", "int32", "int64", "bool", "complex64"):
        np.testing.assert_array_equal(got.pop(f"types/{kind}"), row.astype(kind), strict=True)
    np.testing.assert_array_equal(got.pop("pieces"), pieces, strict=True)
    np.testing.assert_array_equal(got.pop("none"), pieces[:0], strict=True)
    np.testing.assert_array_equal(got.pop("scalar"), np.asarray(np.float32(2.5)), strict=True)
    for name, value in {"complex": 1 + 2j, "number": 7, "zero_d": 3.0}.items():
        np.testing.assert_array_equal(got.pop(name), np.asarray(value), strict=True)
    for name, exact in {"types/bfloat16": row, "half_pieces": pieces * 7}.items():
        assert got[name].dtype == np.float32
        assert not (got[name].view(np.uint32) & 0xFFFF).any()
        np.testing.assert_allclose(got.pop(name), exact, rtol=2**-8)
    assert not got
    assert flax.stored_types(GOLDEN / "types.msgpack") == {"types/bfloat16": "bfloat16", "half_pieces": "bfloat16"}


def test_a_large_array_is_written_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flax, "_PIECE_BYTES", 64)
    array = np.arange(60, dtype=np.float32).reshape(6, 10).T
    flax.write(tmp_path / "a.msgpack", {"a/b": array, "c": array[:1]})
    stored = msgpack.unpackb((tmp_path / "a.msgpack").read_bytes())
    assert list(stored["a"]["b"]["chunks"]) == ["0", "1", "2", "3"]
    assert stored["a"]["b"]["shape"] == {"0": 10, "1": 6}
    np.testing.assert_array_equal(flax.read(tmp_path / "a.msgpack")["a/b"], array, strict=True)


def test_arrays_that_were_read_can_be_written_to() -> None:
    assert all(array.flags.writeable for array in flax.read(GOLDEN / "types.msgpack").values())


F32 = array_of([2], "float32", b"\0" * 8)
PIECES = {"__msgpack_chunked_array__": True, "shape": {"0": 4}, "chunks": {"0": F32, "1": F32}}


@pytest.mark.parametrize(
    ("tree", "match"),
    [
        ({"a": array_of([10**6, 10**6], "float32", b"")}, "array of 0 values has the shape"),
        ({"a": array_of([-1], "float32", b"")}, "has the shape"),
        ({"a": array_of([True, 2], "float32", b"\0" * 8)}, "has the shape"),
        ({"a": array_of("ab", "float32", b"")}, "not a shape, a type and bytes"),
        ({"a": array_of([1], "object", b"\0" * 8)}, "type object"),
        ({"a": array_of([1], "float8_e4m3fn", b"\0")}, "type float8_e4m3fn"),
        ({"a": array_of([1], "float32", b"\0" * 5)}, "whole number of values"),
        ({"a": msgpack.ExtType(1, msgpack.packb(5))}, "not a shape, a type and bytes"),
        ({"a": msgpack.ExtType(2, msgpack.packb([1.0]))}, "complex number"),
        ({"a": msgpack.ExtType(9, b"\xc0")}, "extension of type 9"),
        ({"a": [F32]}, "max_array_len"),
        ({"a": "text"}, "a is no array"),
        ({"a": None}, "a is no array"),
        ({1: F32}, "int is not allowed"),
        ({b"a": F32}, "is no name"),
        ({"": F32}, "is no name"),
        ({"a/b": F32, "a": {"b": F32}}, "stands there twice"),
        (F32, "no tree of arrays"),
        (PIECES, "no tree of arrays"),
        ({"a": PIECES | {"shape": {"0": 5}}}, "has the shape"),
        ({"a": PIECES | {"chunks": {"0": F32}}}, "has the shape"),
        ({"a": PIECES | {"chunks": {"1": F32, "x": F32}}}, "lacks one"),
        ({"a": PIECES | {"chunks": {}}}, "several kinds"),
        ({"a": PIECES | {"chunks": {"0": F32, "1": array_of([2], "int32", b"\0" * 8)}}}, "several kinds"),
    ],
)
def test_a_tree_at_odds_with_itself_is_refused(tree: object, match: str, tmp_path: Path) -> None:
    refuse(write_tree(tmp_path / "a.msgpack", tree), match)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "broken"),
        (b"\x81\xa1a\xc9\xff\xff\xff\xff\x01abc", "broken"),  # an array of four gigabytes
        (b"\x81\xa1a\xdd\xff\xff\xff\xff", "max_array_len"),  # a list of four billion
        (b"\xdf\xff\xff\xff\xff", "max_map_len"),  # a map of four billion
        (b"\x81\xa1a" * 100_000, "broken"),  # maps in maps
        (b"\x81\xa1a" * 400 + b"\xc0", "a/a is no array|a/a/a"),
        (b"\x81" + msgpack.packb("a" * 5000) + b"\xc0", "max_str_len"),
        (b"\x81\xa1a\xc1", "broken"),
        (msgpack.packb({"a": F32}) + b"\xc0", "something follows"),
        (b"\x81\xa1a" + msgpack.packb(msgpack.ExtType(1, b"\x93\xdd\xff\xff\xff\xff")), "max_array_len"),
        (b"version https://git-lfs.github.com/spec/v1\n", "broken"),
    ],
    ids=range(11),
)
def test_a_hostile_file_is_refused(content: bytes, match: str, tmp_path: Path) -> None:
    (tmp_path / "a.msgpack").write_bytes(content)
    refuse(tmp_path / "a.msgpack", match)


def test_too_many_names_are_refused(tmp_path: Path) -> None:
    tree = {str(i): {str(j): 1 for j in range(4000)} for i in range(30)}
    refuse(write_tree(tmp_path / "a.msgpack", tree), "more than 100000 names")


def mutations(content: bytes, n: int) -> Iterator[bytes]:
    """Seeded: cut off, a byte or eight changed, a stretch left out, doubled or zeroed."""
    draw = random.Random(0)
    for _ in range(n):
        start, length = draw.randrange(len(content)), draw.choice([1, 1, 1, 8, 100])
        rest = content[start + length :]
        kind = draw.randrange(5)
        noise = draw.randbytes(length)
        middle = {0: b"", 1: noise, 2: content[start : start + length] * 2, 3: b"\0" * length, 4: noise}[kind]
        yield content[:start] if draw.random() < 0.2 else content[:start] + middle + rest


def test_damaged_files_are_refused_or_read_whole(tmp_path: Path) -> None:
    # the format has no check sums: numbers may change, but never a name, a shape or a type of a Flax BigBird's
    path = tmp_path / "a.msgpack"
    names = ("classifier/out_proj/bias", "bert/pooler/kernel", "bert/embeddings/LayerNorm/scale", "classifier/kernel")
    tensors = {name: np.ones((3, 2) if name.endswith("kernel") else 5, np.float32) for name in names}
    flax.write(path, tensors)
    refused = 0
    for content in mutations(path.read_bytes(), 500):
        path.write_bytes(content)
        try:
            got = flax.read(path)
            flax.from_flax(dict(got))
        except ModelError:
            refused += 1
            continue
        assert {n: (a.shape, a.dtype) for n, a in got.items()} == {n: (a.shape, a.dtype) for n, a in tensors.items()}
    assert refused > 250


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    refuse(tmp_path / "a.msgpack", "No such file")

"""A model goes through every format unchanged, and no broken file gives half a model."""

import json
import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import bigbird_cli as bb
from bigbird_cli.backend import open_pickles
from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.heads import HEADS
from bigbird_cli.bigbird.names import expected_names
from bigbird_cli.errors import BigBirdWarning, ModelError, UsageError
from bigbird_cli.weights import formats, sources
from bigbird_cli.weights.bfloat16 import to_bfloat16, write_bfloat16
from bigbird_cli.weights.convert import WRITTEN, cast, convert_model
from bigbird_cli.weights.describe import inspect_model
from bigbird_cli.weights.sources import open_source

CONFIG = BigBirdConfig(
    vocab_size=40,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=24,
    max_position_embeddings=64,
    block_size=4,
    num_random_blocks=1,
    num_labels=3,
)


def write_bigbird(folder: Path, *, head: str = "span", dtype: Any = np.float32, **changes: Any) -> Path:
    """A random BigBird with a head, and files beside it."""
    folder.mkdir()
    config = CONFIG.replace(architectures=[HEADS[head].class_name], is_decoder=head == "causal_lm", **changes)
    config.save(folder)
    draw = np.random.default_rng(0)
    shapes = {
        name: shape
        for name, shape in expected_names(config, head).items()
        if not name.startswith("cls.predictions.dec")
    }
    tensors = {name: draw.normal(size=shape).astype(dtype) for name, shape in shapes.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "spiece.model").write_bytes(b"pieces")
    (folder / "task.json").write_text('{"type": "qa"}', encoding="utf-8")
    return folder


def assert_same(a: Path, b: Path) -> None:
    before, after = load_file(a / "model.safetensors"), load_file(b / "model.safetensors")
    assert before.keys() == after.keys()
    for name, array in before.items():
        assert array.dtype == after[name].dtype
        assert array.tobytes() == after[name].tobytes()


@pytest.mark.filterwarnings("ignore:.*this is a pickle")
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("to", WRITTEN)
def test_a_round_trip_changes_no_bit(to: str, head: str, tmp_path: Path) -> None:
    source = write_bigbird(tmp_path / "a", head=head)
    there = convert_model(source, tmp_path / "b", to=to, pickle_io=open_pickles())
    back = convert_model(tmp_path / "b", tmp_path / "c", pickle_io=open_pickles())
    assert_same(source, tmp_path / "c")
    assert there.unused == back.unused == {}
    assert set(there.used) == set(load_file(source / "model.safetensors"))
    assert BigBirdConfig.from_file(tmp_path / "c") == BigBirdConfig.from_file(source)
    for name in ("spiece.model", "task.json"):
        assert (tmp_path / "c" / name).read_bytes() == (source / name).read_bytes()


@pytest.mark.filterwarnings("ignore:.*this is a pickle")
@pytest.mark.parametrize("to", WRITTEN)
def test_half_precision_stays_half_precision(to: str, tmp_path: Path) -> None:
    source = write_bigbird(tmp_path / "a", dtype=np.float16)
    convert_model(source, tmp_path / "b", to=to, pickle_io=open_pickles())
    convert_model(tmp_path / "b", tmp_path / "c", pickle_io=open_pickles())
    assert_same(source, tmp_path / "c")


@pytest.mark.parametrize("head", [head for head in HEADS if head not in ("none", "causal_lm", "embedding")])
def test_the_head_is_told_by_the_names_too(head: str, tmp_path: Path) -> None:
    source = write_bigbird(tmp_path / "a", head=head)
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    del config["architectures"]
    (source / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert open_source(source).head == head


def test_what_transformers_writes_is_read_whole(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = transformers.BigBirdForPreTraining(
        transformers.BigBirdConfig(**CONFIG.replace(sep_token_id=3).to_dict())
    ).eval()
    theirs.save_pretrained(tmp_path / "a")
    report = convert_model(tmp_path / "a", tmp_path / "b")
    assert report.unused == {}
    ids = torch.randint(0, 40, (1, 16))
    with torch.no_grad():
        want = theirs(ids).prediction_logits
        got = bb.BigBirdForPreTraining.from_pretrained(tmp_path / "b").eval()(ids).prediction_logits
    assert (got - want).abs().max() < 1e-5


def test_weights_that_are_pickled_only_are_read_with_a_warning(tmp_path: Path) -> None:
    source = write_bigbird(tmp_path / "a")
    torch.save(
        {name: torch.from_numpy(array) for name, array in load_file(source / "model.safetensors").items()},
        source / "pytorch_model.bin",
    )
    assert formats.detect(source).format == "safetensors"
    assert formats.detect(source).passed_over == ("pytorch_model.bin",)
    convert_model(source, tmp_path / "b")
    (source / "model.safetensors").unlink()
    with pytest.warns(BigBirdWarning, match="this is a pickle"):
        bb.convert(source, tmp_path / "c")
    assert_same(tmp_path / "b", tmp_path / "c")


# types


def test_bfloat16_is_written_as_torch_rounds_it(tmp_path: Path) -> None:
    source = write_bigbird(tmp_path / "a")
    convert_model(source, tmp_path / "b", dtype="bfloat16")
    with safe_open(tmp_path / "b/model.safetensors", framework="pt") as file:
        assert file.metadata() == {"format": "pt"}
        for name, array in load_file(source / "model.safetensors").items():
            stored = file.get_tensor(name)
            assert stored.dtype == torch.bfloat16
            assert torch.equal(stored, torch.from_numpy(array).to(torch.bfloat16))
    convert_model(tmp_path / "b", tmp_path / "c")  # widened, which changes no value
    convert_model(tmp_path / "c", tmp_path / "d", dtype="bfloat16")
    assert (tmp_path / "b/model.safetensors").read_bytes() == (tmp_path / "d/model.safetensors").read_bytes()


def test_rounding_to_bfloat16_goes_to_the_even_neighbour() -> None:
    draw = np.random.default_rng(0)
    bits = draw.integers(0, 2**32, 20_000, dtype=np.uint32)
    bits[:1000] = (bits[:1000] & 0xFFFF0000) | 0x8000  # halfway
    values = bits.view(np.float32)
    values = values[np.isfinite(values)]
    want = torch.from_numpy(values).to(torch.bfloat16).view(torch.int16).numpy().view(np.uint16)
    np.testing.assert_array_equal(to_bfloat16(values), want)


def test_whole_numbers_stay_whole_beside_bfloat16(tmp_path: Path) -> None:
    tensors = {"ids": np.arange(3), "yes": np.array([True]), "real": np.ones((2, 1), np.float64), "é": np.float32(2)}
    write_bfloat16(tmp_path / "x.safetensors", {name: np.asarray(array) for name, array in tensors.items()})
    with safe_open(tmp_path / "x.safetensors", framework="pt") as file:
        kinds = {name: file.get_tensor(name).dtype for name in tensors}
    assert kinds == {"ids": torch.int64, "yes": torch.bool, "real": torch.bfloat16, "é": torch.bfloat16}


@pytest.mark.parametrize(("dtype", "value"), [("float16", 1e5), ("bfloat16", 3.4e38)])
def test_a_value_too_large_for_a_type_is_named(dtype: str, value: float) -> None:
    tensors = {"small": np.ones(2, np.float32), "large": np.array([1, value], np.float32)}
    with pytest.raises(ModelError, match=rf"the tensor large holds .*, too large for {dtype}"):
        cast(tensors, dtype, where="model")


def test_float16_and_float32_are_written_as_such(tmp_path: Path) -> None:
    source = write_bigbird(tmp_path / "a")
    convert_model(source, tmp_path / "b", dtype="float16")
    convert_model(tmp_path / "b", tmp_path / "c", dtype="float32")
    for folder, kind in (("b", np.float16), ("c", np.float32)):
        for name, array in load_file(tmp_path / folder / "model.safetensors").items():
            assert array.dtype == kind
            np.testing.assert_array_equal(array, load_file(source / "model.safetensors")[name].astype(np.float16))


def test_inspection_tells_the_stored_type(tmp_path: Path) -> None:
    convert_model(write_bigbird(tmp_path / "a"), tmp_path / "b", dtype="bfloat16")
    assert {tensor.dtype for tensor in inspect_model(tmp_path / "b").tensors} == {"bfloat16"}


# what does not belong


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("bert.encoder.layer.2.output.dense.bias", (16,), "is no parameter of a BigBird of 2 layers"),
        ("bert.pooler.dense.weight", (16, 16), "is no parameter of a BigBird"),
        ("qa_classifier.qa_outputs.bias", (3,), r"has the shape \(3,\) where the config asks for \(2,\)"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(name: str, shape: tuple[int, ...], message: str, tmp_path: Path) -> None:
    source = write_bigbird(tmp_path / "a")
    tensors = load_file(source / "model.safetensors") | {name: np.zeros(shape, np.float32)}
    save_file(tensors, source / "model.safetensors")
    with pytest.raises(ModelError, match=rf"the tensor {name} {message}"):
        convert_model(source, tmp_path / "b")
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("name", ["bert.encoder.layer.1.output.dense.bias", "qa_classifier.output.dense.weight"])
def test_a_missing_tensor_is_named(name: str, tmp_path: Path) -> None:
    source = write_bigbird(tmp_path / "a")
    tensors = load_file(source / "model.safetensors")
    del tensors[name]
    save_file(tensors, source / "model.safetensors")
    with pytest.raises(ModelError, match=rf"the tensor {name} .* is missing"):
        convert_model(source, tmp_path / "b")


def test_second_names_buffers_and_other_heads_are_accounted_for(tmp_path: Path) -> None:
    source = write_bigbird(tmp_path / "a", head="masked_lm")
    tensors = load_file(source / "model.safetensors")
    tensors["cls.predictions.decoder.weight"] = tensors["bert.embeddings.word_embeddings.weight"].copy()
    tensors["bert.embeddings.position_ids"] = np.arange(64)[None]
    tensors["summary.weight"] = np.zeros(3, np.float32)
    save_file(tensors, source / "model.safetensors")
    report = convert_model(source, tmp_path / "b")
    assert report.unused == {
        "cls.predictions.decoder.weight": "is bert.embeddings.word_embeddings.weight, under a second name",
        "bert.embeddings.position_ids": "a buffer that counts positions, made anew",
        "summary.weight": "belongs to no head of BigBirdForMaskedLM",
    }
    assert report.used.keys() | report.unused.keys() == tensors.keys()
    tensors["cls.predictions.decoder.weight"][0] += 1
    save_file(tensors, source / "model.safetensors")
    with pytest.raises(ModelError, match=r"cls\.predictions\.decoder\.weight differs from"):
        convert_model(source, tmp_path / "c")


def test_a_config_in_place_of_the_folders_own_is_read(tmp_path: Path) -> None:
    source = write_bigbird(tmp_path / "a")
    (source / "config.json").rename(tmp_path / "other.json")
    with pytest.raises(ModelError, match=r"there is no config\.json"):
        convert_model(source, tmp_path / "b")
    assert convert_model(source, tmp_path / "b", config=tmp_path / "other.json").config.hidden_size == 16
    with pytest.raises(ModelError, match="there is no such file"):
        convert_model(source, tmp_path / "c", config=tmp_path / "none.json")


# TensorFlow's

TENSORFLOW = Path(__file__).parent / "golden" / "tensorflow"


@pytest.mark.parametrize(
    ("name", "model_class"),
    [
        ("plain", "BigBirdForPreTraining"),
        ("sharded", "BigBirdForPreTraining"),
        ("trivia", "BigBirdForQuestionAnswering"),
    ],
)
def test_a_tensorflow_checkpoint_becomes_a_folder_and_says_where_sizes_come_from(
    name: str, model_class: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match="the model is 16 wide, which is no number of heads of 64"):
        convert_model(TENSORFLOW / name, tmp_path / "a")
    monkeypatch.setattr(sources, "_HEAD_WIDTH", 8)
    report = convert_model(TENSORFLOW / name, tmp_path / "a")
    assert report.config.architectures == [model_class]
    assert (report.config.hidden_size, report.config.num_attention_heads) == (16, 2)
    assert report.notes[0].startswith("there is no config.json: sizes are the tensors', 2 heads of 8")
    stored = {tensor.name for tensor in inspect_model(TENSORFLOW / name).tensors}
    assert stored <= report.used.keys() | report.unused.keys()
    assert set(report.used.values()) == load_file(tmp_path / "a/model.safetensors").keys()
    again = convert_model(TENSORFLOW / name, tmp_path / "b", config=tmp_path / "a")
    assert again.config == report.config
    assert_same(tmp_path / "a", tmp_path / "b")
    named = bb.BigBirdForPreTraining if model_class.endswith("Training") else bb.BigBirdForQuestionAnswering
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BigBirdWarning)  # a pooler that a head does not use
        named.from_pretrained(tmp_path / "a", trained=True)


def test_a_checkpoint_is_named_by_its_prefix_or_by_a_file_of_it(tmp_path: Path) -> None:
    prefix = TENSORFLOW / "sharded" / "model.ckpt-0"
    for name in ("model.ckpt-0", "model.ckpt-0.index", "model.ckpt-0.data-00001-of-00002"):
        assert formats.detect(prefix.with_name(name)).path == prefix
    for n in (0, 1):
        (tmp_path / f"model.ckpt-{n}.index").write_bytes(b"")
    with pytest.raises(ModelError, match="the folder holds 2 checkpoints"):
        formats.detect(tmp_path)


# what a path holds


def test_weights_are_named_by_file_or_folder(tmp_path: Path) -> None:
    source = write_bigbird(tmp_path / "a")
    assert formats.detect(source).format == "safetensors"
    convert_model(source / "model.safetensors", tmp_path / "b")
    assert_same(source, tmp_path / "b")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("tf_model.h5", r"its weights are Keras's HDF5 \(tf_model\.h5\)"),
        ("notes.txt", "the folder holds no weights"),
    ],
)
def test_weights_that_are_not_read_are_named(file: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / file).write_bytes(b"?")
    with pytest.raises(ModelError, match=message):
        formats.detect(tmp_path / "a")


def test_a_file_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.npz").write_bytes(b"?")
    with pytest.raises(ModelError, match=r"no weights are read from a \.npz file"):
        formats.detect(tmp_path / "weights.npz")


@pytest.mark.parametrize("option", [{"to": "h5"}, {"dtype": "float8"}, {"positions": "tiled"}, {"max_positions": 0}])
def test_an_option_that_is_unknown_writes_nothing(option: dict[str, Any], tmp_path: Path) -> None:
    source = write_bigbird(tmp_path / "a")
    with pytest.raises(UsageError):
        convert_model(source, tmp_path / "b", **option)
    assert not (tmp_path / "b").exists()


# broken files


def test_mutated_files_are_refused_or_give_the_same_tensors(tmp_path: Path) -> None:
    """Damage to a header, to lengths, and cuts anywhere: an error, or not one bit of a tensor changed.

    Damage inside the numbers cannot be seen: the format has no checksum.
    """
    source = write_bigbird(tmp_path / "a")
    file = source / "model.safetensors"
    whole, want = file.read_bytes(), load_file(file)
    head = 8 + int.from_bytes(whole[:8], "little")
    draw = random.Random(0)
    refusals = []
    for n in range(500):
        broken = bytearray(whole)
        match n % 5:
            case 0:
                broken = broken[: draw.randrange(len(whole))]
            case 1:
                broken[draw.randrange(8)] = draw.randrange(256)
            case 2:
                broken[draw.randrange(head)] ^= 1 << draw.randrange(8)
            case 3:
                place = draw.randrange(8, head)
                broken[place : place + draw.randrange(1, 9)] = draw.randbytes(draw.randrange(9))
            case 4:  # a number in the header becomes a huge or a negative one
                digits = [i for i in range(8, head) if chr(broken[i]).isdigit()]
                broken[draw.choice(digits)] = ord(draw.choice("9-e.0"))
        file.write_bytes(broken)
        try:
            got = open_source(source).tensors
        except ModelError as error:
            refusals.append(str(error))
            continue
        assert got.keys() == want.keys(), f"mutation {n}"
        for name, array in want.items():
            assert array.tobytes() == got[name].tobytes(), f"mutation {n}"
    assert 400 < len(refusals) < 500
    assert not [words for words in refusals if "\n" in words]

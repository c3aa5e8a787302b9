"""A model folder is found where its name says, read whole or refused in one line, and written whole or not at all."""

import json
import os
import pickle
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors import SafetensorError

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import BigBirdWarning, ModelError, ResourceError, UsageError
from bigbird_cli.files import hub as client
from bigbird_cli.weights import store
from bigbird_cli.weights.store import CONVERTIBLE, find_folder, open_folder, read_tensors, write_model
from bigbird_cli.weights.tensors import read_tensor_file, write_tensor_file

CONFIG = BigBirdConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, vocab_size=70)
TENSORS: dict[str, np.ndarray] = {
    "bert.weight": np.arange(12, dtype=np.float32).reshape(3, 4),
    "bert.half": np.linspace(-1, 1, 5).astype(np.float16),
    "double": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "scalar": np.array(7, dtype=np.int64),
    "empty": np.zeros((0, 4), dtype=np.float32),
    "bytes": np.arange(250, dtype=np.uint8),
    "truth": np.array([True, False]),
    "ünï": np.ones(1, dtype=np.int32),
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    write_model(folder, config=CONFIG, tensors=TENSORS)
    return folder


def assert_same(got: dict[str, np.ndarray], want: dict[str, np.ndarray]) -> None:
    assert got.keys() == want.keys()
    for name in want:
        assert got[name].dtype == want[name].dtype
        np.testing.assert_array_equal(got[name], want[name], strict=True)


def in_one_line(error: ModelError) -> str:
    text = str(error)
    assert "\n" not in text
    assert error.exit_code == 4
    return text


# tensors


def test_tensors_come_back_as_they_were_stored(model: Path) -> None:
    got = read_tensors(model)
    assert_same(got, TENSORS)
    assert all((array.flags.writeable and array.flags.owndata) or array.base is not None for array in got.values())


def test_big_endian_arrays_are_stored_little_endian(tmp_path: Path) -> None:
    write_tensor_file(tmp_path / "x.safetensors", {"a": np.arange(3, dtype=">f4")})
    np.testing.assert_array_equal(read_tensor_file(tmp_path / "x.safetensors")["a"], np.arange(3, dtype=np.float32))


def test_arrays_with_gaps_or_of_another_order_are_stored_as_they_read(tmp_path: Path) -> None:
    numbers = np.arange(24.0).reshape(4, 6)
    tensors = {"transposed": numbers.T, "fortran": np.asfortranarray(numbers), "gaps": numbers[::2, ::3]}
    write_tensor_file(tmp_path / "x.safetensors", tensors)
    assert_same(read_tensor_file(tmp_path / "x.safetensors"), tensors)


def test_what_safetensors_cannot_hold_is_refused_before_a_file_is_made(tmp_path: Path) -> None:
    with pytest.raises(SafetensorError, match="str"):
        write_tensor_file(tmp_path / "x.safetensors", {"a": np.array(["text"])})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
def test_a_weights_file_has_the_rights_of_any_new_file(model: Path) -> None:
    assert (model / "model.safetensors").stat().st_mode == (model / "config.json").stat().st_mode


def test_bfloat16_is_widened_without_changing_a_value(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    values = torch.tensor([[1.0, -2.5, 3.1415927], [float("inf"), -0.0, 1e-38]]).to(torch.bfloat16)
    others = {"before": torch.arange(3.0), "empty": torch.zeros(0, 2).bfloat16(), "scalar": torch.tensor(-7).bfloat16()}
    save_file({"a": values, **others}, tmp_path / "model.safetensors")
    want = {name: tensor.float().numpy() for name, tensor in {"a": values, **others}.items()}
    assert_same(read_tensors(tmp_path), want)


def test_a_type_that_numpy_lacks_is_named(tmp_path: Path) -> None:
    header = b'{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}'
    (tmp_path / "model.safetensors").write_bytes(with_header(header, b"\0\0"))
    with pytest.raises(ModelError, match="a is stored as F8_E4M3") as caught:
        read_tensors(tmp_path)
    in_one_line(caught.value)


def test_reading_holds_no_more_than_the_weights(tmp_path: Path) -> None:
    tensors = {f"t{i}": np.zeros(500_000, dtype=np.float32) for i in range(8)}
    write_tensor_file(tmp_path / "model.safetensors", tensors)
    tracemalloc.start()
    got = read_tensors(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.1 * sum(array.nbytes for array in got.values())


# shards


def write_shards(folder: Path, changes: dict[str, str] | None = None) -> None:
    folder.mkdir()
    write_tensor_file(folder / "model-00001-of-00002.safetensors", {"a": np.ones(2), "b": np.ones(3)})
    write_tensor_file(folder / "model-00002-of-00002.safetensors", {"c": np.ones(4)})
    first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    places = {"a": first, "b": first, "c": second} | (changes or {})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))


def test_shards_are_read_as_one(tmp_path: Path) -> None:
    write_shards(tmp_path / "m")
    assert {name: len(array) for name, array in read_tensors(tmp_path / "m").items()} == {"a": 2, "b": 3, "c": 4}


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    write_shards(tmp_path / "m")
    (tmp_path / "m" / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model-00002-of-00002\.safetensors is missing") as caught:
        read_tensors(tmp_path / "m")
    in_one_line(caught.value)


def test_a_tensor_that_its_shard_lacks_is_named(tmp_path: Path) -> None:
    write_shards(tmp_path / "m", {"d": "model-00002-of-00002.safetensors"})
    with pytest.raises(ModelError, match="lacks d"):
        read_tensors(tmp_path / "m")


@pytest.mark.parametrize("place", ["../model/model.safetensors", "/etc/passwd", "weights.bin", "x/y.safetensors"])
def test_an_index_leads_nowhere_else(place: str, tmp_path: Path) -> None:
    write_shards(tmp_path / "m", {"d": place})
    with pytest.raises(ModelError, match="no file beside it"):
        read_tensors(tmp_path / "m")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"a": 3}}', "[" * 100_000])
def test_a_broken_index_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(text)
    with pytest.raises(ModelError, match="index") as caught:
        read_tensors(tmp_path)
    in_one_line(caught.value)


# broken files


def header_of(data: bytes) -> bytes:
    return data[8 : 8 + int.from_bytes(data[:8], "little")]


def with_header(header: bytes, body: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + body


def test_a_file_cut_off_anywhere_is_refused(model: Path) -> None:
    file = model / "model.safetensors"
    whole = file.read_bytes()
    for n in {*range(40), *range(40, len(whole), 37), len(whole) - 1}:
        file.write_bytes(whole[:n])
        with pytest.raises(ModelError) as caught:
            read_tensors(model)
        assert str(file) in in_one_line(caught.value)


def test_a_file_that_goes_on_is_refused(model: Path) -> None:
    with (model / "model.safetensors").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelError, match="the weights file is broken"):
        read_tensors(model)


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80])
def test_a_header_with_a_flipped_bit_is_refused_or_names_other_tensors_of_the_same_bytes(
    model: Path, flip: int
) -> None:
    file = model / "model.safetensors"
    whole = file.read_bytes()
    n_refused = 0
    for i in range(8 + len(header_of(whole))):
        changed = bytearray(whole)
        changed[i] ^= flip
        file.write_bytes(changed)
        try:
            got = read_tensors(model)
        except ModelError as error:
            in_one_line(error)
            n_refused += 1
        else:  # a letter of a name, or a type of the same width: no check of the file alone can tell
            assert sum(array.nbytes for array in got.values()) == sum(array.nbytes for array in TENSORS.values())
    assert n_refused > len(header_of(whole)) / 2


SIXTEEN = b"\0" * 16


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04" + SIXTEEN,
        (2**63).to_bytes(8, "little") + SIXTEEN,
        with_header(b"\xff\xfe"),
        with_header(b"[" * 50_000),
        with_header(b'{"a":3}'),
        with_header(b'{"a":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}}', SIXTEEN),
        with_header(b'{"a":{"dtype":"F31","shape":[4],"data_offsets":[0,16]}}', SIXTEEN),
        with_header(b'{"a\\nb":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}}', SIXTEEN),
        with_header(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', SIXTEEN),
        with_header(b'{"a":{"dtype":"F32","shape":[0,%d],"data_offsets":[0,0]}}' % 2**63),
        with_header(b'{"a":{"dtype":"U8","shape":[%s],"data_offsets":[0,1]}}' % b",".join([b"1"] * 99), b"\0"),
        with_header(b'{"a":{"dtype":"BF16","shape":[%s],"data_offsets":[0,2]}}' % b",".join([b"1"] * 99), b"\0\0"),
        with_header(b'{"a":{"dtype":"BF16","shape":[0,%d],"data_offsets":[0,0]}}' % 2**63),
        with_header(b'{"a":{"dtype":"U8","shape":[1099511627776],"data_offsets":[0,1099511627776]}}'),
    ],
)
def test_a_header_that_lies_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match=r"model\.safetensors: the weights file is broken .*; fetch or copy") as caught:
        read_tensors(tmp_path)
    in_one_line(caught.value)


def test_weights_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ModelError, match="cannot be read") as caught:
            read_tensor_file(path)
        assert str(path) in in_one_line(caught.value)


class _Trap:
    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(_Trap.sprung),)

    sprung: Path


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
def test_a_pickle_is_never_opened(name: str, tmp_path: Path) -> None:
    _Trap.sprung = tmp_path / "sprung"
    (tmp_path / name).write_bytes(pickle.dumps(_Trap()))
    with pytest.raises(ModelError) as caught:
        read_tensors(tmp_path)
    assert not _Trap.sprung.exists()
    if name.endswith(".bin"):
        assert "transformers" in in_one_line(caught.value)


@pytest.mark.parametrize(("name", "words"), [("tf_model.h5", "TensorFlow"), ("notes.txt", "no weights")])
def test_a_folder_without_our_weights_says_what_it_has(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ModelError, match=words):
        read_tensors(tmp_path)


# names


def test_a_folder_is_opened_with_its_configuration_and_task(model: Path) -> None:
    (model / "task.json").write_bytes(b'{"type": "qa", "window": 384}')
    opened = open_folder(str(model))
    assert (opened.path, opened.config, opened.task) == (model, CONFIG, {"type": "qa", "window": 384})


def test_a_folder_needs_no_task(model: Path) -> None:
    assert open_folder(model).task is None


@pytest.mark.parametrize("text", ["", "[]", '"qa"', "[" * 100_000, "{\xff"])
def test_a_broken_task_is_refused(text: str, model: Path) -> None:
    (model / "task.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError, match=r"task\.json") as caught:
        open_folder(model)
    in_one_line(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000, '{"model_type": "big_bird", "hidden_size": "x"}', "\xff"])
def test_a_broken_configuration_is_refused(text: str, model: Path) -> None:
    (model / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError, match=r"config\.json") as caught:
        open_folder(model)
    in_one_line(caught.value)


def test_another_kind_of_model_is_named_with_what_to_do(model: Path) -> None:
    (model / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match=r"'bert'.*bigbird convert"):
        open_folder(model)
    assert find_folder(model) == model  # convert itself finds it


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked_up(*_: object, **__: object) -> Path:
        raise AssertionError("a folder was looked up on the hub")

    monkeypatch.setattr(store, "_from_hub", looked_up)


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize("name", ["./no", "../no", "/no/where", "~/no-folder", ".", Path("no")])
def test_what_looks_like_a_folder_is_never_looked_up(
    name: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"no such model folder|config.json is missing"):
        open_folder(name)


@pytest.mark.usefixtures("no_hub")
def test_what_exists_on_disk_is_never_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_model(Path("me/model"), config=CONFIG, tensors=TENSORS)
    assert open_folder("me/model").path == Path("me/model")
    (tmp_path / "me" / "file").write_text("x")
    with pytest.raises(ModelError, match="is a file"):
        open_folder("me/file")
    (tmp_path / "me" / "gone").symlink_to("nowhere")
    with pytest.raises(ModelError, match="no such model folder"):
        open_folder("me/gone")


@pytest.mark.usefixtures("no_hub")
def test_a_home_folder_that_is_not_there_is_a_model_error() -> None:
    with pytest.raises(ModelError, match=r"~nobody-of-this-name/x: there is no such home folder"):
        open_folder("~nobody-of-this-name/x")


@pytest.mark.usefixtures("no_hub")
def test_a_shipped_model_is_opened_by_name_unless_a_folder_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SHIPPED", tmp_path / "pretrained")
    write_model(tmp_path / "pretrained" / "tiny", config=CONFIG, tensors=TENSORS)
    monkeypatch.chdir(tmp_path)
    assert open_folder("tiny").path == tmp_path / "pretrained" / "tiny"
    assert store.shipped_models() == ["tiny"]
    write_model(tmp_path / "tiny", config=CONFIG, tensors=TENSORS)
    assert open_folder("tiny").path == Path("tiny")
    with pytest.raises(ModelError, match="did you mean tiny"):
        open_folder("./tinny")


@pytest.mark.parametrize("name", ["a b", "a/b/c", "-x", "a\nb", "http://host/x"])
def test_a_name_that_no_model_can_have_is_refused(name: str, no_hub: None) -> None:  # noqa: ARG001
    with pytest.raises(ModelError, match="neither a folder nor"):
        open_folder(name)
    with pytest.raises(UsageError, match="the path is empty"):
        open_folder("")


# the hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """A hub with one model in it; the cache is empty until something is put into `cached`."""
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    write_model(tmp_path / "snapshot", config=CONFIG, tensors=TENSORS)
    state = SimpleNamespace(files=["config.json", "model.safetensors"], asked=[], cached=None, fetched=[], lookup=None)

    def model_info(_: object, name: str, **options: Any) -> SimpleNamespace:
        state.asked.append((name, options))
        if state.lookup is not None:
            state.lookup()
        return SimpleNamespace(sha="c0ffee", siblings=[SimpleNamespace(rfilename=file) for file in state.files])

    def snapshot_download(name: str, *, local_files_only: bool = False, **options: Any) -> str:
        if local_files_only:
            if state.cached is None:
                raise LocalEntryNotFoundError("nothing\nin many lines")
            return str(state.cached)
        state.fetched.append((name, options))
        return str(tmp_path / "snapshot")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", model_info)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    monkeypatch.setattr(client, "SECONDS", 0.3)
    return state


def test_a_hub_name_is_fetched_at_the_commit_that_was_looked_up(hub: SimpleNamespace, tmp_path: Path) -> None:
    assert open_folder("me/model", revision="main").path == tmp_path / "snapshot"
    assert hub.asked[0][1]["revision"] == "main"
    name, options = hub.fetched[0]
    assert (name, options["revision"]) == ("me/model", "c0ffee")
    assert not any(pattern.endswith((".bin", ".py", "*")) for pattern in options["allow_patterns"])


@pytest.mark.parametrize("how", ["option", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"])
def test_offline_asks_no_network(
    hub: SimpleNamespace, how: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if how != "option":
        monkeypatch.setenv(how, "1")
    with pytest.raises(ModelError, match="not in this machine's cache") as caught:
        open_folder("me/model", offline=how == "option")
    in_one_line(caught.value)
    hub.cached = tmp_path / "snapshot"
    assert open_folder("me/model", offline=how == "option").path == hub.cached
    assert hub.asked == hub.fetched == []


def test_a_hub_that_does_not_answer_fails_soon(hub: SimpleNamespace) -> None:
    import threading

    hub.lookup = threading.Event().wait  # for ever
    with pytest.raises(ModelError, match="cannot be reached") as caught:
        open_folder("me/model")
    in_one_line(caught.value)


def test_a_cached_model_serves_when_the_hub_cannot_be_reached(hub: SimpleNamespace, tmp_path: Path) -> None:
    def broken() -> None:
        raise OSError("no route\nto host")

    hub.lookup, hub.cached = broken, tmp_path / "snapshot"
    with pytest.warns(BigBirdWarning, match="cached copy"):
        assert open_folder("me/model").path == hub.cached


def test_a_half_fetched_copy_is_not_taken_for_a_model(hub: SimpleNamespace, tmp_path: Path) -> None:
    hub.cached = tmp_path / "half"
    hub.cached.mkdir()
    CONFIG.save(hub.cached)
    with pytest.raises(ModelError, match="incomplete"):
        open_folder("me/model", offline=True)


def test_a_hub_model_with_pickles_only_is_refused_before_it_is_fetched(hub: SimpleNamespace) -> None:
    hub.files = ["config.json", "pytorch_model.bin"]
    with pytest.raises(ModelError, match="bigbird convert me/model FOLDER"):
        open_folder("me/model")
    hub.files = ["config.json"]
    with pytest.raises(ModelError, match=r"no model\.safetensors"):
        open_folder("me/model")
    assert hub.fetched == []


@pytest.mark.parametrize(
    ("files", "fetched"),
    [
        (["flax_model.msgpack", "pytorch_model.bin", "model.safetensors"], "model.safetensors"),
        (["flax_model.msgpack", "pytorch_model.bin.index.json"], "pytorch_model.bin.index.json"),
        (["flax_model.msgpack", "tf_model.h5"], "flax_model.msgpack"),
    ],
)
def test_a_conversion_takes_the_weights_that_the_hub_has(hub: SimpleNamespace, files: list[str], fetched: str) -> None:
    hub.files = ["config.json", *files]
    find_folder("me/model", weights=CONVERTIBLE)
    [(_, options)] = hub.fetched
    assert [file for file in files if file in options["allow_patterns"]] == [fetched]
    assert {"config.json", "spiece.model", "vocab.txt"} <= set(options["allow_patterns"])
    hub.files = ["config.json", "tf_model.h5"]
    with pytest.raises(ModelError, match=r"no model\.safetensors or pytorch_model\.bin or flax_model\.msgpack of it"):
        find_folder("me/model", weights=CONVERTIBLE)


def test_a_vocabulary_is_taken_from_the_hub_without_weights(hub: SimpleNamespace, tmp_path: Path) -> None:
    hub.files = ["config.json", "pytorch_model.bin"]
    find_folder("me/model", weights=())
    [(_, options)] = hub.fetched
    assert not [pattern for pattern in options["allow_patterns"] if "model-" in pattern or pattern.endswith(".bin")]
    hub.cached = tmp_path / "half"
    hub.cached.mkdir()
    CONFIG.save(hub.cached)
    assert find_folder("me/model", weights=(), offline=True) == hub.cached


def test_a_name_that_the_hub_does_not_know_is_said_so(hub: SimpleNamespace) -> None:
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    def unknown(kind: type[Exception]) -> Callable[[], None]:
        def refuse() -> None:
            raise kind.__new__(kind)

        return refuse

    hub.lookup = unknown(RepositoryNotFoundError)
    with pytest.raises(ModelError, match="no folder, no shipped model and no public model"):
        open_folder("me/model")
    hub.lookup = unknown(RevisionNotFoundError)
    with pytest.raises(ModelError, match="revision x: the hub has no such revision"):
        open_folder("me/model", revision="x")


# writing


class _Tokenizer:
    def save(self, folder: Path) -> None:
        (folder / "tokenizer.json").write_text("{}")


def test_a_written_folder_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    write_model(folder, config=CONFIG, tensors=TENSORS, tokenizer=_Tokenizer(), files={"README.md": b"# Model"})
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
    assert json.loads(header_of((folder / "model.safetensors").read_bytes()))["__metadata__"] == {"format": "pt"}


def test_writing_into_a_folder_leaves_other_files(model: Path) -> None:
    (model / "metrics.jsonl").write_text("{}")
    write_model(model, config=CONFIG, tensors={"new": np.ones(3)})
    assert list(read_tensors(model)) == ["new"]
    assert (model / "metrics.jsonl").read_text() == "{}"
    assert sorted(path.name for path in model.iterdir()) == ["config.json", "metrics.jsonl", "model.safetensors"]


@pytest.mark.parametrize("kind", ["new", "existing"])
def test_a_full_disk_leaves_what_was_there(
    kind: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = model if kind == "existing" else tmp_path / "new"
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(path: Path, *_: object, **__: object) -> str:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write_tensor_file", full)
    with pytest.raises(ResourceError, match=r"disk is full: .*B are needed, .*B are free") as caught:
        write_model(folder, config=CONFIG.replace(vocab_size=99), tensors=TENSORS)
    assert caught.value.exit_code == 5
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_too_little_space_is_refused_before_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(ResourceError, match=r"0\.0 MB are free"):
        write_model(tmp_path / "new", config=CONFIG, tensors=TENSORS)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ResourceError, match="cannot be written"):
        write_model(tmp_path / "file" / "model", config=CONFIG, tensors=TENSORS)

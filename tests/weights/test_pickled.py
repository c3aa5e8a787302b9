"""A pytorch_model.bin gives the tensors that torch saved, and whatever else stands in it is refused unexecuted."""

import errno
import os
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bigbird_cli.errors import BigBirdWarning, ModelError
from bigbird_cli.pytorch import pickles
from bigbird_cli.weights import formats
from bigbird_cli.weights.formats import pickled
from bigbird_cli.weights.store import read_tensors


def read(path: Path) -> dict[str, np.ndarray]:
    with pytest.warns(BigBirdWarning, match="this is a pickle"):
        return pickled.read(path, pickle_io=pickles)


def refuse(path: Path, match: str) -> None:
    with pytest.raises(ModelError, match=match) as caught:
        pickled.read(path, pickle_io=pickles)
    assert caught.value.where == str(path)
    assert caught.value.exit_code == 4


def tensors() -> dict[str, np.ndarray]:
    draws = np.random.default_rng(0)
    return {
        "bert.single": draws.standard_normal((3, 5)).astype(np.float32),
        "half": draws.standard_normal(7).astype(np.float16),
        "transposed": draws.standard_normal((4, 2)).T,
        "whole": np.arange(6).reshape(1, 2, 3),
        "truth": np.array([True, False]),
        "number": np.asarray(2.5),
        "empty": np.zeros((0, 3), np.float32),
    }


def assert_same(got: dict[str, np.ndarray], want: dict[str, np.ndarray]) -> None:
    assert got.keys() == want.keys()
    for name in want:
        assert got[name].dtype == want[name].dtype
        np.testing.assert_array_equal(got[name], want[name], strict=True)


def test_what_is_written_is_read_back_bit_for_bit(tmp_path: Path) -> None:
    pickled.write(tmp_path / "a.bin", tensors(), pickle_io=pickles)
    assert_same(read(tmp_path / "a.bin"), tensors())
    assert_same({n: t.numpy() for n, t in torch.load(tmp_path / "a.bin", weights_only=True).items()}, tensors())


def test_arrays_that_cannot_be_written_to_are_saved_too(tmp_path: Path) -> None:
    array = np.frombuffer(b"\0\0\x80?" * 3, dtype=np.float32)
    pickled.write(tmp_path / "a.bin", {"a": array}, pickle_io=pickles)
    assert read(tmp_path / "a.bin")["a"].tolist() == [1, 1, 1]


def test_bfloat16_is_widened_and_told(tmp_path: Path) -> None:
    torch.save({"a": torch.tensor([1.5, -3e38]).bfloat16(), "b": torch.ones(2)}, tmp_path / "a.bin")
    assert read(tmp_path / "a.bin")["a"].tolist() == torch.tensor([1.5, -3e38]).bfloat16().tolist()
    assert pickled.stored_types(tmp_path / "a.bin", pickle_io=pickles) == {"a": "bfloat16"}


def test_parameters_views_and_tied_tensors_are_read(tmp_path: Path) -> None:
    tied = torch.arange(12.0).reshape(3, 4)
    torch.save({"a": tied, "b": tied, "c": tied[1:, ::2], "d": torch.nn.Parameter(tied.T)}, tmp_path / "a.bin")
    want = {"a": tied.numpy(), "b": tied.numpy(), "c": tied[1:, ::2].numpy(), "d": tied.T.numpy()}
    assert_same(read(tmp_path / "a.bin"), want)


def test_a_state_dict_of_a_module_is_read(tmp_path: Path) -> None:
    module = torch.nn.Linear(3, 2)
    torch.save(module.state_dict(), tmp_path / "a.bin")
    assert_same(read(tmp_path / "a.bin"), {n: t.numpy() for n, t in module.state_dict().items()})


def test_shards_are_read_by_their_index(tmp_path: Path) -> None:
    for number, name in enumerate("ab"):
        pickled.write(tmp_path / f"pytorch_model-{number}.bin", {name: np.full(2, number)}, pickle_io=pickles)
    index = '{"weight_map": {"a": "pytorch_model-0.bin", "b": "pytorch_model-1.bin"}}'
    (tmp_path / "pytorch_model.bin.index.json").write_text(index, encoding="utf-8")
    got = read_tensors(tmp_path, weights="pytorch_model.bin", read=read)
    assert_same(got, {"a": np.full(2, 0), "b": np.full(2, 1)})


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 4])
def test_code_is_refused_and_not_executed(zipped: bool, protocol: int, tmp_path: Path) -> None:
    content = {"a": torch.ones(2), "b": Evil(tmp_path / "executed")}
    torch.save(content, tmp_path / "a.bin", pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    refuse(tmp_path / "a.bin", "nothing was executed")
    with pytest.raises(ModelError):
        pickles.weights(tmp_path / "a.bin")  # PyTorch's side alone refuses it too
    assert not (tmp_path / "executed").exists()
    torch.load(tmp_path / "a.bin", weights_only=False)
    assert (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (torch.ones(2), "holds a Tensor"),
        ({"a": {"b": torch.ones(2)}}, "'a' is no tensor"),
        ({1: torch.ones(2)}, "1 is no tensor"),
        ({"a": torch.ones(1).expand(10**13)}, "40,000,000,000,000 bytes, more than the file"),
        ({"a": bytearray(5)}, "calls __builtin__.bytearray"),
        (torch.nn.Linear(2, 2), "calls torch.nn.modules.linear.Linear"),
    ],
)
def test_anything_but_a_dict_of_tensors_is_refused(content: Any, match: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.bin")
    refuse(tmp_path / "a.bin", match)


def rewritten(source: Path, target: Path, *, compression: int = zipfile.ZIP_STORED, **changes: bytes) -> None:
    """The archive with other contents of the parts whose name ends so (dots as `_`)."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", compression) as new:
        for name in old.namelist():
            change = next((value for end, value in changes.items() if name.endswith(end.replace("_", "."))), None)
            new.writestr(name, old.read(name) if change is None else change)


def test_a_compressed_archive_is_refused_before_it_swells(tmp_path: Path) -> None:
    pickled.write(tmp_path / "a.bin", {"a": np.ones(3)}, pickle_io=pickles)
    rewritten(tmp_path / "a.bin", tmp_path / "b.bin", compression=zipfile.ZIP_DEFLATED)
    refuse(tmp_path / "b.bin", "compressed")


def test_a_tensor_larger_than_its_bytes_is_refused(tmp_path: Path) -> None:
    pickled.write(tmp_path / "a.bin", {"a": np.ones(100, np.float32)}, pickle_io=pickles)
    with zipfile.ZipFile(tmp_path / "a.bin") as archive:
        pickle = archive.read("a/data.pkl")
    assert pickle.count(b"K\x64") == 2  # the storage's length, then the tensor's
    storage, tensor = pickle.index(b"K\x64"), pickle.rindex(b"K\x64")
    for place in (storage, tensor):
        changed = pickle[:place] + b"K\xc8" + pickle[place + 2 :]
        rewritten(tmp_path / "a.bin", tmp_path / "b.bin", data_pkl=changed)
        refuse(tmp_path / "b.bin", "not resizable" if place == tensor else "record size")
    huge = pickle[:storage] + b"\x8a\x06" + b"\xff" * 5 + b"\x0f" + pickle[storage + 2 : tensor]
    huge += b"\x8a\x06" + b"\xff" * 5 + b"\x0f" + pickle[tensor + 2 :]
    rewritten(tmp_path / "a.bin", tmp_path / "b.bin", data_pkl=huge)
    refuse(tmp_path / "b.bin", "more than the file")


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


@pytest.mark.filterwarnings("ignore:.*this is a pickle")
def test_damaged_files_are_refused_or_read_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    pickled.write(path, tensors(), pickle_io=pickles)
    refused = 0
    for content in mutations(path.read_bytes(), 500):
        path.write_bytes(content)
        try:
            got = pickled.read(path, pickle_io=pickles)
        except ModelError:
            refused += 1
        else:
            assert_same(got, tensors())
    assert refused > 250


def test_a_missing_file_and_another_kind_of_file_are_refused(tmp_path: Path) -> None:
    refuse(tmp_path / "a.bin", "No such file")
    (tmp_path / "b.bin").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    refuse(tmp_path / "b.bin", "no archive of PyTorch's")
    with zipfile.ZipFile(tmp_path / "c.bin", "w") as archive:
        archive.writestr("word/document.xml", "<a/>")
    refuse(tmp_path / "c.bin", "holds no state dict")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_and_a_missing_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        pickled.write(Path("/dev/full"), {"a": np.ones(10**6)}, pickle_io=pickles)
    with pytest.raises(FileNotFoundError):
        pickled.write(tmp_path / "none" / "a.bin", {"a": np.ones(3)}, pickle_io=pickles)


def test_files_of_torch_before_1_6_are_read_whole_or_refused(tmp_path: Path) -> None:
    content = {name: torch.from_numpy(np.array(array, order="C")) for name, array in tensors().items()}
    torch.save(content, tmp_path / "old.bin", _use_new_zipfile_serialization=False)
    assert_same(read(tmp_path / "old.bin"), tensors())
    whole = (tmp_path / "old.bin").read_bytes()
    for length in range(20, len(whole), 97):
        (tmp_path / "cut.bin").write_bytes(whole[:length])
        with pytest.raises(ModelError):
            pickled.read(tmp_path / "cut.bin", pickle_io=pickles)


def test_a_pickle_needs_someone_to_read_it(tmp_path: Path) -> None:
    pickled.write(tmp_path / "pytorch_model.bin", {"a": np.ones(3)}, pickle_io=pickles)
    with pytest.raises(ModelError, match="read and written by PyTorch alone"):
        formats.read(formats.detect(tmp_path))

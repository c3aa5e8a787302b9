"""Files, folders and standard input come in as they are, in order, and what cannot be read is named."""

import io
import os
import sys
import threading
from pathlib import Path

import pytest

from bigbird_cli.api import read_inputs
from bigbird_cli.data.rows import Row
from bigbird_cli.errors import BigBirdWarning
from bigbird_cli.files.find import Skipped
from bigbird_cli.files.streams import read_text
from bigbird_cli.text.documents import Document, FailedDocument, read_standard_input

TORTURE = "\ufeffA\r\nb\u2028c\0d \U0001f469\u200d\U0001f680 e\u0301 \u05e9\u05dc\u05d5\u05dd\r"


def names_of(folder: Path) -> list[str]:
    return [found.where if isinstance(found, Row) else found.name for found in read_inputs([folder])]


def test_a_file_is_read_character_by_character(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(TORTURE.encode())
    assert read_text(tmp_path / "a.txt") == TORTURE
    assert list(read_inputs([tmp_path / "a.txt"])) == [Document(str(tmp_path / "a.txt"), TORTURE)]


def test_a_bad_file_leaves_its_neighbours_readable(tmp_path: Path) -> None:
    good, empty, wrong = tmp_path / "good.txt", tmp_path / "empty.txt", tmp_path / "wrong.txt"
    good.write_text("fine", encoding="utf-8")
    empty.write_bytes(b"")
    wrong.write_bytes(b"\xff")
    got = list(read_inputs([tmp_path / "god.txt", empty, wrong, good]))
    assert got[3] == Document(str(good), "fine")
    problems = [document.error.problem for document in got[:3] if isinstance(document, FailedDocument)]
    assert [problem.split()[-1] for problem in problems] == ["file", "empty", "text"]
    assert isinstance(got[0], FailedDocument)
    assert got[0].error.fix == f"did you mean {good}?"


def test_a_folder_gives_its_texts_in_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a.md", "c.odt", "sub/d.TXT"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name, encoding="utf-8")
    with pytest.warns(BigBirdWarning, match=r": 1 skipped: c\.odt; only \*\.txt, .* are read .* with pandoc"):
        names = names_of(tmp_path)
    assert names == [str(tmp_path / name) for name in ("a.md", "b.txt", "sub/d.TXT")]


@pytest.mark.parametrize(
    "name", ["._a.txt", ".hidden/b.txt", ".ipynb_checkpoints/c.txt", "__MACOSX/d.txt", "sub/.e.md", ".#lost.txt"]
)
def test_hidden_names_are_left_out_of_folders_and_read_when_named(tmp_path: Path, name: str) -> None:
    for each in ("a.txt", name):
        (tmp_path / each).parent.mkdir(exist_ok=True)
        (tmp_path / each).write_text("text")
    assert names_of(tmp_path) == [str(tmp_path / "a.txt")]
    assert list(read_inputs([tmp_path / name])) == [Document(str(tmp_path / name), "text")]
    assert list(read_inputs([(tmp_path / name).parent])) != []


def test_a_long_list_of_skipped_files_is_shortened(tmp_path: Path) -> None:
    names = tuple(f"{n}.png" for n in range(1000))
    said = str(Skipped(tmp_path, names, (".txt",)))
    assert said.startswith(f"{tmp_path}: 1,000 skipped: 0.png, 1.png, 2.png, 3.png and 996 more; only *.txt are read")


def test_a_link_that_leads_nowhere_names_its_target(tmp_path: Path) -> None:
    (tmp_path / "lost.txt").symlink_to("gone.txt")
    for path in (tmp_path / "lost.txt", tmp_path):
        [failed] = read_inputs([path])
        assert isinstance(failed, FailedDocument)
        assert failed.error.problem == f"this is a link to {tmp_path / 'gone.txt'}, which is not there"
        assert failed.error.where == str(tmp_path / "lost.txt")


def test_a_link_to_a_folder_is_told_as_skipped(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("text")
    (tmp_path / "loop").symlink_to(tmp_path)
    with pytest.warns(BigBirdWarning, match="1 skipped: loop"):
        assert len(list(read_inputs([tmp_path]))) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are of POSIX")
def test_a_pipe_with_a_name_is_read_when_named_and_skipped_in_a_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "a.txt").write_text("text")
    with pytest.warns(BigBirdWarning, match=r"1 skipped: pipe\.txt"):
        assert len(list(read_inputs([tmp_path]))) == 1
    writer = threading.Thread(target=(tmp_path / "pipe.txt").write_text, args=("from a pipe",))
    writer.start()
    assert list(read_inputs([tmp_path / "pipe.txt"])) == [Document(str(tmp_path / "pipe.txt"), "from a pipe")]
    writer.join()


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such devices here")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom"])
def test_a_device_without_end_is_refused_at_once(device: str) -> None:
    [failed] = read_inputs([device])
    assert isinstance(failed, FailedDocument)
    assert failed.error.exit_code == 3


def test_a_folder_without_texts_is_an_error(tmp_path: Path) -> None:
    [failed] = read_inputs([str(tmp_path)])
    assert isinstance(failed, FailedDocument)
    assert "none of *.txt" in failed.error.problem


@pytest.mark.parametrize("texts", [["a.txt", "c.txt"], []])
def test_a_subfolder_that_cannot_be_read_is_named_in_its_place(
    texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in texts:
        (tmp_path / name).write_text("text")
    closed = tmp_path / "b"
    closed.mkdir()
    scandir = os.scandir

    def refusing(path: str | Path) -> object:  # the rights of a folder do not bind the user that tests may run as
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = list(read_inputs([tmp_path]))
    assert names_of(tmp_path) == sorted(str(tmp_path / name) for name in [*texts, "b"])
    [failed] = [item for item in found if isinstance(item, FailedDocument)]
    assert str(failed.error).startswith(f"{closed}: the folder cannot be read: Permission denied")


def test_standard_input_that_is_closed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    [failed] = read_inputs(["-"])
    assert isinstance(failed, FailedDocument)
    assert str(failed.error).startswith("standard input: it is closed")


def test_a_dash_reads_standard_input() -> None:
    assert read_standard_input(io.BytesIO(TORTURE.encode())) == Document("-", TORTURE)
    failed = read_standard_input(io.BytesIO(b""))
    assert isinstance(failed, FailedDocument)
    assert failed.error.where == "standard input"

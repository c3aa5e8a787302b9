"""Folders and files appear whole, in nobody else's place."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from bigbird_cli.errors import ResourceError
from bigbird_cli.files import folders
from bigbird_cli.files.folders import (
    disk_errors,
    partial_folder,
    remove_abandoned,
    require_space,
    whole_files,
    whole_folder,
)
from bigbird_cli.files.whole import replace_file, set_aside
from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_file_replaces_a_link_and_not_what_it_leads_to(link: Callable[[Path, Path], None], tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "config.json"
    victim.write_text("precious")
    link(path, victim)
    replace_file(path, b"new")
    assert (path.read_bytes(), victim.read_text()) == (b"new", "precious")
    assert not path.is_symlink()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["config.json", "victim"]


def test_a_file_that_was_replaced_has_the_rights_of_any_new_one(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    replace_file(tmp_path / "replaced", b"")
    assert (tmp_path / "replaced").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_file_is_set_aside_under_the_first_free_name(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").touch()
    (tmp_path / "metrics-1.jsonl").symlink_to("nowhere")
    assert set_aside(tmp_path / "metrics.jsonl") == tmp_path / "metrics-2.jsonl"


KILLED = """
import os, signal, sys
from pathlib import Path
from bigbird_cli.files.folders import partial_folder

with partial_folder(Path(sys.argv[1]), n_bytes=1, name=sys.argv[2]) as partial:
    (partial / "model.safetensors").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows locks no folders")
@pytest.mark.parametrize("inside", [False, True])
def test_what_a_killed_process_left_of_a_folder_goes_and_what_a_living_one_writes_stays(
    tmp_path: Path, inside: bool
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    where, name = (out, "") if inside else (tmp_path, "out")
    environment = os.environ | {"PYTHONPATH": str(Path(folders.__file__).parents[2])}
    subprocess.run([sys.executable, "-c", KILLED, where, name], env=environment, check=False)
    (tmp_path / ".partial-other-abc").mkdir()
    left = list(where.glob(f".partial-{name}*"))
    assert len(left) == 1
    with partial_folder(where, n_bytes=1, name=name) as living:
        remove_abandoned(out)
        assert living.exists()
    assert not left[0].exists()
    assert (tmp_path / ".partial-other-abc").exists()


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "the disk is full: 1.0 MB are needed, "),
        (errno.EDQUOT, "this user's share of the disk is used up (its quota): 1.0 MB are needed"),
        (errno.EFBIG, "a file may not grow that large here (ulimit -f): 1.0 MB are needed"),
    ],
)
def test_what_is_short_is_named(tmp_path: Path, number: int, says: str) -> None:
    with pytest.raises(ResourceError) as caught, disk_errors(tmp_path, n_bytes=1_000_000):
        raise OSError(number, os.strerror(number))
    assert caught.value.problem.startswith(says)


@pytest.mark.skipif(not hasattr(os, "statvfs"), reason="Windows has no inodes")
def test_a_disk_without_inodes_is_no_disk_without_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        os,
        "statvfs",
        lambda _: SimpleNamespace(f_favail=0, f_files=1000, f_bavail=10**9, f_frsize=1, f_blocks=10**9, f_bfree=10**9),
    )
    with pytest.raises(ResourceError, match="no inodes are left"):
        require_space(tmp_path / "new", n_bytes=1000)
    with pytest.raises(ResourceError, match="no inodes are left"), partial_folder(tmp_path, n_bytes=1000):
        pass


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_tokenizer_is_not_saved_through_links(
    link: Callable[[Path, Path], None], tmp_path: Path, repository: Path
) -> None:
    victim, folder = tmp_path / "victim", tmp_path / "out"
    victim.write_text("precious")
    tokenizer = load_tokenizer(next((repository / "bigbird_cli" / "pretrained").glob("*/tokenizer.json")).parent)
    tokenizer.save(tmp_path / "usual")
    folder.mkdir()
    names = [file.name for file in (tmp_path / "usual").iterdir()]
    for name in names:
        link(folder / name, victim)
    tokenizer.save(folder)
    assert victim.read_text() == "precious"
    for name in names:
        assert (folder / name).read_bytes() == (tmp_path / "usual" / name).read_bytes()


def _fail_half_way(partial: Path) -> None:
    (partial / "a").write_text("half")
    raise RuntimeError


def test_a_whole_folder_appears_at_the_end_and_after_a_failure_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "a" / "out"
    with whole_folder(out, n_bytes=1) as partial:
        (partial / "file").write_text("new")
        assert not out.exists()
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    assert (out / "file").read_text() == "new"
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "b" / "out", n_bytes=1) as partial:
        _fail_half_way(partial)
    assert list((tmp_path / "b").iterdir()) == []


def test_a_whole_folder_takes_the_place_of_an_empty_one_or_of_one_that_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with whole_folder(tmp_path / "out", n_bytes=1) as partial:
        (partial / "file").write_text("first")
    with whole_folder(tmp_path / "out", n_bytes=1, aside=tmp_path / "old") as partial:
        (partial / "file").write_text("second")
        assert not (tmp_path / "old").exists()
    assert [(tmp_path / name / "file").read_text() for name in ("old", "out")] == ["first", "second"]
    with pytest.raises(ResourceError, match="cannot be written"), whole_folder(tmp_path / "out", n_bytes=1):
        pass
    assert (tmp_path / "out" / "file").read_text() == "second"


def test_whole_files_replace_those_of_their_names_and_leave_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("a", "z"):
        (out / name).write_text("old")
    put: list[str] = []
    replace = Path.replace

    def noting(path: Path, target: Path) -> Path:
        put.append(path.name)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", noting)
    with pytest.raises(RuntimeError), whole_files(out, n_bytes=1, last="b") as partial:
        _fail_half_way(partial)
    assert put == []
    with whole_files(out, n_bytes=1, last="b") as partial:
        for name in ("a", "b", "c"):
            (partial / name).write_text("new")
        assert (out / "a").read_text() == "old"
    assert {path.name: path.read_text() for path in out.iterdir()} == {"a": "new", "b": "new", "c": "new", "z": "old"}
    assert put[-1] == "b"

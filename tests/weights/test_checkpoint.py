"""A checkpoint is whole or not there, whatever happens while it is written; a run folder has one writer."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bigbird_cli.errors import BigBirdWarning, ModelError, ResourceError, UsageError
from bigbird_cli.files import folders
from bigbird_cli.files.whole import PARTIAL, lock
from bigbird_cli.weights import checkpoint
from bigbird_cli.weights.checkpoint import (
    RunLock,
    newest_checkpoint,
    read_checkpoint,
    set_aside_lost_run,
    start_run,
    write_checkpoint,
)

FILES = ["manifest.json", "state.json", "state.safetensors"]


def tensors_of(step: int) -> dict[str, np.ndarray]:
    return {
        "model.weight": np.full((3, 4), step, dtype=np.float32),
        "optimiser.step": np.array(step, dtype=np.int64),
        "rng.cpu": np.arange(40, dtype=np.uint8),
    }


def state_of(step: int) -> dict[str, Any]:
    return {"step": step, "best": 0.1 + 0.2, "scores": None, "recipe": {"seed": 0}}


def save(run: Path, step: int, keep: int = 2) -> Path:
    return write_checkpoint(run, step, tensors_of(step), state_of(step), keep)


def names(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").iterdir())


def assert_is_step(path: Path | None, step: int) -> None:
    assert path is not None
    tensors, state = read_checkpoint(path)
    assert state == state_of(step)
    assert tensors.keys() == tensors_of(step).keys()
    for name, want in tensors_of(step).items():
        assert tensors[name].dtype == want.dtype
        np.testing.assert_array_equal(tensors[name], want, strict=True)


# writing, reading, pruning


def test_a_checkpoint_comes_back_bit_for_bit(tmp_path: Path) -> None:
    path = save(tmp_path, 7)
    assert path == tmp_path / "checkpoints" / "step-7"
    assert sorted(file.name for file in path.iterdir()) == FILES
    assert_is_step(path, 7)


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "nowhere") is None
    (tmp_path / "checkpoints" / "something").mkdir(parents=True)
    assert newest_checkpoint(tmp_path) is None


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for step in (2, 9, 10, 100):
        save(tmp_path, step)
    assert names(tmp_path) == ["step-10", "step-100"]
    assert_is_step(newest_checkpoint(tmp_path), 100)


@pytest.mark.parametrize("keep", [1, 0, -3])
def test_one_checkpoint_always_remains(keep: int, tmp_path: Path) -> None:
    save(tmp_path, 1, keep)
    save(tmp_path, 2, keep)
    assert names(tmp_path) == ["step-2"]
    assert_is_step(newest_checkpoint(tmp_path), 2)


def test_newest_is_the_one_written_last_not_the_highest(tmp_path: Path) -> None:
    for step in (10, 20, 30):
        save(tmp_path, step, keep=9)
    save(tmp_path, 11, keep=2)  # the run went on from step 10
    assert names(tmp_path) == ["step-11", "step-30"]
    assert_is_step(newest_checkpoint(tmp_path), 11)


def test_a_step_written_again_replaces_the_first(tmp_path: Path) -> None:
    save(tmp_path, 5)
    write_checkpoint(tmp_path, 5, {"a": np.ones(2)}, {"again": True}, keep=2)
    assert names(tmp_path) == ["step-5"]
    assert read_checkpoint(tmp_path / "checkpoints" / "step-5")[1] == {"again": True}


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / "checkpoints" / f"{PARTIAL}abc"
    left.mkdir(parents=True)
    (left / "state.safetensors").write_bytes(b"half")
    assert newest_checkpoint(tmp_path) is None
    save(tmp_path, 1)
    assert names(tmp_path) == ["step-1"]


# broken ones


def newest_with_warning(run: Path, words: str) -> Path | None:
    with pytest.warns(BigBirdWarning, match=words):
        return newest_checkpoint(run)


def test_a_run_that_ended_early_is_over_and_its_model_is_kept(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "metrics.jsonl").write_text('{"event": "step", "step": 5, "n_steps": 9}\n')
    assert start_run(tmp_path, "auto") is None  # cut short before its first checkpoint
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"event": "finished", "step": 5, "stopped_early": true}\n')
    with pytest.raises(UsageError, match="no checkpoint to go on from"):
        start_run(tmp_path, "auto")


@pytest.mark.parametrize("name", FILES)
def test_a_checkpoint_cut_off_anywhere_is_passed_over(name: str, tmp_path: Path) -> None:
    save(tmp_path, 1)
    path = save(tmp_path, 2)
    file = path / name
    whole = file.read_bytes()
    for n in sorted({0, 1, 7, 8, 9, *range(10, len(whole), 23), len(whole) - 1}):
        file.write_bytes(whole[:n])
        assert_is_step(newest_with_warning(tmp_path, r"step-2 is passed over: .*(bytes|JSON)"), 1)
        with pytest.raises(ModelError) as caught:
            read_checkpoint(path)
        assert caught.value.exit_code == 4
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    save(tmp_path, 1)
    (save(tmp_path, 2) / name).unlink()
    assert_is_step(newest_with_warning(tmp_path, f"step-2 is passed over: .*{name}"), 1)


@pytest.mark.parametrize("name", ["state.json", "state.safetensors"])
def test_every_flipped_byte_is_found(name: str, tmp_path: Path) -> None:
    file = save(tmp_path, 2) / name
    whole = file.read_bytes()
    for i in range(len(whole)):
        file.write_bytes(whole[:i] + bytes([whole[i] ^ 0x10]) + whole[i + 1 :])
        with pytest.raises(ModelError, match="damaged"):
            read_checkpoint(file.parent)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        "\xff",
        "[" * 100_000,
        '{"format": 1, "step": 2, "number": 2, "files": {"state.json": 3}}',
        '{"format": 1, "step": 2, "number": 2, "files": {}}',
        '{"format": 1, "step": 2, "number": 2, "files": {"state.safetensors": {"bytes": "many"}, "state.json": {}}}',
        '{"format": 1, "step": 2, "files": {}}',
        '{"format": 2, "step": 2, "number": 2, "files": {}}',
    ],
)
def test_a_manifest_that_is_none_is_passed_over(text: str, tmp_path: Path) -> None:
    save(tmp_path, 1)
    (save(tmp_path, 2) / "manifest.json").write_bytes(text.encode("latin-1"))
    assert_is_step(
        newest_with_warning(tmp_path, r"step-2 is passed over: (its manifest\.json is not|it is of a newer version)"), 1
    )


def test_a_broken_checkpoint_never_pushes_a_whole_one_out(tmp_path: Path) -> None:
    save(tmp_path, 1, keep=1)
    shutil.copytree(tmp_path / "checkpoints" / "step-1", tmp_path / "checkpoints" / "step-9")
    (tmp_path / "checkpoints" / "step-9" / "manifest.json").write_bytes(b"")
    save(tmp_path, 2, keep=2)
    assert names(tmp_path) == ["step-1", "step-2"]


# failures while writing


@pytest.mark.parametrize("where", ["write_tensor_file", "flush", "json"])
@pytest.mark.parametrize("keep", [1, 2])
def test_a_full_disk_leaves_the_old_checkpoint(
    where: str, keep: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 1, keep)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    if where == "json":
        monkeypatch.setattr(Path, "write_bytes", full)
    else:
        monkeypatch.setattr(folders if where == "flush" else checkpoint, where, full)
    with pytest.raises(ResourceError, match=r"the disk is full: .* MB are needed, .* are free") as caught:
        save(tmp_path, 2, keep)
    assert caught.value.exit_code == 5
    monkeypatch.undo()
    assert names(tmp_path) == ["step-1"]
    assert_is_step(newest_checkpoint(tmp_path), 1)
    save(tmp_path, 2, keep)
    assert_is_step(newest_checkpoint(tmp_path), 2)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sets no limit on the size of files")
def test_a_limit_on_the_size_of_files_is_told_as_one(tmp_path: Path) -> None:
    script = f"""
import resource, signal, numpy as np
from pathlib import Path
from bigbird_cli.errors import ResourceError
from bigbird_cli.weights.checkpoint import write_checkpoint
run = Path({str(tmp_path)!r})
write_checkpoint(run, 1, {{"a": np.ones(10)}}, {{}}, keep=1)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    write_checkpoint(run, 2, {{"a": np.ones(10_000)}}, {{}}, keep=1)
except ResourceError as error:
    print(error)
"""
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=_environment()
    )
    assert "a file may not grow that large here (ulimit -f): 0.1 MB are needed" in told.stdout
    assert names(tmp_path) == ["step-1"]
    assert newest_checkpoint(tmp_path) is not None


KILLED_ANYWHERE = """
import os, signal, sys, numpy as np
from pathlib import Path
from bigbird_cli.weights.checkpoint import write_checkpoint

run, step, keep = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
write_checkpoint(run, 1, {"a": np.full(3, 1.0)}, {"step": 1}, keep=keep)

# Every access to the file system is announced by an audit event: die at the n-th, for every n, in a child of its own.
# The children's folders are copies, so that each begins where the parent stood.
import shutil
n = 0
while True:
    n += 1
    copy = run.parent / f"{run.name}-{n}"
    shutil.copytree(run, copy)
    child = os.fork()
    if child == 0:
        left = n
        armed = True
        def hook(event, args):
            global left
            if armed and event in EVENTS:
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        EVENTS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.listdir", "os.scandir", "os.chmod",
                  "shutil.rmtree", "tempfile.mkdtemp"}
        sync = os.fsync
        def fsync(handle):
            hook("open", ())
            sync(handle)
        os.fsync = fsync
        sys.addaudithook(hook)
        write_checkpoint(copy, step, {"a": np.full(3, 2.0)}, {"step": 2}, keep=keep)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status == 0:
        break
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, status
print(n)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("step", [1, 2])
def test_a_kill_at_any_moment_leaves_a_whole_checkpoint(step: int, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-c", KILLED_ANYWHERE, str(run), str(step), "1"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=_environment())
    n = int(told.stdout)
    assert n > 20  # as many moments, and the last child lived
    found = []
    for copy in (tmp_path / f"run-{i}" for i in range(1, n + 1)):
        path = newest_checkpoint(copy)  # a warning would fail the test: nothing half-written has a checkpoint's name
        assert path is not None
        tensors, state = read_checkpoint(path)
        assert (tensors["a"] == state["step"]).all()
        found.append(state["step"])
        assert start_run(copy, "auto") == path
        save(copy, 3, keep=1)
        assert names(copy) == ["step-3"]
    assert found == sorted(found)  # the old one up to a moment, the new one from then on
    assert {1, 2} == set(found)


# where a run begins


def test_a_new_run_begins_in_a_new_or_empty_folder(tmp_path: Path) -> None:
    assert start_run(tmp_path / "new", None) is None
    assert start_run(tmp_path, None) is None
    with RunLock(tmp_path):
        assert start_run(tmp_path, None) is None


@pytest.mark.parametrize("name", ["recipe.yaml", "checkpoints", "notes.txt"])
def test_an_existing_folder_is_not_written_into_unasked(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(UsageError, match=r"--resume auto or --resume PATH.*--out") as caught:
        start_run(tmp_path, None)
    assert caught.value.exit_code == 2
    assert name in caught.value.problem


def test_a_file_is_no_run_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for resume in (None, "auto"):
        with pytest.raises(UsageError, match="a file"):
            start_run(tmp_path / "file", resume)


def test_a_checkpoint_in_a_home_folder_that_is_not_there_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such home folder"):
        start_run(tmp_path / "run", "~nobody-of-this-name/step-1")


def test_auto_goes_on_from_the_newest_whole_checkpoint(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (save(tmp_path, 2) / "state.json").write_bytes(b"{}")
    with pytest.warns(BigBirdWarning, match="step-2 is passed over"):
        assert start_run(tmp_path, "auto") == tmp_path / "checkpoints" / "step-1"


def test_auto_begins_anew_where_no_checkpoint_was_written_yet(tmp_path: Path) -> None:
    assert start_run(tmp_path / "new", "auto") is None
    (tmp_path / "recipe.yaml").write_text("seed: 0")
    assert start_run(tmp_path, "auto") is None


@pytest.mark.parametrize(
    "metrics", [None, b'{"event": "step", "step": 9, "n_steps": 9}\n{"event": "evaluated", "step": 9}\n']
)
def test_auto_does_not_begin_anew_over_the_model_of_a_finished_run(metrics: bytes | None, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("seed: 0")
    (tmp_path / "model.safetensors").write_bytes(b"{}")
    if metrics is not None:
        (tmp_path / "metrics.jsonl").write_bytes(metrics)
    with pytest.raises(UsageError, match=r"model\.safetensors.*--out") as caught:
        start_run(tmp_path, "auto")
    assert caught.value.exit_code == 2
    save(tmp_path, 1)
    assert start_run(tmp_path, "auto") == tmp_path / "checkpoints" / "step-1"


@pytest.mark.parametrize(
    "metrics", [b"", b'{"event": "step", "step": 3, "n_steps": 9}\n', b"\xff\x00\n{torn", b"[" * 99_999]
)
def test_auto_begins_anew_where_a_run_was_killed_before_its_first_checkpoint(metrics: bytes, tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_bytes(metrics)
    (tmp_path / "model.safetensors").write_bytes(b"best so far")
    (tmp_path / "metrics-1.jsonl").write_bytes(b"of one killed before")
    assert start_run(tmp_path, "auto") is None
    with pytest.warns(BigBirdWarning, match=r"begins anew; it left .*model-1\.safetensors"):
        set_aside_lost_run(tmp_path)
    assert (tmp_path / "model-1.safetensors").read_bytes() == b"best so far"
    if metrics:
        assert (tmp_path / "metrics-2.jsonl").read_bytes() == metrics
    assert start_run(tmp_path, "auto") is None  # killed again, before it wrote anything


def test_a_checkpoint_of_a_newer_version_asks_for_an_update_and_is_never_removed(tmp_path: Path) -> None:
    newer = save(tmp_path, 3)
    manifest = json.loads((newer / "manifest.json").read_text())
    (newer / "manifest.json").write_text(json.dumps({**manifest, "format": 2}))
    with (
        pytest.warns(BigBirdWarning, match="newer version"),
        pytest.raises(ModelError, match=r"newer version.*update bigbird-cli"),
    ):
        start_run(tmp_path, "auto")
    save(tmp_path, 1, keep=1)
    save(tmp_path, 2, keep=1)
    assert names(tmp_path) == ["step-2", "step-3"]


# links that somebody else may have prepared


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "victim"
    path.write_text("precious")
    return path


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_lock_that_is_a_link_is_not_written_to(link: Callable[[Path, Path], None], victim: Path) -> None:
    run = victim.parent / "run"
    run.mkdir()
    link(run / ".lock", victim)
    with pytest.raises(ResourceError, match="which is not written to"), RunLock(run):
        pass
    assert victim.read_text() == "precious"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no FIFOs")
def test_a_lock_that_is_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".lock")
    with pytest.raises(ResourceError, match="no plain file"), RunLock(tmp_path):
        pass


def test_no_checkpoint_of_another_folder_is_removed_through_a_link(tmp_path: Path) -> None:
    save(tmp_path / "other", 1)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoints").symlink_to(tmp_path / "other" / "checkpoints")
    with pytest.raises(ResourceError, match="a link stands here"), RunLock(tmp_path / "run"):
        pass
    with pytest.raises(ResourceError, match="a link stands here"):
        save(tmp_path / "run", 2, keep=1)
    assert names(tmp_path / "other") == ["step-1"]


@pytest.mark.parametrize("name", ["step-1", "step-2", ".partial-step-1"])
def test_of_a_link_among_checkpoints_only_the_link_goes(name: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "precious").touch()
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / name).symlink_to(other)
    save(tmp_path, 2, keep=1)
    assert names(tmp_path) == ["step-2"]
    assert not (tmp_path / "checkpoints" / "step-2").is_symlink()
    assert (other / "precious").exists()


def test_a_run_folder_may_be_a_link_itself(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "disk")
    with RunLock(tmp_path / "run"):
        save(tmp_path / "run", 1)
    assert names(tmp_path / "disk") == ["step-1"]


def test_auto_goes_into_no_folder_that_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("x")
    with pytest.raises(UsageError, match="no run in this folder"):
        start_run(tmp_path, "auto")


@pytest.mark.filterwarnings("ignore::bigbird_cli.errors.BigBirdWarning")
def test_auto_does_not_begin_anew_over_broken_checkpoints(tmp_path: Path) -> None:
    (save(tmp_path, 2) / "state.json").unlink()
    with pytest.raises(ModelError, match="none of its 1 checkpoints is whole"):
        start_run(tmp_path, "auto")


def test_a_path_names_a_checkpoint_or_a_run(tmp_path: Path) -> None:
    run, other = tmp_path / "run", tmp_path / "other"
    first, second = save(run, 1), save(run, 2)
    assert start_run(run, str(first)) == first
    assert start_run(run, str(run)) == second
    assert start_run(other, str(first)) == first  # a new folder may go on from another run's checkpoint
    save(other, 1)
    with pytest.raises(UsageError, match="not of this run"):
        start_run(other, str(first))


def test_checkpoints_that_may_not_be_looked_at_are_not_taken_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 1)
    looked = Path.iterdir

    def refused(self: Path) -> Iterator[Path]:
        if self.name == "checkpoints":
            raise PermissionError(13, "Permission denied")
        return looked(self)

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(ModelError, match="its checkpoints cannot be read: Permission denied"):
        start_run(tmp_path, "auto")


def test_a_path_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such checkpoint"):
        start_run(tmp_path, str(tmp_path / "gone"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"manifest\.json"):
        start_run(tmp_path / "run", str(tmp_path / "empty"))


# one writer


def test_a_second_writer_is_refused_and_told_who_holds_the_folder(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with RunLock(run):
        with pytest.raises(UsageError, match=rf"process {os.getpid()}.*--out") as caught, RunLock(run):
            pass
        assert caught.value.exit_code == 2
    with RunLock(run):
        pass


def test_the_writer_clears_away_what_a_killed_one_left(tmp_path: Path) -> None:
    (tmp_path / f"{PARTIAL}abc").mkdir()
    assert start_run(tmp_path, None) is None
    with RunLock(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_failed_run_frees_its_folder(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), RunLock(tmp_path):
        _ = 1 / 0
    with RunLock(tmp_path):
        pass


def test_a_run_that_wrote_nothing_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), RunLock(tmp_path / "runs" / "a"):
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    with RunLock(tmp_path / "mine"):
        pass
    assert list((tmp_path / "mine").iterdir()) == []


def test_a_run_that_wrote_something_keeps_its_folder(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "a"
    with RunLock(run):
        (run / "recipe.yaml").touch()
    assert sorted(path.name for path in run.iterdir()) == [".lock", "recipe.yaml"]


def test_a_lock_that_was_taken_away_meanwhile_keeps_nobody_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = RunLock(tmp_path / "run")
    first.__enter__()
    n_tried = 0

    def lock_as_the_first_ends(handle: int) -> bool:
        nonlocal n_tried
        n_tried += 1
        first.__exit__(None, None, None)
        return lock(handle)

    monkeypatch.setattr(checkpoint, "lock", lock_as_the_first_ends)
    with RunLock(tmp_path / "run"):
        assert n_tried == 2  # the first file was no longer in the folder
        monkeypatch.setattr(checkpoint, "lock", lock)
        with pytest.raises(UsageError, match="another process"), RunLock(tmp_path / "run"):
            pass


def test_a_killed_process_frees_its_folder(tmp_path: Path) -> None:
    script = f"""
import time
from pathlib import Path
from bigbird_cli.weights.checkpoint import RunLock
with RunLock(Path({str(tmp_path)!r})):
    print("held", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=_environment()) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(UsageError, match=f"process {process.pid}"), RunLock(tmp_path):
            pass
        process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        process.wait()
    with RunLock(tmp_path):
        pass


def test_a_file_system_without_locks_is_warned_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with pytest.warns(BigBirdWarning, match="no locks"), RunLock(tmp_path):
        pass


def _environment() -> dict[str, str]:
    root = Path(checkpoint.__file__).parents[2]
    return os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}


def test_the_manifest_says_what_the_folder_holds(tmp_path: Path) -> None:
    path = save(tmp_path, 4)
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["step"] == 4
    assert {name: entry["bytes"] for name, entry in manifest["files"].items()} == {
        name: (path / name).stat().st_size for name in FILES[1:]
    }

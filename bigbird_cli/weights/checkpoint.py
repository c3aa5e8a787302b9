"""Checkpoints of a run, whole or not there at all, and who may write them.

`run/checkpoints/step-N/` holds `state.safetensors` (weights, optimiser, random generators), `state.json` and, written
last, `manifest.json` with the size and sha256 of both. A checkpoint is written into a folder of another name, flushed
to the disk, and renamed; only then are older ones removed. So a crash at any moment, the power cut included, leaves the
checkpoints that were whole before.
"""

import contextlib
import hashlib
import json
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from bigbird_cli.errors import BigBirdWarning, ModelError, UsageError
from bigbird_cli.files.folders import disk_errors, remove_partial_folders, whole_folder
from bigbird_cli.files.names import METRICS, WEIGHTS
from bigbird_cli.files.paths import local_path
from bigbird_cli.files.whole import PARTIAL, check_no_link, lock, open_plain, remove, set_aside
from bigbird_cli.weights.tensors import n_bytes, read_tensor_file, write_tensor_file

CHECKPOINTS: Final = "checkpoints"
LOCK: Final = ".lock"
_TENSORS: Final = "state.safetensors"
_STATE: Final = "state.json"
_MANIFEST: Final = "manifest.json"
_FORMAT: Final = 1
_STEP: Final = re.compile(r"step-(\d+)(\.old)?")
_RUN_FILES: Final = re.compile(rf"recipe\.yaml|metrics(-\d+)?\.jsonl|learnt\.json|{CHECKPOINTS}")


def write_checkpoint(
    run: Path, step: int, tensors: Mapping[str, np.ndarray], state: Mapping[str, Any], keep: int
) -> Path:
    """Write the checkpoint of a step, then remove all but the newest ones.

    Args:
        run: the run folder; its RunLock is held by the caller.
        step: optimiser steps taken.
        tensors: weights, optimiser state, and states of random generators as uint8 arrays.
        state: the rest, as JSON can say it.
        keep: how many checkpoints remain, this one included; never fewer than one.

    Returns:
        The checkpoint's folder.

    Raises:
        ResourceError: the disk is full or cannot be written, or `checkpoints` is a link; every older checkpoint is
            still there.
    """
    parent = run / CHECKPOINTS
    check_no_link(parent)
    text = json.dumps(state, ensure_ascii=False).encode("utf-8")
    size = n_bytes(tensors) + len(text) + 10_000
    remove_partial_folders(parent)
    path, old = parent / f"step-{step}", parent / f"step-{step}.old"
    with whole_folder(path, n_bytes=size, aside=old) as partial:
        write_tensor_file(partial / _TENSORS, tensors)
        (partial / _STATE).write_bytes(text)
        files = {
            name: {"bytes": (partial / name).stat().st_size, "sha256": _sha256(partial / name)}
            for name in (_TENSORS, _STATE)
        }
        manifest = {"format": _FORMAT, "step": step, "number": _next_number(parent), "files": files}
        (partial / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        if os.path.lexists(path):  # a resumed run came here again: the old one stays readable until the new one stands
            _remove(old)
    _prune(parent, keep=max(1, keep))
    return path


def newest_checkpoint(run: Path) -> Path | None:
    """The checkpoint written last among those that are whole, bit for bit; None where there is none.

    A broken one is passed over with a BigBirdWarning that names it and says why.

    Raises:
        ModelError: the folder of checkpoints cannot be read.
    """
    return next(_whole(_checkpoints(run / CHECKPOINTS)), None)


def checkpoints_before(path: Path) -> Iterator[Path]:
    """The whole checkpoints beside this one that were written before it, the newest first."""
    written = _checkpoints(path.parent)
    return _whole(written[: written.index(path)])


def _whole(paths: Sequence[Path]) -> Iterator[Path]:
    for path in reversed(paths):
        try:
            _verify(path)
        except ModelError as error:
            warnings.warn(f"{path} is passed over: {error.problem}", BigBirdWarning, stacklevel=3)
        else:
            yield path


def read_checkpoint(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The tensors and the state that `write_checkpoint` was given.

    Raises:
        ModelError: a file is missing, or is not what the manifest says.
    """
    _verify(path)
    state = _read_json(path, _STATE)
    if not isinstance(state, dict):
        raise ModelError(f"its {_STATE} holds no JSON object", where=str(path))
    return read_tensor_file(path / _TENSORS), state


def start_run(out: Path, resume: str | None) -> Path | None:
    """Decide where a run begins, and never write into an existing run unasked.

    Args:
        out: the run folder.
        resume: None for a new run; `auto` for the newest whole checkpoint in `out`, if there is any; or the path of a
            checkpoint, or of a run folder whose newest one is meant.

    Returns:
        The checkpoint to go on from, or None to begin anew.

    Raises:
        UsageError: `out` holds something and `resume` does not say to go on with it, or says so but no checkpoint of
            it is left to go on from.
        ModelError: the checkpoint to go on from is not there, or none is whole.
    """
    there = sorted(path.name for path in out.iterdir() if not _is_ours(path.name)) if out.is_dir() else []
    if out.exists() and not out.is_dir():
        raise UsageError("this is a file, not a run folder", where=str(out), fix="name a folder with --out")
    if resume is None:
        if there:
            raise UsageError(
                f"the folder exists already and holds {there[0]}" + (" and more" if len(there) > 1 else ""),
                where=str(out),
                fix="go on with --resume auto or --resume PATH, or write elsewhere with --out FOLDER",
            )
        return None
    if resume == "auto":
        if there and not any(_RUN_FILES.fullmatch(name) for name in there):
            raise UsageError("there is no run in this folder to resume", where=str(out), fix="name a run with --out")
        newest = _newest_complete(out)
        if newest is None and WEIGHTS in there and not _was_cut_short(out):  # a model to keep, not a run to repeat
            raise UsageError(
                f"the folder holds {WEIGHTS} but no checkpoint to go on from: a run that is over keeps none",
                where=str(out),
                fix=f"train its model further in a new run: --set model.start={out} --out FOLDER",
            )
        return newest
    path = local_path(resume)
    try:
        is_there = path.is_dir()
        is_run = is_there and (path / CHECKPOINTS).is_dir()
    except OSError as error:  # no right to look
        raise ModelError(f"it cannot be read: {error.strerror}", where=resume) from None
    if not is_there:
        raise ModelError("there is no such checkpoint", where=resume, fix="try --resume auto")
    if is_run:
        path = _newest_complete(path) or path
    _verify(path)
    if there and path.resolve().parent.parent != out.resolve():
        raise UsageError(
            f"the folder exists already, and the checkpoint {resume} is not of this run",
            where=str(out),
            fix="write elsewhere with --out FOLDER",
        )
    return path


def set_aside_lost_run(run: Path) -> None:
    """Rename what a run left that ended before its first checkpoint, and say so; a new run is to begin in its folder.

    Raises:
        ResourceError: the folder cannot be written.
    """
    with disk_errors(run, n_bytes=0):
        left = [run / name for name in (METRICS, WEIGHTS) if (run / name).is_file() and (run / name).stat().st_size]
        renamed = [set_aside(path).name for path in left]
    if renamed:
        warnings.warn(
            f"the last run in {run} ended before its first checkpoint and begins anew; it left {' and '.join(renamed)}",
            BigBirdWarning,
            stacklevel=2,
        )


def _was_cut_short(run: Path) -> bool:
    """Whether a run's metrics.jsonl is there and says nothing of its end."""
    try:
        with os.fdopen(open_plain(run / METRICS, os.O_RDONLY), "rb") as lines:
            return not any(_is_end(line) for line in lines)
    except OSError:
        return False


def _is_end(line: bytes) -> bool:
    """Whether a line tells of the last step, or of an end before it."""
    try:
        match json.loads(line):
            case {"event": "finished"}:
                return True
            case {"step": int(step), "n_steps": int(n_steps)}:
                return step >= n_steps
    except (ValueError, RecursionError):
        pass  # torn as the machine stopped
    return False


class RunLock:
    """Held while a process writes into a run folder; the system frees it when the process ends, however it ends."""

    def __init__(self, run: Path) -> None:
        self._path = run / LOCK
        self._handle: int | None = None
        self._made: list[Path] = []

    def __enter__(self) -> Self:
        """Take the lock; the folder is made if missing.

        Raises:
            UsageError: another process, or another run in this one, holds it.
            ResourceError: the folder cannot be written, or its lock is a link.
        """
        run = self._path.parent
        check_no_link(run / CHECKPOINTS)  # where older ones will be removed, too
        with disk_errors(run, n_bytes=100):
            self._made = [folder for folder in (run, *run.parents) if not folder.exists()]
        while not self._take():  # another run has just taken its lock away
            pass
        remove_partial_folders(run)  # nobody else writes here
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Free the folder; where nothing came of the run, it and its lock go too."""
        if self._handle is None:
            return
        with contextlib.suppress(OSError):  # Windows keeps a file that is open
            if [path.name for path in self._path.parent.iterdir()] == [LOCK]:
                self._path.unlink()
                for folder in self._made:
                    folder.rmdir()
        os.close(self._handle)
        self._handle = None

    def _take(self) -> bool:
        """Lock the file; False where it is not in the folder any more, and so keeps nobody out."""
        run = self._path.parent
        with disk_errors(run, n_bytes=100):
            run.mkdir(parents=True, exist_ok=True)
            handle = open_plain(self._path, os.O_RDWR | os.O_CREAT)
        try:
            taken = lock(handle)
        except OSError as error:
            warnings.warn(
                f"this file system has no locks ({error.strerror}): start no second run in the same folder",
                BigBirdWarning,
                stacklevel=3,
            )
            taken = True
        except BaseException:
            os.close(handle)
            raise
        if not taken:
            holder = os.read(handle, 100).decode("utf-8", "replace").strip()
            os.close(handle)
            raise UsageError(
                f"another process is writing into this run folder ({holder or 'unknown'})",
                where=str(run),
                fix="wait for it, or write elsewhere with --out FOLDER",
            )
        try:
            is_there = os.path.samestat(os.fstat(handle), self._path.stat())
        except FileNotFoundError:
            is_there = False
        if not is_there:
            os.close(handle)
            return False
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()}\n".encode())
        self._handle = handle
        return True


def _is_ours(name: str) -> bool:
    return name == LOCK or name.startswith(PARTIAL)


def _newest_complete(run: Path) -> Path | None:
    path = newest_checkpoint(run)
    if path is None and (broken := _checkpoints(run / CHECKPOINTS)):
        try:
            _verify(broken[-1])
        except ModelError as error:
            raise ModelError(
                f"none of its {len(broken)} checkpoints is whole: {error.problem}",
                where=str(run),
                fix=error.fix or "begin a new run with --out FOLDER",
            ) from None
    return path


def _checkpoints(parent: Path) -> list[Path]:
    """All finished checkpoints, the one written last at the end, unreadable ones by their step among them."""
    try:
        found = [path for path in parent.iterdir() if _STEP.fullmatch(path.name) and path.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ModelError(f"its checkpoints cannot be read: {error.strerror}", where=str(parent)) from None
    return sorted(found, key=_age)


def _age(path: Path) -> tuple[int, int, bool]:
    match = _STEP.fullmatch(path.name)
    step = int(match[1]) if match else -1
    try:
        number = int(_read_manifest(path)["number"])
    except ModelError:
        number = _BROKEN_LAST
    return number, step, not path.name.endswith(".old")


_BROKEN_LAST: Final = 2**63  # looked at first, so that a warning names them


def _next_number(parent: Path) -> int:
    numbers = [number for number, _, _ in map(_age, _checkpoints(parent)) if number < _BROKEN_LAST]
    return max(numbers, default=0) + 1


def prune_checkpoints(run: Path, *, keep: int) -> None:
    """Remove all checkpoints of a run but the newest, and their folder where nothing is left in it."""
    _prune(run / CHECKPOINTS, keep=keep)
    with contextlib.suppress(OSError):  # something stands in it
        (run / CHECKPOINTS).rmdir()


def _prune(parent: Path, *, keep: int) -> None:
    """Remove old checkpoints, those with an unreadable manifest first: they never count as kept.

    Those of a newer version stay, which knows how to go on from them.
    """
    found = _checkpoints(parent)
    readable = [path for path in found if _age(path)[0] < _BROKEN_LAST and not path.name.endswith(".old")]
    for path in found:
        if path not in readable[max(0, len(readable) - keep) :] and not _is_newer(path):
            _remove(path)


def _remove(path: Path) -> None:
    """Take a checkpoint away: its name first, so that no half of it is ever found under that."""
    doomed = path.with_name(f"{PARTIAL}{path.name}")
    remove(doomed)
    with contextlib.suppress(OSError):  # held open by somebody, or not there; it harms nothing
        path.rename(doomed)
        remove(doomed)


def _read_json(path: Path, name: str) -> Any:
    try:
        with os.fdopen(os.open(path / name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            return json.load(file)
    except OSError as error:
        raise ModelError(f"its {name} cannot be read: {error.strerror}", where=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"its {name} is not JSON", where=str(path)) from error


def _is_newer(path: Path) -> bool:
    try:
        match _read_json(path, _MANIFEST):
            case {"format": int(version)}:
                return version > _FORMAT
    except ModelError:
        pass
    return False


def _read_manifest(path: Path) -> dict[str, Any]:
    manifest = _read_json(path, _MANIFEST)
    match manifest:
        case {"format": int(version)} if version > _FORMAT:
            raise ModelError(
                f"it is of a newer version, with format {version} instead of {_FORMAT}",
                where=str(path),
                fix="update bigbird-cli",
            )
        case {
            "format": 1,  # _FORMAT; a pattern takes no plain name
            "number": int(),
            "step": int(),
            "files": {
                "state.safetensors": {"bytes": int(), "sha256": str()},  # _TENSORS
                "state.json": {"bytes": int(), "sha256": str()},
            },
        }:
            return dict(manifest)
        case _:
            raise ModelError(f"its {_MANIFEST} is not one", where=str(path))


def _verify(path: Path) -> None:
    files = _read_manifest(path)["files"]
    for name in (_TENSORS, _STATE):
        entry, file = files[name], path / name
        try:
            size = file.stat().st_size
            if size != entry["bytes"]:
                raise ModelError(f"{name} has {size:,} bytes, not {entry['bytes']:,}", where=str(path))
            sha256 = _sha256(file)
        except OSError as error:
            raise ModelError(f"{name} cannot be read: {error.strerror}", where=str(path)) from error
        if sha256 != entry["sha256"]:
            raise ModelError(f"{name} is damaged: its sha256 is not the manifest's", where=str(path))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Folders that appear whole or not at all."""

import errno
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bigbird_cli.errors import DISK_FULL, ResourceError, shortage
from bigbird_cli.files.whole import PARTIAL, lock, open_to_others, remove
from bigbird_cli.messages import sized


@contextmanager
def partial_folder(parent: Path, *, n_bytes: int, name: str = "") -> Iterator[Path]:
    """A new, empty folder in `parent`, removed at the end unless it was renamed.

    Args:
        parent: where the finished folder or its files are to stand, so that a rename suffices; made if missing.
        n_bytes: about what will be written, checked against the free space beforehand.
        name: of the finished folder, by which `remove_abandoned` finds what a killed process leaves.

    Raises:
        ResourceError: the disk is full or cannot be written; what stood there before is untouched.
    """
    with disk_errors(parent, n_bytes=n_bytes):
        parent.mkdir(parents=True, exist_ok=True)
        _look_for_space(parent, n_bytes)
        folder = Path(tempfile.mkdtemp(prefix=f"{PARTIAL}{name}-" if name else PARTIAL, dir=parent))
        with _held(folder):
            try:
                open_to_others(folder)
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def whole_folder(path: Path, *, n_bytes: int, aside: Path | None = None) -> Iterator[Path]:
    """A folder to fill that gets its name, by one rename, once the block ends and all of it is on the disk.

    Args:
        path: its name, which nothing has then, or an empty folder.
        n_bytes: as of `partial_folder`.
        aside: a name that is free, for what has this one until then.

    Raises:
        ResourceError: the disk is full or cannot be written; nothing has appeared.
    """
    with partial_folder(path.parent, n_bytes=n_bytes, name=path.name) as partial:
        yield partial
        _flush_all(partial)
        if aside is not None and os.path.lexists(path):
            path.rename(aside)
        elif path.is_dir():
            path.rmdir()  # it is empty; Windows renames onto nothing
        partial.rename(path)
        flush(path.parent)


@contextmanager
def whole_files(folder: Path, *, n_bytes: int, last: str) -> Iterator[Path]:
    """A folder to fill whose files are put into another once the block ends and all of them are on the disk.

    Args:
        folder: it exists; of its files those of the same names are replaced, each whole, and the others stay.
        n_bytes: as of `partial_folder`.
        last: the name of the file that is put there when all others are.

    Raises:
        ResourceError: as of `whole_folder`.
    """
    with partial_folder(folder, n_bytes=n_bytes) as partial:
        yield partial
        _flush_all(partial)
        for file in sorted(partial.iterdir(), key=lambda file: file.name == last):
            file.replace(folder / file.name)
        flush(folder)


def _flush_all(folder: Path) -> None:
    for file in folder.iterdir():
        flush(file)
    flush(folder)


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold a folder's lock; False where another process does, or the system has no locks of folders."""
    try:
        handle = os.open(folder, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:  # Windows opens no folder
        yield False
        return
    try:
        taken = False
        with suppress(OSError):
            taken = lock(handle)
        yield taken
    finally:
        os.close(handle)


def remove_abandoned(folder: Path) -> None:
    """Clear away what killed processes left of this folder that they were to write, beside it and in it."""
    beside = folder.parent.glob(f"{PARTIAL}{glob.escape(folder.name)}-*")
    for left in (*beside, *folder.glob(f"{PARTIAL}*")):
        with _held(left) as is_abandoned:
            if is_abandoned:
                remove(left)


def require_space(where: Path, *, n_bytes: int) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises:
        ResourceError: less than n_bytes are free where this folder is or will be.
    """
    with disk_errors(where, n_bytes=n_bytes):
        _look_for_space(_existing(where), n_bytes)


def free_bytes(where: Path) -> int:
    """Bytes that are free where a folder is or will be."""
    return shutil.disk_usage(_existing(where)).free


def remove_partial_folders(parent: Path) -> None:
    """Clear away what a killed process left; only for the one process that may write into `parent`."""
    for left in parent.glob(f"{PARTIAL}*"):
        remove(left)


def flush(path: Path) -> None:
    """Bring a file's bytes, or a folder's list of names, onto the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folder
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def disk_errors(where: Path, *, n_bytes: int) -> Iterator[None]:
    """Say what failed writing means, in one line, with the space that is needed and there."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL and (short := shortage(error)):
            problem, fix = short
            if error.errno == errno.ENOSPC and not _has_inodes(_existing(where)):
                problem = "the disk holds as many files as it can (no inodes are left)"
            elif error.errno == errno.ENOSPC:
                problem += f": {sized(n_bytes)} are needed, {_free(where)}"
            else:
                problem += f": {sized(n_bytes)} are needed"
            raise ResourceError(problem, where=str(where), fix=fix) from error
        named = f" ({error.filename})" if error.filename else ""
        raise ResourceError(f"cannot be written: {error.strerror or error}{named}", where=str(where)) from error


def _look_for_space(folder: Path, n_bytes: int) -> None:
    if shutil.disk_usage(folder).free < n_bytes or not _has_inodes(folder):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _has_inodes(folder: Path) -> bool:
    if not hasattr(os, "statvfs"):  # Windows
        return True
    found = os.statvfs(folder)
    return found.f_favail > 0 or found.f_files == 0  # a file system that does not count them says 0


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _free(where: Path) -> str:
    return f"{sized(free_bytes(where))} are free"

"""Writing into folders that somebody else may have prepared: no link is followed, and a file is replaced whole."""

import errno
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

from bigbird_cli.errors import ResourceError

PARTIAL: Final = ".partial-"
"""Begins the name of what is being written; what is left over belonged to a process that died."""

# Windows has none of the first two, others no third
_SAFELY: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NOT_PLAIN: Final = (errno.ELOOP, errno.EMLINK, errno.ENXIO)
"""What systems say of a link that is not to be followed, and of a FIFO that nobody reads."""


def open_plain(path: Path, flags: int) -> int:
    """Open a file as `os.open` does, unless it is anything but a file of its own.

    Args:
        path: the file; a link in place of one of its folders is followed.
        flags: as of `os.open`.

    Returns:
        The handle, which the caller closes.

    Raises:
        ResourceError: a link, a FIFO or a device has this name; or, for writing, the file has another name too.
        OSError: it cannot be opened.
    """
    try:
        handle = os.open(path, flags | _SAFELY, 0o666)
    except OSError as error:
        if error.errno in _NOT_PLAIN:
            raise _not_plain(path, "a link or a pipe") from None
        raise
    found = os.fstat(handle)
    is_shared = found.st_nlink > 1 and flags & (os.O_WRONLY | os.O_RDWR)
    if is_shared or not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise _not_plain(path, "a file with several names" if is_shared else "no plain file")
    return handle


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, in place of what has its name; of a link the link goes, not what it leads to.

    Raises:
        OSError: the disk is full or cannot be written; what stood there is untouched.
    """
    handle, name = tempfile.mkstemp(prefix=PARTIAL, dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        open_to_others(partial)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def check_no_link(path: Path) -> None:
    """Refuse a link where a folder is to be written into; nothing may stand there.

    Raises:
        ResourceError: a link has this name.
    """
    if path.is_symlink():
        raise _not_plain(path, "a link")


def set_aside(path: Path) -> Path:
    """Give a file a name that is free, `metrics-1.jsonl` for `metrics.jsonl`; returns it.

    Raises:
        OSError: it cannot be renamed.
    """
    free = next(name for n in count(1) if not os.path.lexists(name := path.with_name(f"{path.stem}-{n}{path.suffix}")))
    return path.rename(free)


def remove(path: Path) -> None:
    """Take away a file, a link, or a folder with all that is in it, as far as the system lets it go."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def open_to_others(path: Path) -> None:
    """Give a file or folder the rights of any new one; what begins as a temporary one is its owner's alone."""
    os.umask(umask := os.umask(0))  # it cannot be asked without being set
    path.chmod((0o777 if path.is_dir() else 0o666) & ~umask)


def lock(handle: int) -> bool:
    """Lock an open file for this process alone, until it is closed; False when another holds it.

    Raises:
        OSError: the file system has no locks.
    """
    try:
        import fcntl
    except ImportError:
        return _lock_on_windows(handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_on_windows(handle: int) -> bool:
    import msvcrt

    try:
        # far behind the text, which others may still read then
        os.lseek(handle, 1 << 20, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
    except OSError:
        return False
    finally:
        os.lseek(handle, 0, os.SEEK_SET)
    return True


def _not_plain(path: Path, what: str) -> ResourceError:
    return ResourceError(f"{what} stands here, which is not written to", where=str(path), fix="move it away")

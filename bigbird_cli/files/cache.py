"""The cache: files kept between calls for what they spare, none of which is missed when it is gone.

A cache never stops anybody's work: where it cannot be read or written (a read-only home, a full disk), nothing is kept.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bigbird_cli.files.whole import remove, replace_file

SENTENCES: Final = "sentences"
"""The shelf of documents' sentences, as vectors."""

DEFAULT_LIMIT: Final = 10**9
"""Bytes that the files of a shelf take at most, unless somebody set another limit."""

_LIMIT: Final = "limit"
_UNUSABLE: Final = (OSError, RuntimeError)
"""What comes of a folder that cannot be used, and of a user without a home."""


def cache_folder() -> Path:
    """Where everything stands that is kept: $BIGBIRD_CACHE, else .cache/bigbird in the home folder."""
    root = os.environ.get("BIGBIRD_CACHE")
    return Path(root) if root else Path.home() / ".cache" / "bigbird"


class Shelf:
    """Files of one kind, each under a key; those used least recently go when they take more than the limit.

    Args:
        name: of the kind: the folder in `cache_folder()` that they stand in.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def get(self, key: str) -> bytes | None:
        """What was kept under a key; None where nothing was, or it cannot be read."""
        with suppress(*_UNUSABLE):
            path = cache_folder() / self.name / key
            content = path.read_bytes()
            with suppress(OSError):
                os.utime(path)  # it was used just now
            return content
        return None

    def put(self, key: str, content: bytes) -> None:
        """Keep something under a key where that is possible; where not, a warning for --debug says so."""
        try:
            folder = cache_folder() / self.name
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # what is kept of a document concerns no one else
            replace_file(folder / key, content)
            _shrink(folder, limit=limit())
        except _UNUSABLE as error:
            warnings.warn(f"nothing is kept for the next call: {error}", stacklevel=2)


@dataclass(frozen=True)
class Kept:
    """What stands in the cache of one kind.

    Attributes:
        name: of the kind.
        n_entries: how many things are kept.
        n_bytes: what they take.
    """

    name: str
    n_entries: int
    n_bytes: int


def contents() -> list[Kept]:
    """What the cache holds, by kinds."""
    return [
        Kept(folder.name, len(entries), sum(_size(entry) for entry in entries))
        for folder in sorted(_folders())
        if (entries := list(_entries(folder)))
    ]


def clear() -> None:
    """Remove everything that is kept, as far as the system lets it go; what is being written stays."""
    for folder in _folders():
        for entry in _entries(folder):
            remove(entry)


def limit() -> int:
    """Bytes that the files of a shelf may take."""
    with suppress(OSError, ValueError):
        return int((cache_folder() / _LIMIT).read_text(encoding="ascii"))
    return DEFAULT_LIMIT


def set_limit(n_bytes: int) -> None:
    """Change the limit for good, and remove what is beyond it.

    Raises:
        OSError: the folder cannot be written to.
    """
    cache_folder().mkdir(parents=True, exist_ok=True)
    replace_file(cache_folder() / _LIMIT, str(n_bytes).encode())
    _shrink(cache_folder() / SENTENCES, limit=n_bytes)


def _shrink(folder: Path, *, limit: int) -> None:
    """Remove the files of a folder that were used least recently, until the others take no more than the limit."""
    found = []
    for path in _entries(folder) if folder.is_dir() else ():
        with suppress(OSError):  # another process removed it
            stat = path.stat()
            found.append((stat.st_mtime_ns, path, stat.st_size))
    total = sum(size for _, _, size in found)
    for _, path, size in sorted(found):
        if total <= limit:
            return
        remove(path)
        total -= size


def _folders() -> Iterator[Path]:
    root = cache_folder()
    return (path for path in root.iterdir() if path.is_dir() and not path.is_symlink()) if root.is_dir() else iter(())


def _entries(folder: Path) -> Iterator[Path]:
    """What is kept in a folder: what is being written begins with a full stop."""
    return (path for path in folder.iterdir() if not path.name.startswith("."))


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files)

"""Parts of a zip archive from outside, in memory: bounded in size, never unpacked to disk."""

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final
from urllib.parse import unquote

from bigbird_cli.errors import DataError
from bigbird_cli.messages import sized

_MOST_BYTES: Final = 1 << 29
"""Of all parts that are read of an archive, unpacked."""

_MOST_RATIO: Final = 300
"""Of a part's size unpacked to packed, beyond _SMALL; deflate reaches 1,030 on a single repeated byte, prose 3 to 6,
and the tables of an office document some 50."""

_SMALL: Final = 1 << 22
_MOST_PARTS: Final = 100_000

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # a way of packing that zipfile has not
    OSError,  # a seek to where no file can be
    ValueError,
    OverflowError,
    UnicodeDecodeError,
)
_FIX = "copy or download it again, or save it anew with the program it was made with"


class Archive:
    """An open zip archive.

    Args:
        stream: seekable.
        name: what to call it in errors.

    Raises:
        DataError: it is damaged.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._name = name
        self._left = _MOST_BYTES
        with self._damage():
            self._zip = zipfile.ZipFile(stream)
        if len(self._zip.filelist) > _MOST_PARTS:
            raise DataError(f"the archive has more than {_MOST_PARTS:,} parts", where=name)
        self._parts = {info.filename: info for info in self._zip.filelist}

    def __contains__(self, part: str) -> bool:
        return part in self._parts

    @contextmanager
    def open(self, part: str) -> Iterator[BinaryIO]:
        """A part as a stream, which ends where the archive says that it does.

        Raises:
            DataError: it is not there, locked, damaged, or unpacks to far more than documents do.
        """
        info = self._parts.get(part)
        if info is None:
            raise DataError(f"its part {part} is missing", where=self._name, fix=_FIX)
        if info.flag_bits & 0x1:
            raise DataError("it is locked with a password", where=self._name, fix="save it without one")
        size, packed = info.file_size, max(1, info.compress_size)
        if size > self._left or (size > _SMALL and size / packed > _MOST_RATIO):
            raise DataError(
                f"its part {part} unpacks from {sized(packed)} to {sized(size)}, as no document does",
                where=self._name,
                fix="give it as plain text if that is right",
            )
        self._left -= size
        with self._damage(part), self._zip.open(info) as stream:
            yield stream  # type: ignore[misc]  # a BinaryIO in all but name

    @contextmanager
    def _damage(self, part: str | None = None) -> Iterator[None]:
        """Say what it means that an archive cannot be read, as a DataError."""
        what = f"its part {part}" if part else "the file"
        try:
            yield
        except _DAMAGE as error:
            raise DataError(f"{what} is damaged: {error or type(error).__name__}", where=self._name, fix=_FIX) from None


def part_of(href: str, *, relative_to: str) -> str:
    """The name of the part that a reference in another part means."""
    path = unquote(href.split("#", 1)[0])
    base = "" if path.startswith("/") else posixpath.dirname(relative_to)
    return posixpath.normpath(posixpath.join(base, path.lstrip("/")))

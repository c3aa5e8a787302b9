"""Files, folders and what is packed in them, as binary streams and blocks of text."""

import bz2
import codecs
import gzip
import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from bigbird_cli.errors import DataError
from bigbird_cli.text.documents import FailedDocument, file_errors, files_of, not_utf8

PACKED = (".gz", ".bz2", ".xz")
ARCHIVE = ".zip"
_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class File:
    """A file to read, packed or not.

    Attributes:
        path: where it stands on disk.
        member: its name in the archive at `path`; None for a file of its own.
    """

    path: Path
    member: str | None = None

    @property
    def name(self) -> str:
        """What to call it in messages."""
        return str(self.path) if self.member is None else f"{self.path}/{self.member}"

    @property
    def suffix(self) -> str:
        """What kind of file it says that it is, once unpacked: ".csv" for rows.csv.gz; lower case."""
        return _suffix(PurePosixPath(self.member) if self.member is not None else self.path)

    @property
    def is_packed(self) -> bool:
        return self.member is not None or self.path.suffix.lower() in PACKED

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open it, unpacked; DataError where it cannot be opened, or, within the context, where it is damaged."""
        with file_errors(self.path), _packing_errors(self.name), ExitStack() as stack:
            if self.member is None:
                stream: BinaryIO = stack.enter_context(self.path.open("rb"))
                packing = self.path.suffix.lower()
            else:
                archive = stack.enter_context(zipfile.ZipFile(self.path))
                stream = stack.enter_context(_member(archive, self.member, self.name))
                packing = PurePosixPath(self.member).suffix.lower()
            if packing == ".gz":
                stream = cast(BinaryIO, stack.enter_context(gzip.GzipFile(fileobj=stream)))
            elif packing == ".bz2":
                stream = cast(BinaryIO, stack.enter_context(bz2.BZ2File(stream)))
            elif packing == ".xz":
                stream = cast(BinaryIO, stack.enter_context(lzma.LZMAFile(stream)))
            yield stream


def files_in(source: str | Path, suffixes: Sequence[str]) -> Iterator[File]:
    """The files that a path names: itself; the members of an archive; or what a folder holds, in the order of names.

    Args:
        source: a file, an archive (*.zip), or a folder, whose subfolders are read too.
        suffixes: the kinds of files to take from a folder or an archive, packed or not; a file that is named itself
            may have any.

    Raises:
        DataError: there is no such file, it cannot be read, or nothing of these kinds is in it.
    """
    path = Path(source)
    # os.path: what may not be looked at is reported by the reading later
    if os.path.isdir(path):  # noqa: PTH112
        found = files_of(path, (*suffixes, *PACKED, ARCHIVE))
        files = [file for file in found if isinstance(file, FailedDocument) or _suffix(file) in (*suffixes, ARCHIVE)]
        if not files:
            raise _nothing("folder", path, suffixes)
        for file in files:
            if isinstance(file, FailedDocument):
                raise file.error
            yield from _members(file, suffixes) if file.suffix.lower() == ARCHIVE else [File(file)]
    elif path.suffix.lower() == ARCHIVE:
        yield from _members(path, suffixes)
    else:
        yield File(path)


def text_blocks(stream: BinaryIO, name: str) -> Iterator[str]:
    """The text of a UTF-8 stream in blocks of bounded size, without the byte order mark that a file may begin with.

    Raises:
        DataError: a byte is not UTF-8; it names the first.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    n_bytes = n_lines = 0
    while True:
        block = stream.read(_AT_ONCE)
        begun, _ = decoder.getstate()  # of a character that the blocks cut in two
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise not_utf8(error, name, n_bytes=n_bytes - len(begun), n_lines=n_lines) from None
        if not block:
            return
        yield text.removeprefix("\ufeff") if n_bytes == 0 else text
        n_bytes += len(block)
        n_lines += text.count("\n")


def text_lines(stream: BinaryIO, name: str) -> Iterator[str]:
    """The lines of a UTF-8 stream with their ends, without the byte order mark that a file may begin with.

    Raises:
        DataError: a byte is not UTF-8; it names the first.
    """
    n_bytes = 0
    for n_lines, line in enumerate(stream):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise not_utf8(error, name, n_bytes=n_bytes, n_lines=n_lines) from None
        yield text.removeprefix("\ufeff") if n_lines == 0 else text
        n_bytes += len(line)


def _members(path: Path, suffixes: Sequence[str]) -> list[File]:
    with file_errors(path), _packing_errors(str(path)), zipfile.ZipFile(path) as archive:
        names = [
            name
            for name in archive.namelist()
            if _suffix(PurePosixPath(name)) in suffixes and not name.startswith("__MACOSX/")
        ]
    if not names:
        raise _nothing("archive", path, suffixes)
    return [File(path, name) for name in sorted(names)]


def _member(archive: zipfile.ZipFile, member: str, name: str) -> BinaryIO:
    try:
        return cast(BinaryIO, archive.open(member))
    except (RuntimeError, NotImplementedError) as error:  # zipfile's words for a password, or for a rare packing
        raise DataError(
            f"the archive cannot be opened: {error}", where=name, fix="unpack it, and name its files"
        ) from None


def _suffix(path: Path | PurePosixPath) -> str:
    last = path.suffix.lower()
    return PurePosixPath(path.stem).suffix.lower() if last in PACKED else last


def _nothing(kind: str, path: Path, suffixes: Sequence[str]) -> DataError:
    wanted = ", ".join(f"*{suffix}" for suffix in suffixes)
    return DataError(
        f"the {kind} holds none of the files that are read here ({wanted})",
        where=str(path),
        fix="name the files to read",
    )


@contextmanager
def _packing_errors(name: str) -> Iterator[None]:
    try:
        yield
    except EOFError:
        raise DataError("the packed file ends too soon", where=name, fix="fetch or pack it again") from None
    except (zipfile.BadZipFile, lzma.LZMAError, zlib.error) as error:
        raise _damaged(error, name) from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise _damaged(error, name) from None  # gzip's and bz2's own word


def _damaged(error: Exception, name: str) -> DataError:
    return DataError(f"the packed file is damaged: {error}", where=name, fix="fetch or pack it again")

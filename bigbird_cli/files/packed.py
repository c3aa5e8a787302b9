"""Files, and what is packed in them or in archives, as binary streams."""

import bz2
import gzip
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from bigbird_cli.errors import DataError
from bigbird_cli.files.find import OnSkipped, Skipped, check_regular, find_files, is_left_out, patterns
from bigbird_cli.files.streams import file_errors
from bigbird_cli.files.transcoded import transcoded

PACKED = (".gz", ".bz2", ".xz")
ARCHIVE = ".zip"


@dataclass(frozen=True)
class File:
    """A file to read, packed or not.

    Attributes:
        path: where it stands on disk.
        member: its name in the archive at `path`; None for a file of its own.
        encoding: of its text, if it is one; None for UTF-8.
    """

    path: Path
    member: str | None = None
    encoding: str | None = None

    @property
    def name(self) -> str:
        """What to call it in messages and records, where "-" alone means standard input."""
        if self.member is not None:
            return f"{self.path}/{self.member}"
        return "./-" if str(self.path) == "-" else str(self.path)

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
                with _archive_errors(self.name):
                    stream = stack.enter_context(cast(BinaryIO, _archive(self.path).open(self.member)))
                packing = PurePosixPath(self.member).suffix.lower()
            if packing == ".gz":
                stream = cast(BinaryIO, stack.enter_context(gzip.GzipFile(fileobj=stream)))
            elif packing == ".bz2":
                stream = cast(BinaryIO, stack.enter_context(bz2.BZ2File(stream)))
            elif packing == ".xz":
                stream = cast(BinaryIO, stack.enter_context(lzma.LZMAFile(stream)))
            yield stream

    @contextmanager
    def open_text(self) -> Iterator[BinaryIO]:
        """Open it as text in UTF-8, whatever its encoding."""
        with self.open() as stream:
            yield stream if self.encoding is None else transcoded(stream, self.encoding, self.name)


def files_and_errors(
    source: str | Path, suffixes: Sequence[str], *, encoding: str | None = None, on_skipped: OnSkipped | None = None
) -> Iterator[File | DataError]:
    """The files that a path names, and in the place of what cannot be read the reason.

    Args:
        source: as of `files_in`; it may be a pipe too, which is read once.
        suffixes: as of `files_in`, and so is on_skipped.
        encoding: of texts; None for UTF-8.
    """
    path = Path(source)
    try:
        # os.path: what may not be looked at is reported when it is opened
        is_folder = os.path.isdir(path)  # noqa: PTH112
        found: Sequence[Path | DataError] = (
            find_files(path, (*suffixes, ARCHIVE), suffix_of=_suffix, on_skipped=on_skipped) if is_folder else [path]
        )
    except DataError as error:
        found = [error]
    for each in found:
        if isinstance(each, DataError):
            yield each
        elif each.suffix.lower() != ARCHIVE:
            yield File(each, encoding=encoding)
        else:
            try:
                yield from (File(each, name, encoding) for name in _members(each, suffixes, on_skipped))
            except DataError as error:
                yield error


def files_in(source: str | Path, suffixes: Sequence[str], *, on_skipped: OnSkipped | None = None) -> Iterator[File]:
    """The files that a path names: itself; the members of an archive; or what a folder holds, in the order of names.

    Args:
        source: a file, an archive (*.zip), or a folder, whose subfolders are read too, but for what `is_left_out`.
        suffixes: the kinds of files to take from a folder or an archive, packed or not; a file that is named itself
            may have any.
        on_skipped: is called with a folder's or an archive's files of other kinds.

    Raises:
        DataError: there is no such file, it cannot be read, or nothing of these kinds is in it.
    """
    for file in files_and_errors(source, suffixes, on_skipped=on_skipped):
        if isinstance(file, DataError):
            raise file
        if file.path == Path(source):
            check_regular(file.path)
        yield file


def _members(path: Path, suffixes: Sequence[str], on_skipped: OnSkipped | None) -> list[str]:
    with file_errors(path), _archive_errors(str(path)):
        names = sorted(
            entry.filename
            for entry in _archive(path).infolist()
            if entry.filename and not entry.is_dir() and not any(map(is_left_out, PurePosixPath(entry.filename).parts))
        )
    wanted = [name for name in names if _suffix(PurePosixPath(name)) in suffixes]
    if not wanted:
        raise _nothing(path, suffixes)
    if on_skipped is not None and len(wanted) < len(names):
        on_skipped(Skipped(path, tuple(sorted(set(names) - set(wanted))), tuple(suffixes)))
    return wanted


def _archive(path: Path) -> zipfile.ZipFile:
    """An archive, open; the last one stays so, for to find out its members takes longer than to read one."""
    found = path.stat()
    return _opened(path, found.st_ino, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=1)
def _opened(path: Path, *stamps: int) -> zipfile.ZipFile:
    del stamps
    return zipfile.ZipFile(path)


@contextmanager
def _archive_errors(name: str) -> Iterator[None]:
    """Say what it means that an archive, or a member of it, cannot be opened."""
    with _packing_errors(name):
        try:
            yield
        except NotImplementedError as error:  # of a rare packing, and of a version that is none
            raise _damaged(error, name) from None
        except RuntimeError as error:  # zipfile's words for a password
            fix = "unpack it, and name its files"
            raise DataError(f"the archive cannot be opened: {error}", where=name, fix=fix) from None
        except (ValueError, OverflowError, struct.error) as error:
            raise _damaged(error, name) from None


def _suffix(path: Path | PurePosixPath) -> str:
    last = path.suffix.lower()
    return PurePosixPath(path.stem).suffix.lower() if last in PACKED else last


def _nothing(path: Path, suffixes: Sequence[str]) -> DataError:
    return DataError(
        f"the archive holds none of the files that are read here ({patterns(suffixes)})",
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

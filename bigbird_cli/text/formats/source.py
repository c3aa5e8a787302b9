"""A file to read: whole, or such that one may go back in it, and of the kind that its name promises."""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, Final

from bigbird_cli.errors import DataError
from bigbird_cli.files.file_types import START, file_type
from bigbird_cli.files.streams import LONGEST
from bigbird_cli.text.formats.paged import reject_length

MOST_BYTES: Final = 1 << 31
"""Bytes of a pipe that is copied to be read, at most."""

_IN_MEMORY = 1 << 24
"""Bytes of a pipe that are kept in memory; more go to a temporary file."""


def read_whole(stream: BinaryIO, name: str) -> bytes:
    """All bytes of a stream.

    Raises:
        DataError: there are more than LONGEST.
    """
    data = stream.read(LONGEST + 1)
    if len(data) > LONGEST:
        reject_length(name)
    return data


@contextmanager
def seekable(stream: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """The stream itself, or a temporary copy of one that goes forward only; at its start."""
    if stream.seekable():
        stream.seek(0)
        yield stream
        return
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as copy:
        copy_whole(stream, copy, name)
        yield copy  # type: ignore[misc]  # a BinaryIO in all but name


def copy_whole(stream: BinaryIO, copy: IO[bytes], name: str) -> None:
    """Copy a stream to a file that is then at its start.

    Raises:
        DataError: it goes on beyond MOST_BYTES.
    """
    n_bytes = 0
    while block := stream.read(1 << 20):
        n_bytes += len(block)
        if n_bytes > MOST_BYTES:
            raise DataError(
                f"the file goes on beyond {MOST_BYTES // 1_000_000} MB", where=name, fix="split it into several"
            )
        copy.write(block)
    copy.flush()
    copy.seek(0)


def reject_other_kinds(stream: BinaryIO, name: str, *, wanted: str, starts: tuple[bytes, ...]) -> None:
    """Raise DataError if a seekable stream is empty, or does not begin as its format does.

    Args:
        stream: at its start, where it is left.
        name: what to call it in errors.
        wanted: the format that the name promises: "a PDF document".
        starts: what files of the format begin with, among their first START bytes.
    """
    start = stream.read(START)
    stream.seek(0, io.SEEK_SET)
    if not start:
        raise DataError("the file is empty", where=name, fix="give a file with text in it")
    if any(mark in start for mark in starts):
        return
    kind = file_type(start)
    raise DataError(
        f"this is {kind.name if kind else 'something else'}, not {wanted}",
        where=name,
        fix="give the file the suffix of what it is",
    )

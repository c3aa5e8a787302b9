"""A file to read: whole, and of the kind that its name promises."""

import io
from typing import BinaryIO

from bigbird_cli.errors import DataError
from bigbird_cli.files.file_types import START, file_type
from bigbird_cli.files.streams import LONGEST
from bigbird_cli.text.formats.paged import reject_length


def read_whole(stream: BinaryIO, name: str) -> bytes:
    """All bytes of a stream.

    Raises:
        DataError: there are more than LONGEST.
    """
    data = stream.read(LONGEST + 1)
    if len(data) > LONGEST:
        reject_length(name)
    return data


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

"""Streams that one may go back in: temporary copies of those that go forward only."""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, Final

from bigbird_cli.errors import DataError

MOST_BYTES: Final = 1 << 30
"""Bytes that are copied, at most."""

_IN_MEMORY = 1 << 24
"""Bytes that are kept in memory; more go to a temporary file."""


@contextmanager
def seekable(stream: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """The stream itself if it is a file or in memory, else a copy: to go back, one that unpacks would begin again."""
    if isinstance(stream, io.BufferedReader | io.BytesIO) and stream.seekable():
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

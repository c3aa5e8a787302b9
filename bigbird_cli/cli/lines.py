"""Lines of a pipe, and whether the next one is there yet."""

import os
import select
import sys
from collections.abc import Iterator
from io import UnsupportedOperation
from typing import BinaryIO

_AT_ONCE = 1 << 16


class Lines:
    """The lines of a binary stream, one at a time, each as soon as it has come whole.

    Nothing else may read the stream.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._whole: list[bytes] = []  # lines that have come, the next one last
        self._begun: list[bytes] = []  # parts of the line that has not come whole
        self._ended = False
        try:
            self._source: int | None = stream.fileno()
        except (UnsupportedOperation, AttributeError):
            self._source = None  # a stream in memory

    def would_wait(self) -> bool:
        """Whether asking for the next line would wait for whoever writes; False where the system cannot tell."""
        if self._whole or self._ended or self._source is None or sys.platform == "win32":
            return False
        return not select.select([self._source], [], [], 0)[0]

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while not self._whole:
            if self._ended:
                raise StopIteration
            self._read()
        return self._whole.pop()

    def _read(self) -> None:
        block = self._stream.read(_AT_ONCE) if self._source is None else os.read(self._source, _AT_ONCE)
        if not block:
            self._ended = True
            if self._begun:
                self._whole.append(b"".join(self._begun))
            return
        *ended, rest = block.split(b"\n")
        if ended:
            ended[0] = b"".join([*self._begun, ended[0]])
            self._whole = [line + b"\n" for line in reversed(ended)]
            self._begun = [rest] if rest else []
        else:
            self._begun.append(rest)

"""Lines of a pipe, whether the next one is there yet, and what the pipe holds."""

import json
import os
import select
import sys
from collections.abc import Iterator, Sequence
from io import UnsupportedOperation
from typing import BinaryIO, Literal

from bigbird_cli.errors import DataError

_AT_ONCE = 1 << 16

Form = Literal["lines", "values", "text"]
"""Rows as JSON lines; rows as a JSON list, or as objects over several lines; or no rows at all."""


class Lines:
    """The lines of a binary stream, one at a time, each as soon as it has come whole.

    Nothing else may read the stream.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._whole: list[bytes] = []  # lines that have come, the next one last
        self._begun: list[bytes] = []  # parts of the line that has not come whole
        self._n_begun = 0
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

    def form(self) -> Form:
        """What the stream holds, as far as it has come when its first line has; nothing is taken."""
        while not self._ended and not any(line.strip() for line in self._whole) and self._n_begun < _AT_ONCE:
            self._read()
        return form_of(self._held())

    def read(self, size: int = -1) -> bytes:  # noqa: ARG002 - the signature is a stream's
        """What has come and was not taken, else what comes next; nothing at the end."""
        if not self._whole and not self._begun and not self._ended:
            self._read()
        held = self._held()
        self._whole, self._begun, self._n_begun = [], [], 0
        return held

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while not self._whole:
            if self._ended:
                raise StopIteration
            self._read()
        return self._whole.pop()

    def _held(self) -> bytes:
        return b"".join([*reversed(self._whole), *self._begun])

    def _read(self) -> None:
        from bigbird_cli.files.streams import LONGEST

        block = self._stream.read(_AT_ONCE) if self._source is None else os.read(self._source, _AT_ONCE)
        *ended, rest = block.split(b"\n")
        if not block:
            self._ended = True
            ended = [b""] if self._begun else []
        for line in ended:
            self._whole.insert(0, b"".join([*self._begun, line, b"\n" if block else b""]))
            self._begun, self._n_begun = [], 0
        if rest:
            self._begun.append(rest)
            self._n_begun += len(rest)
        if self._n_begun > LONGEST:
            raise DataError(f"a line goes on beyond {LONGEST // 1_000_000} MB", where="standard input")


def form_of(start: bytes) -> Form:
    """What a stream holds that begins so: rows in one of two ways, or something else."""
    lines = [line.strip() for line in start.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip()]
    if b"".join(lines[:2]).replace(b" ", b"")[:2] in (b"[", b"[{", b"[]"):
        return "values"
    if any(_is_object(line) for line in lines):
        return "lines"
    if not lines or not lines[0].startswith(b"{"):
        return "text" if lines else "lines"
    return "values" if _goes_on(lines) else "lines"


def _is_object(line: bytes) -> bool:
    try:
        return line.startswith(b"{") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _goes_on(lines: Sequence[bytes]) -> bool:
    """Whether the first line begins an object that goes on in the second; a row that is cut short does not."""
    if len(lines) == 1 or not lines[1].startswith((b'"', b"}")):
        return False
    try:
        json.loads(lines[0])
    except json.JSONDecodeError as error:
        return error.pos >= len(error.doc)
    except (ValueError, RecursionError):
        return False
    return False

"""Lines of a pipe, whether the next one is there yet, and what the pipe holds."""

import json
import os
import select
import sys
from collections.abc import Callable, Iterator, Sequence
from io import UnsupportedOperation
from typing import BinaryIO, Literal

from bigbird_cli.errors import DataError

_AT_ONCE = 1 << 16

Form = Literal["lines", "values", "sequences", "text", "document"]
"""Rows as JSON lines; rows as a JSON list, or as objects over several lines; rows of FASTA; a text; or a document of
another kind."""


class Lines:
    """The lines of a binary stream, one at a time, each as soon as it has come whole.

    Nothing else may read the stream.

    Args:
        stream: a pipe, mostly.
        encoding: of its text, which comes as UTF-8; None where it is that.
    """

    def __init__(self, stream: BinaryIO, *, encoding: str | None = None) -> None:
        self._stream = stream
        self._start = b""  # what has come, while nothing is taken
        self._encoding = encoding
        self._convert = _converter(encoding)
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
        if self._whole or self._start or self._ended or self._source is None or sys.platform == "win32":
            return False
        return not select.select([self._source], [], [], 0)[0]

    def form(self) -> Form:
        """What the stream holds, as far as it has come when its first line has; nothing is taken."""
        from bigbird_cli.files.file_types import file_type
        from bigbird_cli.text.readers import FASTA, suffix_of

        while len(self._start) < _AT_ONCE and not _has_line(self._start) and (block := self._block()):
            self._start += block
        if suffix := suffix_of(self._start):
            return "sequences" if suffix in FASTA else "document"
        kind = file_type(self._start)
        return "text" if kind and not kind.encoding else form_of(_converter(self._encoding)(self._start))

    def blocks(self) -> Iterator[bytes]:
        """What has come and was not taken, as it came, and what comes next."""
        if self._start:
            yield self._start
        while block := self._block():
            yield block

    def read(self, size: int = -1) -> bytes:  # noqa: ARG002 - the signature is a stream's
        """What has come and was not taken, else what comes next; nothing at the end."""
        while not self._whole and not self._begun and not self._ended:
            self._read()
        held = b"".join([*reversed(self._whole), *self._begun])
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

    def _block(self) -> bytes:
        return self._stream.read(_AT_ONCE) if self._source is None else os.read(self._source, _AT_ONCE)

    def _read(self) -> None:
        from bigbird_cli.files.streams import LONGEST

        block, self._start = self._start or self._block(), b""
        self._ended = not block
        *ended, rest = self._convert(block).split(b"\n")
        for line in ended:
            self._whole.insert(0, b"".join([*self._begun, line, b"\n"]))
            self._begun, self._n_begun = [], 0
        if rest:
            self._begun.append(rest)
            self._n_begun += len(rest)
        if self._ended and self._begun:
            self._whole.insert(0, b"".join(self._begun))
            self._begun = []
        if self._n_begun > LONGEST:
            raise DataError(f"a line goes on beyond {LONGEST // 1_000_000} MB", where="standard input")


def _converter(encoding: str | None) -> Callable[[bytes], bytes]:
    from bigbird_cli.files.transcoded import Transcoder

    return Transcoder(encoding, "standard input").utf8 if encoding else bytes


def _has_line(start: bytes) -> bool:
    """Whether a line has come whole that tells what there is: one with something in it, no head or comment of FASTA."""
    return any(line.strip() and not line.startswith((b">", b";")) for line in start.split(b"\n")[:-1])


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

"""Files, pipes and standard input as UTF-8: whole, in blocks, or line by line, every character kept."""

import codecs
import io
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final, cast

from bigbird_cli.errors import DataError, nearest
from bigbird_cli.files.encodings import EncodingError
from bigbird_cli.files.file_types import START, check_plain_text, file_type

LONGEST: Final = 1 << 28
"""Characters of a document, or bytes of a line of rows, at most: what has no end is not read until memory ends."""

_BLOCK = 1 << 20


def decode_bytes(data: bytes, name: str) -> str:
    """Decode UTF-8 and keep every character: line ends as they are, a byte order mark as U+FEFF.

    Raises:
        DataError: the bytes are no text in UTF-8; it names what they are, or the first wrong one.
    """
    check_plain_text(data[:START], name)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise not_utf8(error, name) from None


def not_utf8(error: UnicodeDecodeError, name: str, *, n_bytes: int = 0, n_lines: int = 0) -> DataError:
    """What to say of bytes that are no UTF-8, n_bytes and n_lines of the same text having been good before them."""
    line = n_lines + error.object.count(b"\n", 0, error.start) + 1
    return wrong_byte(error, name, f" at offset {n_bytes + error.start} (line {line})", in_any=f" in line {line}")


def wrong_byte(error: UnicodeDecodeError, where: str, place: str = "", *, in_any: str | None = None) -> DataError:
    """What to say of a byte that is not UTF-8.

    Args:
        error: what decoding said.
        where: the file, or the row.
        place: where the byte stands there, as the text is in UTF-8: " at offset 9".
        in_any: the same whatever its encoding is; None for as it is in UTF-8.
    """
    data, start = error.object, error.start
    problem = f"the byte 0x{data[start]:02x}{place} is not UTF-8 text"
    kind = file_type(data[:START])
    if kind and not kind.encoding:
        return DataError(problem, where=where, fix=kind.fix)
    if kind:
        return EncodingError(problem, where=where, fix=kind.fix, likely=kind.encoding)
    if b"\0" in data[:8192]:
        return DataError(problem, where=where, fix="this looks like a binary file: give its text")
    wrong = data[start : start + 3]
    return EncodingError(problem, where=where, wrong=wrong, place=place if in_any is None else in_any)


def decoded(stream: BinaryIO, name: str) -> Iterator[str]:
    """A UTF-8 stream in blocks of bounded size, every character kept.

    Raises:
        DataError: it is no text in UTF-8; raised at its first bytes, or at the first wrong one.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    n_bytes = n_lines = 0
    while True:
        block = stream.read(_BLOCK)
        if not n_bytes:
            check_plain_text(block[:START], name)
        begun, _ = decoder.getstate()  # of a character that the blocks cut in two
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise not_utf8(error, name, n_bytes=n_bytes - len(begun), n_lines=n_lines) from None
        if not block:
            return
        yield text
        n_bytes += len(block)
        n_lines += text.count("\n")


def stream_of(blocks: Iterable[bytes]) -> BinaryIO:
    """Blocks, none of them empty, as a stream that goes forward only."""
    return cast(BinaryIO, io.BufferedReader(_Blocks(blocks)))


class _Blocks(io.RawIOBase):
    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._held = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        held = self._held or memoryview(next(self._blocks, b""))
        n_bytes = min(len(buffer), len(held))
        buffer[:n_bytes], self._held = held[:n_bytes], held[n_bytes:]
        return n_bytes


def blocks_of(stream: BinaryIO) -> Iterator[bytes]:
    """What is left of a stream, as it comes."""
    while block := stream.read(_BLOCK):
        yield block


def begun(stream: BinaryIO) -> tuple[bytes, BinaryIO]:
    """The beginning of a stream, START bytes or all there are, and a stream of the whole."""
    start = b""
    while len(start) < START and (block := stream.read(START)):
        start += block
    return start, stream_of(chain(filter(None, [start]), blocks_of(stream)))


def text_blocks(stream: BinaryIO, name: str) -> Iterator[str]:
    """The text of a UTF-8 stream in blocks of bounded size, without the byte order mark that a file may begin with.

    Raises:
        DataError: a byte is not UTF-8; it names the first.
    """
    for number, text in enumerate(decoded(stream, name)):
        yield text.removeprefix("\ufeff") if number == 0 else text


def byte_lines(stream: BinaryIO, name: str) -> Iterator[bytes]:
    r"""The lines of a binary stream with their ends: \n, \r\n or \r. DataError where one goes on beyond LONGEST."""
    begun: list[bytes] = []
    n_bytes = 0
    while block := stream.read(_BLOCK):
        while block.endswith(b"\r") and (after := stream.read(1)):
            block += after  # it may be a \n
        for part in block.splitlines(keepends=True):
            begun.append(part)
            n_bytes += len(part)
            if n_bytes > LONGEST:
                raise DataError(
                    f"a line goes on beyond {LONGEST // 1_000_000} MB",
                    where=name,
                    fix="give a row a line, or less text",
                )
            if part.endswith((b"\n", b"\r")):
                yield b"".join(begun)
                begun, n_bytes = [], 0
    if begun:
        yield b"".join(begun)


def text_lines(stream: BinaryIO, name: str, *, errors: str = "strict") -> Iterator[str]:
    r"""The lines of a UTF-8 stream with their ends (\n, \r\n or \r), without the byte order mark it may begin with.

    Args:
        stream: binary.
        name: what to call it in errors.
        errors: what to do with wrong bytes: "strict" refuses them, "surrogateescape" leaves them to the caller.

    Raises:
        DataError: it is no text, or a byte is not UTF-8; it names the first. Or a line goes on beyond LONGEST.
    """
    n_bytes = 0
    for n_lines, line in enumerate(byte_lines(stream, name)):
        if n_lines == 0:
            check_plain_text(line[:START], name)
        try:
            text = line.decode("utf-8", errors)
        except UnicodeDecodeError as error:
            raise not_utf8(error, name, n_bytes=n_bytes, n_lines=n_lines) from None
        yield text.removeprefix("\ufeff") if n_lines == 0 else text
        n_bytes += len(line)


def read_stream(stream: BinaryIO, name: str) -> str:
    """Read a UTF-8 stream whole, every character kept.

    Raises:
        DataError: it is no text in UTF-8, or goes on beyond LONGEST.
    """
    blocks: list[str] = []
    n_characters = 0
    for block in decoded(stream, name):
        n_characters += len(block)
        if n_characters > LONGEST:
            raise DataError(
                f"the text goes on beyond {LONGEST // 1_000_000} MB", where=name, fix="split it into several"
            )
        blocks.append(block)
    return "".join(blocks)


def read_text(path: str | Path) -> str:
    """Read a UTF-8 file, or a pipe that has a name, every character kept.

    Raises:
        DataError: the file is missing, cannot be opened, or is no text in UTF-8.
    """
    path = Path(path)
    with file_errors(path), path.open("rb") as stream:
        return read_stream(stream, str(path))


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Say what it means that a file cannot be opened or read, as a DataError."""
    try:
        yield
    except FileNotFoundError:
        if path.is_symlink():
            target = os.path.realpath(path)
            raise DataError(f"this is a link to {target}, which is not there", where=str(path)) from None
        raise DataError("there is no such file", where=str(path), fix=_nearby(path)) from None
    except IsADirectoryError:
        raise DataError("this is a folder, not a file", where=str(path), fix="name a file in it") from None
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror or error}", where=str(path)) from None


@contextmanager
def standard_input(stdin: BinaryIO | None = None) -> Iterator[BinaryIO]:
    """A binary stream, by default the process's own input; raises DataError when it is closed or cannot be read."""
    if stdin is None and sys.stdin is None:
        raise DataError("it is closed", where="standard input", fix="name a file, or pipe a text into the command")
    try:
        yield stdin or sys.stdin.buffer
    except OSError as error:
        raise DataError(f"it cannot be read: {error.strerror or error}", where="standard input") from None


def _nearby(path: Path) -> str | None:
    """Name the file that was probably meant."""
    try:
        match = nearest(path.name, [file.name for file in path.parent.iterdir()])
    except OSError:
        return f"the folder {path.parent} is not there either" if not path.parent.exists() else None
    return f"did you mean {path.parent / match}?" if match else None

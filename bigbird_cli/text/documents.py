"""Files, folders, standard input and JSON lines as documents, and a document as tokens, read once."""

import codecs
import json
import math
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np

from bigbird_cli.errors import BigBirdError, BigBirdWarning, DataError, nearest
from bigbird_cli.text.kinds import START, kind_of, refuse_kinds, text_makers
from bigbird_cli.text.marks import widened
from bigbird_cli.text.tokenizers.tokenizer import Newline, Tokenizer, Tokens
from bigbird_cli.text.tokenizers.tokens import dropped

SUFFIXES = (".txt", ".md")

TO_UTF8 = "convert the file to UTF-8, for instance with iconv -f WINDOWS-1252 -t UTF-8"
"""What to do about text in most other encodings."""

LONGEST = 1 << 28
"""Characters of a document, or bytes of a line of rows, at most: what has no end is not read until memory ends."""

_BLOCK = 1 << 20
_LEFT_OUT = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
_AT_ONCE = 1 << 16
"""Tokens whose places are Python's numbers at a time, which take ten times their memory."""
_SENTENCE_END = re.compile(r"[.!?]\s|[。！？]|.?\s*[\n\r]\s*[\n\r]", re.DOTALL)
_QA_ROW = '{"context": ..., "question": ...}'


@dataclass(frozen=True)
class Document:
    """A text and the name of where it came from."""

    name: str
    text: str


@dataclass(frozen=True)
class FailedDocument:
    """A document that could not be read; its neighbours are read all the same."""

    name: str
    error: BigBirdError


@dataclass(frozen=True, eq=False)
class ReadDocument:
    """A document and its tokens: made once, shared by all questions and windows.

    Attributes:
        text: the document as given; all offsets count its Unicode code points.
        tokens: its tokens, without special ones.
        unknown: how many of them are the unknown token, and characters that have no token: text that a model cannot
            read.
        name: where the text came from.
    """

    text: str
    tokens: Tokens
    unknown: int
    name: str = ""

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def visible(self) -> np.ndarray:
        """bool (n,): whether a token covers text other than white space, so that a span may begin or end with it."""
        text = self.text
        return np.fromiter((bool(text[start:end].strip()) for start, end in self._spans()), dtype=bool, count=len(self))

    @cached_property
    def ends_sentence(self) -> np.ndarray:
        """bool (n,): whether a sentence ends with a token: a full stop and white space follow, or a blank line."""
        ended = (
            bool(_SENTENCE_END.match(self.text, max(0, end - 1), following))
            for (_, end), (following, _) in pairwise(self._spans())
        )
        return np.fromiter(chain(ended, [True]), dtype=bool)[: len(self)]

    def _spans(self) -> Iterator[tuple[int, int]]:
        """Start and end of each token, as Python's numbers."""
        starts, ends = self.tokens.starts, self.tokens.ends
        for i in range(0, len(self), _AT_ONCE):
            yield from zip(starts[i : i + _AT_ONCE].tolist(), ends[i : i + _AT_ONCE].tolist(), strict=True)

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Give the characters start..end of tokens first..last (both included), without white space at the ends."""
        start, end = int(self.tokens.starts[first]), int(self.tokens.ends[last])
        covered = self.text[start:end]
        return end - len(covered.lstrip()), start + len(covered.rstrip())

    def answer_span(self, first: int, last: int) -> tuple[int, int]:
        """Give the characters of tokens first..last (both included) as an answer, see `text.marks.widened`."""
        return widened(self.text, *self.span(first, last))

    def tokens_of(self, start: int, end: int) -> tuple[int, int] | None:
        """Find the tokens first..last (both included) that cover the characters start..end; None if there are none."""
        first = int(np.searchsorted(self.tokens.ends, start, side="right"))
        last = int(np.searchsorted(self.tokens.starts, end, side="left")) - 1
        return (first, last) if first <= last else None


def encode_document(
    text: str,
    tokenizer: Tokenizer,
    *,
    name: str = "",
    newline: Newline | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> ReadDocument:
    """Tokenise a whole document once.

    Args:
        text: any text; empty gives a document of no tokens.
        tokenizer: the model's.
        name: where the text came from.
        newline: the tokenizer's rule for line breaks; None for the one its vocabulary wants.
        on_progress: is told now and then how many characters have been read.
    """
    tokens = tokenizer.encode(text, newline=newline, on_progress=on_progress)
    unknown = 0 if tokenizer.unk_id is None else int(np.count_nonzero(tokens.ids == tokenizer.unk_id))
    unknown += dropped(text, tokenizer).total()
    return ReadDocument(text=text, tokens=tokens, unknown=unknown, name=name)


def unreadable(document: ReadDocument) -> str:
    """What to say of a document without tokens."""
    if not document.text:
        return "is empty"
    if document.unknown:
        return f"has {document.unknown:,} characters, and the model's vocabulary knows none of them"
    return "holds nothing but white space"


def decode_bytes(data: bytes, name: str) -> str:
    """Decode UTF-8 and keep every character: line ends as they are, a byte order mark as U+FEFF.

    Raises:
        DataError: the bytes are no text in UTF-8; it names what they are, or the first wrong one.
    """
    refuse_kinds(data[:START], name)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise not_utf8(error, name) from None


def not_utf8(error: UnicodeDecodeError, name: str, *, n_bytes: int = 0, n_lines: int = 0) -> DataError:
    """What to say of bytes that are no UTF-8, n_bytes and n_lines of the same text having been good before them."""
    data = error.object
    line = n_lines + data.count(b"\n", 0, error.start) + 1
    return DataError(
        f"the byte 0x{data[error.start]:02x} at offset {n_bytes + error.start} (line {line}) is not UTF-8 text",
        where=name,
        fix=_encoding_hint(data),
    )


def decoded(stream: BinaryIO, name: str) -> Iterator[str]:
    """A UTF-8 stream in blocks of bounded size, every character kept.

    Raises:
        DataError: it is no text in UTF-8; told at its first bytes, or at the first wrong one.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    n_bytes = n_lines = 0
    while True:
        block = stream.read(_BLOCK)
        if not n_bytes:
            refuse_kinds(block[:START], name)
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


@dataclass(frozen=True)
class Skipped:
    """Files of a folder that are not read, for they are of other kinds.

    Attributes:
        folder: where they stand.
        names: theirs, below the folder.
        suffixes: the kinds that are read.
    """

    folder: Path
    names: tuple[str, ...]
    suffixes: tuple[str, ...]

    def __str__(self) -> str:
        makers = text_makers(self.names)
        fix = f": make texts of them with {' or '.join(makers)}" if makers else ""
        return (
            f"{self.folder}: {len(self.names):,} skipped: {_listed(self.names)}; "
            f"only {_patterns(self.suffixes)} are read of a folder{fix}"
        )


OnSkipped = Callable[[Skipped], None]
"""Is told of the files of a folder that are not read."""


def warn_of_skipped(skipped: Skipped) -> None:
    """Tell of files that are not read in a warning."""
    warnings.warn(BigBirdWarning(str(skipped)), stacklevel=3)


def read_documents(
    paths: Sequence[str | Path], *, stdin: BinaryIO | None = None, on_skipped: OnSkipped = warn_of_skipped
) -> Iterator[Document | FailedDocument]:
    """Read documents one after the other, each when it is asked for.

    Args:
        paths: files; folders, whose *.txt and *.md files are read in the order of their names, subfolders
            included, but for what `is_left_out`; "-" for standard input.
        stdin: binary stream for "-"; by default the process's own.
        on_skipped: is told of a folder's files of other kinds.

    Yields:
        A Document for each text, or a FailedDocument with a DataError for one that is missing, empty, or not UTF-8, and
        for a subfolder that cannot be read.
    """
    for path in paths:
        if str(path) == "-":
            name = "-"
            try:
                with standard_input(stdin) as stream:
                    text = read_stream(stream, "standard input")
                yield _filled(Document(name, text), "standard input")
            except DataError as error:
                yield FailedDocument(name, error)
            continue
        path = Path(path)
        try:
            # os.path: what may not be looked at is reported by the reading below
            files = files_of(path, on_skipped=on_skipped) if os.path.isdir(path) else [path]  # noqa: PTH112
        except DataError as error:
            yield FailedDocument(str(path), error)
            continue
        for file in files:
            if isinstance(file, FailedDocument):
                yield file
                continue
            try:
                yield _filled(Document(str(file), read_text(file)), str(file))
            except DataError as error:
                yield FailedDocument(str(file), error)


def read_jsonl(
    stream: BinaryIO | Iterable[bytes], name: str, *, example: str = _QA_ROW
) -> Iterator[tuple[int, dict[str, object] | DataError]]:
    """Read JSON lines, one object a line; a bad line becomes an error and the others are read.

    Args:
        stream: binary stream or lines of it.
        name: what to call it in errors.
        example: an object as it should be, for errors.

    Yields:
        The line's number, counted from 1, and its object or a DataError. Empty lines are passed over.
    """
    lines = (line for block in stream for line in block.splitlines())  # of bytes: at \n, \r\n and \r only
    for number, line in enumerate(lines, start=1):
        where = f"{name}:{number}"
        if number == 1:
            try:
                refuse_kinds(line[:START], name)
            except DataError as error:  # no line of it is a row
                yield number, error
                return
            line = line.removeprefix(codecs.BOM_UTF8)  # a file's own byte order mark is no part of its first object
        if not line.strip():
            continue
        try:
            yield number, json_object(_line_text(line, where), where, example=example)
        except DataError as error:
            yield number, error


NUMBER_FIX = "write null where a value is missing, and a number that is an id in quotes"
"""What to do about a number that JSON has not, or that is too large to be one."""


def json_object(text: str, where: str, *, example: str = _QA_ROW) -> dict[str, object]:
    """Parse one JSON object; errors give the example of one.

    Raises:
        DataError: the text is not JSON, not an object, or holds a lone surrogate.
    """
    text = text.rstrip()
    try:
        value = parse_json(text)
    except json.JSONDecodeError as error:
        raise DataError(_not_json(error, text), where=where, fix="write one JSON object a line") from None
    except ValueError as error:
        raise DataError(str(error), where=where, fix=NUMBER_FIX) from None
    except RecursionError:
        raise DataError("this JSON is nested too deeply", where=where) from None
    if not isinstance(value, dict):
        raise DataError(f"this is {json_kind(value)}, not a JSON object", where=where, fix=f"write {example}")
    return value


def breaks_off(error: json.JSONDecodeError) -> bool:
    """Whether a text is JSON as far as it goes, and ends too soon."""
    return error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string")


def json_problem(error: json.JSONDecodeError) -> str:
    """What is wrong, without the place, of which Python's own words keep a part: "Invalid control character at"."""
    return error.msg.removesuffix(" at").removesuffix(" starting").rstrip(": ")


def _not_json(error: json.JSONDecodeError, text: str) -> str:
    if not breaks_off(error):
        return f"this is not JSON: {json_problem(error)} at column {error.colno}"
    begun = f", in the string that begins at column {error.colno}" if error.pos < len(text) else ""
    return f"this is not JSON: it breaks off at column {len(text) + 1}{begun}"


def _line_text(line: bytes, where: str) -> str:
    """Decode a line; its place is in `where`."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        column = len(line[: error.start].decode("utf-8")) + 1
        raise DataError(
            f"the byte 0x{line[error.start]:02x} at column {column} is not UTF-8 text",
            where=where,
            fix=_encoding_hint(line),
        ) from None


def parse_json(text: str) -> Any:
    """Parse JSON, without the numbers that only Python's own reader takes: what is read can be written again.

    Raises:
        json.JSONDecodeError: the text is not JSON.
        ValueError: a number is NaN or infinite, or has thousands of digits.
        RecursionError: it is nested too deeply.
    """
    return json_decoder().decode(text)


def json_decoder() -> json.JSONDecoder:
    """A decoder with the rules of `parse_json`, for a text that holds more than one value."""
    return json.JSONDecoder(parse_constant=_no_constant, parse_float=_float, parse_int=_int)


def json_kind(value: object) -> str:
    """Name a JSON value's kind as its author would."""
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def refuse_surrogates(text: str, what: str, where: str) -> None:
    r"""Raise DataError if a text holds a lone surrogate (JSON's "\ud800"), which stands for no character."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"{what} holds half a character, U+{ord(text[error.start]):04X}, at character {error.start}",
            where=where,
            fix="write the surrogate pair whole",
        ) from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number that JSON has")


def _float(number: str) -> float:
    value = float(number)
    return value if math.isfinite(value) else _too_large(number)


def _int(number: str) -> int:
    try:
        return int(number)
    except ValueError:  # Python reads and writes some thousand digits at most
        _too_large(number)


def _too_large(number: str) -> NoReturn:
    raise ValueError(f"the number {number} is too large")


def _filled(document: Document, where: str) -> Document:
    if not document.text:
        raise DataError("the document is empty", where=where, fix="give a file with text in it")
    return document


@contextmanager
def standard_input(stdin: BinaryIO | None = None) -> Iterator[BinaryIO]:
    """A binary stream, by default the process's own input; raises DataError when it is closed or cannot be read."""
    if stdin is None and sys.stdin is None:
        raise DataError("it is closed", where="standard input", fix="name a file, or pipe a text into the command")
    try:
        yield stdin or sys.stdin.buffer
    except OSError as error:
        raise DataError(f"it cannot be read: {error.strerror or error}", where="standard input") from None


def is_left_out(name: str) -> bool:
    """Whether a file or folder of this name is left out of the folder or archive it stands in, unless named itself.

    So are hidden ones (._lease.txt of macOS, .ipynb_checkpoints, .git), and what systems and Office put beside files.
    """
    return name.startswith((".", "~$")) or name.lower() in _LEFT_OUT


def walk(folder: Path, *, on_error: Callable[[DataError], None] | None = None) -> Iterator[Path]:
    """The files of a folder and its subfolders, and the links to folders, which are not followed; see `is_left_out`.

    Args:
        folder: where to begin.
        on_error: is told of a subfolder that cannot be read; None raises the error.
    """

    def unreadable(error: OSError) -> None:
        problem = DataError(
            f"the folder cannot be read: {error.strerror or error}", where=error.filename, fix="check its permissions"
        )
        if on_error is None:
            raise problem from None
        on_error(problem)

    for parent, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if not is_left_out(name)]
        links = (name for name in folders if Path(parent, name).is_symlink())
        yield from (Path(parent, name) for name in (*names, *links) if not is_left_out(name))


def _suffix(file: Path) -> str:
    return file.suffix.lower()


def files_of(
    folder: Path,
    suffixes: Sequence[str] = SUFFIXES,
    *,
    suffix_of: Callable[[Path], str] = _suffix,
    on_skipped: OnSkipped | None = None,
) -> list[Path | FailedDocument]:
    """The texts in a folder and its subfolders, in the order of their names, and what of it cannot be read.

    Args:
        folder: what is in it, see `walk`.
        suffixes: kinds of files to take.
        suffix_of: tells a file's kind.
        on_skipped: is told of files of other kinds, and of pipes and the like.

    Raises:
        DataError: there is no file with one of the suffixes in it.
    """
    found: dict[Path, Path | FailedDocument] = {}
    skipped: list[Path] = []

    def unreadable(error: DataError) -> None:
        name = str(error.where)
        found[Path(name)] = FailedDocument(name, error)

    for file in walk(folder, on_error=unreadable):
        if suffix_of(file) in suffixes and _may_be_read(file):
            found[file] = file
        else:
            skipped.append(file)
    others = Skipped(folder, tuple(str(file.relative_to(folder)) for file in sorted(skipped)), tuple(suffixes))
    if not found:
        makers = text_makers(others.names)
        raise DataError(
            f"the folder holds none of {_patterns(suffixes)}" + (f", only {_listed(others.names)}" if skipped else ""),
            where=str(folder),
            fix=f"make texts of them with {' or '.join(makers)}" if makers else "name the files to read",
        )
    if skipped and on_skipped is not None:
        on_skipped(others)
    return [found[path] for path in sorted(found)]


def _listed(names: Sequence[str], most: int = 4) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _patterns(suffixes: Sequence[str]) -> str:
    return ", ".join(f"*{suffix}" for suffix in suffixes)


def _may_be_read(file: Path) -> bool:
    """Whether a name is a file's, not a pipe's or a folder's; one that hides it is to be tried and reported."""
    try:
        return file.is_file() or not file.exists()  # a link that leads nowhere is reported
    except OSError:
        return True


def _nearby(path: Path) -> str | None:
    """Name the file that was probably meant."""
    try:
        match = nearest(path.name, [file.name for file in path.parent.iterdir()])
    except OSError:
        return f"the folder {path.parent} is not there either" if not path.parent.exists() else None
    return f"did you mean {path.parent / match}?" if match else None


def _encoding_hint(data: bytes) -> str:
    if kind := kind_of(data[:START]):
        return kind.fix
    if b"\0" in data[:8192]:
        return "this looks like a binary file: give its text"
    return TO_UTF8

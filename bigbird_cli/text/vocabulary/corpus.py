"""A corpus of any size as a stream of short passages, and a random sample of it that fits into memory."""

import heapq
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from bigbird_cli.errors import DataError
from bigbird_cli.files.encodings import EncodingError
from bigbird_cli.files.find import warn_of_skipped
from bigbird_cli.files.json import json_kind, read_jsonl
from bigbird_cli.files.packed import files_and_errors
from bigbird_cli.files.paths import empty_path
from bigbird_cli.files.streams import begun, byte_lines, standard_input
from bigbird_cli.files.surrogates import check_text
from bigbird_cli.files.transcoded import transcoded
from bigbird_cli.text.documents import Document
from bigbird_cli.text.readers import READERS, blocks_of_text, suffix_of
from bigbird_cli.text.tokenizers.tokens import separated

Source = str | Path | Document

PASSAGE = 1000
"""Characters of a passage at most: up to 4,000 bytes; sentencepiece leaves out lines of more than 4,192."""

JSONL: Final = ".jsonl"
_TEXT_FIELD = "text"


class Corpus:
    """The texts of files, folders, standard input and documents, read once and piece by piece.

    Iterating gives passages of at most PASSAGE characters. Together they are all of the text but white space: a passage
    ends at a line end where there is one, else at a space, else, as in a genome on one line, anywhere. Whatever cannot
    be read is a DataError, as what is learned from half a corpus would not show it.

    Args:
        sources: paths of files; of folders and archives, whose files of the kinds in READERS and *.jsonl are read,
            packed or not, as `files_and_errors` finds them; "-" for standard input; or documents. A *.jsonl file has a
            JSON object a line, one of a kind that is not in READERS is plain text.
        text_field: the field of an object that holds the text; if given, everything but documents is read as JSON
            lines. None for "text" in *.jsonl files.
        encoding: of plain text, HTML and JSON lines; None for UTF-8.
        stdin: binary stream for "-"; by default the process's own.

    Standard input is of the kind that it begins as. Of FASTA the letters are read, and no passage reaches over a gap
    or into the next record.

    Attributes:
        n_bytes: bytes of text read so far, in UTF-8.
        n_lines: lines of text read so far, empty ones included.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        *,
        text_field: str | None = None,
        encoding: str | None = None,
        stdin: BinaryIO | None = None,
    ) -> None:
        self.n_bytes = self.n_lines = 0
        self._sources = sources
        self._text_field = text_field
        self._encoding = encoding
        self._stdin = stdin

    def __iter__(self) -> Iterator[str]:
        for source in self._sources:
            if isinstance(source, Document):
                check_text(source.text, "the text", source.name)
                yield from self._passages_of(source.text)
            elif str(source) == "-":
                with standard_input(self._stdin) as stream:
                    start, whole = begun(stream)
                    yield from self._read(whole, "standard input", suffix=suffix_of(start))
            elif not str(source):
                raise empty_path()
            else:
                for file in files_and_errors(source, (*READERS, JSONL), on_skipped=warn_of_skipped):
                    if isinstance(file, DataError):
                        raise file
                    with file.open() as stream:
                        yield from self._read(stream, file.name, suffix=file.suffix)

    def _read(self, stream: BinaryIO, name: str, *, suffix: str) -> Iterator[str]:
        try:
            if suffix == JSONL or self._text_field is not None:
                lines = stream if self._encoding is None else transcoded(stream, self._encoding, name)
                for text in _rows(lines, name, self._text_field or _TEXT_FIELD):
                    yield from self._passages_of(text)
            else:
                blocks = blocks_of_text(stream, name, suffix=suffix, encoding=self._encoding)
                yield from self._passages(self._counted(blocks))
        except EncodingError as error:
            raise error.in_call(self._encoding) from None

    def _counted(self, blocks: Iterable[str]) -> Iterator[str]:
        for block in blocks:
            self.n_bytes += len(block.encode("utf-8"))
            yield block

    def _passages_of(self, text: str) -> Iterator[str]:
        self.n_bytes += len(text.encode("utf-8"))
        yield from self._passages([text])

    def _passages(self, blocks: Iterable[str]) -> Iterator[str]:
        rest = ""
        for block in blocks:
            self.n_lines += block.count("\n")
            *whole, rest = _cut(rest + _as_lines(block))
            yield from filter(str.strip, whole)
        if rest:
            self.n_lines += not rest.endswith("\n")
        if rest.strip():
            yield rest


class Sample:
    """A uniform random sample of passages within a budget of bytes; the same passages give the same sample.

    Args:
        budget: bytes of UTF-8 that the sample may hold.
    """

    def __init__(self, budget: int) -> None:
        self.n_bytes = 0
        self._budget = budget
        self._random = random.Random(0)
        self._limit = 1.0  # passages that draw this or more are out
        self._kept: list[tuple[float, bytes]] = []  # a heap of (-draw, passage): the largest draw goes first

    def add(self, passage: str) -> None:
        """Consider a passage."""
        draw = self._random.random()
        if draw >= self._limit:
            return
        data = passage.encode("utf-8")
        heapq.heappush(self._kept, (-draw, data))
        self.n_bytes += len(data)
        while self.n_bytes > self._budget:
            negative, dropped = heapq.heappop(self._kept)
            self._limit = -negative
            self.n_bytes -= len(dropped)

    def passages(self) -> list[bytes]:
        """The passages that were drawn, in the order of their draws: any first few are a sample too."""
        return [passage for _, passage in sorted(self._kept, reverse=True)]


def _rows(stream: BinaryIO, name: str, field: str) -> Iterator[str]:
    """The texts of JSON lines."""
    for number, row in read_jsonl(byte_lines(stream, name), name, example=f'{{"{field}": ...}}'):
        if isinstance(row, DataError):
            raise row
        text, where = row.get(field), f"{name}:{number}"
        if field not in row:
            raise DataError(
                f"the row has no field {field!r}; it has {', '.join(row) or 'none'}",
                where=where,
                fix="name the field that holds the text (text_field)",
            )
        if not isinstance(text, str):
            fix = "fill it in or take the row out" if text is None else "write it in quotes"
            raise DataError(f"{field!r} is {json_kind(text)}, not a text", where=where, fix=fix)
        check_text(text, repr(field), where)
        yield text


def _as_lines(text: str) -> str:
    """Text without the characters that a trainer may not see.

    Carriage returns and separators are spaces to our tokenizers; U+2585 stands for something else inside sentencepiece,
    which leaves out every line that it occurs in.
    """
    return separated(text.replace("\r", " "), "keep").replace("\u2585", "\n")


def _cut(text: str) -> Iterator[str]:
    """Passages of a text, and what is too short to be one as the last."""
    start = 0
    while len(text) - start > PASSAGE:
        stop = start + PASSAGE
        for mark in ("\n", " "):
            found = text.rfind(mark, start + 1, stop)
            if found > 0:
                stop = found
                break
        yield text[start:stop]
        start = stop
    yield text[start:]

"""Files, folders and standard input as documents, and a document as tokens, encoded once."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, pairwise
from typing import BinaryIO

import numpy as np

from bigbird_cli.choices import Newline
from bigbird_cli.errors import BigBirdError, DataError
from bigbird_cli.files.packed import File
from bigbird_cli.files.streams import begun, standard_input
from bigbird_cli.messages import counted
from bigbird_cli.text.formats.paged import Page, Section
from bigbird_cli.text.readers import reader_of, suffix_of
from bigbird_cli.text.spans import trim, widen
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, Tokens
from bigbird_cli.text.tokenizers.tokens import dropped
from bigbird_cli.text.windows import Window

_AT_ONCE = 1 << 16
"""Tokens whose offsets are Python's numbers at a time, which take ten times their memory."""
_SENTENCE_END = re.compile(r"[.!?]\s|[。！？]|.?\s*[\n\r]\s*[\n\r]", re.DOTALL)


@dataclass(frozen=True)
class Document:
    """A text, the name of where it came from, and what `PagedText` knows of it: nothing of a plain text."""

    name: str
    text: str
    pages: tuple[Page, ...] = ()
    sections: tuple[Section, ...] = ()
    unread: tuple[str, ...] = ()

    def page_at(self, offset: int) -> str | None:
        """The label of the page on which a character stands; None in a document without pages."""
        number = bisect_right(self.pages, offset, key=lambda page: page.start) - 1
        return self.pages[max(0, number)].label if self.pages else None


@dataclass(frozen=True)
class FailedDocument:
    """A document that could not be read; its neighbours are read all the same."""

    name: str
    error: BigBirdError


@dataclass(frozen=True, eq=False)
class EncodedDocument:
    """A document and its tokens: made once, shared by all questions and windows.

    Attributes:
        text: the document as given; all offsets count its Unicode code points.
        tokens: its tokens, without special ones.
        unknown: how many of them are the unknown token, and characters that have no token: text that a model cannot
            see.
        name: where the text came from.
        pages: the document's, see `Document`.
    """

    text: str
    tokens: Tokens
    unknown: int
    name: str = ""
    pages: tuple[Page, ...] = ()

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

    def characters(self, window: Window) -> tuple[int, int]:
        """Give the characters start..end of a window's tokens, white space at its ends included."""
        return int(self.tokens.starts[window.start]), int(self.tokens.ends[window.stop - 1])

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Give the characters start..end of tokens first..last (both included), without white space at the ends."""
        start, end = int(self.tokens.starts[first]), int(self.tokens.ends[last])
        covered = self.text[start:end]
        return end - len(covered.lstrip()), start + len(covered.rstrip())

    def answer_span(self, first: int, last: int) -> tuple[int, int]:
        """Give the characters of tokens first..last (both included) as an answer, see `widen` and `trim` of spans."""
        return trim(self.text, *widen(self.text, *self.span(first, last)))

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
    pages: tuple[Page, ...] = (),
    newline: Newline | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> EncodedDocument:
    """Tokenise a whole document once.

    Args:
        text: any text; empty gives a document of no tokens.
        tokenizer: the model's.
        name: where the text came from.
        pages: the document's; they are passed on as they are.
        newline: the tokenizer's rule for line breaks; None for the one its vocabulary wants.
        on_progress: is called now and then with the number of characters encoded.
    """
    tokens = tokenizer.encode(text, newline=newline, on_progress=on_progress)
    unknown = 0 if tokenizer.unk_id is None else int(np.count_nonzero(tokens.ids == tokenizer.unk_id))
    unknown += dropped(text, tokenizer).total()
    return EncodedDocument(text=text, tokens=tokens, unknown=unknown, name=name, pages=pages)


def why_empty(document: EncodedDocument) -> str:
    """Why a document has no tokens, for a message."""
    if not document.text:
        return "is empty"
    if document.unknown:
        return f"has {counted(document.unknown, 'character')}, and the model's vocabulary knows none"
    return "holds nothing but white space"


def read_document(file: File | DataError) -> Document | FailedDocument:
    """Read a file whole, or say why it could not be had: it is missing, empty, damaged, or not in its encoding.

    A file without a suffix is what it begins as, and so is a pipe.
    """
    if isinstance(file, DataError):
        return FailedDocument(str(file.where), file)
    try:
        with file.open() as stream:
            if file.suffix:
                return _read(stream, file.name, suffix=file.suffix, encoding=file.encoding)
            return _read_unnamed(stream, file.name, encoding=file.encoding)
    except DataError as error:
        return FailedDocument(file.name, error)


def read_standard_input(stream: BinaryIO | None = None, *, encoding: str | None = None) -> Document | FailedDocument:
    """Read a document of standard input, of the kind that it begins as; by default the process's own."""
    where = "standard input"
    try:
        with standard_input(stream) as given:
            return replace(_read_unnamed(given, where, encoding=encoding), name="-")
    except DataError as error:
        return FailedDocument("-", error)


def _read_unnamed(stream: BinaryIO, where: str, *, encoding: str | None) -> Document:
    start, whole = begun(stream)
    return _read(whole, where, suffix=suffix_of(start), encoding=encoding)


def _read(stream: BinaryIO, where: str, *, suffix: str, encoding: str | None) -> Document:
    found = reader_of(suffix, encoding=encoding)(stream, where)
    if not found.text:
        raise DataError("the document is empty", where=where, fix="give a file with text in it")
    return Document(where, found.text, found.pages, found.sections, found.unread)

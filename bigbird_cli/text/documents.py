"""Files, folders and standard input as documents, and a document as tokens, encoded once."""

import os
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np

from bigbird_cli.choices import Newline
from bigbird_cli.errors import BigBirdError, DataError
from bigbird_cli.files.find import OnSkipped, find_files, warn_of_skipped
from bigbird_cli.files.streams import file_errors, standard_input
from bigbird_cli.text.formats.paged import Page, PagedText, Section
from bigbird_cli.text.readers import READERS, read_plain, reader_of
from bigbird_cli.text.spans import widen
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
        """Give the characters of tokens first..last (both included) as an answer, see `text.spans.widen`."""
        return widen(self.text, *self.span(first, last))

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
        return f"has {document.unknown:,} characters, and the model's vocabulary knows none of them"
    return "holds nothing but white space"


def read_documents(
    paths: Sequence[str | Path], *, stdin: BinaryIO | None = None, on_skipped: OnSkipped = warn_of_skipped
) -> Iterator[Document | FailedDocument]:
    """Read documents one after the other, each when it is asked for.

    Args:
        paths: files; folders, whose files of the kinds in READERS are read in the order of their names, subfolders
            included, but for what `is_left_out`; "-" for standard input.
        stdin: binary stream for "-"; by default the process's own.
        on_skipped: is called with a folder's files of other kinds.

    Yields:
        A Document for each text, or a FailedDocument with a DataError for one that is missing, empty, or not UTF-8, and
        for a subfolder that cannot be read.
    """
    for path in paths:
        try:
            # os.path: what may not be looked at is reported when it is opened below
            is_folder = str(path) != "-" and os.path.isdir(path)  # noqa: PTH112
            files = find_files(Path(path), tuple(READERS), on_skipped=on_skipped) if is_folder else [path]
        except DataError as error:
            yield FailedDocument(str(path), error)
            continue
        for file in files:
            if isinstance(file, DataError):  # a subfolder
                yield FailedDocument(str(file.where), file)
                continue
            try:
                yield _standard_input(stdin) if str(file) == "-" else _document(Path(file))
            except DataError as error:
                yield FailedDocument(str(file), error)


def _document(path: Path) -> Document:
    with file_errors(path), path.open("rb") as stream:
        return _filled(str(path), reader_of(path.suffix.lower())(stream, str(path)), where=str(path))


def _standard_input(stdin: BinaryIO | None) -> Document:
    where = "standard input"
    with standard_input(stdin) as stream:
        return _filled("-", read_plain(stream, where), where=where)


def _filled(name: str, found: PagedText, *, where: str) -> Document:
    if not found.text:
        raise DataError("the document is empty", where=where, fix="give a file with text in it")
    return Document(name, found.text, found.pages, found.sections, found.unread)

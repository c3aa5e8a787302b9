"""What a reader of a format gives: a document's text, where its pages and sections begin, and what was not read."""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, BinaryIO, Final, NamedTuple, NoReturn

from bigbird_cli.errors import DataError
from bigbird_cli.files.file_types import START, file_type
from bigbird_cli.files.streams import LONGEST

EXTRA: Final = "install it with pip install 'bigbird-cli[documents]'"
"""What to do where a library is missing that a format needs."""

MOST_BYTES: Final = 1 << 31
"""Bytes of a pipe that is copied to be read, at most."""

_IN_MEMORY = 1 << 24
"""Bytes of a pipe that are kept in memory; more go to a temporary file."""


class Page(NamedTuple):
    """Where a page begins.

    Attributes:
        label: what the document calls it: "12", "iv", "A-3".
        start: offset of its first character in the text.
    """

    label: str
    start: int


class Section(NamedTuple):
    """Where a section begins.

    Attributes:
        title: its heading, on one line.
        start: offset of the heading in the text, or of what follows where the heading itself is not in it.
    """

    title: str
    start: int


@dataclass(frozen=True)
class PagedText:
    """The text of a file, to which all offsets refer, and what is known of it.

    Attributes:
        text: paragraphs with a blank line between, the rows of a table and the items of a list each on a line.
        pages: in order, their starts ascending; empty for a format without pages.
        sections: in order, their starts ascending; empty where the document has none.
        unread: what holds text, or may, and was not read: "page 3", "attachment plan.pdf".
    """

    text: str
    pages: tuple[Page, ...] = ()
    sections: tuple[Section, ...] = ()
    unread: tuple[str, ...] = ()


class TextBuilder:
    """Puts a text together from its blocks, and keeps where pages and sections begin."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._parts: list[str] = []
        self._pages: list[Page] = []
        self._sections: list[Section] = []
        self._unread: list[str] = []
        self.length = 0
        """Characters so far."""

    def add(self, block: str, *, separator: str = "\n\n") -> int:
        """Append a block after a separator, which the first one lacks; gives the offset of its first character.

        Raises:
            DataError: the text is longer than LONGEST.
        """
        if self._parts:
            self._append(separator)
        start = self.length
        self._append(block)
        return start

    def _append(self, part: str) -> None:
        self.length += len(part)
        if self.length > LONGEST:
            reject_length(self._name)
        self._parts.append(part)

    def page(self, label: str, start: int) -> None:
        self._pages.append(Page(label, start))

    def section(self, title: str, start: int) -> None:
        self._sections.append(Section(" ".join(title.split()), start))

    def unread(self, what: str) -> None:
        self._unread.append(what)

    def build(self) -> PagedText:
        return PagedText("".join(self._parts), tuple(self._pages), tuple(self._sections), tuple(self._unread))


def reject_length(name: str) -> NoReturn:
    """Raise DataError for what goes on beyond LONGEST."""
    raise DataError(f"the document goes on beyond {LONGEST // 1_000_000} MB", where=name, fix="split it into several")


def read_whole(stream: BinaryIO, name: str) -> bytes:
    """All bytes of a stream.

    Raises:
        DataError: there are more than LONGEST.
    """
    data = stream.read(LONGEST + 1)
    if len(data) > LONGEST:
        reject_length(name)
    return data


@contextmanager
def seekable(stream: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """The stream itself, or a temporary copy of one that goes forward only; at its start."""
    if stream.seekable():
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

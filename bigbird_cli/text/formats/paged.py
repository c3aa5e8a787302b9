"""What a reader of a format gives: a document's text, where its pages and sections begin, and what was not read."""

from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from bigbird_cli.errors import DataError
from bigbird_cli.files.streams import LONGEST


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

"""Which kinds of files texts are read from: a table from suffix to reader. A new kind is one function and one line.

Documents to read and corpora to learn from take the same kinds, and messages and help name them by this table.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol

from bigbird_cli.files.streams import read_stream, text_blocks


@dataclass(frozen=True)
class Page:
    """Where a page of a document begins.

    Attributes:
        label: its number or name as the file gives it.
        start: code points of the document's text before it.
    """

    label: str
    start: int


@dataclass(frozen=True)
class PagedText:
    """The text of a file, and its pages in order; none where the file has none."""

    text: str
    pages: tuple[Page, ...] = ()


class Reader(Protocol):
    """Reads the text out of files of one kind."""

    def __call__(self, stream: BinaryIO, name: str, /) -> PagedText:
        """Read a file whole.

        Args:
            stream: binary; a pipe cannot be sought in.
            name: what to call it in errors.

        Raises:
            DataError: it is not what its suffix says, or goes on beyond `streams.LONGEST`.
        """


def read_plain(stream: BinaryIO, name: str, /) -> PagedText:
    """Read text in UTF-8, every character kept."""
    return PagedText(read_stream(stream, name))


READERS: Final[dict[str, Reader]] = {
    ".txt": read_plain,
    ".md": read_plain,
}
"""Suffix, lower case -> what reads the text of such files. Those of other kinds are left out of folders; one that is
named itself is taken for plain text."""


def reader_of(suffix: str) -> Reader:
    """What reads files of a suffix, lower case; plain text's reader for one that is not in the table."""
    return READERS.get(suffix, read_plain)


def blocks_of_text(stream: BinaryIO, name: str, *, suffix: str) -> Iterator[str]:
    """The text of a file in blocks, of bounded size where it is plain text, which begin behind a byte order mark.

    Raises:
        DataError: as of `Reader`.
    """
    reader = reader_of(suffix)
    if reader is read_plain:
        yield from text_blocks(stream, name)
    else:
        yield reader(stream, name).text

"""Which kinds of files texts are read from: a table from suffix to reader. A new kind is one function and one line.

Documents to read and corpora to learn from take the same kinds, and messages and help name them by this table.
"""

from collections.abc import Iterator
from typing import BinaryIO, Final, Protocol

from bigbird_cli.files.streams import read_stream, text_blocks
from bigbird_cli.text.formats import read_docx, read_eml, read_epub, read_html, read_pdf
from bigbird_cli.text.formats.paged import PagedText


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
    ".pdf": read_pdf,
    ".docx": read_docx,
    ".epub": read_epub,
    ".eml": read_eml,
    ".html": read_html,
    ".htm": read_html,
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

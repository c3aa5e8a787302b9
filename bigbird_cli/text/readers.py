"""Which kinds of files texts are read from: a table from suffix to reader. A new kind is one function and one line.

Documents to read and corpora to learn from take the same kinds, and messages and help name them by this table.
"""

import codecs
import re
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO, Final, Protocol

from bigbird_cli.files.file_types import file_type
from bigbird_cli.files.streams import read_stream, text_blocks
from bigbird_cli.files.transcoded import transcoded
from bigbird_cli.text.formats import read_docx, read_eml, read_epub, read_fasta, read_html, read_pdf
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


def read_plain(stream: BinaryIO, name: str, /, *, encoding: str | None = None) -> PagedText:
    """Read text, every character kept; None for UTF-8."""
    return PagedText(read_stream(stream if encoding is None else transcoded(stream, encoding, name), name))


FASTA: Final = (".fa", ".fasta", ".fna", ".ffn", ".faa", ".fas")
"""Files of sequences, which may be many: where rows are read, each is one."""

READERS: Final[dict[str, Reader]] = {
    ".txt": read_plain,
    ".md": read_plain,
    ".pdf": read_pdf,
    ".docx": read_docx,
    ".epub": read_epub,
    ".eml": read_eml,
    ".html": read_html,
    ".htm": read_html,
    **dict.fromkeys(FASTA, read_fasta),
}
"""Suffix, lower case -> what reads the text of such files. Those of other kinds are left out of folders; one that is
named itself is taken for plain text."""


def reader_of(suffix: str, *, encoding: str | None = None) -> Reader:
    """What reads files of a suffix, lower case; plain text's reader for one that is not in the table.

    The encoding is that of plain text and HTML; files of other kinds tell their own.
    """
    reader = READERS.get(suffix, read_plain)
    if encoding is not None and reader is read_plain:
        return partial(read_plain, encoding=encoding)
    if encoding is not None and reader is read_html:
        return partial(read_html, encoding=encoding)
    return reader


def suffix_of(start: bytes) -> str:
    """The suffix that a document which begins with these bytes (START of them, or all) would have; "" for a text."""
    if kind := file_type(start):
        return kind.suffix
    start = start.removeprefix(codecs.BOM_UTF8)
    if _SEQUENCE.match(start):
        return FASTA[0]
    return ".html" if _PAGE.match(start) else ".eml" if _is_mail(start) else ""


_PAGE = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,2000}?-->\s*)?<(?:!doctype\s+html\b|html[\s>])",
    re.IGNORECASE | re.DOTALL,
)
_SEQUENCE = re.compile(
    rb"\s*(?:;[^\r\n]*[\r\n]\s*)*>[^\r\n]*[\r\n]\s*(?:;[^\r\n]*[\r\n]\s*)*[ACGTURYSWKMBDHVN-]{10,}[ \t]*(?:[\r\n]|$)",
    re.IGNORECASE,
)
"""A head and a line of nucleotides; proteins look like words."""

_FIELD = re.compile(rb"([!-9;-~]+):|[ \t]")
"""A line of a mail's head: a field, or one that goes on."""

_OF_MAILS = frozenset({b"received", b"message-id", b"mime-version", b"return-path", b"delivered-to"})
_OF_LETTERS = frozenset({b"from", b"date"})


def _is_mail(start: bytes) -> bool:
    """Whether a text begins with the head of a mail: fields alone, one that programs write, or sender and date."""
    names: set[bytes] = set()
    for line in start.splitlines():
        field = _FIELD.match(line)
        if field is None:
            return not line and (not names.isdisjoint(_OF_MAILS) or names >= _OF_LETTERS)
        names.add((field[1] or b"").lower())
    return False


def blocks_of_text(stream: BinaryIO, name: str, *, suffix: str, encoding: str | None = None) -> Iterator[str]:
    """The text of a file in blocks, of bounded size where it is plain text, which begin behind a byte order mark.

    Of FASTA they are of bounded size too: sequences, and the parts of one between gaps, each ended by a line feed.

    Suffix and encoding are as of `reader_of`.

    Raises:
        DataError: as of `Reader`.
    """
    if suffix in FASTA:
        from bigbird_cli.text.formats.fasta import sequence_blocks

        yield from sequence_blocks(stream if encoding is None else transcoded(stream, encoding, name), name)
    elif READERS.get(suffix, read_plain) is read_plain:
        yield from text_blocks(stream if encoding is None else transcoded(stream, encoding, name), name)
    else:
        yield reader_of(suffix, encoding=encoding)(stream, name).text

"""Readers of the formats that people keep documents in: one module a format, imported when it first reads."""

from typing import BinaryIO

from bigbird_cli.text.formats.paged import PagedText


def read_pdf(stream: BinaryIO, name: str, /) -> PagedText:
    """See `pdf.read_pdf`."""
    from bigbird_cli.text.formats import pdf

    return pdf.read_pdf(stream, name)


def read_docx(stream: BinaryIO, name: str, /) -> PagedText:
    """See `docx.read_docx`."""
    from bigbird_cli.text.formats import docx

    return docx.read_docx(stream, name)


def read_epub(stream: BinaryIO, name: str, /) -> PagedText:
    """See `epub.read_epub`."""
    from bigbird_cli.text.formats import epub

    return epub.read_epub(stream, name)


def read_eml(stream: BinaryIO, name: str, /) -> PagedText:
    """See `eml.read_eml`."""
    from bigbird_cli.text.formats import eml

    return eml.read_eml(stream, name)


def read_fasta(stream: BinaryIO, name: str, /) -> PagedText:
    """See `fasta.read_fasta`."""
    from bigbird_cli.text.formats import fasta

    return fasta.read_fasta(stream, name)


def read_html(stream: BinaryIO, name: str, /, *, encoding: str | None = None) -> PagedText:
    """See `html.read_html`."""
    from bigbird_cli.text.formats import html

    return html.read_html(stream, name, encoding=encoding)

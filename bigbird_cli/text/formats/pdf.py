"""PDF documents: PDFium tells their lines in a process of its own, and these become the text."""

import importlib.util
import io
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, BinaryIO, Final

from bigbird_cli.errors import DataError, needs_extra
from bigbird_cli.files.copies import copy_whole
from bigbird_cli.files.streams import LONGEST
from bigbird_cli.processes import python_command, python_environment
from bigbird_cli.text.formats.paged import PagedText, TextBuilder, reject_length
from bigbird_cli.text.formats.pdf_layout import reading_order
from bigbird_cli.text.formats.pdf_paragraphs import (
    Hyphens,
    Page,
    Writer,
    clean_line,
    is_unknown,
    without_running_heads,
)
from bigbird_cli.text.formats.source import reject_other_kinds

_PROGRAM: Final = "bigbird_cli.text.formats.pdf_lines"
PAGE_SECONDS: Final = 60
"""A page may take, before the process ends itself; common ones take some milliseconds."""
MEAN_SECONDS: Final = 0.25
"""Of computing, besides, in the mean of a document's pages."""
_MOST_PAGES: Final = 100_000
_LONGEST_ANSWER: Final = 1 << 26
"""Bytes of a page's lines, at most: some 400,000 lines."""

_REPAIR: Final = "print it to a new PDF, or repair it, for instance with qpdf FILE OUT"
_RECOGNISE: Final = "recognise its text first, for instance with ocrmypdf FILE OUT"


@dataclass
class _Answer:
    """What the program tells of a document: the number of pages and the outline first, the pages as they come."""

    outline: list[tuple[str, int, float | None]] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)


def read_pdf(stream: BinaryIO, name: str, /) -> PagedText:
    """Read a PDF's text, in paragraphs.

    The lines of a paragraph are joined by spaces, also from one column or page to the next; a hyphen at a line's end is
    dropped unless the document writes the word with it elsewhere. Columns are read one after the other; the rows of a
    table are lines with a tab where a wide gap is; text that stands aslant or upright beside the rest comes at the end
    of its page. A head or foot that stands at the same height on three pages or more is kept where it stands first and
    dropped from the others; the numbers of pages are dropped. What is written into a form is read.

    Sections are those of the outline, else the lines in larger letters. Pages without text that show something are told
    of as unread: they are scans.

    PDFium reads the file in a process of its own, see `pdf_lines`.

    Args:
        stream: binary; anything but a file on disk is copied to one.
        name: what to call it in errors.

    Raises:
        DataError: it is no PDF, or is damaged, locked with a password, beyond all bounds, or nothing but scans; or
            the library for PDFs is not installed.
    """
    with needs_extra("documents", kind=DataError):
        if importlib.util.find_spec("pypdfium2") is None:  # another process imports it
            raise ModuleNotFoundError(name="pypdfium2")
    with _on_disk(stream, name) as file:
        reject_other_kinds(file, name, wanted="a PDF document", starts=(b"%PDF-",))
        answer = _ask(file, name)
    unread = [page.label for page in answer.pages if page.has_images or is_unknown(page.lines)]
    pages = [page._replace(lines=[]) if is_unknown(page.lines) else page for page in answer.pages]
    if not any(page.lines for page in pages):
        raise _without_text(len(pages), are_scans=bool(unread), name=name)
    pages = without_running_heads([page._replace(lines=reading_order(page.lines)) for page in pages])
    writer = Writer(TextBuilder(name), Hyphens(line for page in pages for line in page.lines))
    writer.write(pages, answer.outline)
    for label in unread:
        writer.builder.unread(f"page {label}")
    return writer.builder.build()


def _without_text(n_pages: int, *, are_scans: bool, name: str) -> DataError:
    problem = "its page has no text" if n_pages == 1 else f"none of its {n_pages:,} pages has text"
    if not are_scans:
        return DataError(problem, where=name, fix="give a file with text in it")
    return DataError(f"{problem}: it is a scan, or drawn", where=name, fix=_RECOGNISE)


@contextmanager
def _on_disk(stream: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """The stream itself if it is a file on disk and no other (a gzip file has a number too), or a temporary copy."""
    if isinstance(stream, io.BufferedReader) and isinstance(stream.raw, io.FileIO) and stream.seekable():
        stream.seek(0)
        yield stream
        return
    with tempfile.TemporaryFile() as copy:
        copy_whole(stream, copy, name)
        yield copy


def _ask(file: BinaryIO, name: str) -> _Answer:
    """Let PDFium read a file in a process of its own."""
    answer = _Answer()
    command = python_command(_PROGRAM, str(PAGE_SECONDS), str(MEAN_SECONDS))
    with subprocess.Popen(
        command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=python_environment()
    ) as process:
        assert process.stdout is not None
        try:
            _listen(process.stdout, answer, name)
        finally:
            process.kill()
    return answer


def _listen(output: IO[bytes], answer: _Answer, name: str) -> None:
    n_pages = n_characters = 0
    asked = time.monotonic()
    while line := output.readline(_LONGEST_ANSWER):
        if not line.endswith(b"\n"):
            if len(line) == _LONGEST_ANSWER:
                raise DataError(f"page {len(answer.pages) + 1:,} has more text than a page may have", where=name)
            break
        reply: dict[str, Any] = json.loads(line)
        asked = time.monotonic()
        if "done" in reply:
            return
        if error := reply.get("error"):
            raise _failure(error, name)
        if "outline" in reply:
            n_pages = reply["pages"]
            if n_pages > _MOST_PAGES:
                raise DataError(f"it says that it has {n_pages:,} pages", where=name, fix=_REPAIR)
            answer.outline = [(title, page, height) for title, page, height in reply["outline"]]
        else:
            lines = [clean_line(*parts) for parts in reply["lines"]]
            n_characters += sum(len(line.text) for line in lines)
            if n_characters > LONGEST:
                reject_length(name)
            answer.pages.append(Page(reply["label"], [line for line in lines if line.text], reply["images"]))
    at = f"at page {len(answer.pages) + 1:,} of {n_pages:,}" if n_pages else "at its beginning"
    problem = f"takes more than {PAGE_SECONDS} s" if time.monotonic() - asked >= PAGE_SECONDS else "breaks down"
    raise DataError(
        f"PDFium, which reads PDFs, {problem} {at}: the file is damaged, or too large", where=name, fix=_REPAIR
    )


def _failure(error: str, name: str) -> DataError:
    if error == "password":
        return DataError(
            "it is locked with a password",
            where=name,
            fix="unlock it first, for instance with qpdf --decrypt --password=... FILE OUT",
        )
    return DataError("the PDF is damaged beyond what can be read", where=name, fix=_REPAIR)

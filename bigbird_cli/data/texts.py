"""Documents for language models, in pieces: a file of any size never stands in memory as a whole."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from bigbird_cli.choices import DocumentsAre
from bigbird_cli.data import hub, rows
from bigbird_cli.errors import DataError, Report
from bigbird_cli.files.find import warn_of_skipped
from bigbird_cli.files.packed import File, files_in
from bigbird_cli.text.formats.fasta import read_records
from bigbird_cli.text.readers import FASTA, READERS, blocks_of_text

PIECE = 1 << 16
"""Characters of a piece at most."""


@dataclass(frozen=True, eq=False)
class Text:
    """A document in pieces.

    Attributes:
        name: where it stands, for messages.
        parts: its text in order, at most PIECE characters each, cut behind a line end where there is one, else behind a
            space, else anywhere. To be taken before the next document is asked for; what is left then is passed over.
    """

    name: str
    parts: Iterator[str]


def read_texts(
    source: str | Path,
    *,
    column: str = "text",
    documents: DocumentsAre = "file",
    skip_null: bool = False,
    offline: bool = False,
    report: Report | None = None,
) -> Iterator[Text]:
    """Read documents lazily; those of nothing but white space are passed over.

    Args:
        source: as `read_rows` takes it; files of the kinds in READERS, and a file of any other
            suffix, which is plain text. Of FASTA a sequence is a document, and so is each of its parts between gaps.
        column: which column of rows holds the text; a row is a document.
        documents: what is a document in plain text: the whole file, each line, or what stands between blank lines.
        skip_null: pass over a row whose text is null or NaN, too.
        offline: a name of the hub is an error, and nothing is looked up.
        report: takes the errors of rows that cannot be used.

    Raises:
        DataError: a file is missing or not UTF-8, a row is broken or lacks the column; it names the location.
    """
    if hub.is_hub(source):
        yield from _row_texts(
            rows.read_rows(source, offline=offline, report=report), column, skip_null=skip_null, report=report
        )
        return
    for file in files_in(source, (*rows.SUFFIXES, *READERS), on_skipped=warn_of_skipped):
        if file.suffix in FASTA:
            yield from _sequences(file)
        elif file.suffix in rows.SUFFIXES:
            yield from _row_texts(rows.file_rows(file, report=report), column, skip_null=skip_null, report=report)
        else:
            yield from _plain(file, documents)


def _row_texts(found: Iterable[rows.Row], column: str, *, skip_null: bool, report: Report | None) -> Iterator[Text]:
    for row in found:
        try:
            if skip_null and rows.is_empty(row.value(column, setting="task.text_column")):
                continue
            text = row.text(column, setting="task.text_column")
        except DataError as error:
            if report is None:
                raise
            report(error)
            continue
        if text.strip():
            yield Text(row.where, (piece for piece, _ in _pieces([text])))


def _sequences(file: File) -> Iterator[Text]:
    """What stands between the gaps of each sequence of FASTA, in its blocks."""
    with file.open() as stream:
        for record in read_records(stream, file.name):
            for contig in record.contigs():
                yield Text(record.where, contig)


def _plain(file: File, documents: DocumentsAre) -> Iterator[Text]:
    with file.open() as stream:
        blocks = blocks_of_text(stream, file.name, suffix=file.suffix)
        pieces = _numbered(blocks if documents == "file" else _with_line_feeds(blocks), documents)
        for line, group in groupby(pieces, key=itemgetter(0)):
            yield Text(
                file.name if documents == "file" else f"{file.name}:{line}", _joined(piece for _, piece in group)
            )


def _with_line_feeds(blocks: Iterable[str]) -> Iterator[str]:
    r"""Blocks in which every line ends with \n: a lone \r, which ends lines too, becomes one."""
    held = ""  # a \r whose \n may be in the next block
    for block in blocks:
        text = held + block
        held = "\r" if text.endswith("\r") else ""
        yield _LONE_RETURN.sub("\n", text.removesuffix(held))
    yield held.replace("\r", "\n")


_LONE_RETURN = re.compile(r"\r(?!\n)")


def _joined(pieces: Iterable[str]) -> Iterator[str]:
    """Put together what fits into one piece."""
    held: list[str] = []
    size = 0
    for piece in pieces:
        if held and size + len(piece) > PIECE:
            yield "".join(held)
            held, size = [], 0
        held.append(piece)
        size += len(piece)
    if held:
        yield "".join(held)


def _numbered(blocks: Iterable[str], documents: DocumentsAre) -> Iterator[tuple[int, str]]:
    """Pieces, each with the line in which its document begins.

    White space before a document's first word is passed over, so that a document of white space alone has no piece.
    """
    line = 1
    begun = 0  # the line in which the present document began; 0 between documents
    for piece, is_whole in _pieces(blocks, lines=documents != "file"):
        is_blank = not piece.strip()
        if not begun and not is_blank:
            begun = line
        if documents == "line" and is_whole:
            text = piece.rstrip("\r\n")
        else:
            text = piece
        if begun and not (documents == "paragraph" and is_blank):
            yield begun, text
        line += piece.count("\n")
        if is_whole if documents == "line" else documents == "paragraph" and is_blank:
            begun = 0


def _pieces(blocks: Iterable[str], *, lines: bool = False) -> Iterator[tuple[str, bool]]:
    """Cut a text into pieces; with `lines`, none goes beyond a line end. With each comes whether it ends a line."""
    rest = ""
    for block in blocks:
        rest += block
        start = 0
        while lines or len(rest) - start > PIECE:
            stop = _stop(rest, start, lines=lines)
            if stop is None:
                break
            yield rest[start:stop], rest[stop - 1] == "\n"
            start = stop
        rest = rest[start:]
    if rest:
        yield rest, True


def _stop(text: str, start: int, *, lines: bool) -> int | None:
    """Where the piece that begins at `start` ends; None if that cannot be said yet."""
    if lines:
        found = text.find("\n", start, start + PIECE)
        if found >= 0:
            return found + 1
        if len(text) - start <= PIECE:
            return None
    else:
        found = text.rfind("\n", start, start + PIECE)
        if found >= 0:
            return found + 1
    found = text.rfind(" ", start, start + PIECE)
    return found + 1 if found >= 0 else start + PIECE

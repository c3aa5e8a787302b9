"""Sequences of DNA, RNA or protein in FASTA: after a line of `>`, a name and a description, a record's letters.

Lines that begin with `;` are comments (Pearson and Lipman, 1988). Letters are those of IUPAC, `*` and `-` among them,
and come in upper case: in FASTA case says no more than which parts of a genome are repeats ("soft masking").
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import BinaryIO, Final

from bigbird_cli.errors import DataError
from bigbird_cli.files.streams import LONGEST, text_lines
from bigbird_cli.text.formats.paged import PagedText

BLOCK: Final = 1 << 16
"""Letters that are given at a time at most."""

GAP: Final = 100
"""So many N one after the other are no letters but a stretch that nobody has read, mostly of unknown length."""

_NO_LETTER = re.compile(r"[^A-Za-z*.-]")
_UNKNOWN = re.compile("(N+)")
_ATTRIBUTE = re.compile(r"\[(\w+)=([^\]]*)\]|(?<!\S)(\w+)=(\S+)")
_EXAMPLE = "begin each sequence with a line such as >name"


@dataclass(frozen=True, eq=False)
class Record:
    """A sequence and what its head says.

    Attributes:
        id: the first word of the head; empty where it has none.
        description: the rest of it.
        line: where the head stands, from 1.
        where: the same with the file, for messages.
        blocks: its letters in order, at most BLOCK each; to be taken before the next record is asked for. DataError,
            which leaves the other records to be read, where there are none, or a character is no letter.
    """

    id: str
    description: str
    line: int
    where: str
    blocks: Iterator[str]

    @property
    def attributes(self) -> dict[str, str]:
        """What the description says in the forms `name=value` and `[name=some value]`."""
        return {
            (found[1] or found[3]): (found[2] if found[1] else found[4])
            for found in _ATTRIBUTE.finditer(self.description)
        }

    def sequence(self) -> str:
        """All letters; DataError as of `blocks`, or where they go on beyond LONGEST."""
        blocks: list[str] = []
        n_letters = 0
        for block in self.blocks:
            n_letters += len(block)
            if n_letters > LONGEST:
                raise DataError(
                    f"the sequence goes on beyond {LONGEST // 1_000_000} MB", where=self.where, fix="split it"
                )
            blocks.append(block)
        return "".join(blocks)

    def contigs(self) -> Iterator[Iterator[str]]:
        """The letters between gaps of GAP unknown ones and more, in blocks."""
        for _, blocks in groupby(_numbered(self.blocks), key=itemgetter(0)):
            yield (block for _, block in blocks)


def read_records(stream: BinaryIO, name: str) -> Iterator[Record]:
    """Read records one after the other; what of one was not taken is passed over.

    Args:
        stream: binary; of text in UTF-8.
        name: what to call it in errors.

    Raises:
        DataError: this is no FASTA, or holds no record; it names the line.
    """
    number = 0
    for number, group in groupby(_lines(stream, name), key=itemgetter(0)):
        lines = iter(group)
        _, line, head = next(lines)
        if not number:
            problem = "this is FASTQ, not FASTA" if head.startswith("@") else "this is no FASTA"
            fix = "convert it, for instance with seqtk seq -A FILE" if head.startswith("@") else _EXAMPLE
            raise DataError(f"{problem}: it begins with {head[:40]!r}", where=f"{name}:{line}", fix=fix)
        words = head[1:].split(maxsplit=1)
        where = f"{name}:{line}"
        yield Record("".join(words[:1]), "".join(words[1:]).strip(), line, where, _letters(lines, name, where))
    if not number:
        raise DataError("there is no sequence in it", where=name, fix=_EXAMPLE)


def read_fasta(stream: BinaryIO, name: str, /) -> PagedText:
    """Read the one sequence that a document is; for the `Reader`s of texts.

    Raises:
        DataError: as of `read_records`, or there are several sequences.
    """
    records = read_records(stream, name)
    text = next(records).sequence()
    if second := next(records, None):
        raise DataError(
            "this is a second sequence, where one document is read",
            where=second.where,
            fix="write them into a file called *.fa, and name that",
        )
    return PagedText(text)


def sequence_blocks(stream: BinaryIO, name: str) -> Iterator[str]:
    """The letters of all records in blocks, with a line feed after each contig."""
    for record in read_records(stream, name):
        for contig in record.contigs():
            yield from contig
            yield "\n"


def _lines(stream: BinaryIO, name: str) -> Iterator[tuple[int, int, str]]:
    """Lines with something in them that are no comments; before each its record's number, from 1, and its own."""
    number = 0
    for place, line in enumerate(text_lines(stream, name), start=1):
        text = line.strip()
        number += text.startswith(">")
        if text and not text.startswith(";"):
            yield number, place, text


def _letters(lines: Iterable[tuple[int, int, str]], name: str, where: str) -> Iterator[str]:
    held: list[str] = []
    size = 0
    is_empty = True
    for _, place, line in lines:
        text = "".join(line.split())  # some programs write ten letters and a blank
        if wrong := _NO_LETTER.search(text):
            raise DataError(
                f"{wrong[0]!r} is no letter of a sequence",
                where=f"{name}:{place}",
                fix="take it out; of an alignment, write gaps as -",
            )
        is_empty = False
        for start in range(0, len(text), BLOCK):
            part = text[start : start + BLOCK].upper()
            if size + len(part) > BLOCK:
                yield "".join(held)
                held, size = [], 0
            held.append(part)
            size += len(part)
    if is_empty:
        raise DataError("the record has no sequence", where=where, fix="give it letters, or take its line out")
    yield "".join(held)


def _numbered(blocks: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Blocks without gaps, each with the number of the contig that it belongs to."""
    number = n_unknown = 0  # N that have come and were not given yet
    for block in blocks:
        for part in filter(None, _UNKNOWN.split(block)):
            if part.startswith("N"):
                n_unknown += len(part)
                continue
            if n_unknown >= GAP:
                number += 1
            elif n_unknown:
                yield number, "N" * n_unknown
            n_unknown = 0
            yield number, part
    if 0 < n_unknown < GAP:
        yield number, "N" * n_unknown

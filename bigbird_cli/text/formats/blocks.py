"""Blocks of a text, and tables of them, on their way into a TextBuilder."""

from dataclasses import dataclass, field
from typing import NamedTuple

from bigbird_cli.text.formats.paged import TextBuilder


class Block(NamedTuple):
    """A paragraph, a heading, an item of a list or a row of a table.

    Attributes:
        text: without white space at its ends; may be empty where only a page begins.
        pages: labels of pages that begin in it, and the offsets where they do.
        is_heading: begins a section.
        is_tight: stands on the line after the block before it.
    """

    text: str
    pages: tuple[tuple[str, int], ...] = ()
    is_heading: bool = False
    is_tight: bool = False


@dataclass
class _Table:
    rows: list[list[list[Block]]] = field(default_factory=list)
    is_layout: bool = False
    """Places blocks on a page, rather than data in rows and columns."""


class Blocks:
    """Gives blocks to a TextBuilder, those of a table when it has ended.

    The rows of a table become lines with a tab between cells; a table that holds headings, another table or a single
    column only places its blocks, and they are given one by one.
    """

    def __init__(self, builder: TextBuilder) -> None:
        self._builder = builder
        self._tables: list[_Table] = []

    def add(self, block: Block) -> None:
        if self._tables:
            table = self._tables[-1]
            if table.rows and table.rows[-1]:
                table.rows[-1][-1].append(block)
            else:  # a caption, or what stands wrongly between rows
                table.rows.append([[block]])
            table.is_layout |= block.is_heading
            return
        separator = "\n" if block.is_tight else "\n\n"
        start = self._builder.length + (len(separator) if self._builder.length else 0)
        if block.text:
            self._builder.add(block.text, separator=separator)
        for label, offset in block.pages:
            self._builder.page(label, start + offset)
        if block.is_heading:
            self._builder.section(block.text, start)

    def start_table(self) -> None:
        for table in self._tables[-1:]:
            table.is_layout = True
        self._tables.append(_Table())

    def start_row(self) -> None:
        """A row begins; one outside of tables means nothing."""
        for table in self._tables[-1:]:
            table.rows.append([])

    def start_cell(self) -> None:
        for table in self._tables[-1:]:
            if not table.rows:
                table.rows.append([])
            table.rows[-1].append([])

    def end_table(self) -> None:
        table = self._tables.pop()
        if table.is_layout or all(len(row) < 2 for row in table.rows):
            for block in (block for row in table.rows for cell in row for block in cell):
                self.add(block)
            return
        is_first = True
        for row in table.rows:
            line = _row(row)
            if line.text.strip() or line.pages:
                self.add(line._replace(is_tight=not is_first))
                is_first = False

    def finish(self) -> None:
        """Give what stands in tables that have not ended."""
        while self._tables:
            self.end_table()


def _row(cells: list[list[Block]]) -> Block:
    """A row as a line: what stands in a cell is joined by spaces, cells by tabs."""
    text = ""
    pages: list[tuple[str, int]] = []
    for i, cell in enumerate(cells):
        text += "\t" if i else ""
        for j, block in enumerate(cell):
            text += " " if j else ""
            pages.extend((label, len(text) + start) for label, start in block.pages)
            text += block.text.replace("\n", " ")
    return Block(text, tuple(pages))

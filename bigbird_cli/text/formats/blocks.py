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
    """Places blocks on a page, rather than data in rows and columns; it holds none."""


class Blocks:
    """Gives blocks to a TextBuilder, those of a table when it has ended.

    The rows of a table become lines with a tab between cells; a table that holds headings, another table or a single
    column only places its blocks, and they are given one by one.
    """

    def __init__(self, builder: TextBuilder) -> None:
        self._builder = builder
        self._tables: list[_Table] = []

    def add(self, block: Block) -> None:
        table = self._tables[-1] if self._tables else None
        if table is None or table.is_layout:
            self._give(block)
            return
        if table.rows and table.rows[-1]:
            table.rows[-1][-1].append(block)
        else:  # a caption, or what stands wrongly between rows
            table.rows.append([[block]])
        if block.is_heading:
            self._dissolve(table)

    def start_table(self) -> None:
        for table in self._tables[-1:]:
            self._dissolve(table)
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
            self._dissolve(table)
            return
        is_first = True
        for row in table.rows:
            line = _row(row)
            if line.text.strip() or line.pages:
                self._give(line._replace(is_tight=not is_first))
                is_first = False

    def finish(self) -> None:
        """Give what stands in tables that have not ended."""
        while self._tables:
            self.end_table()

    def _dissolve(self, table: _Table) -> None:
        """Give the blocks that a table holds, for it only places them; those to come are given as they come."""
        rows, table.rows, table.is_layout = table.rows, [], True
        for block in (block for row in rows for cell in row for block in cell):
            self._give(block)

    def _give(self, block: Block) -> None:
        separator = "\n" if block.is_tight else "\n\n"
        start = self._builder.length + (len(separator) if self._builder.length else 0)
        if block.text:
            self._builder.add(block.text, separator=separator)
        for label, offset in block.pages:
            self._builder.page(label, start + offset)
        if block.is_heading:
            self._builder.section(block.text, start)


def _row(cells: list[list[Block]]) -> Block:
    """A row as a line: what stands in a cell is joined by spaces, cells by tabs."""
    parts: list[str] = []
    pages: list[tuple[str, int]] = []
    length = 0
    for i, cell in enumerate(cells):
        for j, block in enumerate(cell):
            separator = " " if j else "\t" * bool(i)
            parts += separator, block.text.replace("\n", " ")
            pages.extend((label, length + len(separator) + start) for label, start in block.pages)
            length += len(separator) + len(block.text)
        if not cell and i:
            parts.append("\t")
            length += 1
    return Block("".join(parts), tuple(pages))

"""A table of results on a terminal: as wide as it is, or where it is too narrow a row below the other."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from bigbird_cli.cli.results import output
from bigbird_cli.messages import shortened
from bigbird_cli.report.cells import Cell
from bigbird_cli.report.sheets import UNSURE

_NARROWEST = 12
"""Characters of a column below which no sentence is read in it."""


class TerminalGrid:
    """Gathers rows and draws them together, but for columns that are empty, or say that everything was read."""

    def __init__(self) -> None:
        self._columns: Sequence[str] = ()
        self._rows: list[Sequence[Cell]] = []

    def header(self, columns: Sequence[str]) -> None:
        self._columns = columns

    def row(self, cells: Sequence[Cell]) -> None:
        self._rows.append(cells)

    def flush(self) -> None:
        """Do nothing: how wide a column is tells its last row."""

    def close(self) -> None:
        """Draw the rows."""
        out = output()
        shown = [
            i for i, name in enumerate(self._columns) if not i or any(self._says(name, row[i]) for row in self._rows)
        ]
        if len(shown) * _NARROWEST > out.width:
            self._draw_below(shown)
            return
        table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold", expand=False)
        for i in shown:
            is_number = any(isinstance(row[i], float | int) for row in self._rows)
            table.add_column(shortened(self._columns[i]), overflow="fold", justify="right" if is_number else "left")
        for row in self._rows:
            table.add_row(*(_text(row[i]) for i in shown))
        out.print(table)

    def _draw_below(self, shown: Sequence[int]) -> None:
        out = output()
        for number, row in enumerate(self._rows):
            out.print("" if number else Text(), end="\n" if number else "")
            out.print(Text(_shown(row[0]), style="bold"))
            for i in shown[1:]:
                if row[i] is not None:
                    name = Text(f"  {shortened(self._columns[i])}: ", style="dim")
                    out.print(Text.assemble(name, _text(row[i])))

    @staticmethod
    def _says(name: str, cell: Cell) -> bool:
        return cell is not None and (name, cell) != ("read", "all")


def _shown(cell: Cell) -> str:
    return "" if cell is None else f"{cell:.2f}" if isinstance(cell, float) else shortened(str(cell))


def _text(cell: Cell) -> Text:
    is_unsure = isinstance(cell, str) and cell.endswith(UNSURE)
    return Text(_shown(cell), style="yellow" if is_unsure else "")

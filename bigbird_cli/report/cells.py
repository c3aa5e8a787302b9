"""Cells of tables, and lines of CSV and TSV that spreadsheets show as what they are.

CSV is that of RFC 4180, but for its line ends: a row ends with one line feed, on every system. A line break in a cell
of CSV stays, and the cell is quoted; in TSV, whose rows are lines, it is a space, as a tab is.
"""

import csv
import io
import json
import re
from collections.abc import Sequence
from typing import Any, Literal

from bigbird_cli.messages import visible

Cell = str | int | float | None
"""None is an empty cell."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""What no spreadsheet takes: controls but for tabs and line ends, and half characters."""

_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*(e[+-]?\d+)?", re.IGNORECASE)
_BREAK = re.compile(r"[\t\r\n]+")


TableFormat = Literal["csv", "tsv"]

DELIMITERS: dict[TableFormat, str] = {"csv": ",", "tsv": "\t"}


def cell_of(value: Any) -> Cell:
    """A value of a row's field as a cell: JSON where it is no text and no number."""
    if value is None or isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    return json.dumps(value, ensure_ascii=False)


def csv_line(cells: Sequence[Cell]) -> str:
    """A row of CSV with its line end."""
    return _line([_safe(each) for each in cells], DELIMITERS["csv"])


def tsv_line(cells: Sequence[Cell]) -> str:
    """A row of TSV with its line end."""
    return _line(
        [_BREAK.sub(" ", each) if isinstance(each, str) else each for each in map(_safe, cells)], DELIMITERS["tsv"]
    )


LINES = {"csv": csv_line, "tsv": tsv_line}
"""How a row is written in each of the formats."""


def _line(cells: Sequence[Cell], delimiter: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerow(cells)  # its own line end, so that it quotes both kinds in a cell
    return out.getvalue().removesuffix("\r\n") + "\n"


def _safe(cell: Cell) -> Cell:
    """A text that a spreadsheet would compute is made one by an apostrophe before it; a number in a text is none."""
    if not isinstance(cell, str):
        return cell
    text = _CONTROL.sub(_escape, cell)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _escape(match: re.Match[str]) -> str:
    return visible(match[0])

"""Results as a table: the document of each row, what was found in it, its row's other fields, its error."""

import warnings
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from itertools import chain, count
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from bigbird_cli.errors import BigBirdWarning
from bigbird_cli.report.cells import LINES, Cell, TableFormat, cell_of
from bigbird_cli.report.sheets import Sheet
from bigbird_cli.report.writer import Stream, Writer
from bigbird_cli.text.documents import Document

if TYPE_CHECKING:
    from bigbird_cli.api import Receipt, Request, Result
    from bigbird_cli.data.rows import Row

R = TypeVar("R", bound="Result[Any, Any]")


class Grid(Protocol):
    """Where a table's rows go."""

    def header(self, columns: Sequence[str]) -> None:
        """Take the names of the columns, before the first row."""

    def row(self, cells: Sequence[Cell]) -> None:
        """Take a row."""

    def flush(self) -> None:
        """Take note that all results so far have their rows."""

    def close(self) -> None:
        """Take note that there are no more."""


@dataclass(frozen=True)
class TextGrid:
    """CSV or TSV on a stream, see `report.cells`.

    Attributes:
        stream: where to; it is left open.
        format: of the two.
        bom: begin with a byte order mark, by which Excel knows UTF-8.
    """

    stream: Stream
    format: TableFormat
    bom: bool = False

    def header(self, columns: Sequence[str]) -> None:
        self.stream.write("\ufeff" * self.bom + LINES[self.format](columns))

    def row(self, cells: Sequence[Cell]) -> None:
        self.stream.write(LINES[self.format](cells))

    def flush(self) -> None:
        self.stream.flush()

    def close(self) -> None:
        self.flush()


@dataclass(frozen=True)
class Columns:
    """The columns of a table that are not always there.

    Attributes:
        own: the task's.
        fields: of rows, by their own names; None where the documents are no rows, which have no id either.
        settled: by a result; where there is none but of documents that could not be had, rows are the document and its
            error alone.
    """

    own: tuple[str, ...]
    fields: tuple[str, ...] | None = None
    settled: bool = True

    def names(self) -> list[str]:
        """The names of all columns, no two alike."""
        names, ends = ["document", *([] if self.fields is None else ["id"])], ["read", "error"]
        for given, mark in ((self.own, ""), (self.fields or (), "input")):
            for name in given:
                names.append(_free(name, {*names, *ends}, mark))
        return names + ends


def _free(name: str, taken: Set[str], mark: str) -> str:
    """The name, with a mark or a number behind it if it is taken."""
    marks = chain([mark] if mark else [], (f"{mark} {number}".lstrip() for number in count(2)))
    marked = (f"{name} ({each})" for each in marks)
    return name if name not in taken else next(each for each in marked if each not in taken)


class Table(Writer[R]):
    """Writes rows once the results of a document are there, and the columns by the first result of a row or a text.

    Args:
        sheet: what of the results stands in it.
        grid: where it goes.
        columns: of a table that was begun before and has its header.
        on_columns: is called with them once the header is written.
        like: the row whose fields are columns, where others come before those that are written; None for their first.
    """

    def __init__(
        self,
        sheet: Sheet[R],
        grid: Grid,
        *,
        columns: Columns | None = None,
        on_columns: Callable[[Columns], None] = lambda _: None,
        like: "Row | None" = None,
    ) -> None:
        self._sheet, self._grid = sheet, grid
        self._on_columns = on_columns
        self._like = like
        self._columns = columns
        self._group: list[R] = []
        """Results of one document."""
        self._waiting: list[list[R]] = []
        """Of documents that failed before the columns were known."""
        self._has_warned = False

    def write(self, result: R) -> None:
        """Take a result, and write the rows of its document if they are whole."""
        if self._group and self._group[-1].request.document is not result.request.document:
            self._put_group()
        self._group.append(result)
        if self._sheet.is_whole(self._group):
            self._put_group()
            if not self._waiting:
                self._grid.flush()

    def finish(self) -> None:
        """Write what is left, and the header of a table without rows."""
        if self._group:
            self._put_group()
        if self._columns is None:
            self._begin(None)
        self._grid.close()

    def _put_group(self) -> None:
        group, self._group = self._group, []
        if self._columns is None:
            self._waiting.append(group)
            first = group[0]
            if first.request.row is not None or isinstance(first.request.document, Document):
                self._begin(first)
        else:
            self._put(group, self._columns)

    def _begin(self, first: R | None) -> None:
        fields = self._fields(first.request) if first is not None and first.request.row is not None else None
        any_ = first or (self._waiting[0][0] if self._waiting else None)
        columns = self._columns = Columns(tuple(self._sheet.columns(any_)), fields, settled=first is not None)
        self._grid.header(columns.names())
        self._on_columns(columns)
        waiting, self._waiting = self._waiting, []
        for group in waiting:
            self._put(group, columns)

    def _fields(self, request: "Request") -> tuple[str, ...]:
        if self._like is None:
            return tuple(request.fields)
        return tuple(name for name in self._like.fields if name not in (*request.used, "id"))

    def _put(self, group: Sequence[R], columns: Columns) -> None:
        request = group[0].request
        done = [result for result in group if result.error is None]
        rows = self._sheet.rows(group) if done else []
        problems = [result.error.problem for result in group if result.error is not None]
        problems = [*dict.fromkeys(problems), *filter(None, [self._sheet.remark(group)])]
        fields = request.fields
        if set(fields) - set(columns.fields or ()):
            self._warn_of(set(fields) - set(columns.fields or ()), where=request.name)
        ids = [] if columns.fields is None else [cell_of(request.id)]
        before = [request.name, *ids]
        behind = [
            *(cell_of(fields.get(name)) for name in columns.fields or ()),
            _read(done),
            "; ".join(problems) or None,
        ]
        for cells in rows or [[None] * len(columns.own)]:
            self._grid.row([*before, *cells, *behind])

    def _warn_of(self, fields: Iterable[str], *, where: str) -> None:
        if self._has_warned:
            return
        self._has_warned = True
        named = ", ".join(map(repr, sorted(fields)))
        message = f"{where}: the columns of the table were settled before {named} came; records of JSON have all fields"
        warnings.warn(BigBirdWarning(message), stacklevel=2)


def _read(results: "Sequence[Result[Any, Any]]") -> str | None:
    """How much of a document was read, in words; of several answers the least."""
    receipts = [result.receipt for result in results]
    if not receipts:
        return None
    return _amount(min(receipts, key=lambda receipt: receipt["read"]))


def _amount(receipt: "Receipt") -> str:
    whole = receipt["read"] == receipt["tokens"]
    amount = "all" if whole else f"{receipt['read']} of {receipt['tokens']} tokens"
    unread = receipt.get("unread")
    return f"{amount}; not read: {', '.join(unread)}" if unread else amount

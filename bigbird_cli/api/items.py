"""Documents and rows to read, as the commands and calls take them."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bigbird_cli.api.reading import FailedItem
from bigbird_cli.data.rows import JSON_LINES, SUFFIXES, rows_and_errors
from bigbird_cli.errors import BigBirdError, BigBirdWarning, DataError, nearest
from bigbird_cli.files.find import OnSkipped, warn_of_skipped
from bigbird_cli.files.json import json_kind
from bigbird_cli.files.packed import File
from bigbird_cli.files.surrogates import check_text
from bigbird_cli.text.documents import Document, FailedDocument, read_documents
from bigbird_cli.text.readers import READERS

_T = TypeVar("_T")


@dataclass(frozen=True)
class TextItem:
    """A document to read.

    Attributes:
        text: the document's text.
        name: where it came from; a record's "source".
        id: its owner's name for it; given back in the record as it is.
        pair: a second text that stands beside it; a model that was trained without pairs leaves it unread.
    """

    text: str
    name: str = "text"
    id: Any = None
    pair: str | None = None


@dataclass(frozen=True)
class RowItem:
    """A row to read; the model's task knows which of its fields hold what.

    Attributes:
        fields: the row's values by their column.
        name: where it stands, as "file:line"; a record's "source".
        table: the file whose rows all have these columns; None for a row of its own.
    """

    fields: Mapping[str, Any]
    name: str = "row"
    table: str | None = None

    @property
    def id(self) -> Any:
        """Its owner's name for it; given back in the record as it is."""
        return self.fields.get("id")

    def first_of(self, columns: Sequence[str]) -> str | None:
        """The first of these columns that the row has."""
        return next((column for column in columns if column in self.fields), None)

    def text(self, column: str, *, example: str) -> str:
        """The text of a column.

        Raises:
            DataError: there is none, or something else, or half a character; `example` is a row as it should be.
        """
        if column not in self.fields:
            near = nearest(column, self.fields)
            raise DataError(
                f"the row has no {column!r}; it has {', '.join(map(repr, self.fields)) or 'nothing'}",
                where=self.name,
                fix=f"did you mean {near!r}?" if near else f"write {example}",
            )
        value = self.fields[column]
        if not isinstance(value, str):
            raise DataError(
                f"{column!r} is {json_kind(value)}, not a string", where=self.name, fix="write its text in quotes"
            )
        if not value.strip():
            raise DataError(f"{column!r} is empty", where=self.name, fix="give it a text")
        check_text(value, f"{column!r}", self.name)
        return value


_OBJECTS = (".json", *JSON_LINES)
"""Files of rows each of which names its columns itself."""

Input = Document | RowItem | FailedDocument | FailedItem
"""A document or a row to read, or what could not be read."""


def is_table(path: str | Path) -> bool:
    """Whether a file is one of rows, by its name; packed or not."""
    return File(Path(path)).suffix in SUFFIXES


def read_inputs(paths: Iterable[str | Path], *, on_skipped: OnSkipped = warn_of_skipped) -> Iterator[Input]:
    """Read files and folders of documents as `read_documents` does, and files of rows (`is_table`) row by row.

    A row that cannot be read becomes an error in its place, and the others are read.
    """
    for path in paths:
        if str(path) == "-" or not is_table(path) or Path(path).is_dir():
            yield from read_documents([path], on_skipped=on_skipped)
            continue
        file = File(Path(path))
        has_columns = file.suffix not in _OBJECTS
        for row in rows_and_errors(file):
            if isinstance(row, DataError):
                yield FailedItem(row, name=row.where)
            else:
                yield RowItem(row.fields, row.where, row.file if has_columns else None)


def documents_of(contexts: Iterable[str | Path | Document], *, what: str) -> Iterator[Input]:
    """Texts, documents, and what `read_inputs` finds in paths; `what` is the argument's name, for a warning."""
    for context in contexts:
        if isinstance(context, Document):
            yield context
        elif isinstance(context, Path):
            yield from read_inputs([context])
        else:
            is_name = len(context) < 256 and "\n" not in context and context.endswith((*READERS, *SUFFIXES))
            if is_name and Path(context).is_file():
                warnings.warn(
                    BigBirdWarning(f"the {what} {context!r} is read as a text; to read the file, give a pathlib.Path"),
                    stacklevel=4,
                )
            yield Document("text", context)


def items_of(documents: Iterable[Input | None]) -> Iterator[TextItem | RowItem | FailedItem | None]:
    """Documents and rows as items; None is passed on."""
    for document in documents:
        if isinstance(document, FailedDocument):
            yield FailedItem(document.error, name=document.name)
        elif isinstance(document, Document):
            yield TextItem(document.text, name=document.name)
        else:
            yield document


def texts_of(
    items: Iterable[TextItem | RowItem | FailedItem | None],
    *,
    text: Sequence[str],
    pair: str | None = None,
    id_: str = "id",
) -> Iterator[TextItem | FailedItem | None]:
    """Take the texts of rows out of their columns.

    Args:
        items: rows, and what is passed on as it is.
        text: where a row's text stands: in the first of these columns that it has.
        pair: the column of a second text, which may be called "pair" too; None for a model that knows none.
        id_: the column of a row's name, which may be called "id" too.
    """
    example = f'{{"{text[0]}": ..., "id": ...}}'
    for item in refuse_tables(items, text):
        if not isinstance(item, RowItem):
            yield item
            continue
        name = item.fields.get(id_, item.id)
        second = None if pair is None else item.first_of((pair, "pair"))
        try:
            first = item.text(item.first_of(text) or text[0], example=example)
            beside = None if second is None else item.text(second, example=example)
            yield TextItem(first, item.name, name, beside)
        except DataError as error:
            yield FailedItem(error, name=item.name, id=name)


def refuse_tables(items: Iterable[_T | RowItem], columns: Sequence[str]) -> Iterator[_T | RowItem | FailedItem]:
    """Put one error in the place of a table's rows that have none of the columns: the mistake is not each row's."""
    refused: str | None = None
    for item in items:
        if not isinstance(item, RowItem) or item.table is None or item.first_of(columns) is not None:
            yield item
        elif item.table != refused:
            refused = item.table
            error = DataError(
                f"the table has no column {columns[0]!r}; it has {', '.join(map(repr, item.fields)) or 'none'}",
                where=item.table,
                fix=f"call the column of the text {columns[0]!r}, or name another where the command has --text-column",
            )
            yield FailedItem(error, name=item.table)


def failed_text(item: TextItem, error: BigBirdError) -> FailedItem:
    """What becomes of a document that cannot be read."""
    return FailedItem(error, name=item.name, id=item.id)

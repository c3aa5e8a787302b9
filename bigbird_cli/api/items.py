"""Documents and rows to read, as the commands and calls take them."""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bigbird_cli.api.reading import FailedItem
from bigbird_cli.data.files import File
from bigbird_cli.data.rows import SUFFIXES, rows_and_errors
from bigbird_cli.errors import BigBirdWarning, DataError, nearest
from bigbird_cli.text.documents import SUFFIXES as TEXTS
from bigbird_cli.text.documents import (
    Document,
    FailedDocument,
    OnSkipped,
    json_kind,
    read_documents,
    refuse_surrogates,
    warn_of_skipped,
)


@dataclass(frozen=True)
class TextItem:
    """A document to read.

    Attributes:
        text: the document's text.
        name: where it came from; a record's "source".
        id: its owner's name for it; given back in the record as it is.
        pair: a second text that stands beside it, where the model knows pairs.
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
    """

    fields: Mapping[str, Any]
    name: str = "row"

    @property
    def id(self) -> Any:
        """Its owner's name for it; given back in the record as it is."""
        return self.fields.get("id")

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
        refuse_surrogates(value, f"{column!r}", self.name)
        return value


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
        for row in rows_and_errors(File(Path(path))):
            if isinstance(row, DataError):
                yield FailedItem(row, name=row.where)
            else:
                yield RowItem(row.fields, row.where)


def documents_of(contexts: Iterable[str | Path | Document], *, what: str) -> Iterator[Input]:
    """Texts, documents, and what `read_inputs` finds in paths; `what` is the argument's name, for a warning."""
    for context in contexts:
        if isinstance(context, Document):
            yield context
        elif isinstance(context, Path):
            yield from read_inputs([context])
        else:
            is_name = len(context) < 256 and "\n" not in context and context.endswith((*TEXTS, *SUFFIXES))
            if is_name and Path(context).is_file():
                warnings.warn(
                    BigBirdWarning(f"the {what} {context!r} is read as a text; to read the file, give a pathlib.Path"),
                    stacklevel=4,
                )
            yield Document("text", context)


def items_of(documents: Iterable[Input]) -> Iterator[TextItem | RowItem | FailedItem]:
    """Documents and rows as items."""
    for document in documents:
        if isinstance(document, FailedDocument):
            yield FailedItem(document.error, name=document.name)
        elif isinstance(document, RowItem | FailedItem):
            yield document
        else:
            yield TextItem(document.text, name=document.name)


def texts_of(
    items: Iterable[TextItem | RowItem | FailedItem | None],
    *,
    text: str,
    pair: str | None = None,
    id_: str = "id",
) -> Iterator[TextItem | FailedItem | None]:
    """Take the texts of rows out of their columns: those of training, else the usual "text", "pair" and "id".

    Args:
        items: rows, and what is passed on as it is.
        text, pair, id_: the columns of training; None for a model that knows no second text.
    """
    for item in items:
        if not isinstance(item, RowItem):
            yield item
            continue
        name = item.fields.get(id_, item.id)
        example = f'{{"{text}": ..., "id": ...}}'
        second = None if pair is None else _known(item, pair, "pair")
        try:
            first = item.text(_known(item, text, "text") or text, example=example)
            beside = None if second is None else item.text(second, example=example)
            yield TextItem(first, item.name, name, beside)
        except DataError as error:
            yield FailedItem(error, name=item.name, id=name)


def _known(item: RowItem, *columns: str) -> str | None:
    return next((column for column in columns if column in item.fields), None)


def failed_text(item: TextItem, error: DataError) -> FailedItem:
    """What becomes of a document that cannot be read."""
    return FailedItem(error, name=item.name, id=item.id)

"""Texts, files, folders and rows, as users give them, as requests."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bigbird_cli.api.reading.requests import Request
from bigbird_cli.data.rows import JSON_LINES, SUFFIXES, Row, is_empty, rows_and_errors
from bigbird_cli.errors import BigBirdWarning, DataError, nearest
from bigbird_cli.files.encodings import EncodingError, check_encoding
from bigbird_cli.files.find import OnSkipped, warn_of_skipped
from bigbird_cli.files.json import as_json, json_kind
from bigbird_cli.files.packed import File, files_and_errors
from bigbird_cli.files.surrogates import check_text
from bigbird_cli.text.documents import Document, FailedDocument, read_document, read_standard_input
from bigbird_cli.text.readers import READERS

_OBJECTS = (".json", *JSON_LINES)
"""Files of rows each of which names its columns itself."""

Source = str | Path | Document
"""A text; the path of a file, of a folder, or of a file of rows; or a document."""

Several = list[str] | list[str | Path] | list[Source] | tuple[Source, ...] | Sequence[Path | Document]
"""Sources; spelled so that a text, itself a sequence of texts, is none of these."""

Input = Document | Row | FailedDocument | Request
"""What may be read: a document, why there is none, a row that holds one, or a request whole."""


def is_table(path: str | Path) -> bool:
    """Whether a file is one of rows, by its name; packed or not."""
    return File(Path(path)).suffix in SUFFIXES


def is_single(source: Source | Several) -> bool:
    """Whether a source is one document, as far as its kind tells: a folder may hold several."""
    return isinstance(source, str | Document) or (isinstance(source, Path) and not is_table(source))


def read_inputs(
    paths: Iterable[str | Path], *, encoding: str | None = None, on_skipped: OnSkipped = warn_of_skipped
) -> Iterator[Input]:
    """Read documents one after the other, each when it is asked for, and files of rows (`is_table`) row by row.

    What cannot be read, a file, a subfolder or a row, becomes an error in its place, and the others are read.

    Args:
        paths: files; folders and archives (*.zip), whose files of the kinds in READERS and of rows are read in the
            order of their names, packed (*.gz, *.bz2, *.xz) or not, subfolders included, but for what `is_left_out`;
            "-" for a document on standard input.
        encoding: of plain text, HTML and rows; None for UTF-8, and what a page says itself.
        on_skipped: is called with a folder's or an archive's files of other kinds.

    Raises:
        UsageError: there is no such encoding.
    """
    check_encoding(encoding)
    return (found.read() for found in find_inputs(paths, encoding=encoding, on_skipped=on_skipped))


@dataclass(frozen=True)
class Found:
    """An input that is there to be read; a row was read to find it.

    Attributes:
        name: of the document: its file, or where the row stands.
        read: gives the input.
        row: the row; None of other inputs.
    """

    name: str
    read: Callable[[], Input]
    row: Row | None = None


def find_inputs(
    paths: Iterable[str | Path], *, encoding: str | None = None, on_skipped: OnSkipped = warn_of_skipped
) -> Iterator[Found]:
    """What `read_inputs` reads, before it does: folders are listed, and tables read row by row; arguments as there."""
    for path in paths:
        if str(path) == "-":
            yield Found("-", lambda: in_call(read_standard_input(encoding=encoding), encoding))
            continue
        for file in files_and_errors(path, (*READERS, *SUFFIXES), encoding=encoding, on_skipped=on_skipped):
            if isinstance(file, File) and file.suffix in SUFFIXES:
                for row in rows_and_errors(file):
                    yield _found_row(row, row.where or file.name, encoding)
            else:
                name = file.name if isinstance(file, File) else str(file.where)
                yield Found(name, partial(_document, file, encoding))


def _found_row(row: Row | DataError, where: str, encoding: str | None) -> Found:
    if isinstance(row, DataError):
        failed = in_call(failed_row(row, where=where), encoding)
        return Found(where, lambda: failed)
    return Found(where, lambda: row, row)


def _document(file: File | DataError, encoding: str | None) -> Input:
    return in_call(read_document(file), encoding)


def in_call(found: Input, encoding: str | None) -> Input:
    """The same, where an encoding can be named: an error about what is not in its own says so."""
    failed = found.document if isinstance(found, Request) else found
    if not isinstance(failed, FailedDocument) or not isinstance(failed.error, EncodingError):
        return found
    failed = replace(failed, error=failed.error.in_call(encoding))
    return replace(found, document=failed) if isinstance(found, Request) else failed


def inputs_of(source: Source | Several, *, argument: str, encoding: str | None = None) -> Iterator[Input]:
    """Texts, documents, and what `read_inputs` finds in paths.

    Args:
        source: what a call was given.
        argument: its name, for a warning.
        encoding: as of `read_inputs`.

    Raises:
        UsageError: there is no such encoding.
    """
    check_encoding(encoding)
    return _inputs_of(source, argument, encoding)


def _inputs_of(source: Source | Several, argument: str, encoding: str | None) -> Iterator[Input]:
    for each in [source] if isinstance(source, str | Path | Document) else source:
        if isinstance(each, Document):
            yield each
        elif isinstance(each, Path):
            yield from read_inputs([each], encoding=encoding)
        else:
            is_name = len(each) < 256 and "\n" not in each and each.endswith((*READERS, *SUFFIXES))
            if is_name and Path(each).is_file():
                warnings.warn(
                    BigBirdWarning(f"the {argument} {each!r} is read as a text; to read the file, give a pathlib.Path"),
                    stacklevel=4,
                )
            yield Document("text", each)


def requests_of(
    inputs: Iterable[Input | None],
    *,
    text: Sequence[str],
    second: Sequence[str] = (),
    id_: str = "id",
    no_pair: tuple[str, str] | None = None,
) -> Iterator[Request | None]:
    """Make requests of documents and rows; requests, and None, are passed on.

    Args:
        inputs: what to read.
        text: where a row's text stands: in the first of these columns that it has.
        second: where its second text stands, if it has one.
        id_: the column of a row's name, which may be called "id" too.
        no_pair: why a second text in "pair" would go unread, and what to do: it is an error of its row.
    """
    for each in reject_tables(inputs, text):
        if isinstance(each, Row):
            yield _of_row(each, text, second, id_, no_pair)
        else:
            yield each if each is None or isinstance(each, Request) else Request(each)


def documents_of(inputs: Iterable[Input | None], column: str) -> Iterator[Document | FailedDocument]:
    """The documents of inputs, those of rows in a column, or why there is none."""
    return (request.document for request in requests_of(inputs, text=(column,)) if request is not None)


def _of_row(row: Row, text: Sequence[str], second: Sequence[str], id_: str, no_pair: tuple[str, str] | None) -> Request:
    example = f'{{"{text[0]}": ..., "id": ...}}'
    column, name = first_of(text, row) or text[0], first_of((id_, "id"), row)
    other = first_of(("pair",) if no_pair else second, row)
    asked: str | None = None
    try:
        if no_pair and not is_empty(row.fields.get("pair")):
            problem, fix = no_pair
            raise DataError(problem, where=row.where, fix=fix)
        document: Document | FailedDocument = document_of(row, text, example=example)
        asked = text_of(row, other, example=example) if other and not no_pair else None
    except DataError as error:
        document = FailedDocument(row.where, error)
    used = tuple(each for each in (column, other, name) if each is not None)
    return Request(document, asked, as_json(row.fields[name]) if name else None, row, used)


def first_of(columns: Sequence[str], row: Row) -> str | None:
    """The first of these columns that a row has."""
    return next((column for column in columns if column in row.fields), None)


def document_of(row: Row, columns: Sequence[str], *, example: str) -> Document:
    """The document that a row holds, in the first of these columns that it has; DataError as of `text_of`."""
    column = first_of(columns, row)
    if column is None:
        fix = _column_meant(columns[0], row.fields) or f"write {example}"
        raise DataError(_lacks(columns[0], row), where=row.where, fix=fix)
    return Document(row.where, text_of(row, column, example=example))


def text_of(row: Row, column: str, *, example: str) -> str:
    """The text of a row's column.

    Raises:
        DataError: there is none, or something else, or half a character; `example` is a row as it should be.
    """
    if column not in row.fields:
        near = nearest(column, row.fields)
        raise DataError(
            _lacks(column, row), where=row.where, fix=f"did you mean {near!r}?" if near else f"write {example}"
        )
    value = row.fields[column]
    if not isinstance(value, str):
        raise DataError(
            f"{column!r} is {json_kind(value)}, not a string", where=row.where, fix="write its text in quotes"
        )
    if not value.strip():
        raise DataError(f"{column!r} is empty", where=row.where, fix="give it a text")
    check_text(value, f"{column!r}", row.where)
    return value


def _lacks(column: str, row: Row) -> str:
    return f"the row has no {column!r}; it has {', '.join(map(repr, row.fields)) or 'nothing'}"


def _column_meant(column: str, fields: Mapping[str, Any]) -> str | None:
    """Which column holds the text, where none is called as it should be: one of a like name, else the longest text."""
    if near := nearest(column, fields):
        return f'did you mean column="{near}"?'
    texts = {name: len(value) for name, value in fields.items() if isinstance(value, str)}
    return f'name the column of the text: column="{max(texts, key=texts.__getitem__)}"' if texts else None


def failed_row(error: DataError, *, where: str) -> Request:
    """What stands in the place of a row that is broken."""
    return Request(FailedDocument(where, error))


def reject_tables(inputs: Iterable[Input | None], columns: Sequence[str]) -> Iterator[Input | None]:
    """Put one error in the place of a table's rows that have none of the columns: the mistake is not each row's."""
    rejected: str | None = None
    for each in inputs:
        if not isinstance(each, Row) or first_of(columns, each) is not None or not _is_of_table(each):
            yield each
        elif each.file != rejected:
            rejected = each.file
            error = DataError(
                f"the table has no column {columns[0]!r}; it has {', '.join(map(repr, each.fields)) or 'none'}",
                where=each.file,
                fix=_column_meant(columns[0], each.fields) or f"give the table a column {columns[0]!r}",
            )
            yield failed_row(error, where=each.file)


def _is_of_table(row: Row) -> bool:
    """Whether all rows of its file have the same columns."""
    return bool(row.file) and File(Path(row.file)).suffix not in _OBJECTS

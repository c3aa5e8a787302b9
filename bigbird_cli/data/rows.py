"""Rows of named fields from JSON, JSON lines, CSV, TSV, Parquet, FASTA and the Hugging Face hub, one after the other.

Whatever the file's size, one row is held at a time (of Parquet a few, of `{"data": [...]}` one entry).
"""

import csv
import math
import os
import re
import warnings
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from bigbird_cli.data import hub
from bigbird_cli.data.parquet import parquet_rows
from bigbird_cli.errors import BigBirdWarning, DataError, Report, nearest
from bigbird_cli.files.copies import seekable
from bigbird_cli.files.file_types import check_plain_text
from bigbird_cli.files.find import patterns
from bigbird_cli.files.json import json_kind, read_jsonl
from bigbird_cli.files.json_stream import JsonStream
from bigbird_cli.files.packed import PACKED, File, files_in
from bigbird_cli.files.streams import byte_lines, text_blocks, text_lines, wrong_byte
from bigbird_cli.files.surrogates import check_values
from bigbird_cli.messages import counted
from bigbird_cli.text.formats.fasta import read_records
from bigbird_cli.text.readers import FASTA

JSON_LINES = (".jsonl", ".jsonlines", ".ndjson")
SUFFIXES = (".json", *JSON_LINES, ".csv", ".tsv", ".parquet", *FASTA)
"""The kinds of files that are taken from a folder or an archive."""

LONGEST_FIELD = 1 << 26
"""Characters of one CSV field at most; what is longer is a quotation mark that was never closed."""

DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
"""What may separate the columns of CSV and TSV, in the order of preference where the first lines allow several."""

_USUAL = {".csv": ",", ".tsv": "\t"}
_SAMPLED = 50
"""Lines by which the delimiter is found out."""

_PARQUET_MAGIC = b"PAR1"
_EXAMPLE = '{"text": ...}'


class EmptyValue(DataError):
    """A row lacks a text or a label: the error after which the other rows may be read."""


@dataclass(frozen=True, eq=False)
class Row:
    """Named values and where they stand.

    Attributes:
        fields: the values by their column; of CSV and TSV all are strings.
        where: "file:line" or "file[number of the row, from 0]", for messages.
        file: the file, as `where` names it.
        key: a name that no other row of the source has, for a row without one of its own.
        decimal: the decimal mark of numbers that are written as strings.
    """

    fields: dict[str, Any]
    where: str
    file: str = ""
    key: str = ""
    decimal: str = "."

    def value(self, column: str, *, setting: str | None = None) -> Any:
        """The value of a column; DataError where the row lacks it, with the recipe's setting that names the column."""
        if column not in self.fields:
            meant = nearest(column, self.fields)
            fix = f'add "{column}", or ' + (f"set {setting} to" if setting else "name") + " the column that holds it"
            if meant:
                fix = f'did you mean "{meant}"?' + (f" Then set {setting}: {meant}" if setting else "")
            raise DataError(
                f'there is no "{column}" here, only {", ".join(list(self.fields)[:8]) or "nothing"}',
                where=self.where,
                fix=fix,
            )
        return self.fields[column]

    def filled(self, column: str, *, setting: str | None = None) -> Any:
        """The value of a column; EmptyValue where it is null, not a number (NaN) or nothing but white space."""
        value = self.value(column, setting=setting)
        if is_empty(value):
            said = "an empty string" if isinstance(value, str) else "null" if value is None else "NaN, not a number"
            raise EmptyValue(f'"{column}" is {said}', where=self.where, fix=FILL)
        return value

    def text(self, column: str, *, setting: str | None = None) -> str:
        """The string of a column, which may be empty; DataError where the row lacks it or it is something else."""
        value = self.value(column, setting=setting)
        if not isinstance(value, str):
            value = self.filled(column)
            raise DataError(
                f'"{column}" is {json_kind(value)}, not a string', where=self.where, fix="give it as a string"
            )
        return value

    def filled_text(self, column: str, *, setting: str | None = None) -> str:
        """The string of a column; EmptyValue where there is none, DataError where the row lacks it or it is no text."""
        self.filled(column, setting=setting)
        return self.text(column)


FILL = "fill it in or take the row out, or set task.on_empty: skip to leave such rows out"


def is_empty(value: Any) -> bool:
    """Whether a value stands for none: null, NaN, or a string of nothing but white space."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))


def read_rows(
    source: str | Path,
    *,
    split: str = "train",
    offline: bool = False,
    example: str = _EXAMPLE,
    report: Report | None = None,
) -> Iterator[Row]:
    """Read rows lazily.

    Args:
        source: a file: JSON (a list of objects, one object, or `{"data": [...]}`), JSON lines, CSV or TSV with the
            columns' names in the first line, by which another delimiter than the suffix says is found out and named in
            a warning; Parquet; FASTA, see `sequences`; each may be packed as .gz, .bz2, .xz, or in a .zip.
            Or a folder: its files of those kinds in the order of their names. Or a data set of the Hugging Face hub,
            streamed: `hub:NAME[@REVISION][#CONFIG][:SPLIT]`.
        split: of a data set of the hub whose source names none.
        offline: a name of the hub is an error, and nothing is looked up.
        example: a row as it should be, for errors.
        report: takes the errors of broken rows.

    Yields:
        The rows, in order. ClassLabel numbers come as their names. There may be none: a list may be empty.

    Raises:
        DataError: a file is missing, empty, of an unknown kind or not UTF-8, or a row is broken; it names the location.
    """
    if hub.is_hub(source):
        name = str(source)
        for number, fields in enumerate(hub.rows(name, split, offline=offline)):
            yield _whole(Row(fields, f"{name}[{number}]", name, f"{number}"))
        return
    for file in files_in(source, SUFFIXES):
        yield from file_rows(file, example, source=source, report=report)


def file_rows(
    file: File, example: str = _EXAMPLE, *, source: str | Path = "", report: Report | None = None
) -> Iterator[Row]:
    """Read the rows of one file, see `read_rows`; their keys name it below the source that it comes from."""
    within = file.name.removeprefix(str(Path(source))).lstrip(os.sep) if source else ""
    for row in _file_rows(file, example):
        whole = row if isinstance(row, DataError) else _whole_or_error(row)
        if isinstance(whole, DataError):
            if report is None:
                raise whole
            report(whole)
            continue
        if within and file.suffix in FASTA:
            whole = replace(whole, fields={"label": _file_label(within)} | whole.fields)
        yield replace(whole, key=f"{within}:{whole.key}") if within else whole


def _file_label(within: str) -> str:
    """What a file's name below a folder says of the sequences in it: the subfolder's name, or else the file's."""
    name = PurePath(PurePath(within).parts[0])
    while name.suffix.lower() in (*PACKED, *FASTA):
        name = name.with_suffix("")
    return str(name)


def rows_and_errors(file: File) -> Iterator[Row | DataError]:
    """Read the rows of one file, see `read_rows`; a broken one becomes an error in its turn, and the others are read.

    What cannot be read on from, such as a comma that is missing between two objects of a list, is the last.
    """
    try:
        for row in _file_rows(file, _EXAMPLE):
            yield row if isinstance(row, DataError) else _whole_or_error(row)
    except DataError as error:
        yield error


def _whole_or_error(row: Row) -> Row | DataError:
    try:
        return _whole(row)
    except DataError as error:
        return error


def _file_rows(file: File, example: str) -> Iterator[Row | DataError]:
    start = _start(file)
    if not start.strip():
        raise DataError("the file is empty", where=file.name, fix=f"give rows such as {example}")
    if start.startswith(_PARQUET_MAGIC):
        with file.open() as stream, seekable(stream, file.name) as whole:
            for number, fields in enumerate(parquet_rows(whole, file.name)):
                yield Row(fields, f"{file.name}[{number}]", file.name, f"{number}")
        return
    check_plain_text(start, file.name)
    if file.suffix in FASTA:
        with file.open_text() as stream:
            yield from sequences(stream, file.name)
    elif file.suffix in JSON_LINES:
        yield from _json_lines(file, example)
    elif file.suffix in _USUAL:
        yield from _separated(file)
    elif file.suffix == ".json" or start.lstrip()[:1] in (b"{", b"["):
        yield from _json(file, example)
    elif file.suffix == ".parquet":
        raise DataError("this is not a Parquet file", where=file.name, fix="fetch it again")
    else:
        raise DataError(
            f"rows are not read from {file.suffix or 'a file without a suffix'}",
            where=file.name,
            fix=f"give one of {patterns(SUFFIXES)}, or a folder of them",
        )


def sequences(stream: BinaryIO, name: str) -> Iterator[Row | DataError]:
    """The rows of FASTA: "text" holds the letters of a record, in upper case, "id" and "description" its head.

    Besides, each `name=value` in the description is a column: `>seq7 label=promoter`. Of a folder of files, what has no
    label has its file's or subfolder's name for one, see `file_rows`.
    """
    for record in read_records(stream, name):
        try:
            fields = record.attributes | {"text": record.sequence()}
        except DataError as error:
            yield error
            continue
        named = {"id": record.id, "description": record.description}
        yield Row(
            fields | {column: value for column, value in named.items() if value}, record.where, name, f"{record.line}"
        )


def _start(file: File) -> bytes:
    """The first bytes of a file, up to one that is not white space."""
    start = b""
    with file.open() if file.suffix == ".parquet" else file.open_text() as stream:
        while not start.strip() and (block := stream.read(4096)):
            start = block.removeprefix(b"\xef\xbb\xbf") if not start else block
    return start


def _json_lines(file: File, example: str) -> Iterator[Row | DataError]:
    with file.open_text() as stream:
        for number, fields in read_jsonl(byte_lines(stream, file.name), file.name, example=example):
            if isinstance(fields, DataError):
                yield fields
                continue
            yield Row(fields, f"{file.name}:{number}", file.name, f"{number}")


def _json(file: File, example: str) -> Iterator[Row | DataError]:
    hint = f'give a list of rows, or {{"data": [...]}}, or a row a line; a row such as {example}'
    with file.open_text() as stream:
        json = JsonStream(text_blocks(stream, file.name), file.name, hint=hint)
        if json.peek() == "[":
            yield from _items(json, file.name, "", example)
            json.end()
            return
        if json.peek() != "{":
            value = json.value()
            json.end()
            raise DataError(f'{json_kind(value)} without "data" is not a table of rows', where=file.name, fix=hint)
        fields: dict[str, Any] = {}
        is_table = False
        for key in json.members():
            if key == "data" and json.peek() == "[":
                is_table = True
                yield from _items(json, file.name, "data", example)
            else:
                fields[key] = json.value()
        if is_table:
            json.end()
            return
        if not json.peek():
            yield Row(fields, file.name, file.name, "data[0]")
            return
    yield from _json_lines(file, example)


def _items(json: JsonStream, name: str, prefix: str, example: str) -> Iterator[Row | DataError]:
    for number, fields in enumerate(json.items()):
        where = f"{name}, {prefix}[{number}]" if prefix else f"{name}[{number}]"
        if not isinstance(fields, dict):
            yield DataError(f"this is {json_kind(fields)}, not an object", where=where, fix=f"write {example}")
            continue
        yield Row(fields, where, name, f"data[{number}]")


def _separated(file: File) -> Iterator[Row | DataError]:
    if csv.field_size_limit() < LONGEST_FIELD:
        csv.field_size_limit(LONGEST_FIELD)  # the whole process's; a document does not fit into Python's 131,072
    with file.open_text() as stream:
        lines = list(islice(text_lines(stream, file.name, errors="surrogateescape"), _SAMPLED))
    usual = _USUAL[file.suffix]
    said = _SAID.fullmatch(lines[0].rstrip("\r\n"))
    delimiter = said[1] if said else _delimiter(lines, usual)
    if delimiter != usual:
        message = f"{DELIMITERS.get(delimiter, repr(delimiter))} separate the columns of this {file.suffix} file"
        warnings.warn(BigBirdWarning(f"{file.name}: {message}"), stacklevel=2)
    if (delimiter, file.suffix) == ("\t", ".tsv"):
        yield from _tsv(file)
    else:
        yield from _csv(file, delimiter, n_before=int(said is not None))


_SAID = re.compile(r"sep=([^\w\s\"']|\t)", re.IGNORECASE)
"""A first line by which spreadsheets tell each other the delimiter."""


def _delimiter(lines: Sequence[str], usual: str) -> str:
    """The delimiter that the first line has; if that may be one of several, the first by which all lines fit."""
    order = sorted(DELIMITERS, key=lambda one: one != usual)
    records = {one: found for one in order if (found := _records(lines, one)) and len(found[0]) > 1}
    fitting = [one for one, found in records.items() if all(len(each) == len(found[0]) for each in found[:-1] if each)]
    return next(iter([*fitting, *records]), usual)


def _records(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    """The first records, as far as they are CSV; the last may be cut off."""
    found: list[list[str]] = []
    try:
        for record in csv.reader((line for line in lines if line.strip()), delimiter=delimiter, strict=True):
            found.append(record)
    except csv.Error:
        pass
    return found


def _csv(file: File, delimiter: str, *, n_before: int = 0) -> Iterator[Row | DataError]:
    """Read the rows behind the first `n_before` lines."""
    with file.open_text() as stream:
        text = islice(text_lines(stream, file.name, errors="surrogateescape"), n_before, None)
        lines = csv.reader(text, delimiter=delimiter, strict=True)
        begun = n_before + 1
        columns: list[str] = []
        while True:
            try:
                values = next(lines, None)
            except csv.Error as error:
                yield DataError(
                    f"the row that begins here is not CSV: {error}",
                    where=f"{file.name}:{begun}",
                    fix='put a field with a separator, a quotation mark or a line end between "", and double its own "',
                )
                begun = n_before + lines.line_num + 1
                continue
            if values is None:
                return
            if values and not columns:
                columns = _columns(values, file.name, begun)
            elif values:
                # where commas are decimal marks, semicolons separate
                row = _row(columns, values, file.name, begun)
                yield replace(row, decimal=",") if isinstance(row, Row) and delimiter == ";" else row
            begun = n_before + lines.line_num + 1


def _tsv(file: File) -> Iterator[Row | DataError]:
    """A row a line, and a field that is quoted from end to end unquoted; any other `"` is text. Such a field may hold
    line ends, as spreadsheets write them."""
    with file.open_text() as stream:
        columns: list[str] = []
        below = enumerate(text_lines(stream, file.name, errors="surrogateescape"), start=1)
        ahead: deque[tuple[int, str]] = deque()
        while (found := ahead.popleft() if ahead else next(below, None)) is not None:
            number, line = found
            if not (text := line.rstrip("\r\n")):
                continue
            values = [_unquoted(field) for field in text.split("\t")]
            if not columns:
                columns = _columns(values, file.name, number)
                continue
            if _is_open(values[-1]) and len(values) <= len(columns):
                values = _over_lines(line, len(columns), ahead, below) or values
            yield _row(columns, values, file.name, number)


def _unquoted(field: str) -> str:
    return field[1:-1].replace('""', '"') if _QUOTED.fullmatch(field) else field


_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_FIELD = re.compile(r'(?:(?<=\t)|\A)(?:"(?:[^"]|"")*"(?=\t|\Z)|[^\t]*)')


def _is_open(field: str) -> bool:
    """Whether a field begins with a quotation mark that is not closed."""
    return field.startswith('"') and field.count('"') % 2 == 1


_MOST_LINES = 1000
"""Lines of a field of TSV at most; a quotation mark that is not closed till then is text."""


def _over_lines(
    line: str, n_columns: int, ahead: deque[tuple[int, str]], below: Iterator[tuple[int, str]]
) -> list[str] | None:
    """The fields of a row that begins in a line whose last field is open, and takes some of the next ones.

    Args:
        line: that line, with its end.
        n_columns: fields that the row must have.
        ahead: lines that were read already; those that belong to the row are taken from it.
        below: the lines behind them.

    Returns:
        None where the mark is text: nothing closes it, or what does makes no row.
    """
    text = line
    is_row = line.count("\t") == n_columns - 1
    for k in range(_MOST_LINES):
        if k == len(ahead):
            if (found := next(below, None)) is None:
                return None
            ahead.append(found)
        following = ahead[k][1]
        if is_row and not k and following.count("\t") == n_columns - 1:
            return None  # two rows, and the first one's last field begins with a mark of its own
        text += following
        if '"' not in following:
            continue
        fields = _FIELD.findall(text.rstrip("\r\n"))
        if _is_open(fields[-1]):
            continue
        if len(fields) != n_columns:
            return None
        for _ in range(k + 1):
            ahead.popleft()
        return [_unquoted(field) for field in fields]
    return None


def _columns(names: list[str], name: str, line: int) -> list[str]:
    where = f"{name}:{line}"
    if wrong := _wrong_byte(names, where):
        raise wrong
    twice = [column for column, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"two columns are called {twice[0]!r}",
            where=where,
            fix="name each column once, in the first line; where that is a row, put names above it",
        )
    return names


def _row(columns: list[str], values: list[str], name: str, line: int) -> Row | DataError:
    where = f"{name}:{line}"
    if len(values) != len(columns):
        return DataError(
            f"the row has {counted(len(values), 'field')}, the first line names {counted(len(columns), 'column')}",
            where=where,
            fix="the row is torn, or one of its fields holds a separator and is not quoted",
        )
    fields = dict(zip(columns, values, strict=True))
    return _wrong_byte(values, where) or Row(fields, where, name, f"{line}")


def _wrong_byte(values: Iterable[str], where: str) -> DataError | None:
    """What to say of values with a byte that is not UTF-8, read as a surrogate so that the other rows are read."""
    try:
        "".join(values).encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeDecodeError as error:
        return wrong_byte(error, where)
    return None


def _whole(row: Row) -> Row:
    check_values(row.fields, row.where)
    return row

"""The formats in which results are written, and the plain call that writes them into a file."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, get_args

from bigbird_cli.choices import OutputFormat
from bigbird_cli.errors import DataError, UsageError, nearest
from bigbird_cli.files.paths import local_path
from bigbird_cli.report import sheets
from bigbird_cli.report.cells import TableFormat
from bigbird_cli.report.json_lines import JsonArray, JsonLines
from bigbird_cli.report.kept import Converter, PartialFile, Reached
from bigbird_cli.report.table import Columns, Table, TextGrid
from bigbird_cli.report.writer import Stream, Writer

if TYPE_CHECKING:
    from bigbird_cli.api import Result
    from bigbird_cli.data.rows import Row

R = TypeVar("R", bound="Result[Any, Any]")

_SUFFIXES: dict[str, OutputFormat] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "text",
    ".parquet": "parquet",
}


DataFormat = Literal["json", "jsonl", "csv", "tsv", "parquet"]
"""Those that are no drawing."""


def format_of(path: Path) -> OutputFormat:
    """The format that a file's name asks for.

    Raises:
        UsageError: it asks for none.
    """
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        near = nearest(suffix, _SUFFIXES) if suffix else None
        meant = f"did you mean {path.with_suffix(near)}? " if near else ""
        fix = f"{meant}name it *{', *'.join(_SUFFIXES)}, or say which: format=csv"
        raise UsageError("its name does not tell its format", where=str(path), fix=fix)
    return _SUFFIXES[suffix]


def converter(format: OutputFormat) -> Converter | None:
    """What makes a file of the format of what `data_writer` wrote; None where that is the file."""
    if format != "parquet":
        return None
    from bigbird_cli.report.parquet import write_parquet

    return write_parquet


def data_writer(
    format: OutputFormat,
    stream: Stream,
    sheet: sheets.Sheet[R],
    *,
    bom: bool = False,
    begun: Reached | None = None,
    on_columns: Callable[[Columns], None] = lambda _: None,
    like: "Row | None" = None,
) -> Writer[R]:
    """Make what writes results as data.

    Args:
        format: json, jsonl, csv or tsv; parquet is written as jsonl, and made of that when all is there.
        stream: where to.
        sheet: what stands in a table.
        bom: begin a table with a byte order mark.
        begun: what the stream has already.
        on_columns: is called with a table's columns when they are written.
        like: as of `Table`.
    """
    if format in ("jsonl", "parquet"):
        return JsonLines(stream)
    if format == "json":
        return JsonArray(stream, is_begun=bool(begun and begun.n_bytes))
    grid = TextGrid(stream, cast(TableFormat, format), bom=bom)
    return Table(sheet, grid, columns=begun.columns if begun else None, on_columns=on_columns, like=like)


def sheet_for(result: "Result[Any, Any]", *, questions: Sequence[str] = (), details: bool = False) -> sheets.Sheet[Any]:
    """The table of a result's task; `questions` are the columns of `bigbird qa`'s."""
    from bigbird_cli.api import NERResult, QAResult, SelectResult

    if isinstance(result, QAResult):
        is_wide = questions and result.top_k == 1
        return sheets.Answers(tuple(questions), details) if is_wide else sheets.AnswerList(details)
    if isinstance(result, NERResult):
        return sheets.Names(result.group, details)
    return sheets.Sentences(details) if isinstance(result, SelectResult) else sheets.Labels(details)


def write_results(
    results: "Iterable[Result[Any, Any]]",
    path: str | Path,
    *,
    format: OutputFormat | None = None,
    questions: Sequence[str] = (),
    details: bool = False,
    bom: bool = False,
    overwrite: bool = False,
) -> int:
    """Write results into a file, as `--out` does: it is there whole, once all of them are.

    Args:
        results: of `answer_all`, `ner_all`, `classify_all` or `select_all`; they are taken one after the other.
        path: the file; folders above it are made.
        format: json, jsonl, csv, tsv or parquet; None for the one that the file's name asks for.
        questions: a table's columns, where the same were asked of every document; else it has a row a question.
        details: a table has scores, pages and offsets in columns of their own.
        bom: a table begins with a byte order mark, by which Excel knows UTF-8.
        overwrite: in place of what is there.

    Returns:
        How many results there were, failed ones among them.

    Raises:
        UsageError: the file is there already, or its name asks for no format.
        DataError: there is no result.
    """
    path = local_path(path)
    format = format or format_of(path)
    if format not in get_args(DataFormat):
        raise UsageError(
            f"{format!r} is drawn by the command alone",
            where="format",
            fix=f"give one of {', '.join(get_args(DataFormat))}",
        )
    file = PartialFile(path, {}, overwrite=overwrite, convert=converter(format))
    several = iter(results)
    first = next(several, None)
    if first is None:
        raise DataError("there is no result", where=str(path), fix="give some")
    sheet = sheet_for(first, questions=questions, details=details)
    writer = data_writer(format, file, sheet, bom=bom, on_columns=file.begin_rows)
    n_results = 0
    try:
        for result in chain([first], several):
            writer.write(result)
            n_results += 1
        writer.finish()
        file.finish()
    finally:
        file.close()
    return n_results

"""What the commands that read documents do alike: items of files or of rows on standard input, records in order."""

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import typer

from bigbird_cli.cli.naming import as_options
from bigbird_cli.errors import BigBirdError, BigBirdWarning, DataError, UsageError

if TYPE_CHECKING:
    from bigbird_cli.api import FailedItem, RowItem, TextItem
    from bigbird_cli.api.items import Input
    from bigbird_cli.cli.console import ReadingProgress
    from bigbird_cli.cli.lines import Lines
    from bigbird_cli.files.find import Skipped
    from bigbird_cli.files.json_stream import JsonStream

STDIN = "standard input"


class SkippedFiles:
    """Tells of files in folders that are not read, and counts them."""

    def __init__(self) -> None:
        self.n_files = 0

    def __call__(self, skipped: "Skipped") -> None:
        from bigbird_cli.files.find import warn_of_skipped

        self.n_files += len(skipped.names)
        warn_of_skipped(skipped)


def show_records(
    records: Iterable[dict[str, Any]],
    show: Callable[[dict[str, Any]], None],
    *,
    named: Sequence[str],
    skipped: SkippedFiles,
    as_json: bool,
    progress: "ReadingProgress",
) -> None:
    """Show records as they come, failed ones as errors, and end with the code that they ask for.

    Args:
        records: from one of the api's calls.
        show: shows one for reading; it is called for each record, and its work is left out where JSON is wanted.
        named: the paths that the records come from; none for standard input.
        skipped: the files that were found and not read; counted at the end.
        as_json: write records as JSON lines, failed ones too.
        progress: shows how far reading has come, which the api's call tells it.

    Raises:
        typer.Exit: some records failed: 1, or the first one's own code where none was done.
        DataError: there was no record.
    """
    from bigbird_cli.cli.boundary import show_error
    from bigbird_cli.cli.console import say, write_json

    n_done, codes = 0, []
    with progress:
        for record in records:
            with progress.aside():
                if "error" in record:
                    record["error"] = _in_options(record["error"])
                    codes.append(int(record["error"]["exit_code"]))
                    show_error(_as_error(record["error"]))
                else:
                    n_done += 1
                if as_json:
                    write_json(record)
                elif "error" not in record:
                    show(record)
    if skipped.n_files:
        failed = f"{len(codes):,} failed, " if codes else ""
        say(f"{n_done:,} done, {failed}{skipped.n_files:,} files skipped", quiet=progress.quiet)
    if codes:
        raise typer.Exit(1 if n_done else codes[0])
    if not n_done:
        raise DataError("there is nothing to read", where=", ".join(named) or STDIN, fix="name a file that holds some")


def need_model(model: str | None, *, command: str, recipe: str) -> str:
    """The model that a user named: none ships for this command yet."""
    if model is None:
        raise UsageError(
            "no model is named, and none ships for this command",
            where="--model",
            fix=f"train one (bigbird finetune {recipe}) and read with it: bigbird {command} FILE --model runs/{recipe}",
        )
    return model


def read_stdin(example: str, *, as_text: str | None = None) -> "Iterator[Input | None]":
    """Standard input: rows, as JSON lines, a JSON list or JSON over several lines; if it is none of these, one text.

    Args:
        example: a row as it should be, for errors.
        as_text: how to ask for it to be read as a text, where a text alone will not do.

    Yields:
        Rows, or the text, or what could not be read; None where the next row is not there yet.

    Raises:
        UsageError: it is no JSON, and a text will not do.
        DataError: it cannot be read.
    """
    from bigbird_cli.cli.lines import Lines
    from bigbird_cli.files.streams import standard_input

    with standard_input() as stream:
        lines = Lines(stream)
        form = lines.form()
        if form == "lines":
            yield from _json_lines(lines, example)
        elif form == "values":
            yield from _json_values(lines, example)
        else:
            if as_text is not None:
                raise UsageError("this is a text, not rows of JSON", where=STDIN, fix=as_text)
            yield _one_text(lines)


def _one_text(lines: "Lines") -> "Input":
    from bigbird_cli.api import FailedItem
    from bigbird_cli.files.streams import read_stream
    from bigbird_cli.text.documents import Document

    try:
        text = read_stream(cast(BinaryIO, lines), STDIN)
    except DataError as error:
        return FailedItem(error, name="-")
    warnings.warn(BigBirdWarning(f"{STDIN} is no JSON: it is read as one text, as with -"), stacklevel=2)
    return Document("-", text)


def _json_lines(lines: "Lines", example: str) -> "Iterator[Input | None]":
    from bigbird_cli.api import FailedItem, RowItem
    from bigbird_cli.files.json import read_jsonl

    rows = read_jsonl(lines, STDIN, example=example)
    while True:
        if lines.would_wait():
            yield None  # whoever writes may wait for the answers to what came so far
        number, row = next(rows, (0, None))
        if row is None:
            return
        where = f"{STDIN}:{number}"
        yield FailedItem(row, name=where) if isinstance(row, DataError) else RowItem(row, where)


def _json_values(lines: "Lines", example: str) -> "Iterator[Input | None]":
    from bigbird_cli.api import FailedItem, RowItem
    from bigbird_cli.files.json import json_kind
    from bigbird_cli.files.json_stream import JsonStream
    from bigbird_cli.files.streams import text_blocks

    json = JsonStream(text_blocks(cast(BinaryIO, lines), STDIN), STDIN, hint=f"write rows such as {example}")
    try:
        values = json.items() if json.peek() == "[" else _until_end(json)
        for number, value in enumerate(values):
            where = f"{STDIN}[{number}]"
            if isinstance(value, dict):
                yield RowItem(value, where)
            else:
                problem = f"this is {json_kind(value)}, not a JSON object"
                yield FailedItem(DataError(problem, where=where, fix=f"write {example}"), name=where)
            if lines.would_wait():
                yield None
        json.end()
    except DataError as error:
        yield FailedItem(error, name=STDIN)


def _until_end(json: "JsonStream") -> Iterator[Any]:
    while json.peek():
        yield json.value()


def refuse_terminal(fix: str) -> None:
    """Refuse to wait for rows that somebody would have to type."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("no document is given", fix=fix)


def refuse_two_stdins(paths: Sequence[str]) -> None:
    """Refuse to read standard input twice."""
    if paths.count("-") > 1:
        raise UsageError("standard input can be read once only", where="-")


def text_items(
    files: Sequence[str], *, skipped: SkippedFiles, example: str
) -> "Iterator[TextItem | RowItem | FailedItem | None]":
    """Documents to label: of files and folders, or of standard input.

    Args:
        files: what the user named; none for standard input.
        skipped: is told of the files of folders that are not read.
        example: a row as it should be, for errors.
    """
    if not files:
        refuse_terminal("name a text file, or - for standard input")
    refuse_two_stdins(files)
    return _text_items(files, skipped, example)


def _text_items(
    files: Sequence[str], skipped: SkippedFiles, example: str
) -> "Iterator[TextItem | RowItem | FailedItem | None]":
    from bigbird_cli.api import items_of, read_inputs

    yield from items_of(read_inputs(files, on_skipped=skipped) if files else read_stdin(example))


def _in_options(error: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: as_options(error[name]) for name in ("problem", "fix") if error[name]}
    return {**error, **said}


def _as_error(error: Mapping[str, Any]) -> BigBirdError:
    return BigBirdError(error["problem"], where=error["where"], fix=error["fix"])

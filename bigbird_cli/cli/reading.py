"""What the commands that read documents do alike: items of files or of rows on standard input, records in order."""

import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

import typer

from bigbird_cli.cli.flags import as_options
from bigbird_cli.errors import BigBirdError, BigBirdWarning, DataError, UsageError

if TYPE_CHECKING:
    from bigbird_cli.api import Result
    from bigbird_cli.api.reading.inputs import Input
    from bigbird_cli.cli.lines import Lines
    from bigbird_cli.cli.output import Output
    from bigbird_cli.cli.progress import ReadingProgress
    from bigbird_cli.cli.shared import Shared
    from bigbird_cli.files.find import Skipped
    from bigbird_cli.files.json_stream import JsonStream
    from bigbird_cli.report.writer import Writer

STDIN = "standard input"

R = TypeVar("R", bound="Result[Any, Any]")


class SkippedFiles:
    """Warns of files in folders that are not read, and counts them."""

    def __init__(self) -> None:
        self.n_files = 0

    def __call__(self, skipped: "Skipped") -> None:
        from bigbird_cli.files.find import warn_of_skipped

        self.n_files += len(skipped.names)
        warn_of_skipped(skipped)


def show_results(
    results: "Iterable[R]",
    writers: "Sequence[Writer[R]]",
    *,
    named: Sequence[str],
    skipped: SkippedFiles,
    progress: "ReadingProgress",
    output: "Output | None" = None,
) -> None:
    """Give results to writers as they come, show the errors of failed ones, and end with the code that they ask for.

    Args:
        results: from one of the api's calls.
        writers: take each result, failed ones too.
        named: the paths that the documents come from; none for standard input.
        skipped: the files that were found and not read; counted at the end.
        progress: shows how far reading has come, which the api's call tells it.
        output: where the results go.

    Raises:
        typer.Exit: some requests failed: 1, or the first one's own code where none was done.
        DataError: there was no request.
    """
    from bigbird_cli.cli.boundary import show_error
    from bigbird_cli.cli.console import say

    n_done, codes = 0, []
    told = None  # of a document that cannot be read, once and not for each question
    progress.n_expected = output.n_documents() if output and not progress.quiet else None
    try:
        with progress:
            for result in results:
                with progress.paused():
                    if result.error is not None:
                        codes.append(result.error.exit_code)
                        if told != (told := (result.request.name, str(result.error))):
                            show_error(result.error)
                        result = replace(result, outcome=_in_options(result.error))
                    else:
                        n_done += 1
                    for writer in writers:
                        writer.write(result)
                progress.take(result.request)
        is_empty = not n_done and not codes
        if not is_empty or (output and output.may_be_empty):
            for writer in writers:
                writer.finish()
            if output and output.page:
                say(f"{output.page} is written: open it in a browser", quiet=progress.quiet)
    except BaseException:
        if output and output.kept:
            say(f"{output.kept} has what is done; the same command with --resume goes on", quiet=progress.quiet)
        raise
    finally:
        if output:
            output.close()
    if skipped.n_files or progress.n_documents > 1:
        say(progress.summary(n_done, n_failed=len(codes), n_skipped=skipped.n_files), quiet=progress.quiet)
    if codes:
        raise typer.Exit(1 if n_done else codes[0])
    if is_empty and not (output and output.may_be_empty):
        raise DataError("there is nothing to read", where=", ".join(named) or STDIN, fix="name a file that holds some")


def _in_options(error: BigBirdError) -> BigBirdError:
    """An error that speaks of options, as what is shown does."""
    spoken = copy(error)
    spoken.problem = as_options(error.problem)
    spoken.where = as_options(error.where) if error.where else error.where
    spoken.fix = as_options(error.fix) if error.fix else error.fix
    return spoken


def read_stdin(example: str, *, encoding: str | None = None, as_text: str | None = None) -> "Iterator[Input | None]":
    """Standard input: rows, as JSON lines, a JSON list, JSON over several lines or FASTA; or a document, mostly a text.

    Args:
        example: a row as it should be, for errors.
        encoding: of text; None for UTF-8.
        as_text: how to ask for it to be read as a document, where a document alone will not do.

    Yields:
        Rows, or the document, or what could not be read; None where the next row is not there yet.

    Raises:
        UsageError: it holds no rows, and a document will not do.
        DataError: it cannot be read.
    """
    from bigbird_cli.api.reading.inputs import in_call
    from bigbird_cli.cli.lines import Lines
    from bigbird_cli.files.streams import standard_input

    with standard_input() as stream:
        lines = Lines(stream, encoding=encoding)
        form = lines.form()
        if form in ("text", "document") and as_text is not None:
            raise UsageError(f"this is a {form}, not rows of JSON", where=STDIN, fix=as_text)
        read = {"lines": _json_lines, "values": _json_values, "sequences": _sequences}.get(form)
        found = _one_document(lines, form, encoding) if read is None else read(lines, example)
        yield from (None if each is None else in_call(each, encoding) for each in found)


def _one_document(lines: "Lines", form: str, encoding: str | None) -> "Iterator[Input | None]":
    from bigbird_cli.files.streams import stream_of
    from bigbird_cli.text.documents import Document, read_standard_input

    found = read_standard_input(stream_of(lines.blocks()), encoding=encoding)
    if form == "text" and isinstance(found, Document):
        warnings.warn(BigBirdWarning(f"{STDIN} is no JSON: it is read as one text, as with -"), stacklevel=2)
    yield found


def _json_lines(lines: "Lines", example: str) -> "Iterator[Input | None]":
    from bigbird_cli.api.reading.inputs import failed_row
    from bigbird_cli.data.rows import Row
    from bigbird_cli.files.json import read_jsonl

    rows = read_jsonl(lines, STDIN, example=example)
    while True:
        if lines.would_wait():
            yield None  # whoever writes may wait for the answers to what came so far
        number, row = next(rows, (0, None))
        if row is None:
            return
        where = f"{STDIN}:{number}"
        yield failed_row(row, where=where) if isinstance(row, DataError) else Row(row, where)


def _json_values(lines: "Lines", example: str) -> "Iterator[Input | None]":
    from bigbird_cli.api.reading.inputs import failed_row
    from bigbird_cli.data.rows import Row
    from bigbird_cli.files.json import json_kind
    from bigbird_cli.files.json_stream import JsonStream
    from bigbird_cli.files.streams import text_blocks

    json = JsonStream(text_blocks(cast(BinaryIO, lines), STDIN), STDIN, hint=f"write rows such as {example}")
    try:
        values = json.items() if json.peek() == "[" else _until_end(json)
        for number, value in enumerate(values):
            where = f"{STDIN}[{number}]"
            if isinstance(value, dict):
                yield Row(value, where)
            else:
                problem = f"this is {json_kind(value)}, not a JSON object"
                yield failed_row(DataError(problem, where=where, fix=f"write {example}"), where=where)
            if lines.would_wait():
                yield None
        json.end()
    except DataError as error:
        yield failed_row(error, where=STDIN)


def _sequences(lines: "Lines", _example: str) -> "Iterator[Input | None]":
    from bigbird_cli.api.reading.inputs import failed_row
    from bigbird_cli.data.rows import sequences

    try:
        for row in sequences(cast(BinaryIO, lines), STDIN):
            yield failed_row(row, where=str(row.where)) if isinstance(row, DataError) else row
    except DataError as error:
        yield failed_row(error, where=STDIN)


def _until_end(json: "JsonStream") -> Iterator[Any]:
    while json.peek():
        yield json.value()


def reject_terminal(fix: str) -> None:
    """Reject waiting for rows that somebody would have to type."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("no document is given", fix=fix)


def reject_two_stdins(paths: Sequence[str]) -> None:
    """Reject reading standard input twice."""
    if paths.count("-") > 1:
        raise UsageError("standard input can be read once only", where="-")


def document_inputs(
    files: Sequence[str],
    shared: "Shared",
    *,
    output: "Output",
    skipped: SkippedFiles,
    example: str,
    as_text: str | None = None,
) -> "Iterator[Input | None]":
    """Documents and rows: of files and folders, or of standard input.

    Args:
        files: what the user named; none for standard input.
        shared: what was given of the shared options.
        output: knows which of them are not this run's to read.
        skipped: called with the files of folders that are not read.
        example: a row as it should be, for errors.
        as_text: as of `read_stdin`.
    """
    if not files:
        reject_terminal("name a text file, or - for standard input")
    reject_two_stdins(files)
    return _inputs(files, shared, output, skipped, example, as_text)


def _inputs(
    files: Sequence[str],
    shared: "Shared",
    output: "Output",
    skipped: SkippedFiles,
    example: str,
    as_text: str | None,
) -> "Iterator[Input | None]":
    from bigbird_cli.api.reading.extracting import TextFolder, extracted

    folder = None if shared.extract_text is None else TextFolder(shared.extract_text, files)
    found: Iterator[Input | None] = (
        iter(output.inputs(skipped)) if files else read_stdin(example, encoding=shared.encoding, as_text=as_text)
    )
    return found if folder is None else extracted(found, folder)

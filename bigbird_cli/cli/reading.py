"""What the commands that read documents do alike: items of files or of rows on standard input, records in order."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from bigbird_cli.cli.naming import as_options
from bigbird_cli.errors import BigBirdError, DataError, UsageError, nearest

if TYPE_CHECKING:
    from bigbird_cli.api import FailedItem, TextItem


def show_records(
    records: Iterable[dict[str, Any]], show: Callable[[dict[str, Any]], None], *, as_json: bool, quiet: bool
) -> None:
    """Show records as they come, failed ones as errors, and end with the code that they ask for.

    Args:
        records: from one of the api's calls.
        show: shows one for reading; it is called for each record, and its work is left out where JSON is wanted.
        as_json: write records as JSON lines, failed ones too.
        quiet: no moving sign.

    Raises:
        typer.Exit: some records failed: 1, or the first one's own code where none was done.
        DataError: there was no record.
    """
    from bigbird_cli.cli.boundary import show_error
    from bigbird_cli.cli.console import Waiting, write_json

    n_done, codes = 0, []
    with Waiting(quiet=quiet) as waiting:
        for record in records:
            with waiting.aside():
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
    if codes:
        raise typer.Exit(1 if n_done else codes[0])
    if not n_done:
        raise DataError("there is nothing to read", where="standard input", fix="name a file")


def need_model(model: str | None, *, command: str, recipe: str) -> str:
    """The model that a user named: none ships for this command yet."""
    if model is None:
        raise UsageError(
            "no model is named, and none ships for this command",
            where="--model",
            fix=f"train one (bigbird finetune {recipe}) and read with it: bigbird {command} FILE --model runs/{recipe}",
        )
    return model


def read_rows(example: str) -> Iterator[tuple[str, dict[str, Any] | DataError] | None]:
    """JSON lines of standard input, each with its place; None where the next line is not there yet."""
    from bigbird_cli.cli.lines import Lines
    from bigbird_cli.text.documents import read_jsonl

    lines = Lines(sys.stdin.buffer)
    rows = read_jsonl(lines, "standard input", example=example)
    while True:
        if lines.would_wait():
            yield None  # whoever writes may wait for the answers to what came so far
        number, row = next(rows, (0, None))
        if row is None:
            return
        yield f"standard input:{number}", row


def refuse_terminal(fix: str) -> None:
    """Refuse to wait for rows that somebody would have to type."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("no document is given", fix=fix)


def refuse_two_stdins(paths: Sequence[str]) -> None:
    """Refuse to read standard input twice."""
    if paths.count("-") > 1:
        raise UsageError("standard input can be read once only", where="-")


def text_of(row: Mapping[str, Any], key: str, where: str, *, example: str) -> str:
    """The text that a row has under a key.

    Raises:
        DataError: it has none, or something else.
    """
    from bigbird_cli.text.documents import json_kind, refuse_surrogates

    if key not in row:
        near = nearest(key, row)
        raise DataError(
            f"the row has no {key!r}", where=where, fix=f"did you mean {near!r}?" if near else f"write {example}"
        )
    value = row[key]
    if not isinstance(value, str):
        raise DataError(f"{key!r} is {json_kind(value)}, not a string", where=where, fix="write its text in quotes")
    if not value.strip():
        raise DataError(f"{key!r} is empty", where=where, fix="give it a text")
    refuse_surrogates(value, f"{key!r}", where)
    return value


def text_items(
    files: Sequence[str], *, pairs: bool = False, pair: str | None = None
) -> "Iterator[TextItem | FailedItem | None]":
    """Documents to label: of files and folders, or of rows on standard input.

    Args:
        files: what the user named; none for rows.
        pairs: a row may have a second text, `pair`.
        pair: the second text of every document whose row has none.
    """
    if not files:
        refuse_terminal("name a text file, or - for standard input")
        return _items_of_rows(pairs=pairs, pair=pair)
    refuse_two_stdins(files)
    return _items_of_files(files, pair)


def _items_of_files(files: Sequence[str], pair: str | None) -> "Iterator[TextItem | FailedItem | None]":
    from bigbird_cli.api import TextItem, items_of
    from bigbird_cli.text.documents import read_documents

    for item in items_of(read_documents(files)):
        yield TextItem(item.text, item.name, item.id, pair) if isinstance(item, TextItem) else item


def _items_of_rows(*, pairs: bool, pair: str | None) -> "Iterator[TextItem | FailedItem | None]":
    from bigbird_cli.api import FailedItem, TextItem

    example = '{"text": ..., "pair": ..., "id": ...}' if pairs else '{"text": ..., "id": ...}'
    for found in read_rows(example):
        if found is None:
            yield None
            continue
        where, row = found
        try:
            if isinstance(row, DataError):
                raise row
            second = text_of(row, "pair", where, example=example) if pairs and "pair" in row else pair
            yield TextItem(text_of(row, "text", where, example=example), where, row.get("id"), second)
        except DataError as error:
            yield FailedItem(error, name=where, id=None if isinstance(row, DataError) else row.get("id"))


def _in_options(error: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: as_options(error[name]) for name in ("problem", "fix") if error[name]}
    return {**error, **said}


def _as_error(error: Mapping[str, Any]) -> BigBirdError:
    return BigBirdError(error["problem"], where=error["where"], fix=error["fix"])

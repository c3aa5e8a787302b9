"""`bigbird tokenize`: show how a model's vocabulary reads a text, and what of it the vocabulary does not know."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bigbird_cli.cli import options
from bigbird_cli.errors import UsageError

if TYPE_CHECKING:
    from bigbird_cli.text.report import Report

_SHOWN = 8
"""Unknown characters that a remark names; --json names all."""


def tokenize(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Text files, folders of them, or - for standard input."),
    ] = None,
    model: options.Model = "qa-mini",
    ids: Annotated[bool, typer.Option("--ids", help="Show ids instead of pieces.")] = False,
    counts: Annotated[bool, typer.Option("--counts", help="Show only how many tokens each document has.")] = False,
    newline: options.Newline = None,
    as_json: options.Json = False,
    offline: options.Offline = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001 - the boundary reads it
) -> None:
    """Show the tokens of documents, one document a line.

    Control tokens written in a text, such as [SEP], are text. What the vocabulary does not know is reported on
    standard error.

    \b
    Examples:
      bigbird tokenize article.txt
      bigbird tokenize contracts/ --counts
      echo "The lease was signed." | bigbird tokenize --ids
      bigbird tokenize article.txt --json | jq .unknown_text
    """
    if ids and counts:
        raise UsageError("--ids and --counts exclude each other", fix="leave one of them out")
    sources = _sources(paths or [])

    from bigbird_cli import api
    from bigbird_cli.cli.boundary import show_error
    from bigbird_cli.cli.console import say, write_json
    from bigbird_cli.errors import DataError
    from bigbird_cli.text.documents import FailedDocument, read_documents

    shape = "counts" if counts else "ids" if ids else "pieces"
    n_documents = n_tokens = 0
    codes: list[int] = []
    for done in api.tokenize_documents(read_documents(sources), model=model, newline=newline, offline=offline):
        if isinstance(done, FailedDocument):
            codes.append(done.error.exit_code)
            show_error(done.error)
            if as_json:
                write_json({"document": done.name, "error": done.error.to_dict()})
            continue
        document, report = done
        n_documents += 1
        n_tokens += len(report.tokens)
        if as_json:
            write_json(_record(document.name, report, shape))
        else:
            _show(document.name, report, shape)
        if report.unknown:
            say(_remark(document.name, report), quiet=quiet)
    if counts and n_documents > 1:
        say(f"{n_tokens:,} tokens in {n_documents:,} documents", quiet=quiet)
    if codes:
        raise typer.Exit(1 if n_documents else codes[0])
    if not n_documents:
        raise DataError("there is nothing to read", fix="name a text file")


def _sources(paths: Sequence[str]) -> Sequence[str]:
    if paths.count("-") > 1:
        raise UsageError("standard input can be read once only", where="-")
    if paths:
        return paths
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("no document is given", fix="name a text file, or - for standard input")
    return ["-"]


def _record(name: str, report: "Report", shape: str) -> dict[str, Any]:
    tokens = report.tokens
    record: dict[str, Any] = {"document": name, "tokens": len(tokens), "unknown": report.unknown}
    record["unknown_text"] = dict(report.unknown_text)
    if shape == "pieces":
        record["pieces"] = report.pieces
    if shape != "counts":
        record["ids"] = tokens.ids.tolist()
        record["offsets"] = [list(span) for span in zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True)]
    return record


def _show(name: str, report: "Report", shape: str) -> None:
    from bigbird_cli.cli.visible import visible

    if shape == "counts":
        line = f"{len(report.tokens)}\t{visible(name)}"
    elif shape == "ids":
        line = " ".join(map(str, report.tokens.ids.tolist()))
    else:
        line = " ".join(visible(piece) for piece in report.pieces)
    typer.echo(line)


def _remark(name: str, report: "Report") -> str:
    from bigbird_cli.text.report import named

    common = [
        f"{named(text) if len(text) == 1 else repr(text)} × {n_times:,}"
        for text, n_times in report.unknown_text.most_common(_SHOWN)
    ]
    n_more = len(report.unknown_text) - len(common)
    listed = ", ".join([*common, f"{n_more:,} more"] if n_more else common)
    hint = "; --newline space reads line ends as spaces" if report.unknown_newlines else ""
    share = f"{report.unknown:,} of {len(report.tokens):,} tokens are unknown to the vocabulary"
    return f"! {name}  {share}, so a model cannot read them: {listed}{hint}"

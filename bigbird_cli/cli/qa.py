"""`bigbird qa`: answer questions about documents of any length."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bigbird_cli import bounds
from bigbird_cli.cli import options, reading
from bigbird_cli.errors import DataError, UsageError

if TYPE_CHECKING:
    from bigbird_cli.api import FailedItem, QAItem

_EXAMPLE = '{"context": ..., "question": ..., "id": ...}'


def qa(
    context: Annotated[
        list[str] | None,
        typer.Option(
            "--context", "-c", metavar="PATH", help="A text file, a folder of them, or -; repeatable.", **options.INPUT
        ),
    ] = None,
    question: Annotated[
        list[str] | None,
        typer.Option("--question", "-q", metavar="TEXT", help="A question; repeatable.", **options.INPUT),
    ] = None,
    questions: Annotated[
        str | None,
        typer.Option("--questions", metavar="FILE", help="A file of questions, one a line.", **options.INPUT),
    ] = None,
    model: options.Model = "qa-mini",
    top_k: Annotated[
        int,
        typer.Option(
            "--top-k", "-k", help="Answers to give, best first.", **options.number(bounds.TOGETHER), **options.OUTPUT
        ),
    ] = 1,
    max_answer_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-answer-tokens",
            help="Longest answer.  [default: as trained]",
            **options.number(bounds.TOKENS),
            **options.OUTPUT,
        ),
    ] = None,
    no_answer_threshold: Annotated[
        float | None,
        typer.Option(
            "--no-answer-threshold",
            metavar="P",
            min=0.0,
            max=1.0,
            help='Give no answer when "no answer" is likelier than this.  [default: as trained]',
            **options.OUTPUT,
        ),
    ] = None,
    window: options.Window = None,
    overlap: options.Overlap = None,
    on_long: options.OnLong = "window",
    newline: options.Newline = None,
    batch_size: options.BatchSize = 8,
    device: options.Device = "auto",
    threads: options.Threads = None,
    quantize: options.Quantize = None,
    as_json: options.Json = False,
    offline: options.Offline = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001 - the boundary reads it
) -> None:
    """Answer questions about documents of any length.

    Without --context, standard input is read as JSON lines: {"context": ..., "question": ..., "id": ...}

    \b
    Examples:
      bigbird qa --context article.txt --question "Who signed the lease?"
      bigbird qa --context contracts/ --questions questions.txt --json
      cat article.txt | bigbird qa --context - --question "When was it built?" --top-k 3
      bigbird qa --json < rows.jsonl
    """
    asked = _questions(question or [], questions)
    items = _from_files(context, asked) if context else _from_rows(asked)

    from bigbird_cli import api
    from bigbird_cli.cli.console import Answers

    in_flight: deque[str] = deque()
    records = api.answers(
        _remembered(items, in_flight),
        model=model,
        top_k=top_k if as_json else max(2, top_k),  # a reader is shown how close the runner-up is
        max_answer_tokens=max_answer_tokens,
        no_answer_threshold=no_answer_threshold,
        window=window,
        overlap=overlap,
        on_long=on_long,
        newline=newline,
        batch_size=batch_size,
        device=device,
        threads=threads,
        quantize=quantize,
        offline=offline,
        read_ahead=True,
    )
    answers, texts = Answers(most=top_k), deque[str]()

    def followed() -> Iterator[dict[str, Any]]:
        for record in records:
            texts.append(in_flight.popleft())
            yield record
            texts.clear()

    reading.show_records(followed(), lambda record: answers.show(record, texts[0]), as_json=as_json, quiet=quiet)


def _questions(given: Sequence[str], file: str | None) -> list[str]:
    asked = list(given)
    if file is not None:
        from bigbird_cli.text.documents import read_text

        lines = [line.strip() for line in read_text(file).removeprefix("\ufeff").splitlines()]
        asked += [line for line in lines if line]
        if not asked:
            raise DataError("the file holds no question", where=file, fix="write one question a line")
    if any(not question.strip() for question in asked):
        raise UsageError("a question is empty", where="--question", fix='ask something: --question "Who signed?"')
    return asked


def _from_files(paths: Sequence[str], asked: Sequence[str]) -> "Iterator[QAItem | FailedItem | None]":
    if not asked:
        raise UsageError("no question is asked", fix='ask one with --question "..." or several with --questions FILE')
    reading.refuse_two_stdins(paths)
    return _read_files(paths, asked)


def _read_files(paths: Sequence[str], asked: Sequence[str]) -> "Iterator[QAItem | FailedItem | None]":
    from bigbird_cli.api import pair
    from bigbird_cli.text.documents import read_documents

    return pair(read_documents(paths), asked)


def _from_rows(asked: Sequence[str]) -> "Iterator[QAItem | FailedItem | None]":
    reading.refuse_terminal("name a text file with --context FILE, or - for standard input")
    return _read_rows(asked)


def _read_rows(asked: Sequence[str]) -> "Iterator[QAItem | FailedItem | None]":
    from bigbird_cli.api import FailedItem

    for found in reading.read_rows(_EXAMPLE):
        if found is None:
            yield None
            continue
        where, row = found
        if isinstance(row, DataError):
            yield FailedItem(row, name=where)
            continue
        try:
            yield from _items_of(row, where, asked)
        except DataError as error:
            yield FailedItem(error, name=where, id=row.get("id"))


def _items_of(row: dict[str, Any], where: str, asked: Sequence[str]) -> "Iterator[QAItem]":
    from bigbird_cli.api import QAItem

    context = reading.text_of(row, "context", where, example=_EXAMPLE)
    given = "question" in row or not asked
    for question in [reading.text_of(row, "question", where, example=_EXAMPLE)] if given else asked:
        yield QAItem(context, question, name=where, id=row.get("id"))


def _remembered(items: "Iterator[QAItem | FailedItem | None]", texts: deque[str]) -> "Iterator[Any]":
    """Pass items on and keep their texts, which the records that come back do not carry."""
    from bigbird_cli.api import QAItem

    for item in items:
        if item is not None:
            texts.append(item.context if isinstance(item, QAItem) else "")
        yield item

"""`bigbird qa`: answer questions about documents of any length."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bigbird_cli import bounds
from bigbird_cli.choices import SkimBy
from bigbird_cli.cli import options, reading
from bigbird_cli.cli.shared import Shared, reads_documents
from bigbird_cli.errors import DataError, UsageError

if TYPE_CHECKING:
    from bigbird_cli.api import QAResult

_EXAMPLE = '{"context": ..., "question": ..., "id": ...}'
_ONE = 'ask one: --question "..."'
_FIX = "name a text file, or - for standard input"


@reads_documents(without=frozenset({"text_column"}))
def qa(
    files: options.Files = None,
    context: Annotated[
        list[str] | None,
        typer.Option(
            "--context",
            "-c",
            metavar="PATH",
            parser=options.name,
            help="The same as FILE; repeatable.",
            **options.INPUT,
        ),
    ] = None,
    question: Annotated[
        list[str] | None,
        typer.Option(
            "--question", "-q", metavar="TEXT", parser=options.text, help="A question; repeatable.", **options.INPUT
        ),
    ] = None,
    questions: Annotated[
        str | None,
        typer.Option(
            "--questions",
            metavar="FILE",
            parser=options.name,
            help="A file of questions, one a line, or -.",
            **options.INPUT,
        ),
    ] = None,
    model: options.Model = "qa-mini",
    rank: Annotated[
        bool,
        typer.Option(
            "--rank",
            help="Rank the documents by how well they answer one question: all by a first stage, the best of them by"
            " reading.",
            **options.OUTPUT,
        ),
    ] = False,
    top_k: Annotated[
        int | None,
        typer.Option(
            "--top-k",
            "-k",
            help="Answers to give, best first; with --rank documents.  [default: 1; with --rank 5]",
            **options.number(bounds.TOGETHER),
            **options.OUTPUT,
        ),
    ] = None,
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
    skim: Annotated[
        int | None,
        typer.Option(
            "--skim",
            help="Read of each document only the N windows likeliest to hold the answer; --skim 8 of a book takes"
            " seconds.  [default: read all]",
            **options.number(bounds.COUNT),
            **options.INPUT,
        ),
    ] = None,
    skim_by: Annotated[
        SkimBy,
        typer.Option(
            "--skim-by",
            help="What ranks the windows: shared words, at once; what sentences mean, for which a document is looked"
            " through the first time; or both, which misses least.",
            **options.INPUT,
        ),
    ] = "bm25",
    *,
    shared: Shared,
) -> None:
    """Answer questions about documents of any length.

    Without FILE, standard input is read: a document, or rows of JSON: {"context": ..., "question": ..., "id": ...}
    With one FILE and no question, a terminal asks for questions until :q; :help says what else it takes.

    An answer's score is its probability, of all its mentions in the document together; those of all answers and of "no
    answer" add up to 1.

    \b
    Examples:
      bigbird qa article.txt --question "Who signed the lease?"
      bigbird qa contracts/ --questions questions.txt --json
      bigbird qa contracts/ --questions questions.txt --out answers.csv --resume
      bigbird qa contracts/ --questions questions.txt --format table
      bigbird qa contracts/ --questions questions.txt --html answers.html
      bigbird qa contracts/ --question "Who signed the lease?" --rank --top-k 3
      bigbird qa book.txt --question "Who built the lighthouse?" --skim 8
      cat article.txt | bigbird qa --question "When was it built?" --top-k 3
      bigbird qa --json < rows.jsonl
    """
    paths = [*(files or []), *(context or [])]
    reading.reject_two_stdins([*paths, *([questions] if questions else [])])
    asked = _questions(question or [], questions)
    skipped, with_prompt = reading.SkippedFiles(), False
    if not paths and questions == "-":
        raise UsageError("standard input holds the questions, and no text is named", where="--questions", fix=_FIX)
    if rank:
        _check_rank(asked, shared)
    if not paths:
        reading.reject_terminal(_FIX)
    elif not asked and not rank:
        with_prompt = _opens_prompt(paths, shared)
        if not with_prompt:
            _check_questions(paths)
    as_text = None if asked else 'ask something of it: --question "Who signed?"'

    from bigbird_cli import api
    from bigbird_cli.cli.hints import SkimHint
    from bigbird_cli.cli.output import Output
    from bigbird_cli.cli.progress import ReadingProgress
    from bigbird_cli.cli.prompt import run_prompt
    from bigbird_cli.cli.results import Answers, RankedDocuments
    from bigbird_cli.report import sheets

    given: dict[str, Any] = {
        "model": model,
        "max_answer_tokens": max_answer_tokens,
        "no_answer_threshold": no_answer_threshold,
        "skim": skim,
        "skim_by": skim_by,
    }
    most = top_k or 1
    if with_prompt:
        run_prompt(paths[0], partial(api.answer_all, **given), shared=shared, skim=skim, top_k=most)
        return
    texts = [text for text, _ in asked]
    output, progress = Output(shared, paths, questions=texts), ReadingProgress(quiet=shared.quiet)
    inputs = reading.document_inputs(paths, shared, output=output, skipped=skipped, example=_EXAMPLE, as_text=as_text)
    requests = output.rest(api.questions_on(inputs, texts, column=shared.column))
    results: Iterator[QAResult]
    draw: Callable[..., Answers]
    if rank:
        given |= shared.reading(progress)
        results = api.rank_all(requests, texts[0], top_k=top_k or api.N_DOCUMENTS, **given)
        draw, is_wide = RankedDocuments, False
    else:
        given |= shared.reading(progress if skim else SkimHint(progress, n_questions=max(1, len(asked))))
        at_least = max(2, most) if output.format == "text" else most  # a reader is shown how close the runner-up is
        results = api.answer_all(requests, asked=dict(asked), top_k=at_least, **given)
        draw, is_wide = partial(Answers, most=most), bool(texts) and most == 1
    sheet = sheets.Answers(tuple(texts), shared.details) if is_wide else sheets.AnswerList(shared.details)
    writers = output.writers(draw, sheet)
    reading.show_results(results, writers, named=paths, skipped=skipped, progress=progress, output=output)


def _questions(given: Sequence[str], file: str | None) -> list[tuple[str, str]]:
    """The questions, and what to call each in errors."""
    if any(not question.strip() for question in given):
        raise UsageError("a question is empty", where="--question", fix='ask something: --question "Who signed?"')
    asked = [(question, "--question") for question in given]
    if file is None:
        return asked
    lines = [line.strip() for line in re.split(r"\r\n|\n|\r", _text_of(file).removeprefix("\ufeff"))]
    found = [(line, f"--questions {file}:{number}") for number, line in enumerate(lines, start=1) if line]
    if not found:
        raise DataError("the file holds no question", where=file, fix="write one question a line")
    return asked + found


def _text_of(file: str) -> str:
    from bigbird_cli.files.streams import read_stream, read_text, standard_input

    if file != "-":
        return read_text(file)
    with standard_input() as stream:
        return read_stream(stream, reading.STDIN)


def _check_rank(asked: Sequence[tuple[str, str]], shared: Shared) -> None:
    """Refuse what cannot be done where documents are compared with each other."""
    if len(asked) != 1:
        raise UsageError(f"documents are ranked for one question, not {len(asked)}", where="--rank", fix=_ONE)
    if shared.resume or shared.shard:
        where = "--resume" if shared.resume else "--shard"
        raise UsageError("documents are ranked all together", where=where, fix="leave it out")


def _opens_prompt(paths: Sequence[str], shared: Shared) -> bool:
    """Whether questions about a file are to be asked, and answered, at a terminal."""
    from bigbird_cli.api.reading.inputs import is_table

    goes_elsewhere = shared.as_json or shared.html or shared.format or shared.out or shared.extract_text
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not goes_elsewhere
    return at_terminal and len(paths) == 1 and os.path.isfile(paths[0]) and not is_table(paths[0])  # noqa: PTH113


def _check_questions(paths: Sequence[str]) -> None:
    """Refuse to read what brings no question with it, as rows do."""
    from bigbird_cli.api.reading.inputs import is_table

    if all(map(is_table, paths)):
        return
    last = paths[-1]
    if len(paths) > 1 and not os.path.lexists(last) and re.search(r"[\s?]", last):
        raise UsageError("no question is asked", fix=f'did you mean --question "{last}"?')
    raise UsageError("no question is asked", fix='ask one with --question "..." or several with --questions FILE')

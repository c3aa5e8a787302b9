"""`bigbird qa` as plain Python calls: questions on documents of any length."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NotRequired, TypedDict, Unpack, overload

import numpy as np

from bigbird_cli.api.reading.inputs import (
    Input,
    Several,
    Source,
    document_of,
    first_of,
    inputs_of,
    is_single,
    reject_tables,
    text_of,
)
from bigbird_cli.api.reading.reader import DEFAULT_QA_MODEL, ReadingOptions, open_reader
from bigbird_cli.api.reading.reading import check_asked, read
from bigbird_cli.api.reading.requests import FailedRecord, Location, Names, Receipt, Request, Result
from bigbird_cli.api.reading.skimming import SKIM_WINDOW, choosing
from bigbird_cli.choices import SkimBy
from bigbird_cli.data.rows import Row
from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.files.json import as_json
from bigbird_cli.tasks.qa.spans import QAPrediction, Span
from bigbird_cli.tasks.qa.task import QuestionAnswering
from bigbird_cli.text.documents import Document, FailedDocument

_EXAMPLE = '{"context": ..., "question": ..., "id": ...}'


class Mention(TypedDict):
    """Where an answer stands: characters of the document."""

    start: int
    end: int
    page: NotRequired[str]
    """On which it begins, by the document's own label; of a document with pages, as everywhere."""


class AnswerRecord(TypedDict):
    """An answer among several."""

    answer: str
    start: int
    end: int
    """Of its likeliest mention, in characters."""
    score: float
    """Probability of all its mentions together."""
    mentions: list[Mention]
    """In reading order."""
    page: NotRequired[str]


class QARecord(TypedDict):
    """The record of a question."""

    answer: str | None
    """None, as the next two, where no answer is given."""
    start: int | None
    end: int | None
    """Of its likeliest mention, in characters."""
    page: NotRequired[str]
    score: float
    """Probability of the best answer, of all its mentions together, given or not."""
    no_answer_score: float
    """Adds up to 1 with the scores of all answers: that nothing which was read is an answer."""
    mentions: list[Mention]
    """In reading order."""
    context: str
    """Where the document came from."""
    question: str
    id: Any
    answers: NotRequired[list[AnswerRecord]]
    """With top_k above 1: best first, no two sharing a character."""
    fields: NotRequired[dict[str, Any]]
    """The other columns of the context's row, as everywhere."""
    receipt: Receipt


class QAOptions(ReadingOptions, total=False):
    """What the calls for questions take."""

    top_k: int
    """Answers to give, 1 by default; with more, records have "answers"."""
    max_answer_tokens: int | None
    """Tokens of an answer at most; None for the model's own setting, as in the next."""
    no_answer_threshold: float | None
    """No answer is given when its probability is above this."""
    skim: int | None
    """Windows to read of a document for each question: those that are likeliest to hold the answer; None (the default)
    reads all. What is not read says nothing: all scores are those of a document that consists of what was read, and
    no_answer_score is the probability that none of *that* is an answer. The receipt tells."""
    skim_by: SkimBy
    """What ranks the windows: "bm25" (the default), the words that they share with the question, at no cost;
    "sentences", what their sentences mean to the shipped encoder, which reads a document once, in two thirds of the
    time that reading it whole takes, and whose vectors of it are kept for the next call; or "both", which misses
    least: of 8 windows on articles, papers and contracts 2, 4 and 19 % of the answers, where "bm25" misses 4, 7 and
    28 %."""


class _Answers(TypedDict, total=False):
    answers: list[AnswerRecord]


@dataclass(frozen=True)
class QAResult(Result[QAPrediction, QARecord]):
    """What came of a question; `prediction.spans` are the best answers, also where none is given.

    Attributes:
        top_k: answers that the record gives.
    """

    top_k: int = 1

    def names(self) -> Names:
        """Context and question."""
        return {"context": self.request.name, "question": self.request.second}

    def record(self) -> QARecord:
        """The record that `--json` writes of a prediction; raises the error of a question that failed."""
        prediction, request = self.prediction, self.request
        found = prediction.answer
        at: Location = self.location(found.start) if found else {}
        several: _Answers = {"answers": [self._answer(span) for span in prediction.spans]} if self.top_k > 1 else {}
        return {
            "answer": found.text if found else None,
            "start": found.start if found else None,
            "end": found.end if found else None,
            **at,
            "score": prediction.score,
            "no_answer_score": prediction.no_answer_score,
            "mentions": self._mentions(found) if found else [],
            "context": request.name,
            "question": request.second or "",
            "id": request.id,
            **several,
            **self.fields(),
            "receipt": self.receipt,
        }

    def _answer(self, span: Span) -> AnswerRecord:
        return {
            "answer": span.text,
            "start": span.start,
            "end": span.end,
            **self.location(span.start),
            "score": span.score,
            "mentions": self._mentions(span),
        }

    def _mentions(self, span: Span) -> list[Mention]:
        return [{"start": start, "end": end, **self.location(start)} for start, end in span.mentions]


@overload
def answer(
    context: str | Document,
    question: str,
    *,
    model: str | Path = ...,
    column: str | None = ...,
    encoding: str | None = ...,
    **options: Unpack[QAOptions],
) -> QARecord: ...
@overload
def answer(
    context: Path,
    question: str,
    *,
    model: str | Path = ...,
    column: str | None = ...,
    encoding: str | None = ...,
    **options: Unpack[QAOptions],
) -> QARecord | list[QARecord | FailedRecord]: ...
@overload
def answer(
    context: Source | Several,
    question: list[str] | tuple[str, ...],
    *,
    model: str | Path = ...,
    column: str | None = ...,
    encoding: str | None = ...,
    **options: Unpack[QAOptions],
) -> list[QARecord | FailedRecord]: ...
@overload
def answer(
    context: Several,
    question: str,
    *,
    model: str | Path = ...,
    column: str | None = ...,
    encoding: str | None = ...,
    **options: Unpack[QAOptions],
) -> list[QARecord | FailedRecord]: ...
def answer(
    context: Source | Several,
    question: str | list[str] | tuple[str, ...],
    *,
    model: str | Path = DEFAULT_QA_MODEL,
    column: str | None = None,
    encoding: str | None = None,
    **options: Unpack[QAOptions],
) -> QARecord | list[QARecord | FailedRecord]:
    """Answer one question about one document, or several about several.

    Args:
        context: a text; a Path to a file, a folder, or a file of rows (*.jsonl, *.csv ...) with a "context" each; a
            Document; or a list of these. A string is always a text.
        question: a question or a list of them, asked of each document, and of each row that has no "question".
        model: a model folder, a shipped model's name, or a name on the Hugging Face hub.
        column: the column of a row's text; None for "context", else "text".
        encoding: of files of plain text, HTML and rows, such as "cp1252"; None for UTF-8.
        **options: see QAOptions and ReadingOptions.

    Returns:
        A record; for several documents or questions, and for rows, a list of them, document by document.

    Raises:
        BigBirdError: a single question failed; among several, the failed ones are records with an "error".
    """
    questions = [question] if isinstance(question, str) else list(question)
    if not all(question.strip() for question in questions):
        raise UsageError("a question is empty", where="question", fix='ask something, such as "Who signed?"')
    requests = questions_on(inputs_of(context, argument="context", encoding=encoding), questions, column=column)
    results = list(answer_all(requests, model=model, asked=dict.fromkeys(questions, "question"), **options))
    if len(results) == 1 and is_single(context) and isinstance(question, str):
        return results[0].record()
    return [result.to_dict() for result in results]


def answer_all(
    requests: Iterable[Request | None],
    *,
    model: str | Path = DEFAULT_QA_MODEL,
    asked: Mapping[str, str] | None = None,
    **options: Unpack[QAOptions],
) -> Iterator[QAResult]:
    """Answer questions one after the other, each from its whole document.

    Windows of several questions and documents are read together, which changes no result. A document that stands in
    requests one after the other is tokenised once. The model is opened at once, its weights for the first document.

    Args:
        requests: documents with a question each as `second`, read lazily. None among them says that the next may be
            long in coming: what was gathered is answered.
        model: a model folder, a shipped model's name, or a name on the Hugging Face hub.
        asked: questions asked of every document, each with what to call it in errors: one that cannot be asked is
            refused before the first document is read.
        **options: see QAOptions and ReadingOptions.

    Returns:
        One result for each request, in their order, as soon as it is ready.

    Raises:
        UsageError: an option has an impossible value.
        ModelError: the model cannot be used.
        ResourceError: memory did not suffice.
    """
    top_k = options.pop("top_k", 1)
    if top_k < 1:
        raise UsageError(f"{top_k} is too few", where="top_k", fix="give 1 or more")
    skim = options.pop("skim", None)
    by = options.pop("skim_by", "bm25")
    choose = None if skim is None else choosing(skim, by=by, options=options)
    most, threshold = options.pop("max_answer_tokens", None), options.pop("no_answer_threshold", None)
    reader = open_reader(
        QuestionAnswering,
        model,
        what="question answering",
        options=options,
        longest_window=None if skim is None else SKIM_WINDOW,
        max_answer_tokens=most,
        no_answer_threshold=threshold,
    )
    task = reader.task

    def encode(question: str | None) -> np.ndarray:
        if question is None:
            raise DataError("no question is asked", fix="give the request a second text, its question")
        return task.encode_question(question, reader.tokenizer)

    check_asked(asked or {}, reader, encode)
    return read(
        reader,
        requests,
        decoder=partial(task.decoder_for, n_best=top_k),
        result=partial(QAResult, top_k=top_k),
        encode_second=encode,
        choose=choose,
    )


def questions_on(
    inputs: Iterable[Input | None], questions: Sequence[str], *, column: str | None = None
) -> Iterator[Request | None]:
    """Ask every question of every document, document by document; of a row its own question, if it has one.

    Args:
        inputs: what to read; requests, such as those of rows that are broken, and None are passed on.
        questions: asked of each document.
        column: the column of a row's text; None for "context", else "text".
    """
    columns = (column,) if column else ("context", "text")
    for each in reject_tables(inputs, columns):
        if each is None or isinstance(each, Request):
            yield each
        elif isinstance(each, Row):
            yield from _of_row(each, columns, questions)
        else:
            yield from (Request(each, question) for question in questions)


def _of_row(row: Row, columns: Sequence[str], questions: Sequence[str]) -> Iterator[Request]:
    used = (first_of(columns, row) or columns[0], "question", "id")
    asked: Sequence[str | None] = questions
    try:
        document: Document | FailedDocument = document_of(row, columns, example=_EXAMPLE)
        if "question" in row.fields or not questions:
            asked = [text_of(row, "question", example=_EXAMPLE)]
    except DataError as error:
        document, asked = FailedDocument(row.where, error), [None]
    yield from (Request(document, question, as_json(row.fields.get("id")), row, used) for question in asked)

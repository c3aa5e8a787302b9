"""`bigbird qa` as plain Python calls: questions on documents of any length."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from bigbird_cli.api.items import Input, RowItem, documents_of, is_table, refuse_tables
from bigbird_cli.api.reading import (
    DEFAULT_QA_MODEL,
    FailedItem,
    Reader,
    ReadingOptions,
    failed_record,
    open_reader,
    read_items,
    refuse_beside,
)
from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.tasks.qa.spans import QAPrediction, Span
from bigbird_cli.tasks.qa.task import QuestionAnswering
from bigbird_cli.text.documents import Document, FailedDocument


@dataclass(frozen=True)
class QAItem:
    """A question on a document.

    Attributes:
        context: the document's text.
        question: what to ask.
        name: where the text came from; a record's "context".
        id: whatever names the pair to its owner; given back in the record as it is.
    """

    context: str
    question: str
    name: str = "text"
    id: Any = None

    @property
    def text(self) -> str:
        """The document's text, as every item of a reading command has it."""
        return self.context


def answer(
    context: str | Path | Document | Sequence[str | Path | Document],
    question: str | Sequence[str],
    *,
    model: str | Path = DEFAULT_QA_MODEL,
    **options: Any,
) -> dict[str, Any] | list[dict[str, Any]]:
    """Answer one question about one document, or several about several.

    Args:
        context: a text; a Path to a file, a folder, or a file of rows (*.jsonl, *.csv ...) with a "context" each; a
            Document; or a list of these. A string is always a text.
        question: a question or a list of them, asked of each document, and of each row that has no "question".
        model: a model folder, a shipped model's name, or a name on the Hugging Face hub.
        **options: as in `answers`: top_k, window, device, ...

    Returns:
        The record of `answers`; for several documents or questions, and for rows, a list of them, document by document.

    Raises:
        BigBirdError: a single question failed; among several, the failed ones are records with an "error".
    """
    is_one = isinstance(context, str | Document) or (isinstance(context, Path) and not is_table(context))
    single = is_one and isinstance(question, str)
    contexts = [context] if isinstance(context, str | Path | Document) else list(context)
    questions = [question] if isinstance(question, str) else list(question)
    if not contexts or not questions:
        raise UsageError("there is nothing to ask", fix="give a context and a question")
    if not all(question.strip() for question in questions):
        raise UsageError("a question is empty", where="question", fix='ask something, such as "Who signed?"')
    items = pair(documents_of(contexts, what="context"), questions)
    results = list(_results(items, model=model, asked=dict.fromkeys(questions, "question"), **options))
    if single and len(results) == 1:
        if isinstance(results[0], FailedItem):
            raise results[0].error
        return results[0]
    return [_record(result) for result in results]


def answers(
    items: Iterable[QAItem | FailedItem | None],
    *,
    model: str | Path = DEFAULT_QA_MODEL,
    asked: Mapping[str, str] | None = None,
    top_k: int = 1,
    max_answer_tokens: int | None = None,
    no_answer_threshold: float | None = None,
    **options: Unpack[ReadingOptions],
) -> Iterator[dict[str, Any]]:
    """Answer questions one after the other, each from its whole document.

    Windows of several questions and documents are read together, which changes no result. A document that stands in
    items one after the other is tokenised once. The model is opened for the first item that needs it.

    Args:
        items: read lazily. None among them says that the next may be long in coming: what was gathered is answered.
        model: a model folder, a shipped model's name, or a name on the Hugging Face hub.
        asked: questions asked of every document, each with what to call it in errors: one that cannot be asked is
            refused before the first document is read.
        top_k: answers to give; with more than 1, records have "answers", best first, no two sharing a character.
        max_answer_tokens: tokens of an answer at most; None for the model's own setting, as in the next.
        no_answer_threshold: no answer is given when its probability is above this.
        options: see ReadingOptions.

    Returns:
        One record for each item, in their order, as soon as it is ready: answer, start, end (None if no answer is
        given; characters of its likeliest mention), score (of the best answer: the probability of all its mentions
        together) and no_answer_score, which add up to 1 over all answers, mentions (start and end of each, in reading
        order), context, question, id, and receipt {tokens, read, unknown, windows, truncated, model, attention,
        device}. An item that failed gives error {problem, where, fix, exit_code}, context, question, id.

    Raises:
        UsageError: an option has an impossible value.
        ModelError: the model cannot be used.
        ResourceError: memory did not suffice.
    """
    results = _results(
        items,
        model=model,
        asked=asked,
        top_k=top_k,
        max_answer_tokens=max_answer_tokens,
        no_answer_threshold=no_answer_threshold,
        **options,
    )
    return map(_record, results)


def pair(documents: Iterable[Input | None], questions: Sequence[str]) -> Iterator[QAItem | FailedItem | None]:
    """Ask every question of every document, document by document; of a row its own question, if it has one.

    None is passed on.
    """
    for document in refuse_tables(documents, ("context",)):
        if document is None or isinstance(document, FailedItem):
            yield document
            continue
        if isinstance(document, RowItem):
            yield from _of_row(document, questions)
            continue
        for question in questions:
            if isinstance(document, FailedDocument):
                yield FailedItem(document.error, name=document.name, question=question)
            else:
                yield QAItem(document.text, question, name=document.name)


def _of_row(row: RowItem, questions: Sequence[str]) -> Iterator[QAItem | FailedItem]:
    example = '{"context": ..., "question": ..., "id": ...}'
    try:
        context = row.text("context", example=example)
        own = "question" in row.fields or not questions
        for question in [row.text("question", example=example)] if own else questions:
            yield QAItem(context, question, name=row.name, id=row.id)
    except DataError as error:
        yield FailedItem(error, name=row.name, id=row.id)


def _results(
    items: Iterable[QAItem | FailedItem | None],
    *,
    model: str | Path = DEFAULT_QA_MODEL,
    asked: Mapping[str, str] | None = None,
    top_k: int = 1,
    max_answer_tokens: int | None = None,
    no_answer_threshold: float | None = None,
    **options: Unpack[ReadingOptions],
) -> Iterator[dict[str, Any] | FailedItem]:
    """Check the options, open the model folder, and answer lazily."""
    if top_k < 1:
        raise UsageError(f"{top_k} is too few", where="top_k", fix="give 1 or more")
    reader = open_reader(
        QuestionAnswering,
        model,
        what="question answering",
        options=options,
        max_answer_tokens=max_answer_tokens,
        no_answer_threshold=no_answer_threshold,
    )
    task = reader.task
    refuse_beside(asked or {}, reader, lambda text: task.encode_question(text, reader.tokenizer))

    def question(item: QAItem) -> np.ndarray:
        return task.encode_question(item.question, reader.tokenizer)

    results = read_items(
        items,
        reader,
        beside=question,
        decoder=lambda name: task.decoder_for([name], n_best=top_k),
        failed=lambda item, error: FailedItem(error, name=item.name, question=item.question, id=item.id),
    )
    return (
        result if isinstance(result, FailedItem) else _as_record(*result, reader, top_k=top_k) for result in results
    )


def _as_record(
    item: QAItem, prediction: QAPrediction, reader: Reader[QuestionAnswering], *, top_k: int
) -> dict[str, Any]:
    found = prediction.answer
    record: dict[str, Any] = {
        "answer": found.text if found else None,
        "start": found.start if found else None,
        "end": found.end if found else None,
        "score": prediction.score,
        "no_answer_score": prediction.no_answer_score,
        "mentions": _mentions(found) if found else [],
        "context": item.name,
        "question": item.question,
        "id": item.id,
    }
    if top_k > 1:
        record["answers"] = [
            {
                "answer": span.text,
                "start": span.start,
                "end": span.end,
                "score": span.score,
                "mentions": _mentions(span),
            }
            for span in prediction.spans
        ]
    record["receipt"] = reader.receipt(prediction.coverage)
    return record


def _mentions(span: Span) -> list[dict[str, int]]:
    return [{"start": start, "end": end} for start, end in span.mentions]


def _record(result: dict[str, Any] | FailedItem) -> dict[str, Any]:
    if not isinstance(result, FailedItem):
        return result
    return failed_record(result, context=result.name, question=result.question)

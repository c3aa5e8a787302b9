"""Questions with their answers, and queries with their sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

from bigbird_cli.api.reading.qa import QAResult
from bigbird_cli.api.reading.select import SelectResult
from bigbird_cli.report.pages.layout import Mark
from bigbird_cli.report.pages.view import Cell, Excerpt, Found, View, on_one_line, percent
from bigbird_cli.report.writer import SURE
from bigbird_cli.text.sentences import sentence_around

_LEAST = 0.005
"""Probability of an answer, behind the best, that is shown: any less would stand there as 0.00."""


@dataclass(frozen=True)
class Asked:
    """A question or a query, and what was found for it.

    Attributes:
        text: the question.
        found: the answers, best first.
        is_answered: whether the first of them is given.
        no_answer_score: probability that there is none; None where that is not asked.
        read: share of the document that was read for it.
        error: why there is no answer at all.
    """

    text: str
    found: tuple[Found, ...] = ()
    is_answered: bool = True
    no_answer_score: float | None = None
    read: float = 1.0
    error: str | None = None


def answers_view(results: Sequence[QAResult]) -> View:
    """Questions on one document."""
    asked: list[Asked] = []
    marks: list[Mark] = []
    n_found = 0
    for result in results:
        question = result.request.second or ""
        if result.error is not None:
            asked.append(Asked(question, error=str(result.error)))
            continue
        prediction, text = result.prediction, result.request.text
        found = []
        likely = (span for rank, span in enumerate(prediction.spans) if not rank or span.score >= _LEAST)
        for rank, span in enumerate(likely):
            is_best = not rank and prediction.answer is not None
            style = "best" if is_best and span.score >= SURE else "good" if is_best else "other"
            marks += [Mark(start, end, n_found, style, percent(span.score)) for start, end in span.mentions]
            found.append(
                Found(
                    key=n_found,
                    text=on_one_line(span.text),
                    score=span.score,
                    count=len(span.mentions),
                    start=span.start,
                    page=result.location(span.start).get("page"),
                    around=_in_sentence(text, span.start, span.end),
                    first=span.mentions.index((span.start, span.end)),
                )
            )
            n_found += 1
        is_answered = prediction.answer is not None
        share = prediction.coverage.n_read / prediction.coverage.n_tokens
        asked.append(Asked(question, tuple(found), is_answered, prediction.no_answer_score, share))
    return View("qa", asked, marks, {each.text: [_cell(each)] for each in asked})


def sentences_view(results: Sequence[SelectResult]) -> View:
    """Sentences of one document; its windows are the sentences."""
    [result] = results
    sentences = result.prediction.sentences
    found = tuple(
        Found(n, on_one_line(each.text), each.score, 1, each.start, result.location(each.start).get("page"))
        for n, each in enumerate(sentences)
    )
    marks = [
        Mark(each.start, each.end, n, "good" if n else "best", percent(each.score)) for n, each in enumerate(sentences)
    ]
    asked = [Asked(result.query, found)]
    return View("select", asked, marks, {result.query: [_cell(each) for each in asked]}, has_windows=False)


def _cell(asked: Asked) -> Cell:
    if asked.error is not None:
        return Cell(asked.error)
    if not asked.found or not asked.is_answered:
        return Cell("no answer", asked.no_answer_score)
    return Cell(asked.found[0].text, asked.found[0].score)


def _in_sentence(text: str, start: int, end: int) -> Excerpt:
    excerpt = sentence_around(text, start, end)
    before, after = text[excerpt.start : start], text[end : excerpt.stop]
    return Excerpt("… " * excerpt.cut_before + before, text[start:end], after + " …" * excerpt.cut_after)

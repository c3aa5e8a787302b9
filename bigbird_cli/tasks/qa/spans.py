"""From start and end scores to answers: the best spans of a document over all its windows.

A window without the answer is trained to point at [CLS], so the start and end scores of [CLS] are that window's own
zero: a span's score is its start + end minus the [CLS] start + end of its window, and "no answer" scores 0. Scores of
all windows then stand on one scale, and one softmax over every answer of the document and "no answer" gives the
probabilities. An answer is all that says the same (`tasks.qa.mentions`), in whatever window: a fact that a document
states on sixty pages is one answer, and its likeliest mention is shown.

Why one softmax over all windows: for a single window, exp(score) summed over its spans is the model's odds that the
window holds the answer. If each window is scored by itself and at most one of them holds the answer, the odds of
"somewhere" are the sum of the windows' odds, which is what the softmax computes. A window that surely lacks the answer
adds next to nothing; the doubt that a model leaves in each of many windows adds up, so a model for very long documents
has to be trained with many windows that lack the answer, and its no-answer threshold chosen on long documents.

A few numbers, fitted on questions kept for it (`tasks.qa.calibration`), make these odds mean what they say. Which
span it is, is one question: scores are divided by a temperature, and a span pays for its length. Whether there is an
answer is another: the log odds of all spans together are scaled and shifted, and windows share one prior. Of n windows
one or two hold the answer at most, so that any one of them holds it the less likely the more there are; with a prior
of 1 the odds of a document are the mean of its windows' odds, not their sum, and "no answer" means of a book what it
means of a page. What a model takes for an answer by mistake is found the more often the more it reads, so that the best
prior may be above 1.

A span that stands in two windows is one candidate. It counts once, as read by the window in which it has the most
context (`text.windows.owned_sums`), not as the better of two scores: the larger of two noisy scores is biased upwards,
and which window speaks for a span would depend on the outputs, not on the document alone.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bigbird_cli.tasks.base import Feature, finite_output
from bigbird_cli.tasks.qa.mentions import Answer, WindowScores, answer_key, best_answers, together
from bigbird_cli.tasks.windowed import Coverage, Gatherer, source_of
from bigbird_cli.text.documents import EncodedDocument
from bigbird_cli.text.spans import says_something

if TYPE_CHECKING:
    from bigbird_cli.tasks.qa.task import QuestionAnswering

_BESIDES = 3
"""Answers of a window that are kept besides those to be given: they may be the best of all windows together."""


class Span(NamedTuple):
    """A candidate answer: characters start..end of the document, its likeliest mention there.

    The score is the answer's probability among all answers: of all its mentions together, characters start..end each.
    """

    text: str
    start: int
    end: int
    score: float
    mentions: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, eq=False)
class QAPrediction:
    """What a model says to a question, and what it read to say so.

    Attributes:
        id: the example's.
        answer: the best span, or None when "no answer" is likelier than the threshold allows.
        spans: the best answers that share no token, best first, whether an answer is given or not; none is of
            punctuation and symbols alone.
        no_answer_score: probability of "no answer". It and the scores of all answers of the document add up to 1.
        coverage: how much of the document was read.
        seams: wherever the next window takes over, the end of the last token before it and the start of the
            first one after it, in characters.
    """

    id: str
    answer: Span | None
    spans: tuple[Span, ...]
    no_answer_score: float
    coverage: Coverage
    seams: tuple[tuple[int, int], ...] = ()

    @property
    def score(self) -> float:
        """Probability of the best span, also when no answer is given."""
        return self.spans[0].score if self.spans else 0.0


class _Kept(NamedTuple):
    """What is kept of a window: the log of its spans' summed odds, and its best answers by tokens of the document."""

    odds: float
    answers: list[Answer]


class SpanDecoder:
    """Finds each example's best spans over all its windows; keeps a few numbers a window, never its scores.

    Args:
        ids: names of the questions.
        task: whose settings say how long answers may be and how scores become odds.
        n_best: spans to keep for each question.
    """

    def __init__(self, ids: Sequence[str], task: "QuestionAnswering", *, n_best: int) -> None:
        self._gathered: Gatherer[_Kept] = Gatherer(ids, kind="question")
        self._task = task
        self._n_best = n_best

    def add(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> None:
        """Take a window's start_logits and end_logits, each (n,) and aligned with feature.ids.

        Raises:
            ModelError: a logit is not a finite number.
        """
        starts, ends = (
            finite_output(outputs, name, shape=feature.ids.shape, where=self._gathered.where(feature))
            for name in ("start_logits", "end_logits")
        )
        source, task = source_of(feature), self._task
        document, window = source.document, source.window
        inside = slice(source.first, source.first + window.stop - window.start)
        visible = document.visible[window.start : window.stop]
        scores = WindowScores(
            np.where(visible, starts[inside] - (starts[0] + ends[0]), -np.inf) / task.temperature,
            np.where(visible, ends[inside], -np.inf) / task.temperature,
            feature.ids[inside],
            ends_sentence=document.ends_sentence[window.start : window.stop],
            max_tokens=task.max_answer_tokens,
            owned=range(source.owned.start - 2 * window.start, source.owned.stop - 2 * window.start),
            length_penalty=task.length_penalty,
        )
        odds, answers = best_answers(
            scores,
            n_best=self._n_best + _BESIDES,
            key_of=lambda first, last: answer_key(_text(document, first + window.start, last + window.start)),
        )
        self._gathered.add(feature, _Kept(odds, [answer.moved(window.start) for answer in answers]))

    def finish(self) -> list[QAPrediction]:
        """Give one prediction for each example, in the examples' order."""
        return [self.prediction(i) for i in range(len(self._gathered))]

    def prediction(self, example: int) -> QAPrediction:
        """Give the prediction of one example whose windows have all been added."""
        gathered = self._gathered[example]
        document, kept = gathered.document, gathered.in_order()
        odds = float(np.logaddexp.reduce([window.odds for window in kept]))
        task = self._task
        scaled = task.answer_scale * (odds - task.window_prior * math.log(len(kept))) + task.answer_bias
        total = float(np.logaddexp(0.0, scaled))  # log of the odds of everything, "no answer" included
        answers = together(answer for window in kept for answer in window.answers)
        found = (_span(document, answer, odds - scaled + total) for answer in answers)
        spans = _apart((span for span in found if says_something(span.text)), self._n_best)
        no_answer_score = min(1.0, float(np.exp(-total)))
        answered = bool(spans) and no_answer_score <= self._task.no_answer_threshold
        return QAPrediction(
            id=self._gathered.names[example],
            answer=spans[0] if answered else None,
            spans=spans,
            no_answer_score=no_answer_score,
            coverage=gathered.coverage,
            seams=tuple(_seam(document, gathered.owned[window]) for window in gathered.windows[1:]),
        )


def _text(document: EncodedDocument, first: int, last: int) -> str:
    start, end = document.answer_span(first, last)
    return document.text[start:end]


def _span(document: EncodedDocument, answer: Answer, total: float) -> Span:
    mentions = [document.answer_span(first, last) for _, first, last in answer.mentions]
    start, end = mentions[0]
    score = min(1.0, float(np.exp(answer.odds - total)))
    return Span(document.text[start:end], start, end, score, tuple(sorted(set(mentions))))


def _apart(spans: Iterable[Span], n_best: int) -> tuple[Span, ...]:
    """The best of sorted answers of which none is given where a better one is mentioned."""
    chosen: list[Span] = []
    taken: list[tuple[int, int]] = []
    for span in spans:
        if all(span.end <= start or end <= span.start for start, end in taken):
            chosen.append(span)
            taken += span.mentions
        if len(chosen) == n_best:
            break
    return tuple(chosen)


def _seam(document: EncodedDocument, owned: range) -> tuple[int, int]:
    """Where a window takes over: characters between the last token of the one before and the first of its own."""
    first = -(-owned.start // 2)
    return document.span(first - 1, first - 1)[1], document.span(first, first)[0]

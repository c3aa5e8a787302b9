"""Question answering: a span of the document answers a question, or nothing does.

A model input is `[CLS] question [SEP] window [SEP]`. A window without the answer is trained to point at [CLS], so the
start and end scores of [CLS] are that window's own zero: a span's score is its start + end minus the [CLS] start + end
of its window, and "no answer" scores 0. Scores of all windows then stand on one scale, and one softmax over every
answer of the document and "no answer" gives the probabilities. An answer is all that says the same (`tasks.mentions`),
in whatever window: a fact that a document states on sixty pages is one answer, and its likeliest mention is shown.

Why one softmax over all windows: for a single window, exp(score) summed over its spans is the model's odds that the
window holds the answer. If each window is judged by itself and at most one of them holds the answer, the odds of
"somewhere" are the sum of the windows' odds, which is what the softmax computes. A window that surely lacks the answer
adds next to nothing; the doubt that a model leaves in each of many windows adds up, so a model for very long documents
has to be trained with many windows that lack the answer, and its no-answer threshold chosen on long documents.

A few numbers, fitted on questions kept for it (`benchmarks/qa_calibrate.py`), make these odds mean what they say. Which
span it is, is one question: scores are divided by a temperature, and a span pays for its length. Whether there is an
answer is another: the log odds of all spans together are scaled and shifted, and windows share one prior. Of n windows
one or two hold the answer at most, so that any one of them holds it the less likely the more there are; with the full
prior the odds of a document are the mean of its windows' odds, not their sum, and "no answer" means of a book what it
means of a page.

A span that stands in two windows is one candidate. It counts once, as read by the window in which it has the most
context (`text.windows.owned_sums`), not as the better of two scores: the larger of two noisy scores is biased upwards,
and which window speaks for a span would depend on the outputs, not on the document alone.
"""

import math
import warnings
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import BigBirdWarning, DataError
from bigbird_cli.section import Count, Overlap
from bigbird_cli.tasks.base import Feature, finite_output, insist_on_same
from bigbird_cli.tasks.mentions import Answer, WindowScores, answer_key, best_answers, together
from bigbird_cli.tasks.metrics import best_threshold, exact_match, length_groups, stands_at_seam, token_f1
from bigbird_cli.tasks.squad import GoldAnswer, QAExample, iterate_examples
from bigbird_cli.tasks.windowed import Coverage, Gatherer, ReadingTask, settings_for, source_of
from bigbird_cli.text.documents import ReadDocument, encode_document, unreadable
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer
from bigbird_cli.text.windows import Window, owned_sums

__all__ = ["GoldAnswer", "QAExample", "QAFeatures", "QAPrediction", "QuestionAnswering", "Span", "SpanDecoder"]

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
        spans: the best answers that share no token, best first, whether an answer is given or not.
        no_answer_score: probability of "no answer". It and the scores of all answers of the document add up to 1.
        coverage: how much of the document was read.
        seams: for each place where the next window takes over, the end of the last token before it and the start of the
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


class QuestionAnswering(ReadingTask):
    """Find the span of a document that answers a question, or say that there is none."""

    head: ClassVar[str] = "span"
    main_metric: ClassVar[str] = "f1"
    falling: ClassVar[frozenset[str]] = frozenset({"seam_errors"})
    n_special: ClassVar[int] = 3
    second: ClassVar[str] = "question"
    second_comes_first: ClassVar[bool] = True

    type: Literal["qa"] = "qa"
    """The task's name."""

    overlap: Overlap = 128
    """Tokens that neighbouring windows of a long document share at least; half of what a window holds if that is less,
    but always max_answer_tokens - 1, so that every possible answer lies whole in some window."""

    max_answer_tokens: Count = 30
    """Tokens of a predicted answer at most."""

    max_question_tokens: Count = 128
    """A longer question in training data is an error; it is never cut. Elsewhere a question may take what room the
    window has."""

    no_answer_threshold: float = Field(default=0.5, ge=0, le=1)
    """No answer is given when the probability of "no answer" is above this."""

    temperature: float = Field(default=1.0, gt=0, le=100)
    """What the model's scores are divided by to make log odds of them: above 1 where it is surer than it is right."""

    length_penalty: float = Field(default=0.0, ge=0, le=100)
    """What an answer of n tokens loses in log odds, times the logarithm of n."""

    answer_scale: float = Field(default=1.0, gt=0, le=100)
    """What the log odds of all answers together over "no answer" are multiplied by."""

    answer_bias: float = Field(default=0.0, ge=-100, le=100)
    """What is added to them then."""

    window_prior: float = Field(default=0.0, ge=0, le=1)
    """How far they fall first with the number of a document's windows: the odds are divided by it to this power. With 0
    windows add up, with 1 they are averaged."""

    on_bad_answer: Literal["error", "skip"] = "error"
    """What to do about a gold answer that is not where it is said to be, or a training question longer than
    max_question_tokens: stop, or leave the question out."""

    negative_windows: float = Field(default=1.0, ge=0, le=1)
    """Share of the windows without the answer that training keeps, the same ones in every epoch. A question that the
    document does not answer keeps one at least."""

    def read(self, source: str | Path, *, offline: bool = False) -> Iterator[QAExample]:
        """Read SQuAD v1/v2 JSON or flat rows, one question after the other, see `tasks.squad.iterate_examples`.

        Raises:
            DataError: the file cannot be used; the error names the place.
        """
        n_skipped = yield from iterate_examples(
            source, on_bad_answer=self.on_bad_answer, on_empty=self.on_empty, offline=offline
        )
        if n_skipped:
            warnings.warn(
                BigBirdWarning(f"{source}: {n_skipped} questions with wrong answers are left out"), stacklevel=2
            )

    def encode_question(self, question: str, tokenizer: Tokenizer, *, where: str | None = None) -> np.ndarray:
        """Tokenise a question.

        Returns:
            int32 (n,) ids, without special tokens; of any number, since `plan_windows` refuses what leaves no room.

        Raises:
            DataError: the question has no tokens.
        """
        ids = tokenizer.encode(question, newline="space").ids
        if not len(ids):
            raise DataError(f"the question {question!r} has no words", where=where, fix="ask something")
        return ids

    @classmethod
    def for_model(cls, config: BigBirdConfig) -> Self:
        """The task of a model that was trained elsewhere: all settings by default, as far as it can hold them."""
        return cls(**settings_for(config))

    @property
    def longest_answer(self) -> int:
        """max_answer_tokens."""
        return self.max_answer_tokens

    def training_features(self, examples: Iterable[QAExample], tokenizer: Tokenizer) -> Iterator[Feature]:
        """Turn examples into model inputs with labels.

        A window that holds a gold answer whole learns to point at it (at the first answer that it holds), any other at
        [CLS]. A question of which no window holds an answer is left out, with a warning at the end; so is one longer
        than max_question_tokens, if on_bad_answer is "skip". Whatever their number, few documents are held at a time.

        Raises:
            DataError: a document or a question cannot be used; the error names it.
        """
        builder = _Builder(self, tokenizer, hold=_HELD)
        for index, example in enumerate(examples):
            yield from builder.training(index, example)
        builder.warn()

    def encode(self, examples: Sequence[QAExample], tokenizer: Tokenizer) -> "QAFeatures":
        """Turn examples into all their windows; each document is tokenised once, however many questions it has.

        Raises:
            DataError: a document or a question cannot be used; the error names it.
        """
        builder = _Builder(self, tokenizer)
        documents: list[ReadDocument] = []
        questions: list[np.ndarray] = []
        rows: list[tuple[int, ...]] = []
        for index, example in enumerate(examples):
            document, question, where = builder.read(example)
            documents.append(document)
            questions.append(question)
            plan = self.plan_windows(len(document), len(question), where=where)
            rows += ((index, *window, own.start, own.stop) for window, own in zip(plan, owned_sums(plan), strict=True))
        return QAFeatures(self, tokenizer, documents, questions, np.array(rows, dtype=np.int64).reshape(-1, 5))

    def decoder(self, examples: Sequence[QAExample], tokenizer: Tokenizer, *, n_best: int = 1) -> "SpanDecoder":
        """Open a decoder for the features of these examples.

        Args:
            examples: those that were encoded.
            tokenizer: not needed; every task's decoder is given it.
            n_best: spans to keep for each example.
        """
        del tokenizer
        return self.decoder_for([example.id for example in examples], n_best=n_best)

    def decoder_for(self, ids: Sequence[str], *, n_best: int = 1) -> "SpanDecoder":
        """Open a decoder for the features of questions of these names, which need not be examples."""
        return SpanDecoder(ids, self, n_best=n_best)

    def blank(self, name: str, coverage: Coverage) -> QAPrediction:
        """A prediction without an answer."""
        return QAPrediction(name, answer=None, spans=(), no_answer_score=1.0, coverage=coverage)

    def score(self, predictions: Sequence[QAPrediction], examples: Sequence[QAExample]) -> dict[str, float]:
        """Measure predictions on the untouched gold texts, as SQuAD's scripts do; in percent.

        Returns:
            exact_match, f1; counts: total, and seam_errors (answers that are not exact, where they or
            the gold touch the place where one window takes over from another). If some questions have no answer:
            has_answer_exact_match, has_answer_f1, has_answer_total, no_answer_accuracy, no_answer_total, and best_f1
            with best_f1_threshold, the most that another no-answer threshold would give. If documents differ in length:
            f1 and total by their length, as in f1_to_512_tokens and f1_over_4096_tokens.
        """
        insist_on_same(predictions, examples, "questions")
        golds = [[answer.text for answer in example.answers] for example in examples]
        texts = [p.answer.text if p.answer else "" for p in predictions]
        exact = np.array([exact_match(text, gold) for text, gold in zip(texts, golds, strict=True)], dtype=np.float64)
        f1 = np.array([token_f1(text, gold) for text, gold in zip(texts, golds, strict=True)], dtype=np.float64)
        has_answer = np.array([example.has_answer for example in examples])
        scores = {
            "exact_match": _percent(exact),
            "f1": _percent(f1),
            "total": float(len(examples)),
            "seam_errors": float(
                sum(
                    _touches_seam(prediction, example)
                    for prediction, example, is_right in zip(predictions, examples, exact, strict=True)
                    if not is_right
                )
            ),
        }
        if not has_answer.all():
            if has_answer.any():
                scores["has_answer_exact_match"] = _percent(exact[has_answer])
                scores["has_answer_f1"] = _percent(f1[has_answer])
            scores["has_answer_total"] = float(has_answer.sum())
            scores["no_answer_accuracy"] = _percent(exact[~has_answer])
            scores["no_answer_total"] = float((~has_answer).sum())
            best = [p.spans[0].text if p.spans else "" for p in predictions]
            scores["best_f1"], scores["best_f1_threshold"] = best_threshold(
                [token_f1(text, gold) for text, gold in zip(best, golds, strict=True)],
                [p.no_answer_score for p in predictions],
                has_answer.tolist(),
            )
        for name, members in length_groups([prediction.coverage.n_tokens for prediction in predictions]):
            scores[f"f1_{name}"] = _percent(f1[members])
            scores[f"total_{name}"] = float(len(members))
        return scores


def _touches_seam(prediction: QAPrediction, example: QAExample) -> bool:
    spans = [(answer.start, answer.start + len(answer.text)) for answer in example.answers]
    if prediction.answer is not None:
        spans.append((prediction.answer.start, prediction.answer.end))
    return any(stands_at_seam(start, end, prediction.seams) for start, end in spans)


def _percent(values: np.ndarray) -> float:
    return 100.0 * float(sum(values.tolist())) / len(values)  # Python's sum, term by term: the scripts' digits


class QAFeatures:
    """The model inputs of a set of examples, each built when it is asked for.

    Only the tokens of the documents and questions are held, and a few numbers for each window, so that a million
    windows take little memory.
    """

    def __init__(
        self,
        task: QuestionAnswering,
        tokenizer: Tokenizer,
        documents: list[ReadDocument],
        questions: list[np.ndarray],
        rows: np.ndarray,
    ) -> None:
        self._task, self._tokenizer = task, tokenizer
        self._documents = documents
        self._questions = questions
        self._rows = rows  # int64 (n, 5): example, window start and stop, owned sums low and high
        sizes = np.array([len(question) for question in questions], dtype=np.int64)
        self.lengths: np.ndarray = (sizes[rows[:, 0]] + task.n_special + rows[:, 2] - rows[:, 1]).astype(np.int32)
        """int32 (n,): tokens of each input."""

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Feature:
        example, start, stop, low, high = self._rows[index].tolist()
        return self._task.window_feature(
            self._documents[example],
            Window(start, stop),
            range(low, high),
            self._tokenizer,
            example=example,
            second=self._questions[example],
        )

    def __iter__(self) -> Iterator[Feature]:
        return (self[i] for i in range(len(self)))


_HELD = 1 << 22
"""Tokens of documents that training holds, so that a text is tokenised once if its questions stand together."""


class _Builder:
    """Tokenises examples and makes training features of them.

    Args:
        task, tokenizer: whose examples these are.
        hold: tokens of documents to hold at most; by default all documents are held.
    """

    def __init__(self, task: QuestionAnswering, tokenizer: Tokenizer, *, hold: float = math.inf) -> None:
        self._task, self._tokenizer = task, tokenizer
        self._documents: dict[str, ReadDocument] = {}  # by their text, the one read last at the end
        self._room = hold
        self._unreachable = _LeftOut()
        self._too_long = _LeftOut()

    def read(self, example: QAExample) -> tuple[ReadDocument, np.ndarray, str]:
        """Tokenise an example: its document, its question (n,), and where both stand."""
        where = example.where or f"question {example.id}"
        document = self._documents.pop(example.context, None)
        if document is None:
            document = encode_document(example.context, self._tokenizer, name=where)
            self._room -= len(document)
            while self._room < 0 and self._documents:
                self._room += len(self._documents.pop(next(iter(self._documents))))
        self._documents[example.context] = document
        if not len(document):
            raise DataError(
                f"the context {unreadable(document)}", where=where, fix="give it a text, or take the question out"
            )
        return document, self._task.encode_question(example.question, self._tokenizer, where=where), where

    def training(self, index: int, example: QAExample) -> Iterator[Feature]:
        """Make the training features of an example, of which the index is given."""
        document, question, where = self.read(example)
        if len(question) > self._task.max_question_tokens:
            self._leave_out(example, len(question), where)
            return
        plan = self._task.plan_windows(len(document), len(question), where=where)
        for window, owned, label in self._chosen(example, document, plan, first=len(question) + 2):
            yield self._task.window_feature(
                document,
                window,
                owned,
                self._tokenizer,
                example=index,
                second=question,
                labels={"start_positions": label[0], "end_positions": label[1]},
                name=where,
            )

    def warn(self) -> None:
        """Warn of what was left out."""
        if self._too_long.count:
            warnings.warn(
                BigBirdWarning(
                    f"{self._too_long.count} questions are left out of training because they have more than"
                    f" {self._task.max_question_tokens} tokens (the first is {self._too_long.first!r}); a larger"
                    " task.max_question_tokens keeps them"
                ),
                stacklevel=3,
            )
        if self._unreachable.count:
            warnings.warn(
                BigBirdWarning(
                    f"{self._unreachable.count} questions are left out of training because no window holds a whole"
                    f" answer of theirs (the first is {self._unreachable.first!r}); a larger task.overlap keeps them"
                ),
                stacklevel=3,
            )

    def _leave_out(self, example: QAExample, n_tokens: int, where: str) -> None:
        if self._task.on_bad_answer == "error":
            raise DataError(
                f"the question {example.question!r} has {n_tokens} tokens, more than task.max_question_tokens"
                f" {self._task.max_question_tokens}",
                where=where,
                fix="shorten it, raise the setting, or set task.on_bad_answer: skip to leave such questions out",
            )
        self._too_long.add(example)

    def _chosen(
        self, example: QAExample, document: ReadDocument, plan: list[Window], *, first: int
    ) -> Iterator[tuple[Window, range, tuple[int, int]]]:
        golds = [document.tokens_of(answer.start, answer.start + len(answer.text)) for answer in example.answers]
        labels = [_label(window, golds, first) for window in plan]
        if example.has_answer and not any(labels):
            self._unreachable.add(example)
            return
        negatives = [k for k, label in enumerate(labels) if label is None]
        rng = np.random.default_rng([zlib.crc32(example.id.encode()), len(plan)])  # by its id: no neighbour changes it
        kept = {
            k
            for k, draw in zip(negatives, rng.random(len(negatives)), strict=True)
            if draw < self._task.negative_windows
        }
        if not example.has_answer and not kept:
            kept = {negatives[int(rng.integers(len(negatives)))]}
        for window, owned, label, k in zip(plan, owned_sums(plan), labels, range(len(plan)), strict=True):
            if label is not None or k in kept:
                yield window, owned, label or (0, 0)


@dataclass
class _LeftOut:
    """How many questions were left out, and the id of the first."""

    count: int = 0
    first: str = ""

    def add(self, example: QAExample) -> None:
        self.first = self.first if self.count else example.id
        self.count += 1


def _label(window: Window, golds: Sequence[tuple[int, int] | None], first: int) -> tuple[int, int] | None:
    """Where in the input the first gold answer stands that the window holds whole."""
    for gold in golds:
        if gold is not None and window.start <= gold[0] and gold[1] < window.stop:
            return gold[0] - window.start + first, gold[1] - window.start + first
    return None


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

    def __init__(self, ids: Sequence[str], task: QuestionAnswering, *, n_best: int) -> None:
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
        spans = _apart((_span(document, answer, odds - scaled + total) for answer in answers), self._n_best)
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


def _text(document: ReadDocument, first: int, last: int) -> str:
    start, end = document.answer_span(first, last)
    return document.text[start:end]


def _span(document: ReadDocument, answer: Answer, total: float) -> Span:
    places = [document.answer_span(first, last) for _, first, last in answer.mentions]
    start, end = places[0]
    score = min(1.0, float(np.exp(answer.odds - total)))
    return Span(document.text[start:end], start, end, score, tuple(sorted(set(places))))


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


def _seam(document: ReadDocument, owned: range) -> tuple[int, int]:
    """Where a window takes over: characters between the last token of the one before and the first of its own."""
    first = -(-owned.start // 2)
    return document.span(first - 1, first - 1)[1], document.span(first, first)[0]

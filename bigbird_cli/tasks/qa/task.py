"""Question answering: a span of the document answers a question, or nothing does.

A model input is `[CLS] question [SEP] window [SEP]`. A window without the answer is trained to point at [CLS]. How the
scores of all windows become one answer: see `tasks.qa.spans`.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.choices import OnBad
from bigbird_cli.errors import BigBirdWarning, DataError, Report
from bigbird_cli.messages import counted
from bigbird_cli.section import Count, Overlap
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.qa import encoding, scores
from bigbird_cli.tasks.qa.outcomes import QAOutcomes, outcomes
from bigbird_cli.tasks.qa.spans import QAPrediction, SpanDecoder
from bigbird_cli.tasks.qa.squad import Columns, QAExample, iterate_examples
from bigbird_cli.tasks.windowed import Coverage, ReadingTask, ScoredTask, settings_for
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer


class QuestionAnswering(ReadingTask, ScoredTask):
    """Find the span of a document that answers a question, or say that there is none."""

    head: ClassVar[str] = "span"
    main_metric: ClassVar[str] = "f1"
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"seam_errors"})
    n_special: ClassVar[int] = 3
    second: ClassVar[str] = "question"
    second_comes_first: ClassVar[bool] = True

    type: Literal["qa"] = "qa"
    """The task's name."""

    context_column: str = "context"
    """Field of the text, in rows that are not SQuAD's."""

    question_column: str = "question"
    """Field of the question in them."""

    answers_column: str = "answers"
    """Field of the answers in them: texts that stand in the text once, or with their answer_start."""

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

    window_prior: float = Field(default=0.0, ge=0, le=4)
    """How far they fall first with the number of a document's windows: the odds are divided by it to this power. With 0
    windows add up, with 1 they are averaged, and above 1 a longer document needs better evidence."""

    on_bad_answer: OnBad = "error"
    """What to do about a gold answer that is not where it is said to be, or a training question longer than
    max_question_tokens: stop, or leave the question out."""

    negative_windows: float = Field(default=1.0, ge=0, le=1)
    """Share of the windows without the answer that training keeps, the same ones in every epoch. A question that the
    document does not answer keeps one at least."""

    def read(self, source: str | Path, *, offline: bool = False, report: Report | None = None) -> Iterator[QAExample]:
        """Read SQuAD v1/v2 JSON or flat rows, one question after the other, see `tasks.qa.squad.iterate_examples`.

        Raises:
            DataError: the file cannot be used; the error says where.
        """
        n_skipped = yield from iterate_examples(
            source,
            Columns(self.context_column, self.question_column, self.answers_column),
            on_bad_answer=self.on_bad_answer,
            on_empty=self.on_empty,
            offline=offline,
            report=report,
        )
        if n_skipped:
            warnings.warn(
                BigBirdWarning(f"{source}: {counted(n_skipped, 'question')} left out for wrong answers"), stacklevel=2
            )

    def document_of(self, example: QAExample) -> tuple[str, str]:
        """The context; questions are all alike."""
        return example.context, ""

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
        return encoding.training_features(self, examples, tokenizer)

    def encode(self, examples: Sequence[QAExample], tokenizer: Tokenizer) -> encoding.QAFeatures:
        """Turn examples into all their windows; each document is tokenised once, however many questions it has.

        Raises:
            DataError: a document or a question cannot be used; the error names it.
        """
        return encoding.encode(self, examples, tokenizer)

    def decoder(self, examples: Sequence[QAExample], tokenizer: Tokenizer, *, n_best: int = 1) -> SpanDecoder:
        """Open a decoder for the features of these examples.

        Args:
            examples: those that were encoded.
            tokenizer: not needed; every task's decoder is given it.
            n_best: spans to keep for each example.
        """
        del tokenizer
        return self.decoder_for([example.id for example in examples], n_best=n_best)

    def decoder_for(self, ids: Sequence[str], *, n_best: int = 1) -> SpanDecoder:
        """Open a decoder for the features of questions of these names, which need not be examples."""
        return SpanDecoder(ids, self, n_best=n_best)

    def blank(self, name: str, coverage: Coverage) -> QAPrediction:
        """A prediction without an answer."""
        return QAPrediction(name, answer=None, spans=(), no_answer_score=1.0, coverage=coverage)

    def score(self, predictions: Sequence[QAPrediction], examples: Sequence[QAExample]) -> dict[str, float]:
        """Measure predictions on the untouched gold texts, see `tasks.qa.scores`; in percent."""
        return scores.score(predictions, examples)

    def outcomes(self, predictions: Sequence[QAPrediction], examples: Sequence[QAExample]) -> QAOutcomes:
        """Put answers beside the gold ones."""
        return outcomes(predictions, examples)

"""Multiple choice: which of several answers to a question on a text is right.

A model input is one row a choice: `[CLS] window [SEP] question choice [SEP]`, the same window in each. A long text is
read in windows; each learns the right choice, and afterwards a choice's score is the average of its windows' scores,
each weighted by the tokens that it answers for.
"""

import string
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.data.rows import FILL, EmptyValue, Row, is_empty, read_rows
from bigbird_cli.errors import DataError, Report
from bigbird_cli.files.json import json_kind
from bigbird_cli.section import Amount
from bigbird_cli.tasks.base import (
    Feature,
    FeatureList,
    WindowSource,
    check_same_ids,
    examples_of,
    finite_output,
)
from bigbird_cli.tasks.calibration import Calibration, least
from bigbird_cli.tasks.metrics import length_groups
from bigbird_cli.tasks.outcomes import LabelOutcome, LabelOutcomes, about, first_with
from bigbird_cli.tasks.windowed import Coverage, Gatherer, ReadingTask, ScoredTask, pack, settings_for
from bigbird_cli.text.documents import encode_document, why_empty
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer
from bigbird_cli.text.windows import owned_sums

LETTERS = string.ascii_uppercase
_EXAMPLE = '{"context": ..., "question": ..., "choices": ["...", "..."], "label": 0}'


@dataclass(frozen=True, eq=False)
class Question:
    """A question on a text, its possible answers, and the number of the right one."""

    id: str
    context: str
    question: str
    choices: tuple[str, ...]
    label: int
    where: str = ""


@dataclass(frozen=True, eq=False)
class ChoicePrediction:
    """Which choice a model takes.

    Attributes:
        id: the question's.
        choice: number of the choice taken.
        scores: a probability for each choice; they add up to 1.
        coverage: how much of the text was read.
    """

    id: str
    choice: int
    scores: tuple[float, ...]
    coverage: Coverage


class MultipleChoice(ReadingTask, ScoredTask):
    """Choose among several answers to a question on a text."""

    head: ClassVar[str] = "choices"
    main_metric: ClassVar[str] = "accuracy"
    n_special: ClassVar[int] = 3
    second: ClassVar[str] = "question and choice"

    type: Literal["multiple_choice"] = "multiple_choice"
    """The task's name."""

    context_column: str = "context"
    """Field of the text."""

    question_column: str | None = "question"
    """Field of the question; null where the choices go on with the text."""

    choices_column: str = "choices"
    """Field of the choices, a list; or the names of one field for each, with commas between: A,B,C,D."""

    label_column: str = "label"
    """Field of the right choice: its number from 0, its letter, or its text."""

    id_column: str = "id"
    """Field of the row's name, if it has one."""

    temperature: Amount = 1.0
    """What the model's scores are divided by before they are probabilities; fit it on data that taught nothing."""

    @classmethod
    def for_model(cls, config: BigBirdConfig) -> Self:
        """The task of a model that was trained elsewhere: all settings by default, as far as it can hold them."""
        return cls(**settings_for(config))

    def read(self, source: str | Path, *, offline: bool = False, report: Report | None = None) -> Iterator[Question]:
        """Read rows.

        Raises:
            DataError: something cannot be used; the error says where.
        """
        rows = read_rows(source, offline=offline, example=_EXAMPLE, report=report)
        yield from examples_of(rows, self._example, source=source, on_empty=self.on_empty, report=report)

    def document_of(self, example: Question) -> tuple[str, str]:
        """The context; questions are all alike."""
        return example.context, ""

    def training_features(self, examples: Iterable[Question], tokenizer: Tokenizer) -> Iterator[Feature]:
        """Turn questions into their windows, each with the number of the right choice.

        Raises:
            DataError: a text is empty, or the choices leave no capacity; the error names the question.
        """
        for index, example in enumerate(examples):
            yield from self._windows(example, index, tokenizer, labels={"labels": example.label})

    def encode(self, examples: Sequence[Question], tokenizer: Tokenizer) -> FeatureList:
        """Turn questions into all their windows.

        Raises:
            DataError: a text is empty, or the choices leave no capacity; the error names the question.
        """
        return FeatureList(
            [feature for index, example in enumerate(examples) for feature in self._windows(example, index, tokenizer)]
        )

    def decoder(self, examples: Sequence[Question], tokenizer: Tokenizer) -> "ChoiceDecoder":
        """Open a decoder for the features of these questions."""
        del tokenizer
        return ChoiceDecoder([example.id for example in examples], temperature=self.temperature)

    def blank(self, name: str, coverage: Coverage) -> ChoicePrediction:
        """A prediction of the first choice."""
        return ChoicePrediction(name, choice=0, scores=(), coverage=coverage)

    def score(self, predictions: Sequence[ChoicePrediction], examples: Sequence[Question]) -> dict[str, float]:
        """Compare the choices with the right ones, in percent.

        Returns:
            accuracy; majority, the accuracy of always taking the index that is most often right here; chance, that of
            drawing; total (a count). If texts differ in length: accuracy and total by their length, as in
            accuracy_to_512_tokens.
        """
        check_same_ids(predictions, examples, "questions")
        right = np.array([p.choice == e.label for p, e in zip(predictions, examples, strict=True)])
        scores = {
            "accuracy": 100 * float(right.mean()),
            "majority": 100 * max(Counter(example.label for example in examples).values()) / len(examples),
            "chance": 100 * float(np.mean([1 / len(example.choices) for example in examples])),
            "total": float(len(examples)),
        }
        for name, members in length_groups([prediction.coverage.n_tokens for prediction in predictions]):
            scores[f"accuracy_{name}"] = 100 * float(right[members].mean())
            scores[f"total_{name}"] = float(len(members))
        return scores

    def outcomes(self, predictions: Sequence[ChoicePrediction], examples: Sequence[Question]) -> LabelOutcomes:
        """Put the letters of choices beside those of the right ones."""
        documents = first_with([example.context for example in examples])
        records: list[LabelOutcome] = []
        for prediction, example, document in zip(predictions, examples, documents, strict=True):
            records.append(
                {
                    **about(prediction, document=document, right=prediction.choice == example.label),
                    "gold": _letter(example.label),
                    "predicted": _letter(prediction.choice),
                    "score": max(prediction.scores),
                }
            )
        return LabelOutcomes(records)

    def _windows(
        self,
        example: Question,
        index: int,
        tokenizer: Tokenizer,
        *,
        labels: dict[str, int | float | np.ndarray] | None = None,
    ) -> Iterator[Feature]:
        where = example.where or example.id
        document = encode_document(example.context, tokenizer, name=where)
        if not len(document):
            raise DataError(f"the text {why_empty(document)}", where=where, fix="give it a text, or take the row out")
        encoded = [
            tokenizer.encode(f"{example.question} {choice}".strip(), newline="space").ids for choice in example.choices
        ]
        longest = max(len(ids) for ids in encoded)
        plan = self.plan_windows(len(document), longest, where=where)
        for window, owned in zip(plan, owned_sums(plan), strict=True):
            inside = document.tokens.ids[window.start : window.stop]
            shape = (len(encoded), len(inside) + longest + self.n_special)
            ids_CS, types_CS = np.full(shape, tokenizer.pad_id, dtype=np.int32), np.zeros(shape, dtype=np.int8)
            mask_CS = np.zeros(shape, dtype=bool)
            for row, answer in enumerate(encoded):
                ids, types = pack(tokenizer, inside, answer)
                ids_CS[row, : len(ids)], types_CS[row, : len(ids)], mask_CS[row, : len(ids)] = ids, types, True
            yield Feature(
                ids=ids_CS,
                types=types_CS,
                labels=labels or {},
                example=index,
                name=where,
                mask=mask_CS,
                source=WindowSource(document, window, 1, owned),
            )

    def _example(self, row: Row) -> Question:
        context = row.filled_text(self.context_column, setting="task.context_column")
        choices = self._choices(row)
        name = row.fields.get(self.id_column)
        return Question(
            id=row.where if name is None else str(name),
            context=context,
            question=""
            if self.question_column is None
            else row.text(self.question_column, setting="task.question_column"),
            choices=choices,
            label=self._label(row.filled(self.label_column, setting="task.label_column"), choices, row),
            where=row.where,
        )

    def _choices(self, row: Row) -> tuple[str, ...]:
        if "," in self.choices_column:
            names = [name.strip() for name in self.choices_column.split(",")]
            return tuple(row.filled_text(name, setting="task.choices_column") for name in names)
        value = row.filled(self.choices_column, setting="task.choices_column")
        if isinstance(value, Mapping) and isinstance(value.get("text"), list):
            value = value["text"]  # as the hub keeps ARC and others
        if isinstance(value, list) and (empty := [number for number, each in enumerate(value) if is_empty(each)]):
            raise EmptyValue(f"choice {empty[0]} is empty", where=row.where, fix=FILL)
        if not isinstance(value, list) or len(value) < 2 or not all(isinstance(each, str) for each in value):
            kind = f"a list of {len(value)}" if isinstance(value, list) else json_kind(value)
            raise DataError(
                f'"{self.choices_column}" is {kind}, not a list of two texts or more',
                where=row.where,
                fix=f"write rows such as {_EXAMPLE}",
            )
        return tuple(value)

    def _label(self, value: Any, choices: Sequence[str], row: Row) -> int:
        if isinstance(value, str):
            if choices.count(value) == 1:
                return choices.index(value)
            letter = value.strip().upper()
            if len(letter) == 1 and letter in LETTERS[: len(choices)]:
                return LETTERS.index(letter)
            value = int(value) if value.strip().isdecimal() and len(value) < 10 else value
        if isinstance(value, float) and value.is_integer():  # as a table keeps whole numbers beside missing ones
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(choices):
            return value
        raise DataError(
            f'"{self.label_column}" is {value!r}, which names none of the {len(choices)} choices',
            where=row.where,
            fix=f"give a number from 0 to {len(choices) - 1}, a letter from A on, or a choice's text",
        )


def _letter(choice: int) -> str:
    """What a choice is called: A, B, ...; by its number where the letters are used up."""
    return LETTERS[choice] if choice < len(LETTERS) else str(choice)


class ChoiceDecoder:
    """Averages each choice's score over the windows of a text.

    Args:
        names: of the questions.
        temperature: what scores are divided by.
    """

    def __init__(self, names: Sequence[str], *, temperature: float = 1.0) -> None:
        self._temperature = temperature
        self._gathered: Gatherer[np.ndarray] = Gatherer(names, kind="question")

    def add(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> None:
        """Take a window's logits (C,).

        Raises:
            ModelError: a logit is not a finite number.
        """
        where = self._gathered.where(feature)
        logits = finite_output(outputs, "logits", shape=feature.ids.shape[:1], where=where)
        self._gathered.add(feature, logits)

    def finish(self) -> list[ChoicePrediction]:
        """Give one prediction for each question, in their order."""
        return [self.prediction(i) for i in range(len(self._gathered))]

    def prediction(self, example: int) -> ChoicePrediction:
        """Give the prediction of one question whose windows have all been added."""
        gathered = self._gathered[example]
        logits_C = gathered.mean(np.stack(gathered.in_order())) / self._temperature
        weights_C = np.exp(logits_C - logits_C.max())
        return ChoicePrediction(
            id=self._gathered.names[example],
            choice=int(logits_C.argmax()),
            scores=tuple((weights_C / weights_C.sum()).tolist()),
            coverage=gathered.coverage,
        )


class ChoiceCalibration(Calibration[MultipleChoice]):
    """Fits the temperature (Guo et al., 2017, arXiv:1706.04599): it changes scores, and no choice."""

    def fitted(self, rows: Sequence[int]) -> MultipleChoice:
        """The task with the temperature that makes the right choices of some questions likeliest."""
        some, weights = [self._scores[row] for row in rows], self.observed.weights(rows)

        def loss(values: Sequence[float]) -> float:
            losses = [float(np.logaddexp.reduce(logs / np.exp(values[0])) - logs[right] / np.exp(values[0]))
                      for logs, right in some]  # fmt: skip
            return float(weights @ np.array(losses))

        [log_temperature] = least(loss, [0.0])
        return self.task.model_copy(
            update={"temperature": round(float(np.clip(np.exp(log_temperature), 0.01, 100)), 3)}
        )

    @cached_property
    def _scores(self) -> list[tuple[np.ndarray, int]]:
        """Of each question the scores of its choices (C,), but for what they all have in common, and the right one."""
        predictions = self.observed.decoded(self.task.model_copy(update={"temperature": 1.0}))
        logs = [np.log(np.maximum(each.scores, 1e-300)) for each in predictions]
        return [(each, example.label) for each, example in zip(logs, self.observed.examples, strict=True)]

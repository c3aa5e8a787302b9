"""The three problems of classification: one label a document, any number of labels, or a number.

Each says how a label is written in a row, what is learnt of it, what logits mean, and how predictions are measured.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from bigbird_cli.data.rows import FILL, EmptyValue, Row
from bigbird_cli.errors import DataError
from bigbird_cli.files.json import json_kind
from bigbird_cli.tasks.classify.data import Columns, Label, LabelledText
from bigbird_cli.tasks.classify.decoding import ClassPrediction
from bigbird_cli.tasks.classify.linear import fit_logistic
from bigbird_cli.tasks.classify.outcomes import LabelsOutcome, LabelsOutcomes, NumberOutcome, NumberOutcomes
from bigbird_cli.tasks.classify.scores import number_scores, one_label_scores, several_labels_scores
from bigbird_cli.tasks.outcomes import LabelOutcome, LabelOutcomes, Outcomes, about, first_with

VALUE = "value"
"""Name of a regression's only output."""


class Decoded(NamedTuple):
    """What the logits of a document say: the labels that are given, a regression's number, a score for each output."""

    labels: tuple[str, ...]
    value: float | None
    scores: dict[str, float]


class Problem(ABC):
    """What classification must know of one of its problems."""

    problem_type: ClassVar[str]
    """The problem's name in a model's config."""

    main_metric: ClassVar[str]
    """The score by which the best model is kept."""

    metric_by_length: ClassVar[str]
    """The score that is also given by the length of documents."""

    gives: ClassVar[str]
    """What a document is given, for messages."""

    example_label: ClassVar[str]
    """A label as JSON, for messages."""

    folders_are_labels: ClassVar[bool]
    """Whether the name of a text's folder may be its label."""

    has_threshold: ClassVar[bool]
    """Whether any number of labels is given, those that are likelier than a threshold."""

    fixed_names: ClassVar[tuple[str, ...] | None]
    """Names of the model's outputs where they are no labels."""

    @abstractmethod
    def label_of(self, row: Row, columns: Columns) -> Label:
        """Take the label of a row.

        Raises:
            EmptyValue: the row has none.
            DataError: it is not what a label is.
        """

    @abstractmethod
    def target(self, label: Any, numbers: Mapping[str, int]) -> int | float | np.ndarray:
        """What a model learns of a label, given the numbers of its outputs."""

    @abstractmethod
    def decode(self, logits_L: np.ndarray, names: Sequence[str], *, threshold: float) -> Decoded:
        """Say what a document's logits mean, one for each of the outputs that are named."""

    @abstractmethod
    def measure(
        self, predictions: Sequence[ClassPrediction], examples: Sequence[LabelledText], names: Sequence[str]
    ) -> dict[str, float]:
        """Compare predictions with their examples' labels, see `tasks.classify.scores`."""

    @abstractmethod
    def outcomes(self, predictions: Sequence[ClassPrediction], examples: Sequence[LabelledText]) -> Outcomes[Any]:
        """Put predictions beside their examples' labels."""

    def fit_head(
        self, embeddings_ND: np.ndarray, labels: Sequence[Any], examples: Sequence[int], *, n_labels: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Fit a linear classifier to embeddings, see `Classification.fit_head`."""
        del embeddings_ND, labels, examples, n_labels
        raise ValueError(f"no linear classifier is fitted for {self.problem_type}")


class OneLabel(Problem):
    """One of several labels a document."""

    problem_type = "single_label_classification"
    main_metric = metric_by_length = "accuracy"
    gives = "one label"
    example_label = '"a label"'
    folders_are_labels = True
    has_threshold = False
    fixed_names = None

    def label_of(self, row: Row, columns: Columns) -> str:
        return _name(row.filled(columns.label, setting="task.label_column"), row, columns.label)

    def target(self, label: str, numbers: Mapping[str, int]) -> int:
        return numbers[label]

    def decode(self, logits_L: np.ndarray, names: Sequence[str], *, threshold: float) -> Decoded:
        del threshold
        weights_L = np.exp(logits_L - logits_L.max())
        probs_L = weights_L / weights_L.sum()
        return Decoded((names[int(probs_L.argmax())],), None, dict(zip(names, probs_L.tolist(), strict=True)))

    def measure(
        self, predictions: Sequence[ClassPrediction], examples: Sequence[LabelledText], names: Sequence[str]
    ) -> dict[str, float]:
        del names
        return one_label_scores(
            [str(example.label) for example in examples], [str(prediction.label) for prediction in predictions]
        )

    def outcomes(self, predictions: Sequence[ClassPrediction], examples: Sequence[LabelledText]) -> LabelOutcomes:
        records: list[LabelOutcome] = []
        for prediction, example, document in zip(predictions, examples, _documents(examples), strict=True):
            right = prediction.label == example.label
            records.append(
                {
                    **about(prediction, document=document, right=right),
                    "gold": str(example.label),
                    "predicted": prediction.label,
                    "score": prediction.score,
                }
            )
        return LabelOutcomes(records)

    def fit_head(
        self, embeddings_ND: np.ndarray, labels: Sequence[int], examples: Sequence[int], *, n_labels: int
    ) -> tuple[np.ndarray, np.ndarray]:
        return fit_logistic(embeddings_ND, np.asarray(labels), np.asarray(examples), n_labels=n_labels)


class SeveralLabels(Problem):
    """Any number of labels a document."""

    problem_type = "multi_label_classification"
    main_metric = metric_by_length = "f1_micro"
    gives = "several labels"
    example_label = '["a label", ...]'
    folders_are_labels = False
    has_threshold = True
    fixed_names = None

    def label_of(self, row: Row, columns: Columns) -> tuple[str, ...]:
        column = columns.label
        value = row.value(column, setting="task.label_column")
        if value is None:
            raise EmptyValue(f'"{column}" is null', where=row.where, fix=f"write [] for none, or {FILL}")
        if isinstance(value, str):
            if columns.separator is None:
                raise DataError(
                    f'"{column}" is one string, and may hold several labels',
                    where=row.where,
                    fix="give a list of names, or set task.label_separator to what stands between them",
                )
            value = [part.strip() for part in value.split(columns.separator) if part.strip()]
        if not isinstance(value, list):
            raise DataError(
                f'"{column}" is {json_kind(value)}, not a list of labels',
                where=row.where,
                fix='write ["one", "another"], and [] for none',
            )
        return tuple(dict.fromkeys(_name(name, row, column) for name in value))

    def target(self, label: tuple[str, ...], numbers: Mapping[str, int]) -> np.ndarray:
        target_L = np.zeros(len(numbers), dtype=np.float32)
        target_L[[numbers[name] for name in label]] = 1
        return target_L

    def decode(self, logits_L: np.ndarray, names: Sequence[str], *, threshold: float) -> Decoded:
        probs_L = 1 / (1 + np.exp(-np.clip(logits_L, -500, 500)))
        labels = tuple(name for name, p in zip(names, probs_L, strict=True) if p >= threshold)
        return Decoded(labels, None, dict(zip(names, probs_L.tolist(), strict=True)))

    def measure(
        self, predictions: Sequence[ClassPrediction], examples: Sequence[LabelledText], names: Sequence[str]
    ) -> dict[str, float]:
        return several_labels_scores(
            _indicators([names_of(example.label) for example in examples], names),
            _indicators([prediction.labels for prediction in predictions], names),
            np.array([[prediction.scores[name] for name in names] for prediction in predictions]),
        )

    def outcomes(self, predictions: Sequence[ClassPrediction], examples: Sequence[LabelledText]) -> LabelsOutcomes:
        records: list[LabelsOutcome] = []
        for prediction, example, document in zip(predictions, examples, _documents(examples), strict=True):
            gold = list(names_of(example.label))
            records.append(
                {
                    **about(prediction, document=document, right=set(prediction.labels) == set(gold)),
                    "gold": gold,
                    "predicted": list(prediction.labels),
                    "scores": prediction.scores,
                }
            )
        return LabelsOutcomes(records)

    def fit_head(
        self, embeddings_ND: np.ndarray, labels: Sequence[np.ndarray], examples: Sequence[int], *, n_labels: int
    ) -> tuple[np.ndarray, np.ndarray]:
        del n_labels
        documents = np.asarray(examples)
        fitted = [fit_logistic(embeddings_ND, each.astype(int), documents, n_labels=2) for each in np.stack(labels).T]
        # of a label by itself, the logit is that of its being right over that of its being wrong
        return np.stack([w[1] - w[0] for w, _ in fitted]), np.array([b[1] - b[0] for _, b in fitted])


class OneNumber(Problem):
    """A number a document: regression."""

    problem_type = "regression"
    main_metric = "pearson"
    metric_by_length = "mse"
    gives = "a number"
    example_label = "0.5"
    folders_are_labels = False
    has_threshold = False
    fixed_names = (VALUE,)

    def label_of(self, row: Row, columns: Columns) -> float:
        value = row.filled(columns.label, setting="task.label_column")
        if isinstance(value, str):
            value = value.replace(row.decimal, ".")
        try:
            number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
        except (ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise DataError(
                f'"{columns.label}" is {value!r}, not a number', where=row.where, fix="write a number such as 2.5"
            )
        return number

    def target(self, label: float, numbers: Mapping[str, int]) -> float:
        del numbers
        return label

    def decode(self, logits_L: np.ndarray, names: Sequence[str], *, threshold: float) -> Decoded:
        del names, threshold
        value = float(logits_L[0])
        return Decoded((), value, {VALUE: value})

    def measure(
        self, predictions: Sequence[ClassPrediction], examples: Sequence[LabelledText], names: Sequence[str]
    ) -> dict[str, float]:
        del names
        return number_scores(
            np.array([example.label for example in examples], dtype=np.float64),
            np.array([prediction.value for prediction in predictions], dtype=np.float64),
        )

    def outcomes(self, predictions: Sequence[ClassPrediction], examples: Sequence[LabelledText]) -> NumberOutcomes:
        records: list[NumberOutcome] = []
        for prediction, example, document in zip(predictions, examples, _documents(examples), strict=True):
            gold, value = float(example.label), prediction.scores[VALUE]  # type: ignore[arg-type]
            records.append(
                {**about(prediction, document=document, right=value == gold), "gold": gold, "predicted": value}
            )
        return NumberOutcomes(records)


PROBLEMS: dict[str, Problem] = {"single": OneLabel(), "multi": SeveralLabels(), "regression": OneNumber()}
"""By the name that a recipe's task.problem gives them."""


def names_of(label: Label) -> tuple[str, ...]:
    """The names that a label is written with: itself, or each of several."""
    return label if isinstance(label, tuple) else (str(label),)


def _documents(examples: Sequence[LabelledText]) -> list[int]:
    return first_with([example.text for example in examples])


def _indicators(named: Sequence[Iterable[str]], names: Sequence[str]) -> np.ndarray:
    """bool (documents, labels)."""
    numbers = {name: i for i, name in enumerate(names)}
    rows = np.zeros((len(named), len(numbers)), dtype=bool)
    for row, labels in zip(rows, named, strict=True):
        row[[numbers[name] for name in labels]] = True
    return rows


def _name(value: Any, row: Row, column: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value.is_integer():  # as a table keeps whole numbers beside missing ones
        return str(int(value))
    if not isinstance(value, str) or not value.strip():
        kind = "an empty string" if isinstance(value, str) else json_kind(value)
        fix = "set task.problem: regression to learn numbers" if isinstance(value, float) else "give a string"
        raise DataError(f'"{column}" is {kind}, not a label\'s name', where=row.where, fix=fix)
    return value.strip()

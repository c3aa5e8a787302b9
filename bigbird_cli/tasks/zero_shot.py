"""Zero-shot classification: which of the labels that a caller names at the time describes a text.

Texts and labels are embedded apart, and a label's logit is the cosine of its embedding with the text's: a document is
read once, whatever the number of labels. A training input is a text and some labels, the right one among them, one
behind the other: `[CLS] window [SEP] [CLS] label [SEP] [CLS] label [SEP] ...`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self, cast

import numpy as np
from pydantic import Field

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.data.rows import Row, read_rows
from bigbird_cli.errors import DataError, Report
from bigbird_cli.files.json import json_kind
from bigbird_cli.messages import counted
from bigbird_cli.tasks.base import (
    Feature,
    FeatureList,
    check_same_ids,
    examples_of,
    finite_output,
)
from bigbird_cli.tasks.calibration import Calibration, least
from bigbird_cli.tasks.outcomes import LabelOutcome, LabelOutcomes, about, first_with
from bigbird_cli.tasks.windowed import Coverage, Gatherer, ReadingTask, ScoredTask, pack, settings_for
from bigbird_cli.text.documents import encode_document, why_empty
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer

MOST = 1000.0
"""No scale and no logit of a calibration is larger."""

_EXAMPLE = '{"text": ..., "labels": ["...", "..."], "label": 0}'


@dataclass(frozen=True, eq=False)
class TextWithLabels:
    """A text, labels that may describe it, and the number of the one that does."""

    id: str
    text: str
    labels: tuple[str, ...]
    label: int
    where: str = ""


@dataclass(frozen=True, eq=False)
class Match:
    """Which labels describe a text.

    Attributes:
        id: the example's.
        labels: numbers of the labels, the likeliest first; none where none of them describes it.
        scores: by label, a probability: they add up to 1 with none_score, or are one probability each.
        none_score: probability that no label describes it; 0 where one of them is always right.
        evidence: start and end of the passage that speaks most for the likeliest label, and that label's score were it
            the whole text.
        coverage: how much of the text was read.
        window_scores: of each window in `coverage.spans`, what `scores` would be were it the whole text.
    """

    id: str
    labels: tuple[int, ...]
    scores: tuple[float, ...]
    none_score: float
    evidence: tuple[int, int, float]
    coverage: Coverage
    window_scores: tuple[tuple[float, ...], ...] = ()


class ZeroShot(ReadingTask, ScoredTask):
    """Choose among labels that are named with each text."""

    head: ClassVar[str] = "embedding"
    main_metric: ClassVar[str] = "accuracy"

    type: Literal["zero_shot"] = "zero_shot"
    """The task's name."""

    text_column: str = "text"
    """Field of the text."""

    labels_column: str = "labels"
    """Field of the labels to choose among: a list of names, or of "name: description"."""

    label_column: str = "label"
    """Field of the right label: its number from 0, or its text."""

    id_column: str = "id"
    """Field of the row's name, if it has one."""

    multi: bool = False
    """Any number of labels may describe a text, rather than one of them."""

    combine: Literal["mean", "max"] = "mean"
    """How the windows of a long document are made one: the mean of their cosines, each weighted by the tokens that it
    answers for, or each label's largest."""

    threshold: float = Field(default=0.5, gt=0, lt=1)
    """Several labels: those at least so likely are given."""

    scale: float = Field(default=20.0, gt=0, le=MOST)
    """What a cosine is multiplied with to be a logit, where one label is right. Like the next three, it is fitted on a
    dev set after training."""

    none_logit: float | None = Field(default=None, ge=-MOST, le=MOST)
    """The logit of none of the labels, against theirs; null where one of them is always right."""

    several_scale: float = Field(default=20.0, gt=0, le=MOST)
    """What a cosine is multiplied with to be a logit, where each label may be right or wrong."""

    several_bias: float = Field(default=-6.0, ge=-MOST, le=MOST)
    """What is then added to each."""

    @classmethod
    def for_model(cls, config: BigBirdConfig) -> Self:
        """The task of an encoder that was trained elsewhere, such as one of sentences."""
        return cls(**settings_for(config, most=256, parts=8))

    def closed(self) -> Self:
        """The task where one of the labels is always right."""
        return self.model_copy(update={"none_logit": None})

    def read(
        self, source: str | Path, *, offline: bool = False, report: Report | None = None
    ) -> Iterator[TextWithLabels]:
        """Read rows.

        Raises:
            DataError: something cannot be used; the error says where.
        """
        rows = read_rows(source, offline=offline, example=_EXAMPLE, report=report)
        yield from examples_of(rows, self._example, source=source, on_empty=self.on_empty, report=report)

    def document_of(self, example: TextWithLabels) -> tuple[str, str]:
        """The text and its right label."""
        return example.text, example.labels[example.label]

    def training_features(self, examples: Iterable[TextWithLabels], tokenizer: Tokenizer) -> Iterator[Feature]:
        """Turn examples into their windows, each with all labels behind it.

        Raises:
            DataError: a text or a label is empty or too long; the error names the example.
        """
        for index, example in enumerate(examples):
            labels = [self._label_ids(label, tokenizer, example.where) for label in example.labels]
            for feature in self._windows(example, index, tokenizer):
                ids = np.concatenate([feature.ids, *labels])
                yield Feature(
                    ids=ids,
                    types=np.zeros(len(ids), dtype=np.int8),
                    labels={
                        "labels": example.label,
                        "parts": np.repeat(np.arange(1 + len(labels)), [len(feature.ids), *map(len, labels)]),
                    },
                    example=index,
                    name=feature.name,
                )

    def encode(self, examples: Sequence[TextWithLabels], tokenizer: Tokenizer) -> FeatureList:
        """Turn examples into their windows, and every label that one of them has into an input of its own.

        Raises:
            DataError: a text or a label is empty or too long; the error names the example.
        """
        where = {label: example.where for example in examples for label in example.labels}
        labels = [self.label_feature(label, tokenizer, where=origin) for label, origin in where.items()]
        texts = [
            window for index, example in enumerate(examples) for window in self._windows(example, index, tokenizer)
        ]
        return FeatureList([*labels, *texts])

    def label_feature(self, label: str, tokenizer: Tokenizer, *, where: str) -> Feature:
        """Put together the model input of a label, which the feature's name tells; it belongs to no example.

        Raises:
            DataError: it is empty, or longer than a window.
        """
        ids = self._label_ids(label, tokenizer, where)
        return Feature(ids=ids, types=np.zeros(len(ids), dtype=np.int8), labels={}, example=-1, name=label)

    def decoder(self, examples: Sequence[TextWithLabels], tokenizer: Tokenizer) -> "MatchDecoder":
        """Open a decoder for the features of these examples."""
        del tokenizer
        return MatchDecoder(self, [(example.id, example.labels) for example in examples], {})

    def decoder_for(self, names: Sequence[str], embeddings: Mapping[str, np.ndarray]) -> "MatchDecoder":
        """Open a decoder for documents of these names, which all have the labels whose embeddings are given."""
        return MatchDecoder(self, [(name, tuple(embeddings)) for name in names], embeddings)

    def blank(self, name: str, coverage: Coverage) -> Match:
        """A prediction of the first label."""
        return Match(name, labels=(0,), scores=(1.0,), none_score=0.0, evidence=(0, 0, 0.0), coverage=coverage)

    def score(self, predictions: Sequence[Match], examples: Sequence[TextWithLabels]) -> dict[str, float]:
        """Compare the nearest labels with the right ones, in percent.

        Returns:
            accuracy; chance, that of drawing; confidence, the mean probability of the labels taken, which is the
            accuracy where the model is calibrated; total (a count).
        """
        check_same_ids(predictions, examples, "texts")
        right = [p.labels[:1] == (e.label,) for p, e in zip(predictions, examples, strict=True)]
        return {
            "accuracy": 100 * float(np.mean(right)),
            "chance": 100 * float(np.mean([1 / len(example.labels) for example in examples])),
            "confidence": 100 * float(np.mean([max(prediction.scores) for prediction in predictions])),
            "total": float(len(examples)),
        }

    def outcomes(self, predictions: Sequence[Match], examples: Sequence[TextWithLabels]) -> LabelOutcomes:
        """Put the likeliest labels beside the right ones."""
        documents = first_with([example.text for example in examples])
        records: list[LabelOutcome] = []
        for prediction, example, document in zip(predictions, examples, documents, strict=True):
            predicted = prediction.labels[0] if prediction.labels else None
            records.append(
                {
                    **about(prediction, document=document, right=predicted == example.label),
                    "gold": example.labels[example.label],
                    "predicted": None if predicted is None else example.labels[predicted],
                    "score": max(prediction.scores),
                }
            )
        return LabelOutcomes(records)

    def probabilities(self, cosines_L: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Turn cosines with L labels into their probabilities, and that of none of them.

        Args:
            cosines_L: (..., L).

        Returns:
            (..., L) and (...).
        """
        if self.multi:
            logits_L = self.several_scale * cosines_L + self.several_bias
            return 1 / (1 + np.exp(-logits_L)), np.zeros(cosines_L.shape[:-1])
        logits_L = self.scale * cosines_L
        none = np.full((*cosines_L.shape[:-1], 1), -np.inf if self.none_logit is None else self.none_logit)
        logits = np.concatenate([logits_L, none], axis=-1)
        weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
        probs = weights / weights.sum(axis=-1, keepdims=True)
        return probs[..., :-1], probs[..., -1]

    def _windows(self, example: TextWithLabels, index: int, tokenizer: Tokenizer) -> Iterator[Feature]:
        where = example.where or example.id
        document = encode_document(example.text, tokenizer, name=where)
        if not len(document):
            raise DataError(f"the text {why_empty(document)}", where=where, fix="give it a text, or take the row out")
        yield from self.window_features(document, tokenizer, example=index)

    def _label_ids(self, label: str, tokenizer: Tokenizer, where: str) -> np.ndarray:
        ids = tokenizer.encode(label, newline="space").ids
        if not 0 < len(ids) <= self.capacity():
            raise DataError(
                f"the label {label[:60]!r} has {counted(len(ids), 'token')}; it must have 1 to {self.capacity()}",
                where=where,
                fix="describe it in a sentence",
            )
        return pack(tokenizer, ids)[0]

    def _example(self, row: Row) -> TextWithLabels:
        name = row.fields.get(self.id_column)
        labels = row.filled(self.labels_column, setting="task.labels_column")
        if not isinstance(labels, list) or len(labels) < 2 or not all(isinstance(label, str) for label in labels):
            kind = f"a list of {len(labels)}" if isinstance(labels, list) else json_kind(labels)
            raise DataError(
                f'"{self.labels_column}" is {kind}, not a list of two texts or more',
                where=row.where,
                fix=f"write rows such as {_EXAMPLE}",
            )
        return TextWithLabels(
            id=row.where if name is None else str(name),
            text=row.filled_text(self.text_column, setting="task.text_column"),
            labels=tuple(labels),
            label=self._number(row.filled(self.label_column, setting="task.label_column"), labels, row),
            where=row.where,
        )

    def _number(self, value: Any, labels: Sequence[str], row: Row) -> int:
        if isinstance(value, str) and labels.count(value) == 1:
            return labels.index(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(labels):
            return value
        raise DataError(
            f'"{self.label_column}" is {value!r}, which names none of the {len(labels)} labels',
            where=row.where,
            fix=f"give a number from 0 to {len(labels) - 1}, or a label's text",
        )


class Likeness(NamedTuple):
    """A text's cosines with its labels (L,), and the number of the right one; None where none is right."""

    cosines: np.ndarray
    right: int | None


def calibrated(task: ZeroShot, observed: Sequence[Likeness], weights: np.ndarray) -> ZeroShot:
    """The task with what turns cosines into probabilities fitted by likelihood.

    A scale where one label is right, together with the logit of none of them where some texts have none; and a scale
    and a bias where each label is right or wrong (Platt, 1999).

    Args:
        task: to be fitted.
        observed: texts, some of them without a right label.
        weights: of the texts.
    """
    has_none = any(each.right is None for each in observed)

    def of_one(values: Sequence[float]) -> float:
        losses = []
        for each in observed:
            logits = values[0] * each.cosines
            logits = np.append(logits, values[1]) if has_none else logits
            losses.append(np.logaddexp.reduce(logits) - logits[-1 if each.right is None else each.right])
        return float(np.average(losses, weights=weights))

    def of_several(values: Sequence[float]) -> float:
        losses = []
        for each in observed:
            signs = np.where(np.arange(len(each.cosines)) == each.right, -1.0, 1.0)
            losses.append(np.logaddexp(0, signs * (values[0] * each.cosines + values[1])).mean())
        return float(np.average(losses, weights=weights))

    one = least(of_one, [20.0, 5.0] if has_none else [20.0])
    several = least(of_several, [20.0, -6.0])
    fitted = dict(zip(("scale", "none_logit"), one, strict=False))
    fitted |= dict(zip(("several_scale", "several_bias"), several, strict=True))
    bounded = {name: min(MOST, max(0.01 if "scale" in name else -MOST, value)) for name, value in fitted.items()}
    return task.model_copy(update={name: round(value, 2) for name, value in bounded.items()})


class ZeroShotCalibration(Calibration[ZeroShot]):
    """Fits what turns cosines into probabilities.

    Where the task knows of none of the labels, each text counts once with its right label and once without.
    """

    def fitted(self, rows: Sequence[int]) -> ZeroShot:
        """The task with settings fitted to some of the texts."""
        weights, found, likenesses = self.observed.weights(rows), [], []
        for row, weight in zip(rows, weights, strict=True):
            cosines, right = self._likenesses[row]
            likenesses.append(Likeness(cosines, right))
            found.append(weight)
            if self.task.none_logit is not None:
                likenesses.append(Likeness(np.delete(cosines, right), None))
                found.append(weight)
        return calibrated(self.task, likenesses, np.array(found))

    @cached_property
    def _likenesses(self) -> list[tuple[np.ndarray, int]]:
        decoder = cast(MatchDecoder, self.observed.decoder(self.task))
        return [(decoder.cosines(i)[1], example.label) for i, example in enumerate(self.observed.examples)]


class MatchDecoder:
    """Compares the windows of each text with its labels.

    Args:
        task: with its calibration.
        examples: name and labels of each text.
        embeddings: of labels, by their text; others are added as the features of `ZeroShot.encode` come.
    """

    def __init__(
        self, task: ZeroShot, examples: Sequence[tuple[str, tuple[str, ...]]], embeddings: Mapping[str, np.ndarray]
    ) -> None:
        self._task = task
        self._label_names = [labels for _, labels in examples]
        self._labels = dict(embeddings)
        self._gathered: Gatherer[np.ndarray] = Gatherer([name for name, _ in examples])

    def add(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> None:
        """Take the embedding (D,) of a window or of a label.

        Raises:
            ModelError: a coordinate is not a finite number.
        """
        is_label = feature.source is None
        where = f"label {feature.name!r}" if is_label else self._gathered.where(feature)
        embedding = finite_output(outputs, "embedding", where=where)
        if is_label:
            self._labels[feature.name] = embedding
        else:
            self._gathered.add(feature, embedding)

    def cosines(self, example: int) -> tuple[np.ndarray, np.ndarray]:
        """Compare a text with its labels: (W, L) of its windows in reading order, and (L,) of the windows made one."""
        gathered = self._gathered[example]
        embeddings_LD = np.stack([self._labels[label] for label in self._label_names[example]])
        cosines_WL = np.stack(gathered.in_order()) @ embeddings_LD.T
        return cosines_WL, cosines_WL.max(axis=0) if self._task.combine == "max" else gathered.mean(cosines_WL)

    def finish(self) -> list[Match]:
        """Give one prediction for each text, in their order."""
        return [self.prediction(i) for i in range(len(self._gathered))]

    def prediction(self, example: int) -> Match:
        """Give the prediction of one text whose windows and labels have all been added."""
        task, gathered = self._task, self._gathered[example]
        cosines_WL, cosines_L = self.cosines(example)
        probs_L, none = task.probabilities(cosines_L)
        ranked = np.argsort(-probs_L, kind="stable").tolist()
        best = ranked[0]
        probs_WL, _ = task.probabilities(cosines_WL)
        deciding = int(probs_WL[:, best].argmax())
        start, stop = gathered.windows[deciding]
        if task.multi:
            given = [i for i in ranked if probs_L[i] >= task.threshold]
        else:
            given = [best] if probs_L[best] >= none else []
        return Match(
            id=self._gathered.names[example],
            labels=tuple(given),
            scores=tuple(probs_L.tolist()),
            none_score=float(none),
            evidence=(*gathered.document.span(start, stop - 1), float(probs_WL[deciding, best])),
            coverage=gathered.coverage,
            window_scores=tuple(map(tuple, probs_WL.tolist())),
        )

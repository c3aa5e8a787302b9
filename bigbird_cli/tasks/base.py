"""What every task has in common: the model input it makes, and the steps a training loop asks of it.

The order of calls in training::

    task = task.fit_labels(task.read(source))                    # one pass over the data: labels
    features = task.training_features(task.read(source), tokenizer)
    feature = task.corrupt(feature, tokenizer, seed=(seed, epoch, index))   # each time that a batch takes one: masks

and wherever a model is evaluated::

    examples = list(task.read(source))
    features = task.encode(examples, tokenizer)
    decoder = task.decoder(examples, tokenizer)
    for feature, outputs in predictor.predict(features, batch_size=8):
        decoder.add(feature, outputs)          # any order; outputs are unpadded, aligned with feature.ids
    predictions = decoder.finish()             # one an example, in the examples' order
    scores = task.score(predictions, examples)  # {"f1": ..., ...}; task.main_metric names the one to keep the best by
"""

import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypeVar

import numpy as np

from bigbird_cli.choices import OnBad
from bigbird_cli.data.rows import EmptyValue
from bigbird_cli.errors import BigBirdWarning, DataError, ModelError, Report
from bigbird_cli.messages import counted
from bigbird_cli.section import Section
from bigbird_cli.text.documents import EncodedDocument
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer
from bigbird_cli.text.windows import Window

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class WindowSource:
    """Where a model input was cut from, for decoding.

    Attributes:
        document: shared by all its windows.
        window: which of the document's tokens the input holds.
        first: index in the input's ids of the window's first token.
        owned: the spans that this window answers for, see `text.windows.owned_sums`.
    """

    document: EncodedDocument
    window: Window
    first: int
    owned: range


@dataclass(frozen=True, eq=False)
class Feature:
    """One model input, without padding.

    Attributes:
        ids: int32 (n,), special tokens included; (C, n) for a choice among C, the shorter ones padded.
        types: int8 of the same shape, the token types.
        labels: what to learn, by the name of the model's argument; empty when there is nothing to learn. A number, an
            array (n,) with one label a token, or an array (L,) with a number for each label of the whole input.
        example: index of the example it came from.
        name: the example's, for messages.
        mask: bool of the shape of ids, False on padding; None where there is none.
        source: the window of a document that it holds; None where it holds none, and in a cache on disk.
    """

    ids: np.ndarray
    types: np.ndarray
    labels: dict[str, int | float | np.ndarray]
    example: int
    name: str = ""
    mask: np.ndarray | None = None
    source: WindowSource | None = None

    def __len__(self) -> int:
        return int(self.ids.shape[-1])


class Features(Protocol):
    """A sequence of features that are built when they are asked for; their lengths are known beforehand."""

    lengths: np.ndarray  # int32 (number of features,): tokens of each, special tokens included

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Feature: ...

    def __iter__(self) -> Iterator[Feature]: ...


class FeatureList:
    """Features that are built already."""

    def __init__(self, features: Sequence[Feature]) -> None:
        self._features = list(features)
        self.lengths: np.ndarray = np.array([len(feature) for feature in self._features], dtype=np.int32)

    def __len__(self) -> int:
        return len(self._features)

    def __getitem__(self, index: int) -> Feature:
        return self._features[index]

    def __iter__(self) -> Iterator[Feature]:
        return iter(self._features)


class Decoder(Protocol):
    """Gathers a model's outputs window by window and keeps only what the predictions need."""

    def add(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> None:
        """Take the outputs of one feature, in any order; each array's first axis is aligned with feature.ids."""

    def finish(self) -> list[Any]:
        """Give one prediction for each example, in the examples' order."""


@dataclass(frozen=True)
class HeadFit:
    """How a head is fitted to the training features, by a model whose encoder stays as it is.

    Attributes:
        head: whose outputs it is fitted to.
        output: which of them, one array a feature.
        parameters: names of the head's weights.
        fit: makes them, given the outputs of all features (N, ...), their labels, and the example that each came from.
    """

    head: str
    output: str
    parameters: tuple[str, ...]
    fit: Callable[[np.ndarray, Sequence[Any], Sequence[int]], Sequence[np.ndarray]]


class Task(Protocol):
    """A recipe's `task:` section: its settings as fields, and these methods."""

    type: str
    lower_is_better: ClassVar[frozenset[str]]
    """Scores of which less is better."""

    @property
    def head(self) -> str:
        """Name of the head that the model needs: "span", ..."""

    @property
    def head_fit(self) -> HeadFit | None:
        """How the head is fitted before the first step; None where steps alone train it."""

    @property
    def main_metric(self) -> str:
        """The score by which the best model is kept."""

    def read(self, source: str | Path, *, offline: bool = False, report: Report | None = None) -> Iterator[Any]:
        """Read examples one after the other; raises DataError that says where something is wrong.

        With `report` that takes the errors of single rows, and the others are read.
        """

    def document_of(self, example: Any) -> tuple[str, Any]:
        """The document of an example, which no two parts of the data may share, and its label, of which each part is to
        have as many as the others; labels of one task can be sorted."""

    def fit_labels(self, examples: Iterable[Any]) -> Self:
        """The task with what it must know of its training data beforehand, such as its labels."""

    def labels_of(self, example: Any) -> Iterable[str]:
        """The labels of an example, to be counted."""

    def config_updates(self) -> dict[str, Any]:
        """What the model's config must say for this task: its labels, the kind of its loss."""

    def training_features(self, examples: Iterable[Any], tokenizer: Tokenizer) -> Iterator[Feature]:
        """Turn examples into model inputs with labels, one after the other."""

    def corrupt(self, feature: Feature, tokenizer: Tokenizer, *, seed: tuple[int, ...]) -> Feature:
        """Make a training feature ready for a batch: hide or change at random what the model is to restore."""

    def encode(self, examples: Sequence[Any], tokenizer: Tokenizer) -> Features:
        """Turn examples into the model inputs by which a model is evaluated: all windows of each."""

    def decoder(self, examples: Sequence[Any], tokenizer: Tokenizer) -> Decoder:
        """Open a decoder for the features that `encode(examples, tokenizer)` gave."""

    def score_names(self, examples: Sequence[Any], features: Features) -> list[str]:
        """Name the scores that `score` will give for these examples; features are those of `encode(examples)`."""

    def score(self, predictions: Sequence[Any], examples: Sequence[Any]) -> dict[str, float]:
        """Measure predictions against the untouched gold of their examples."""


def finite_output(
    outputs: Mapping[str, np.ndarray], name: str, *, shape: tuple[int, ...] | None = None, where: str
) -> np.ndarray:
    """Take one of a model's outputs as float64.

    Args:
        outputs: of one model input, by their names.
        name: the output's.
        shape: what it must have; None for any.
        where: the document or question it is of, for messages.

    Raises:
        ModelError: a number is not finite.
        ValueError: it has another shape.
    """
    values = np.asarray(outputs[name], dtype=np.float64)
    if shape is not None and values.shape != shape:
        raise ValueError(f"{name} of shape {values.shape}, not {shape}")
    if not np.isfinite(values).all():
        raise ModelError("the model gave a score that is not a finite number", where=where)
    return values


def check_same_ids(predictions: Sequence[Any], examples: Sequence[Any], kind: str) -> None:
    """ValueError unless each prediction has the id of the example at its index, and there are some."""
    if [prediction.id for prediction in predictions] != [example.id for example in examples]:
        raise ValueError(f"predictions and examples are not of the same {kind} in the same order")
    if not examples:
        raise ValueError("there is nothing to score")


def examples_of(
    items: Iterable[S],
    make: Callable[[S], T],
    *,
    source: str | Path,
    on_empty: OnBad,
    on_unreadable: OnBad = "error",
    report: Report | None = None,
) -> Iterator[T]:
    """Make an example of each row or file; where "skip" leaves some out, a warning counts them.

    Raises:
        EmptyValue: one lacks a text or a label, and on_empty is "error".
        UnreadableText: one is no text, and on_unreadable is "error".
        DataError: one cannot be used, and no `report` takes its error.
    """
    n_empty = n_unreadable = 0
    for item in items:
        try:
            example = make(item)
        except DataError as error:
            if isinstance(error, EmptyValue) and on_empty == "skip":
                n_empty += 1
            elif isinstance(error, UnreadableText) and on_unreadable == "skip":
                n_unreadable += 1
            elif report is None:
                raise
            else:
                report(error)
        else:
            yield example
    warn_of_empty(n_empty, source)
    if n_unreadable:
        left_out = f"{counted(n_unreadable, 'file')} left out, which are no UTF-8 text (task.on_unreadable: skip)"
        warnings.warn(BigBirdWarning(f"{source}: {left_out}"), stacklevel=2)


class UnreadableText(DataError):
    """A file that is no text in UTF-8, among others that may be read."""


class Tolerated(DataError):
    """What is not as it should be and is read all the same, in a way that the error says: for `report` alone."""


def warn_of_empty(n_empty: int, source: str | Path) -> None:
    """Warn of rows that were left out."""
    if n_empty:
        left_out = counted(n_empty, "row, line or text", "rows, lines or texts")
        problem = f"{source}: {left_out} left out as empty (task.on_empty: skip)"
        warnings.warn(BigBirdWarning(problem), stacklevel=3)


def warn_of_similar(names: Iterable[str]) -> None:
    """Warn of labels that differ by case, white space or their Unicode form alone."""
    alike: dict[str, list[str]] = {}
    for name in sorted(names):
        alike.setdefault(" ".join(unicodedata.normalize("NFKC", name).casefold().split()), []).append(name)
    pairs = [", ".join(map(repr, found)) for found in alike.values() if len(found) > 1]
    if pairs:
        more = f", and {len(pairs) - 3} more" if len(pairs) > 3 else ""
        shown = "; ".join(pairs[:3]) + more
        warnings.warn(
            BigBirdWarning(f"labels that look alike are learnt as different ones: {shown}; write each in one way"),
            stacklevel=3,
        )


class TaskSection(Section):
    """What tasks share that learn from labelled data: nothing is random, and any encoder will do."""

    lower_is_better: ClassVar[frozenset[str]] = frozenset()

    on_empty: OnBad = "error"
    """What to do about a row whose text or label is null, NaN or empty: stop, or leave the row out."""

    @property
    def head_fit(self) -> HeadFit | None:
        """None: steps alone train the head."""
        return None

    def fit_labels(self, examples: Iterable[Any]) -> Self:
        """The task itself: it has no labels to collect."""
        del examples
        return self

    def labels_of(self, example: Any) -> Iterable[str]:
        """None: it has no labels of its own."""
        del example
        return ()

    def config_updates(self) -> dict[str, Any]:
        """Nothing: any encoder will do."""
        return {}

    def corrupt(self, feature: Feature, tokenizer: Tokenizer, *, seed: tuple[int, ...]) -> Feature:
        """The feature itself: nothing about it is random."""
        del tokenizer, seed
        return feature

"""What every task has in common: the model input it makes, and the steps a training loop asks of it.

The order of calls, in training and in inference alike::

    examples = task.read(path)
    features = task.encode(examples, tokenizer, training=False)
    decoder = task.decoder(examples, tokenizer)
    for feature, outputs in zip(features, predictor.predict(features, batch_size)):
        decoder.add(feature, outputs)          # any order; outputs are unpadded, aligned with feature.ids
    predictions = decoder.finish()             # one an example, in the examples' order
    scores = task.score(predictions, examples)  # {"f1": ..., ...}; task.main_metric names the one to keep the best by
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from bigbird_cli.text.documents import ReadDocument
from bigbird_cli.text.tokenizer import Tokenizer
from bigbird_cli.text.windows import Window

NOWHERE = Window(0, 0)


@dataclass(frozen=True, eq=False)
class Feature:
    """One model input, without padding.

    Attributes:
        ids: int32 (n,), special tokens included.
        types: int8 (n,), the token types.
        labels: what to learn, by the name of the model's argument; empty when there is nothing to learn.
        example: index of the example it came from.
        document: the document that the window was cut from, shared by all its windows.
        window: which of the document's tokens this input holds.
        first: where in `ids` the window's first token stands.
        owned: the spans that this window answers for, see `text.windows.owned_sums`.
    """

    ids: np.ndarray
    types: np.ndarray
    labels: dict[str, int | np.ndarray]
    example: int
    document: ReadDocument | None = None
    window: Window = NOWHERE
    first: int = 0
    owned: range = range(0)

    def __len__(self) -> int:
        return len(self.ids)


class Features(Protocol):
    """A sequence of features that are built when they are asked for; their lengths are known beforehand."""

    lengths: np.ndarray  # int32 (number of features,): tokens of each, special tokens included

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Feature: ...

    def __iter__(self) -> Iterator[Feature]: ...


class Decoder(Protocol):
    """Gathers a model's outputs window by window and keeps only what the predictions need."""

    def add(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> None:
        """Take the outputs of one feature, in any order; each array's first axis is aligned with feature.ids."""

    def finish(self) -> list[Any]:
        """Give one prediction for each example, in the examples' order."""


class Task(Protocol):
    """A recipe's `task:` section: its settings as fields, and these methods."""

    type: str
    head: ClassVar[str]  # which head the model needs: "qa", ...
    main_metric: ClassVar[str]  # the score by which the best model is kept; higher is better

    def read(self, path: str | Path) -> list[Any]:
        """Read examples from a file; raises DataError naming the place of what is wrong."""

    def encode(self, examples: Sequence[Any], tokenizer: Tokenizer, *, training: bool = False) -> Features:
        """Turn examples into model inputs: with labels when training, all windows of each otherwise."""

    def decoder(self, examples: Sequence[Any], tokenizer: Tokenizer) -> Decoder:
        """Open a decoder for the features that `encode(examples, tokenizer)` gave."""

    def score_names(self, examples: Sequence[Any], features: Features) -> list[str]:
        """Name the scores that `score` will give for these examples; features are those of `encode(examples)`."""

    def score(self, predictions: Sequence[Any], examples: Sequence[Any]) -> dict[str, float]:
        """Measure predictions against the untouched gold of their examples."""

"""What every task's calibration is: fitted to examples kept for it, and to any part of them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from bigbird_cli.errors import needs_extra
from bigbird_cli.tasks.base import Decoder, Feature
from bigbird_cli.tasks.windowed import ScoredTask
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer

T = TypeVar("T", bound=ScoredTask)


@dataclass(frozen=True, eq=False)
class Observed:
    """Examples with their gold, and what a model gave for every window of them.

    Attributes:
        windows: features and outputs, as a predictor gives them.
        parts: of each example, which set it came from; sets count alike, whatever their number of examples.
    """

    examples: Sequence[Any]
    windows: Sequence[tuple[Feature, Mapping[str, np.ndarray]]]
    parts: Sequence[int]
    tokenizer: Tokenizer

    def decoded(self, task: Any) -> list[Any]:
        """The predictions that a task makes of the outputs."""
        return self.decoder(task).finish()

    def decoder(self, task: Any) -> Decoder:
        """The task's decoder with all windows in it."""
        decoder: Decoder = task.decoder(self.examples, self.tokenizer)
        for feature, outputs in self.windows:
            decoder.add(feature, outputs)
        return decoder

    def weights(self, rows: Sequence[int]) -> np.ndarray:
        """How much each of some examples counts (n,), so that sets count alike; they add up to 1."""
        parts = np.asarray(self.parts)[list(rows)]
        weights = 1 / np.bincount(parts)[parts]
        return np.asarray(weights / weights.sum())


class Calibration(ABC, Generic[T]):
    """Fits the settings of a task that say what its scores mean.

    Args:
        task: with the settings that it has so far.
        observed: what they are fitted to.
    """

    def __init__(self, task: T, observed: Observed) -> None:
        self.task, self.observed = task, observed

    @abstractmethod
    def fitted(self, rows: Sequence[int]) -> T:
        """The task with settings fitted to some of the examples, by their indices."""


def least(loss: Any, start: Sequence[float]) -> list[float]:
    """Where a function of a few numbers is least, by Nelder and Mead's simplex; raises UsageError without SciPy."""
    with needs_extra("train"):
        from scipy.optimize import minimize

    return [float(value) for value in minimize(loss, list(start), method="Nelder-Mead").x]

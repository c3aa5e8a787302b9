"""What the scores of entities mean: a temperature, and from which score on an entity is worth giving."""

from collections.abc import Sequence
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np

from bigbird_cli.scoring import log_loss
from bigbird_cli.tasks.calibration import Calibration
from bigbird_cli.tasks.ner.task import NamedEntities

TEMPERATURES: Final = np.round(np.geomspace(0.5, 4.0, 25), 3).tolist()
MIN_SCORES: Final[tuple[float, ...]] = tuple(np.arange(0.0, 0.91, 0.05).round(2).tolist())

WORTH: Final = 0.001
"""What leaving out more entities must add to F1 at least: less is chance."""


class _Found(NamedTuple):
    """Entities that were found, arrays (M,): the document of each, its score, and whether it is right."""

    documents: np.ndarray
    scores: np.ndarray
    is_right: np.ndarray


class NERCalibration(Calibration[NamedEntities]):
    """Fits the temperature, so that entities are right as often as they say; then the score from which F1 is best."""

    def fitted(self, rows: Sequence[int]) -> NamedEntities:
        """The task with the temperature that makes scores likeliest, of entities that were found in some documents."""
        wanted = np.isin(self._by_temperature[TEMPERATURES[0]].documents, list(rows))
        if not wanted.any():
            return self.task
        losses = {}
        for temperature, found in self._by_temperature.items():
            weights = self.observed.weights(found.documents[wanted].tolist())
            losses[temperature] = log_loss(found.scores[wanted], found.is_right[wanted], weights)
        temperature = min(losses, key=lambda each: losses[each])
        found = _Found(*(array[wanted] for array in self._by_temperature[temperature]))
        n_gold = sum(self._n_gold[row] for row in rows)
        changes = {"temperature": temperature, "min_score": best_min_score(found.scores, found.is_right, n_gold)}
        return self.task.model_copy(update=changes)

    @cached_property
    def _n_gold(self) -> list[int]:
        """Entities that are there to be found, by document."""
        outcomes = self.task.outcomes(self.observed.decoded(self.task), self.observed.examples)
        return [len(each["gold"]) for each in outcomes.records]

    @cached_property
    def _by_temperature(self) -> dict[float, _Found]:
        """All entities: the temperature changes their scores, and none of them."""
        return {temperature: self._found(temperature) for temperature in TEMPERATURES}

    def _found(self, temperature: float) -> _Found:
        task = self.task.model_copy(update={"temperature": temperature, "min_score": 0.0})
        outcomes = task.outcomes(self.observed.decoded(task), self.observed.examples)
        scores, is_right = outcomes.confidences()["entity"]
        documents = np.repeat(np.arange(len(outcomes.records)), [len(each["predicted"]) for each in outcomes.records])
        return _Found(documents, scores, is_right)


def best_min_score(scores: np.ndarray, is_right: np.ndarray, n_gold: int) -> float:
    """The lowest score from which on entities have the best F1, or nearly.

    Args:
        scores: of entities (M,).
        is_right: bool (M,).
        n_gold: entities that are there to be found.
    """
    f1: dict[float, float] = {}
    for least in MIN_SCORES:
        kept = scores >= least
        f1[least] = 2 * float(is_right[kept].sum()) / max(1, int(kept.sum()) + n_gold)
    best = max(f1.values())
    return next(least for least in MIN_SCORES if f1[least] >= best - WORTH)

"""What the scores of entities mean: a temperature, fitted so that they are right as often as they say."""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np

from bigbird_cli.scoring import log_loss
from bigbird_cli.tasks.calibration import Calibration
from bigbird_cli.tasks.ner.task import NamedEntities

TEMPERATURES: Final = np.round(np.geomspace(0.5, 4.0, 25), 3).tolist()


class NERCalibration(Calibration[NamedEntities]):
    """Fits the temperature: it changes scores, and no entity."""

    def fitted(self, rows: Sequence[int]) -> NamedEntities:
        """The task with the temperature that makes scores likeliest, of entities that were found in some documents."""
        wanted = np.isin(self._documents, list(rows))
        if not wanted.any():
            return self.task
        weights = self.observed.weights(self._documents[wanted].tolist())
        losses = {
            temperature: log_loss(scores[wanted], self._is_right[wanted], weights)
            for temperature, scores in self._scores.items()
        }
        return self.task.model_copy(update={"temperature": min(losses, key=lambda each: losses[each])})

    @cached_property
    def _scores(self) -> dict[float, np.ndarray]:
        """By temperature, the scores (M,) of all entities that were found."""
        return {temperature: self._found(temperature)[1] for temperature in TEMPERATURES}

    @cached_property
    def _documents(self) -> np.ndarray:
        """The document of each entity (M,)."""
        return self._found(self.task.temperature)[0]

    @cached_property
    def _is_right(self) -> np.ndarray:
        """bool (M,)."""
        return self._found(self.task.temperature)[2]

    def _found(self, temperature: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        task = self.task.model_copy(update={"temperature": temperature})
        outcomes = task.outcomes(self.observed.decoded(task), self.observed.examples)
        scores, is_right = outcomes.confidences()["entity"]
        documents = np.repeat(np.arange(len(outcomes.records)), [len(each["predicted"]) for each in outcomes.records])
        return documents, scores, is_right

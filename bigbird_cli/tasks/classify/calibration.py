"""What the scores of labels mean: a temperature, fitted by likelihood; of several labels the threshold after it."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from bigbird_cli.tasks.calibration import Calibration, least
from bigbird_cli.tasks.classify.problems import names_of
from bigbird_cli.tasks.classify.scores import best_label_threshold
from bigbird_cli.tasks.classify.task import Classification


class ClassCalibration(Calibration[Classification]):
    """Fits the temperature (Guo et al., 2017, arXiv:1706.04599), and the threshold of several labels."""

    def fitted(self, rows: Sequence[int]) -> Classification:
        """The task with settings fitted to some of the documents."""
        some = list(rows)
        logits_NL, gold_NL, weights = self._logits_NL[some], self._gold_NL[some], self.observed.weights(rows)
        is_several = self.task.kind.has_threshold

        def loss(values: Sequence[float]) -> float:
            scaled_NL = logits_NL / np.exp(values[0])
            if is_several:
                losses_N = np.logaddexp(0, np.where(gold_NL, -scaled_NL, scaled_NL)).mean(axis=1)
            else:
                losses_N = np.logaddexp.reduce(scaled_NL, axis=1) - scaled_NL[gold_NL]
            return float(weights @ losses_N)

        [log_temperature] = least(loss, [0.0])
        temperature = round(float(np.clip(np.exp(log_temperature), 0.01, 100)), 3)
        changes = {"temperature": temperature}
        if is_several:
            probs_NL = 1 / (1 + np.exp(-logits_NL / temperature))
            _, threshold = best_label_threshold(probs_NL, gold_NL)
            changes["threshold"] = float(np.clip(np.floor(1e4 * threshold) / 1e4, 1e-4, 1 - 1e-4))
        return self.task.model_copy(update=changes)

    @cached_property
    def _logits_NL(self) -> np.ndarray:
        """Logits, of one label but for what they all have in common: the scores are made of them alone."""
        task = self.task.model_copy(update={"temperature": 1.0})
        predictions = self.observed.decoded(task)
        probs_NL = np.array([[each.scores[name] for name in task.names] for each in predictions])
        logs_NL = np.log(np.maximum(probs_NL, 1e-300))
        if task.kind.has_threshold:
            return np.asarray(logs_NL - np.log(np.maximum(1 - probs_NL, 1e-16)))
        return np.asarray(logs_NL)

    @cached_property
    def _gold_NL(self) -> np.ndarray:
        """bool: whether each label is right."""
        gold = [set(names_of(example.label)) for example in self.observed.examples]
        return np.array([[name in each for name in self.task.names] for each in gold])

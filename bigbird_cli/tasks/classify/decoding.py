"""From logits of windows to what a document is.

The windows' logits are combined first, and one softmax (several labels: one sigmoid a label) is taken of the result, so
that scores mean the same for short and for long documents:

    mean   the windows' logits averaged, each weighted by the tokens that it answers for: every token counts once
    max    the largest logit of each label: one window that speaks for a label is enough
    first  the first window alone, for texts that begin with what they are about
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bigbird_cli.tasks.base import Feature, finite_output
from bigbird_cli.tasks.windowed import Coverage, Gatherer

if TYPE_CHECKING:
    from bigbird_cli.tasks.classify.task import Classification


@dataclass(frozen=True, eq=False)
class ClassPrediction:
    """What a model says a document is, and what it read to say so.

    Attributes:
        id: the example's.
        labels: the label of single-label problems; of multi-label ones all whose score is above the threshold.
        value: a regression's number.
        scores: by label: probabilities that add up to 1, or one probability each; of a regression the value.
        combine: how the windows' logits were made one.
        coverage: how much of the document was read.
        window_scores: of each window in `coverage.spans`, what `scores` would be, in their order, were it the whole
            document.
    """

    id: str
    labels: tuple[str, ...]
    value: float | None
    scores: dict[str, float]
    combine: str
    coverage: Coverage
    window_scores: tuple[tuple[float, ...], ...] = ()

    @property
    def label(self) -> str | None:
        """The likeliest label, of a multi-label problem too if any is given."""
        return max(self.labels, key=self.scores.__getitem__) if self.labels else None

    @property
    def score(self) -> float:
        """Of the likeliest label, whether it is given or not; the value of a regression."""
        return max(self.scores.values())


class ClassDecoder:
    """Combines the windows of each document and says what it is."""

    def __init__(self, task: "Classification", names: Sequence[str]) -> None:
        self._task = task
        self._gathered: Gatherer[np.ndarray] = Gatherer(names)

    def add(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> None:
        """Take a window's logits (L,).

        Raises:
            ModelError: a logit is not a finite number.
        """
        where = self._gathered.where(feature)
        logits = finite_output(outputs, "logits", shape=(len(self._task.names),), where=where)
        self._gathered.add(feature, logits)

    def finish(self) -> list[ClassPrediction]:
        """Give one prediction for each document, in their order."""
        return [self.prediction(i) for i in range(len(self._gathered))]

    def prediction(self, example: int) -> ClassPrediction:
        """Give the prediction of one document whose windows have all been added."""
        task, gathered = self._task, self._gathered[example]
        logits_WL = np.stack(gathered.in_order())
        if not task.kind.fixed_names:  # a number is no logit
            logits_WL = logits_WL / task.temperature
        if task.combine == "mean":
            logits_L = gathered.mean(logits_WL)
        else:
            logits_L = logits_WL.max(axis=0) if task.combine == "max" else logits_WL[0]
        found, *of_windows = (
            task.kind.decode(each_L, task.names, threshold=task.threshold) for each_L in (logits_L, *logits_WL)
        )
        return ClassPrediction(
            id=self._gathered.names[example],
            labels=found.labels,
            value=found.value,
            scores=found.scores,
            combine=task.combine,
            coverage=gathered.coverage,
            window_scores=tuple(tuple(window.scores.values()) for window in of_windows),
        )

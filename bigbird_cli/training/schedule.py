"""The learning rate over a run."""

import math
from dataclasses import dataclass
from typing import assert_never

from bigbird_cli.choices import ScheduleShape


@dataclass(frozen=True)
class Schedule:
    """How far up to its peak the learning rate is at each step of a run; groups of weights have peaks of their own.

    Attributes:
        n_steps: of the whole run.
        warmup: fraction of `n_steps` over which the rate climbs in a line.
        shape: `linear` or `cosine` fall towards 0 after the warm-up, `constant` stays.
    """

    n_steps: int
    warmup: float
    shape: ScheduleShape

    def at(self, step: int) -> float:
        """The share of the peak at a step, counted from 1; neither the first nor the last is wasted on a rate of 0."""
        n_warm = max(1, round(self.warmup * self.n_steps))
        if step <= n_warm:
            return step / n_warm
        left = (self.n_steps - step + 1) / (self.n_steps - n_warm + 1)
        match self.shape:
            case "linear":
                return left
            case "cosine":
                return 0.5 - 0.5 * math.cos(math.pi * left)
            case "constant":
                return 1.0
        assert_never(self.shape)

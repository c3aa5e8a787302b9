"""One real optimiser step, timed: what a check takes at the longest inputs, and a plan at several lengths."""

import time
from collections.abc import Sequence

import numpy as np

from bigbird_cli.backend import Engine, StepResult
from bigbird_cli.recipe.schema import Optim
from bigbird_cli.tasks.base import Feature
from bigbird_cli.training.batching import seeded
from bigbird_cli.training.run import reject_diverged


def timed_step(engine: Engine, parts: Sequence[Sequence[Feature]], *, seed: int) -> tuple[StepResult, float]:
    """Take an optimiser step as a run takes its first; where it was compiled first, time another.

    Args:
        engine: that takes it.
        parts: the micro-batches.
        seed: of the run.

    Returns:
        What became of the step, and the seconds of one.

    Raises:
        DivergedError: the loss or the gradient was not finite.
        ResourceError: memory did not suffice.
    """
    batch = seeded(parts, seed=seed, step=1)
    started = time.perf_counter()
    result = engine.step(batch, step=1, share=1.0)
    reject_diverged(result, batch, 1)
    if result.n_compiled:
        started = time.perf_counter()
        engine.step(batch, step=2, share=1.0)
    return result, time.perf_counter() - started


def longest_batch(lengths: np.ndarray, optim: Optim) -> np.ndarray:
    """Indices of as many features as an optimiser batch may hold of the longest ones: the most that a step can need.

    Args:
        lengths: int (n_features,), tokens of each.
        optim: how large a batch is.
    """
    n_features = optim.batch_size
    if optim.batch_tokens is not None:
        n_features = max(1, optim.batch_tokens // int(lengths.max()))
    return np.argsort(lengths, kind="stable")[-n_features:]

"""What optimiser steps cost: a few that were measured, and a small linear model by which the others follow from them.

The time of a step is that of the optimiser, of each micro-batch, of each token, of each pair of tokens under dense
attention, and of each token more under block-sparse attention. Its peak of memory is what there is without tokens, and
the last three terms of the largest micro-batch. No coefficient is negative; what the measured steps cannot tell apart
goes to the simplest terms.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bigbird_cli.backend import partition

Lengths = Sequence[int]
"""Tokens of each row of a micro-batch; an input of several choices has a row for each."""

N_WORK = 3
"""Terms of a micro-batch's work: tokens, pairs under dense attention, tokens under block-sparse attention."""

NOISE = 0.05
"""Share by which peaks of the same step differ: what an allocator keeps depends on what it gave before."""

RISE = 1_000_000
"""Bytes by which a peak must pass the one before, to be a step's own rather than an earlier one's."""


@dataclass(frozen=True)
class Attention:
    """How a model attends, as far as costs go.

    Attributes:
        dense_up_to: tokens of the longest document under dense attention; None: all are.
        alike: a document costs as much as the longest of its micro-batch, as in `transformers`.
    """

    dense_up_to: int | None
    alike: bool = False

    def works(self, parts: Sequence[Lengths]) -> np.ndarray:
        """The work of micro-batches, float64 (M, N_WORK)."""
        return np.stack([self._work(part) for part in parts])

    def _work(self, lengths: Lengths) -> np.ndarray:
        n = np.asarray(lengths, dtype=np.float64)
        if self.alike:
            n = np.full(len(n), n.max())
        is_sparse = n > (np.inf if self.dense_up_to is None else self.dense_up_to)
        return np.array([n.sum(), (n[~is_sparse] ** 2).sum(), n[is_sparse].sum()])


@dataclass(frozen=True)
class Trial:
    """An optimiser step that was taken and measured.

    Attributes:
        parts: its micro-batches.
        checkpointing: activations were computed twice rather than kept.
        seconds: that it took.
        peak_bytes: the most memory until then, in a process that had taken smaller steps only.
        forward_seconds: what its inputs take where nothing is learnt; None where that was not measured.
    """

    parts: tuple[tuple[int, ...], ...]
    checkpointing: bool
    seconds: float
    peak_bytes: int
    forward_seconds: float | None = None


@dataclass(frozen=True, eq=False)
class Costs:
    """The costs of steps, fitted to measured ones.

    Attributes:
        attention: of the model.
        time: seconds a step, a micro-batch, and a unit of each term of work: (2 + N_WORK,).
        memory: bytes without tokens, and for a unit of each term of work: (1 + N_WORK,).
        least_bytes: the peak of the smallest step, which no other is below.
        n_parameters: of the model.
        forward: share of a step's time on its tokens that reading them takes.
    """

    attention: Attention
    time: np.ndarray
    memory: np.ndarray
    least_bytes: float
    n_parameters: int
    forward: float | None = None

    def seconds(self, works: np.ndarray, *, processes: int = 1) -> float:
        """Predict a step's seconds.

        Args:
            works: of its micro-batches, (M, N_WORK).
            processes: among which they are partitioned; each has as much to compute with as the one that was measured,
                and what they exchange is not counted.
        """
        each = self.time[1] + works @ self.time[2:]
        if processes == 1:
            return float(self.time[0] + each.sum())
        sizes = works[:, 0].tolist()
        owned = [partition(sizes, rank=rank, size=processes) or [0] for rank in range(processes)]
        return float(self.time[0] + max(each[own].sum() for own in owned))

    def peak_bytes(self, works: np.ndarray, *, processes: int = 1) -> int:
        """Predict the peak of memory of a process that takes a step.

        Args:
            works: of its micro-batches, (M, N_WORK).
            processes: of several, each holds the gradients once more, to exchange them.
        """
        exchanged = 4 * self.n_parameters if processes > 1 else 0
        return int(max(self.least_bytes, self.memory[0] + (works @ self.memory[1:]).max())) + exchanged

    def reading_seconds(self, works: np.ndarray) -> float:
        """Predict the seconds in which inputs are read without learning from them."""
        return float((self.forward or 0.0) * (works @ self.time[2:]).sum())


def fit_costs(trials: Sequence[Trial], *, attention: Attention, n_parameters: int) -> Costs:
    """Fit the costs to steps, in the order in which a process took them.

    Args:
        trials: with the same checkpointing; the smallest first.
        attention, n_parameters: of the model.
    """
    works = [attention.works(trial.parts) for trial in trials]
    times = np.array([[1.0, len(work), *work.sum(axis=0)] for work in works])
    seconds = np.array([trial.seconds for trial in trials])
    time = non_negative(times / seconds[:, None], np.ones(len(seconds)))  # relative errors count
    highest = [work[work[:, 0].argmax()] for work in works]
    peaks = np.array([trial.peak_bytes for trial in trials], dtype=np.float64)
    rises = [i for i in range(1, len(peaks)) if peaks[i] > peaks[:i].max() + RISE]
    memory = np.zeros(1 + N_WORK)
    memory[0] = peaks[0]
    if len(rises) == 1:  # the smallest step's peak may be the optimiser's, and is all else there is
        rises = [0, *rises]
    if rises:
        rows = np.array([[1.0, *highest[i]] for i in rises])
        memory = non_negative(rows / peaks[rises, None], np.ones(len(rises)), noise=NOISE)
        of_tokens = rows[-1, 1:] @ memory[1:]
        if of_tokens > 0:  # what needed the most is not told as less
            memory[1:] *= max(1.0, (peaks[rises[-1]] - memory[0]) / of_tokens)
    return Costs(
        attention=attention,
        time=time,
        memory=memory,
        least_bytes=float(peaks[0]),
        n_parameters=n_parameters,
        forward=_forward_share(trials, works, time),
    )


def non_negative(rows: np.ndarray, values: np.ndarray, *, noise: float = 3e-5) -> np.ndarray:
    """Least squares with no coefficient below zero, of the fewest and first terms among those that fit alike.

    Args:
        rows: (M, K) terms, few enough for all their subsets to be tried.
        values: (M,) what they are to sum up to.
        noise: error of the values, as a share: a term that makes the fit better by less is none.
    """
    scale = np.abs(rows).max(axis=0)
    scale[scale == 0] = 1.0
    best, least = np.zeros(rows.shape[1]), float(values @ values)
    enough = noise**2 * float(values @ values)
    for size in range(1, rows.shape[1] + 1):
        for terms in map(list, itertools.combinations(range(rows.shape[1]), size)):
            chosen = rows[:, terms] / scale[terms]
            found = np.linalg.lstsq(chosen, values)[0]
            error = float(np.sum((chosen @ found - values) ** 2))
            if (found >= 0).all() and error < least - enough:
                best, least = np.zeros(rows.shape[1]), error
                best[terms] = found / scale[terms]
    return best


def _forward_share(trials: Sequence[Trial], works: Sequence[np.ndarray], time: np.ndarray) -> float | None:
    """The share of the time that steps spend on tokens in which these are read without learning."""
    read = learnt = 0.0
    for trial, work in zip(trials, works, strict=True):
        if trial.forward_seconds is not None:
            read += trial.forward_seconds
            learnt += float((work @ time[2:]).sum())
    return read / learnt if learnt else None

"""Scores to ranks, and several rankings to one."""

from collections.abc import Sequence

import numpy as np

_SPREAD = 60
"""How slowly a rank's weight falls; of the source's experiments."""


def fused(scores: Sequence[np.ndarray]) -> np.ndarray:
    """Reciprocal rank fusion of several scores (n,) of the same things: float64 (n,), the best highest.

    Source: Cormack, Clarke and Büttcher, 2009, "Reciprocal rank fusion outperforms Condorcet and individual rank
    learning methods".
    """
    together: np.ndarray = np.sum([1 / (_SPREAD + _ranks(each)) for each in scores], axis=0)
    return together


def _ranks(scores: np.ndarray) -> np.ndarray:
    """From 1 for the best; of equals the first is the better."""
    ranks = np.empty(len(scores))
    ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return ranks


def best(scores: np.ndarray, n: int) -> list[int]:
    """The n best things in their own order; of equals the first are the better."""
    return sorted(np.argsort(-scores, kind="stable")[:n].tolist())

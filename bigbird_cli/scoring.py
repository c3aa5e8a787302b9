"""Statistics of scores, with numpy alone: how sure a score is, a difference of two, and a probability.

Precision, F1, accuracy, Matthews's and Pearson's coefficients are functions of sums: of right ones, of squares. So what
is counted of each document, once, gives a score of any sample of them by a product of matrices.

Shape letters: N documents, K counts, B samples.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from typing_extensions import TypedDict  # pydantic reads typing.TypedDict from Python 3.12 on only

Metric = Callable[[np.ndarray], np.ndarray]
"""Makes scores (...) of sums (..., K)."""

LEVEL = 0.95
"""Of intervals: the share of samples whose score lies within."""

N_BOOTSTRAP = 2_000
N_SHUFFLES = 9_999

_AT_ONCE = 1 << 22
"""Numbers of a sample's weights that are held at a time."""

_NEAR = 1e-9
"""Two differences nearer than this are one, added in another order."""


@dataclass(frozen=True, eq=False)
class Tally:
    """What is counted of each document, and the scores that are made of the sums.

    Attributes:
        counts_NK: float64.
        metrics: by the names of the scores.
    """

    counts_NK: np.ndarray
    metrics: Mapping[str, Metric]

    def __len__(self) -> int:
        return len(self.counts_NK)

    def scores(self) -> dict[str, float]:
        """The scores of all documents."""
        total_K = self.counts_NK.sum(axis=0)
        return {name: float(metric(total_K)) for name, metric in self.metrics.items()}

    def of(self, rows: Sequence[int] | np.ndarray) -> "Tally":
        """The same of some rows."""
        return replace(self, counts_NK=self.counts_NK[rows])

    def by(self, keys: Sequence[Hashable]) -> "Tally":
        """The same with the rows of each key added up: of examples that share a document, those of a document."""
        numbers = {key: i for i, key in enumerate(dict.fromkeys(keys))}
        summed = np.zeros((len(numbers), self.counts_NK.shape[1]))
        np.add.at(summed, [numbers[key] for key in keys], self.counts_NK)
        return replace(self, counts_NK=summed)


def intervals(tally: Tally, *, n: int = N_BOOTSTRAP, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Percentile bootstrap (Efron, 1979): where each score lies for 95 % of samples of as many documents, drawn anew.

    One document says nothing of others: then there are none.

    Args:
        tally: of documents; draw what belongs together at once, see `Tally.by`.
        n: samples.
        seed: of the draws.
    """
    if len(tally) < 2:
        return {}
    sums_BK = np.concatenate(list(_samples(tally.counts_NK, n=n, seed=seed)))
    return {name: _middle(metric(sums_BK)) for name, metric in tally.metrics.items()}


class Difference(NamedTuple):
    """How a score of one model differs from another's on the same documents.

    Attributes:
        value: the second's less the first's.
        low, high: where it lies for 95 % of samples of as many documents.
        p: how often a difference as large comes of chance alone, were the models as good as each other.
    """

    value: float
    low: float
    high: float
    p: float


def differences(
    a: Tally, b: Tally, *, n_bootstrap: int = N_BOOTSTRAP, n_shuffles: int = N_SHUFFLES, seed: int = 0
) -> dict[str, Difference]:
    """Compare two models on the same documents, by the bootstrap and by approximate randomisation.

    Were both as good as each other, it would not matter whose prediction of a document is whose: so they change sides
    at random, and `p` is the share of such shuffles, the one that is so among them, in which the scores differ as much
    or more (Noreen, 1989; Yeh, 2000).

    Args:
        a, b: of the same documents in the same order.
        n_bootstrap: samples for the interval.
        n_shuffles: for p, which is 1 / (n_shuffles + 1) at least.
        seed: of the draws.
    """
    n_counts = a.counts_NK.shape[1]
    both = np.concatenate([a.counts_NK, b.counts_NK], axis=1)
    sums_B2K = np.concatenate(list(_samples(both, n=n_bootstrap, seed=seed)))
    shuffled_BK, total_K = _shuffled(a.counts_NK, b.counts_NK, n=n_shuffles, seed=seed)
    found = {}
    for name, metric in a.metrics.items():
        value = b.scores()[name] - a.scores()[name]
        low, high = _middle(metric(sums_B2K[:, n_counts:]) - metric(sums_B2K[:, :n_counts]))
        by_chance = np.abs(metric(total_K - shuffled_BK) - metric(shuffled_BK))
        n_as_large = int((by_chance >= abs(value) - _NEAR).sum())
        found[name] = Difference(value, low, high, (1 + n_as_large) / (1 + n_shuffles))
    return found


def _samples(counts_NK: np.ndarray, *, n: int, seed: int) -> Iterator[np.ndarray]:
    """Sums (b, K) of samples drawn with replacement, n in all."""
    rng, n_documents = np.random.default_rng(seed), len(counts_NK)
    for n_now in _batches(n, n_documents):
        drawn = rng.integers(n_documents, size=(n_now, n_documents))
        weights = np.stack([np.bincount(row, minlength=n_documents) for row in drawn]).astype(np.float64)
        yield weights @ counts_NK


def _shuffled(a_NK: np.ndarray, b_NK: np.ndarray, *, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sums (n, K) of one side after shuffles, and what both sides have together (K,)."""
    rng = np.random.default_rng(seed)
    differs = (a_NK != b_NK).any(axis=1)  # of others, changing sides changes nothing
    moved = b_NK[differs] - a_NK[differs]
    sums = [
        rng.integers(0, 2, size=(n_now, len(moved)), dtype=np.int8).astype(np.float64) @ moved
        for n_now in _batches(n, len(moved))
    ]
    return a_NK.sum(axis=0) + np.concatenate(sums), (a_NK + b_NK).sum(axis=0)


def _batches(n: int, width: int) -> Iterator[int]:
    at_once = max(1, _AT_ONCE // max(1, width))
    return (min(at_once, n - done) for done in range(0, n, at_once))


def _middle(values_B: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values_B, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
    return low, high


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """100 times part over whole, 0 where there is no whole; arrays of one shape."""
    shares: np.ndarray = 100 * np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) != 0)
    return shares


def mean_of(column: int, *, of: int = 0) -> Metric:
    """The mean of a column in percent, over what another column counts."""
    return lambda sums: share(sums[..., column], sums[..., of])


N_BINS = 10

LEAST = 1e-6
"""A probability below it is taken as this, where its logarithm is needed."""


class Bin(TypedDict):
    """What was given a probability within a tenth."""

    low: float
    high: float
    count: int
    confidence: float
    """Mean probability."""
    right: float
    """Share of it that is so."""


class Reliability(TypedDict):
    """A reliability table (Guo et al., 2017, arXiv:1706.04599)."""

    count: int
    error: float
    """Expected calibration error in percent: how far bins are off, each weighing as much as it holds."""
    confidence: float
    right: float
    bins: list[Bin]
    """Those that hold something."""


def reliability(probabilities: np.ndarray, happened: np.ndarray) -> Reliability:
    """Compare probabilities (N,) with what is so, bool (N,), in ten bins of one width."""
    number = np.minimum((probabilities * N_BINS).astype(int), N_BINS - 1)
    bins: list[Bin] = []
    for b in np.unique(number).tolist():
        inside = number == b
        bins.append(
            {
                "low": b / N_BINS,
                "high": (b + 1) / N_BINS,
                "count": int(inside.sum()),
                "confidence": float(probabilities[inside].mean()),
                "right": float(happened[inside].mean()),
            }
        )
    return {
        "count": len(probabilities),
        "error": calibration_error(probabilities, happened),
        "confidence": float(probabilities.mean()) if len(probabilities) else 0.0,
        "right": float(happened.mean()) if len(happened) else 0.0,
        "bins": bins,
    }


def calibration_error(probabilities: np.ndarray, happened: np.ndarray) -> float:
    """Expected calibration error in percent, see `Reliability`; 0 of nothing."""
    if not len(probabilities):
        return 0.0
    number = np.minimum((probabilities * N_BINS).astype(int), N_BINS - 1)
    gaps = np.bincount(number, weights=probabilities - happened)
    return 100 * float(np.abs(gaps).sum()) / len(probabilities)


def log_loss(probabilities: np.ndarray, happened: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Mean negative log likelihood of what is so; all weigh the same, or by weights of the same shape."""
    p = np.clip(probabilities, LEAST, 1 - LEAST)
    return float(np.average(-np.where(happened, np.log(p), np.log(1 - p)), weights=weights))

"""Features -> optimiser batches of like length -> micro-batches.

The order of an epoch depends on nothing but the lengths, the seed and the epoch, so that the position in a run is the
pair (epoch, batch) and nothing else needs keeping.
"""

from collections.abc import Sequence

import numpy as np

from bigbird_cli.backend import MicroBatch
from bigbird_cli.recipe.schema import Optim
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.padding import stackable

POOL = 50
"""Optimiser batches that are sorted by length together."""


def epoch_batches(
    lengths: np.ndarray, *, batch_size: int, seed: int, epoch: int, batch_tokens: int | None = None
) -> list[np.ndarray]:
    """Split the features of one epoch into optimiser batches.

    The features are shuffled, pools of about `POOL` batches are sorted by length and cut, and the batches shuffled
    again: mates are of like length, which saves padding, and still differ from epoch to epoch.

    Args:
        lengths: int (n_features,), tokens of each feature.
        batch_size: features a batch; the epoch's last batch may hold fewer.
        seed: of the run.
        epoch: counted from 0.
        batch_tokens: padded tokens a batch at most, a longer feature alone; batch_size is then not used.

    Returns:
        Batches of feature indices, each sorted by length; every feature stands in exactly one.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be positive, not {batch_size}")
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(lengths))
    if batch_tokens is not None:
        batch_size = max(1, int(batch_tokens / max(1.0, float(lengths.mean()))))
    batches: list[np.ndarray] = []
    for first in range(0, len(order), POOL * batch_size):
        pool = order[first : first + POOL * batch_size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += micro_batches(pool, lengths, micro_batch_size=batch_size, max_tokens=batch_tokens)
    return [batches[i] for i in rng.permutation(len(batches))]


def micro_batches(
    batch: np.ndarray, lengths: np.ndarray, *, micro_batch_size: int, max_tokens: int | None
) -> list[np.ndarray]:
    """Split features into runs of like length, such as an optimiser batch into forward passes.

    Args:
        batch: feature indices, sorted by length.
        lengths: tokens of every feature.
        micro_batch_size: features a micro-batch at most; not used when `max_tokens` is given.
        max_tokens: padded tokens a micro-batch at most; a longer feature goes alone.
    """
    if max_tokens is None:
        return [batch[i : i + micro_batch_size] for i in range(0, len(batch), micro_batch_size)]
    parts: list[np.ndarray] = []
    first = 0
    for i in range(1, len(batch) + 1):
        if i == len(batch) or (i + 1 - first) * int(lengths[batch[i]]) > max_tokens:
            parts.append(batch[first:i])
            first = i
    return parts


def split(features: Sequence[Feature], optim: Optim, *, at_least: int = 1) -> list[list[Feature]]:
    """Split an optimiser batch into micro-batches, each of features of like length and of as many choices.

    Args:
        features: of the batch.
        optim: how large a micro-batch may be.
        at_least: as many are made if there are as many features, however many one could hold: one for each process.
            Those that are split so draw another dropout than in a single process.
    """
    lengths = np.array([feature.ids.size for feature in features])
    parts = [
        part
        for group in stackable(features)
        for part in micro_batches(
            np.array(sorted(group, key=lengths.__getitem__)),
            lengths,
            micro_batch_size=optim.micro_batch_size,
            max_tokens=optim.max_tokens_per_micro_batch,
        )
    ]
    while len(parts) < at_least and len(largest := max(parts, key=len)) > 1:
        index = next(i for i, part in enumerate(parts) if part is largest)
        parts[index : index + 1] = np.array_split(largest, 2)
    return [[features[int(i)] for i in part] for part in parts]


def seeded(parts: Sequence[Sequence[Feature]], *, seed: int, step: int) -> list[MicroBatch]:
    """The parts of a step's batch, each with the seed of its dropout.

    Args:
        parts: from `split`.
        seed: of the run.
        step: counted from 1.
    """
    return [MicroBatch(part, seed=dropout_seed(seed, step, index)) for index, part in enumerate(parts)]


def dropout_seed(seed: int, step: int, index: int) -> int:
    """The seed of what is random in a forward pass.

    It depends on the pass alone: a run that was stopped, or goes on in another number of processes, draws the same.
    """
    return int(np.random.SeedSequence([seed, step, index]).generate_state(1, np.uint64)[0] >> np.uint64(1))

"""Features -> optimiser batches of like length -> padded tensors.

The order of an epoch depends on nothing but the lengths, the seed and the epoch, so a place in a run is the pair
(epoch, batch) and nothing else needs keeping. Shape letters: B features, S tokens of the longest of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bigbird_cli.pytorch.heads import IGNORED
from bigbird_cli.tasks.base import Feature

POOL = 50
"""Optimiser batches that are sorted by length together."""


def epoch_batches(lengths: np.ndarray, *, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Deal the features of one epoch into optimiser batches.

    The features are shuffled, pools of `POOL` batches are sorted by length and cut, and the batches shuffled again:
    mates are of like length, which saves padding, and still differ from epoch to epoch.

    Args:
        lengths: int (n_features,), tokens of each feature.
        batch_size: features a batch; the epoch's last batch may hold fewer.
        seed: of the run.
        epoch: counted from 0.

    Returns:
        Batches of feature indices, each sorted by length; every feature stands in exactly one.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be positive, not {batch_size}")
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(lengths))
    batches: list[np.ndarray] = []
    for first in range(0, len(order), POOL * batch_size):
        pool = order[first : first + POOL * batch_size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def micro_batches(
    batch: np.ndarray, lengths: np.ndarray, *, micro_batch_size: int, max_tokens: int | None
) -> list[np.ndarray]:
    """Split an optimiser batch into forward passes.

    Args:
        batch: feature indices, sorted by length.
        lengths: tokens of every feature.
        micro_batch_size: features a pass at most; not used when `max_tokens` is given.
        max_tokens: padded tokens a pass at most; a longer feature goes alone.
    """
    if max_tokens is None:
        return [batch[i : i + micro_batch_size] for i in range(0, len(batch), micro_batch_size)]
    passes: list[np.ndarray] = []
    first = 0
    for i in range(1, len(batch) + 1):
        if i == len(batch) or (i + 1 - first) * int(lengths[batch[i]]) > max_tokens:
            passes.append(batch[first:i])
            first = i
    return passes


@dataclass(frozen=True, eq=False)
class Padded:
    """Features as the model takes them, padded on the right."""

    inputs: dict[str, Tensor]
    """input_ids and token_type_ids (B, S), labels by name, and attention_mask (B, S) unless nothing is padded."""

    n_tokens: int
    """Real tokens."""

    n_padded: int
    """B * S."""


def collate(features: Sequence[Feature], *, pad_id: int, device: torch.device, labels: bool = True) -> Padded:
    """Pad features to the longest and move them to the device.

    A number among the labels becomes int64 (B,), an array (B, S) with -100 on padding.
    """
    sizes = [len(feature.ids) for feature in features]
    shape = (len(features), max(sizes))
    arrays: dict[str, np.ndarray] = {
        "input_ids": np.full(shape, pad_id, dtype=np.int64),
        "token_type_ids": np.zeros(shape, dtype=np.int64),
    }
    for row, (feature, size) in enumerate(zip(features, sizes, strict=True)):
        arrays["input_ids"][row, :size] = feature.ids
        arrays["token_type_ids"][row, :size] = feature.types
    n_tokens = sum(sizes)
    if n_tokens < shape[0] * shape[1]:  # without padding there is no mask, and attention is quicker
        arrays["attention_mask"] = (np.arange(shape[1]) < np.asarray(sizes)[:, None]).astype(np.int64)
    if labels:
        for name in features[0].labels:
            arrays[name] = _padded_labels([feature.labels[name] for feature in features], shape)
    inputs = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
    return Padded(inputs=inputs, n_tokens=n_tokens, n_padded=shape[0] * shape[1])


def n_targets(features: Sequence[Feature]) -> int:
    """How many terms the mean loss of these features is taken over: examples, or labelled tokens.

    A pass's loss weighted by its share of these is the same however a batch is split.
    """
    total = 0
    for feature in features:
        label: Any = next(iter(feature.labels.values()))
        total += 1 if np.ndim(label) == 0 else int((np.asarray(label) != IGNORED).sum())
    return total


def _padded_labels(values: Sequence[int | float | np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    if np.ndim(values[0]) == 0:
        return np.asarray(values, dtype=np.int64)
    padded = np.full(shape, IGNORED, dtype=np.int64)
    for row, value in enumerate(values):
        array = np.asarray(value)
        padded[row, : len(array)] = array
    return padded

"""Features -> optimiser batches of like length -> padded tensors.

The order of an epoch depends on nothing but the lengths, the seed and the epoch, so a place in a run is the pair
(epoch, batch) and nothing else needs keeping. Shape letters: B features, S tokens of the longest of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bigbird_cli.pytorch.devices import on_device
from bigbird_cli.pytorch.model.heads import IGNORED
from bigbird_cli.tasks.base import Feature

POOL = 50
"""Optimiser batches that are sorted by length together."""


def epoch_batches(
    lengths: np.ndarray, *, batch_size: int, seed: int, epoch: int, batch_tokens: int | None = None
) -> list[np.ndarray]:
    """Deal the features of one epoch into optimiser batches.

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


def stackable(features: Sequence[Feature]) -> list[list[int]]:
    """Indices of features that padding alone makes tensors of one shape: those of as many choices, in order."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for i, feature in enumerate(features):
        groups.setdefault(feature.ids.shape[:-1], []).append(i)
    return list(groups.values())


@dataclass(frozen=True, eq=False)
class Padded:
    """Features as the model takes them, padded on the right."""

    inputs: dict[str, Tensor]
    """input_ids and token_type_ids (B, S), or (B, C, S) for choices; labels by name; and attention_mask of the same
    shape unless nothing is padded."""

    n_tokens: int
    """Real tokens."""

    n_padded: int
    """B * S, or B * C * S."""


def collate(
    features: Sequence[Feature], *, pad_id: int, device: torch.device, labels: bool = True, per_token: bool = True
) -> Padded:
    """Pad features to the longest and move them to the device.

    Args:
        features: alike in their labels, and stackable.
        pad_id: what stands on padding.
        device: where the tensors go.
        labels: take the labels too. A whole number becomes int64 (B,), another float32 (B,).
        per_token: an array among the labels has one number a token and becomes int64 (B, S), -100 on padding; else it
            has one for each label of the input and becomes float32 (B, L).
    """
    rows = features[0].ids.shape[:-1]
    shape = (len(features), *rows, max(len(feature) for feature in features))
    arrays: dict[str, np.ndarray] = {
        "input_ids": np.full(shape, pad_id, dtype=np.int64),
        "token_type_ids": np.zeros(shape, dtype=np.int64),
    }
    mask = np.zeros(shape, dtype=np.int64)
    for row, feature in enumerate(features):
        arrays["input_ids"][row, ..., : len(feature)] = feature.ids
        arrays["token_type_ids"][row, ..., : len(feature)] = feature.types
        mask[row, ..., : len(feature)] = 1 if feature.mask is None else feature.mask
    n_tokens = int(mask.sum())
    if n_tokens < mask.size:  # without padding there is no mask, and attention is quicker
        arrays["attention_mask"] = mask
    if labels:
        for name in features[0].labels:
            values = [feature.labels[name] for feature in features]
            arrays[name] = _padded_labels(values, shape) if per_token else _whole_labels(values)
    inputs = {name: on_device(array, device) for name, array in arrays.items()}
    return Padded(inputs=inputs, n_tokens=n_tokens, n_padded=mask.size)


def n_targets(features: Sequence[Feature], *, per_token: bool = True) -> dict[str, int]:
    """How many terms the mean loss of these features is taken over, by the name of their labels.

    A pass's loss weighted by its share of these is the same however a batch is split.
    """
    totals: dict[str, int] = {}
    for name in features[0].labels:
        values = [feature.labels[name] for feature in features]
        counts = [
            int(np.count_nonzero(np.asarray(value) != IGNORED)) if per_token and np.ndim(value) else 1
            for value in values
        ]
        totals[name] = sum(counts)
    return totals


def _whole_labels(values: Sequence[int | float | np.ndarray]) -> np.ndarray:
    array = np.asarray(values)
    return array.astype(np.int64 if array.ndim == 1 and np.issubdtype(array.dtype, np.integer) else np.float32)


def _padded_labels(values: Sequence[int | float | np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    if np.ndim(values[0]) == 0:
        return _whole_labels(values)
    padded = np.full(shape, IGNORED, dtype=np.int64)
    for row, value in enumerate(values):
        array = np.asarray(value)
        padded[row, : len(array)] = array
    return padded

"""Features -> arrays of one shape, padded on the right, whatever the framework.

Shape letters: B features, S tokens of the longest of them, C choices, L labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bigbird_cli.bigbird.heads import IGNORED
from bigbird_cli.tasks.base import Feature


def stackable(features: Sequence[Feature]) -> list[list[int]]:
    """Indices of features that padding alone makes tensors of one shape: those of as many choices, in order."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for i, feature in enumerate(features):
        groups.setdefault(feature.ids.shape[:-1], []).append(i)
    return list(groups.values())


@dataclass(frozen=True, eq=False)
class Padded:
    """Features as a model takes them.

    Attributes:
        arrays: int64 `input_ids` and `token_type_ids` (B, S), or (B, C, S) for choices; labels by name; and
            `attention_mask` of the same shape unless nothing is padded.
        n_tokens: real tokens.
        n_padded: B * S, or B * C * S.
    """

    arrays: dict[str, np.ndarray]
    n_tokens: int
    n_padded: int


def pad(features: Sequence[Feature], *, pad_id: int, labels: bool = True, per_token: bool = True) -> Padded:
    """Pad features to the longest.

    Args:
        features: alike in their labels, and stackable.
        pad_id: what stands on padding.
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
    return Padded(arrays=arrays, n_tokens=n_tokens, n_padded=mask.size)


def n_targets(features: Sequence[Feature], *, per_token: bool = True) -> dict[str, int]:
    """How many terms the mean loss of these features is taken over, by the name of their labels.

    A micro-batch's loss weighted by its share of these is the same however a batch is split.
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

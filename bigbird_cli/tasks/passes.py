"""Features -> forward passes: which of them are computed together, and outputs in the order the features came.

Whatever the framework: it computes the outputs of some features at once, padded to the longest.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from bigbird_cli.bigbird.heads import HeadSpec
from bigbird_cli.errors import UsageError
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.padding import stackable

Outputs = dict[str, np.ndarray]
"""What a head gives for one input, by name."""

MAX_TOKENS = 16_384
"""Padded tokens a forward pass at most, whatever the batch size: memory stays flat on long windows."""

LOOK_AHEAD = 16
"""Batches' worth of features that are taken ahead, to put those of like length together."""

MAX_TOKENS_AHEAD = 262_144
"""Tokens taken ahead at most."""


def in_passes(
    features: Iterable[Feature],
    forward: Callable[[list[Feature]], list[Outputs]],
    *,
    batch_size: int,
    max_tokens: int = MAX_TOKENS,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Feature, Outputs]]:
    """Yield each feature with its outputs, in order; features are taken ahead within bounds, those of like length
    computed together.

    Args:
        features: any number, taken lazily.
        forward: computes the outputs of stackable features, one after the other.
        batch_size: features a forward pass at most.
        max_tokens: padded tokens a forward pass at most; a longer feature goes alone.
        stop: asked before each forward pass; what follows is left out if it says so.

    Raises:
        UsageError: batch_size is not positive.
    """
    if batch_size < 1:
        raise UsageError(f"a batch of {batch_size} holds nothing", where="batch_size", fix="give 1 or more")
    for ahead in _take_ahead(iter(features), n_features=LOOK_AHEAD * batch_size):
        results: dict[int, Outputs] = {}
        n_given = 0
        for group in _group(ahead, batch_size=batch_size, max_tokens=max_tokens):
            if stop():
                return
            results.update(zip(group, forward([ahead[i] for i in group]), strict=True))
            while n_given in results:  # each as soon as those before it are there
                yield ahead[n_given], results.pop(n_given)
                n_given += 1


def each_ones(arrays: Mapping[str, np.ndarray], features: list[Feature], spec: HeadSpec) -> list[Outputs]:
    """The outputs of each feature among those of a forward pass, cut to its length.

    As copies: a short row must not keep a whole batch in memory.
    """
    return [
        {
            name: (array[row, : len(feature)] if name in spec.token_outputs else array[row]).copy()
            for name, array in arrays.items()
        }
        for row, feature in enumerate(features)
    ]


def _take_ahead(features: Iterator[Feature], *, n_features: int) -> Iterator[list[Feature]]:
    ahead: list[Feature] = []
    n_tokens = 0
    for feature in features:
        ahead.append(feature)
        n_tokens += feature.ids.size
        if len(ahead) == n_features or n_tokens >= MAX_TOKENS_AHEAD:
            yield ahead
            ahead, n_tokens = [], 0
    if ahead:
        yield ahead


def _group(features: list[Feature], *, batch_size: int, max_tokens: int) -> Iterator[list[int]]:
    """Indices of features to compute together: of like length, so that at most about a fifth is padding."""
    sizes = [feature.ids.size for feature in features]
    for alike in stackable(features):
        group: list[int] = []
        for i in sorted(alike, key=sizes.__getitem__):
            full = len(group) == batch_size or (len(group) + 1) * sizes[i] > max_tokens
            if group and (full or sizes[i] > 1.25 * sizes[group[0]] + 32):
                yield group
                group = []
            group.append(i)
        yield group

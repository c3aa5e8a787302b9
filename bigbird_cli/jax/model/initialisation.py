"""How new weights begin."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array


def key_of(seed: int) -> Array:
    """Randomness by a seed; all of its bits count, where jax.random.key takes 32."""
    key, rest = jax.random.key(seed % 2**32), seed >> 32
    return jax.random.fold_in(key, rest) if rest else key


Names = tuple[str, ...]
"""A parameter's path in the tree, such as ("bert", "pooler", "kernel")."""


def new_weights(shapes: Mapping[Names, Any], key: Array, *, std: float, padding_id: int | None) -> dict[Names, Array]:
    """Give parameters BERT's start: normal matrices and tables, unit scales, zero biases and padding row.

    Args:
        shapes: path -> anything with a shape.
        key: randomness.
        std: deviation of the normal ones.
        padding_id: the row of the word vectors that is zero.
    """
    keys = jax.random.split(key, max(len(shapes), 1))
    return {
        path: _start(path, like.shape, own, std=std, padding_id=padding_id)
        for (path, like), own in zip(shapes.items(), keys, strict=False)
    }


def _start(path: Names, shape: tuple[int, ...], key: Array, *, std: float, padding_id: int | None) -> Array:
    if path[-1] == "scale":
        return jnp.ones(shape)
    if path[-1] == "bias":
        return jnp.zeros(shape)
    weights = std * jax.random.normal(key, shape)
    if path[-2] == "word_embeddings" and padding_id is not None:
        weights = weights.at[padding_id].set(0.0)
    return weights

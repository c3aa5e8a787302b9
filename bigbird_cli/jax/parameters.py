"""A model's parameters by transformers' names, as engines speak of them, and as the tree that a module takes.

A name and a tree's path are two words for one thing: see bigbird.names. Arrays have Flax's layout here, in which
matrices lie the other way round; `turned` gives transformers'.
"""

from collections.abc import Mapping
from typing import Any, Final

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict
from jax import Array

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.names import FLAX_TO_BIGBIRD, expand, is_kernel
from bigbird_cli.jax.model.pretrained import Params

Named = dict[str, Any]
"""Arrays, or what belongs to each, by transformers' names."""

NOISE: Final = 3e-5
"""Deviation of new rows of a vocabulary from the mean of the old ones, in deviations of those."""


class Names:
    """The names of a model's parameters.

    Args:
        config: the model's.
    """

    def __init__(self, config: BigBirdConfig) -> None:
        self._names = expand(FLAX_TO_BIGBIRD, config.num_hidden_layers)
        self._paths = {name: path for path, name in self._names.items()}

    def named(self, tree: Params) -> Named:
        """A tree's leaves by name."""
        return {self._names[path]: leaf for path, leaf in flatten_dict(tree, sep="/").items()}

    def tree(self, named: Mapping[str, Any]) -> Params:
        """Undo `named`."""
        tree: Params = unflatten_dict({self._paths[name]: leaf for name, leaf in named.items()}, sep="/")
        return tree

    def turned(self, name: str, x: Any) -> Any:
        """A parameter's array in the other layout."""
        return x.T if is_kernel(self._paths[name]) else x


def with_vocabulary(named: Named, n_rows: int, *, key: Array) -> Named:
    """Parameters with a vocabulary of so many entries; those that are new begin near the mean of the others.

    So the scores of the others stay nearly what they were (Hewitt, 2021).
    """
    axes = {
        "bert.embeddings.word_embeddings.weight": 0,
        "cls.predictions.bias": 0,
        "cls.predictions.decoder.weight": 1,
    }

    def extended(x: Array, axis: int) -> Array:
        shape = [n_rows - n if i == axis else n for i, n in enumerate(x.shape)]
        noise = NOISE * jax.random.normal(key, shape)
        new = x.mean(axis, keepdims=True) + x.std(axis, keepdims=True) * noise
        return jnp.concatenate([x, new], axis)

    return {name: extended(x, axes[name]) if name in axes else x for name, x in named.items()}

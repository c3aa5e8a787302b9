"""The bricks that encoders and heads are built of. Parameter names are those of Hugging Face's checkpoints.

Shape letters: B documents, S sequence, D width, F width of what comes in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import flax.linen as nn
import jax
from jax import Array

from bigbird_cli.errors import ModelError, nearest

Activation = Callable[[Array], Array]

_tanh_gelu = partial(jax.nn.gelu, approximate=True)

ACTIVATIONS: dict[str, Activation] = {
    "gelu": partial(jax.nn.gelu, approximate=False),
    "gelu_new": _tanh_gelu,
    "gelu_fast": _tanh_gelu,
    "gelu_pytorch_tanh": _tanh_gelu,
    "relu": jax.nn.relu,
    "silu": jax.nn.silu,
    "swish": jax.nn.silu,
    "tanh": jax.numpy.tanh,
}
"""A config's `hidden_act`. BigBird's checkpoints say gelu_new, the tanh form; BERT's say gelu, the exact one."""


def activation(name: str) -> Activation:
    """Look up an activation by its name in a config.

    Raises:
        ModelError: there is none of this name.
    """
    if name not in ACTIVATIONS:
        suggestion = nearest(name, ACTIVATIONS)
        raise ModelError(
            f"hidden_act {name!r} is not known",
            fix=f"did you mean {suggestion!r}?" if suggestion else f"it may be one of {', '.join(ACTIVATIONS)}",
        )
    return ACTIVATIONS[name]


@dataclass(frozen=True)
class Bricks:
    """Makes the layers that a model is full of; parameters are float32 whatever the computation's type."""

    dtype: Any
    """Of the computation."""
    std: float
    """Deviation of new weights."""
    norm_eps: float
    """Added to the variance in every LayerNorm."""

    def dense(self, width: int, *, name: str | None = None, bias: bool = True) -> nn.Dense:
        """A linear layer."""
        start = nn.initializers.normal(self.std)
        return nn.Dense(width, use_bias=bias, dtype=self.dtype, kernel_init=start, name=name)

    def embed(self, n_rows: int, width: int) -> nn.Embed:
        """A table of vectors."""
        start = nn.initializers.normal(self.std)
        return nn.Embed(n_rows, width, dtype=self.dtype, embedding_init=start)

    def norm(self, *, name: str | None = None) -> nn.LayerNorm:
        """A LayerNorm whose variance is computed from the differences to the mean, as PyTorch computes it."""
        return nn.LayerNorm(self.norm_eps, dtype=self.dtype, use_fast_variance=False, name=name)


class OutputProjection(nn.Module):
    """Linear, dropout, sum with a residual, LayerNorm: how attention and the feed-forward network end."""

    width: int
    dropout: float
    bricks: Bricks

    @nn.compact
    def __call__(self, x_BSF: Array, residual_BSD: Array, *, deterministic: bool) -> Array:
        """Return LayerNorm(residual + dropout(x W + b)), (B, S, D)."""
        x_BSD = self.bricks.dense(self.width, name="dense")(x_BSF)
        x_BSD = nn.Dropout(self.dropout)(x_BSD, deterministic=deterministic)
        return self.bricks.norm(name="LayerNorm")(residual_BSD + x_BSD)


class FeedForwardUp(nn.Module):
    """Linear and activation: the way up of the feed-forward network."""

    width: int
    act: Activation
    bricks: Bricks

    @nn.compact
    def __call__(self, x_BSD: Array) -> Array:
        return self.act(self.bricks.dense(self.width, name="dense")(x_BSD))

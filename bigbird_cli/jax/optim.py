"""AdamW with a peak rate for each parameter, and moving averages: what one update of the weights is."""

import re
from typing import Final, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from bigbird_cli.bigbird.names import PREFIX
from bigbird_cli.jax.parameters import Named
from bigbird_cli.recipe.schema import Optim

ADAM: Final = optax.scale_by_adam(b1=0.9, b2=0.999, eps=1e-8)

_LAYER: Final = re.compile(r"encoder\.layer\.(\d+)\.")


class Learnt(NamedTuple):
    """What an update changes."""

    weights: Named
    adam: optax.ScaleByAdamState
    average: Named | None
    """Moving averages of the weights, where the recipe asks for them."""


class Rates(NamedTuple):
    """What each parameter learns at: its peak learning rate, and its decay a step at a rate of 1."""

    peak: dict[str, float]
    decay: dict[str, float]

    @classmethod
    def of(cls, weights: Named, settings: Optim) -> "Rates":
        """Those of a recipe; vectors (biases, LayerNorms) do not decay (Devlin et al., 2018)."""
        depths = {name: depth_of(name) for name in weights}
        n_layers = max((depth for depth in depths.values() if depth is not None), default=0)
        return cls(
            peak={name: settings.peak(depth, n_layers=n_layers) for name, depth in depths.items()},
            decay={name: settings.weight_decay if x.ndim > 1 else 0.0 for name, x in weights.items()},
        )


def depth_of(name: str) -> int | None:
    """0 of the embeddings, 1 of the first layer and so on; None of what stands above the encoder."""
    name = name.removeprefix(PREFIX)
    if name.startswith("embeddings."):
        return 0
    layer = _LAYER.match(name)
    return None if layer is None else 1 + int(layer[1])


def unlearnt(weights: Named, *, averages: bool) -> Learnt:
    """The state before the first step."""
    return Learnt(weights, ADAM.init(weights), dict(weights) if averages else None)


def update(
    learnt: Learnt, gradient: Named, loss: Array, *, rates: Rates, clip: float, share: Array, kept: Array
) -> tuple[Learnt, Array]:
    """Take a step of AdamW (Loshchilov and Hutter, 2019), unless the loss or the gradient is not finite.

    Args:
        learnt: of the steps before.
        gradient: of the mean loss.
        loss: that loss.
        rates: of each parameter.
        clip: the gradient's norm is cut down to this.
        share: of each peak rate.
        kept: of the averages before this step (Polyak and Juditsky, 1992).

    Returns:
        What is learnt now, and the gradient's norm before it was clipped.
    """
    norm = jnp.sqrt(sum(jnp.square(x).sum() for x in gradient.values()))
    factor = jnp.minimum(1.0, clip / (norm + 1e-6))  # as PyTorch cuts it
    directions, adam = ADAM.update(jax.tree.map(lambda x: x * factor, gradient), learnt.adam)
    weights = {
        name: x - rates.peak[name] * share * (directions[name] + rates.decay[name] * x)
        for name, x in learnt.weights.items()
    }
    average = learnt.average
    if average is not None:
        average = {name: old + (1 - kept) * (weights[name] - old) for name, old in average.items()}
    is_finite = jnp.isfinite(norm) & jnp.isfinite(loss)
    taken = jax.tree.map(lambda new, old: jnp.where(is_finite, new, old), Learnt(weights, adam, average), learnt)
    return taken, norm


def kept_of_averages(decay: float, step: int) -> float:
    """How much the averages keep of what they were at a step, counted from 1.

    The first steps weigh more, so that the average does not remember the start, as in TensorFlow's
    ExponentialMovingAverage.
    """
    return min(decay, (1 + step) / (10 + step))

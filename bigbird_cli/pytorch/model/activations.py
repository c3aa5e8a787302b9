"""The functions that a config's `hidden_act` may name."""

import functools
from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from bigbird_cli.errors import ModelError, nearest

Activation = Callable[[Tensor], Tensor]

_tanh_gelu = functools.partial(F.gelu, approximate="tanh")

ACTIVATIONS: dict[str, Activation] = {
    "gelu": F.gelu,
    "gelu_new": _tanh_gelu,
    "gelu_fast": _tanh_gelu,
    "gelu_pytorch_tanh": _tanh_gelu,
    "relu": F.relu,
    "silu": F.silu,
    "swish": F.silu,
    "tanh": F.tanh,
}
"""A config's `hidden_act`. BigBird's checkpoints say gelu_new, the tanh form; BERT's say gelu, the exact one."""

ONEDNN_NAMES: dict[Activation, tuple[str, str]] = {
    F.gelu: ("gelu", "none"),
    _tanh_gelu: ("gelu", "tanh"),
    F.relu: ("relu", ""),
    F.silu: ("swish", ""),
    F.tanh: ("tanh", ""),
}
"""What oneDNN calls them, and the form: those that it applies to a product before it writes it down."""


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

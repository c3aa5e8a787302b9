"""The bricks that encoders and heads are built of. Parameter names are those of Hugging Face's checkpoints.

Shape letters: B documents, S sequence, D width, F feed-forward width, V vocabulary.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from bigbird_cli.pytorch.model.activations import Activation
from bigbird_cli.pytorch.model.dropout import Dropout
from bigbird_cli.pytorch.model.linear import linear

TOKENS_PER_PART = 1024
"""With 768-wide layers at 16,384 tokens, 4,096 took 1.1 times as long, all at once 1.15 times; 256 at 4,096 tokens 1.05
times."""


def tokens_at_once(x_BSD: Tensor) -> int:
    """How many tokens to take at once of what is done token by token.

    All, but on a processor where no gradient is wanted: there, what stands between two products stays in the cache, and
    memory that is used again need not be fetched from the system.
    """
    return TOKENS_PER_PART if x_BSD.device.type == "cpu" and not torch.is_grad_enabled() else max(1, x_BSD.shape[1])


def by_parts(function: Callable[..., Tensor], *xs_BSD: Tensor, n_tokens: int = 0) -> Tensor:
    """Call what is done token by token for some tokens after the others.

    Args:
        function: of tensors (B, S, D) that returns one.
        xs_BSD: its arguments, as long as each other.
        n_tokens: at once; 0 as `tokens_at_once` has it.
    """
    n_tokens = n_tokens or tokens_at_once(xs_BSD[0])
    if n_tokens >= xs_BSD[0].shape[1]:
        return function(*xs_BSD)
    n_parts = -(-xs_BSD[0].shape[1] // n_tokens)  # of like size: a part of one token would be rounded otherwise
    parts = zip(*(x_BSD.tensor_split(n_parts, dim=1) for x_BSD in xs_BSD), strict=True)
    return torch.cat([function(*part) for part in parts], dim=1)


class Linear(nn.Linear):
    """PyTorch's through the quicker library, and without a start of its own: `initialise` or a checkpoint gives one.

    On the meta device, where checkpoints are opened, PyTorch's own start would import its compiler: over two seconds.
    """

    def reset_parameters(self) -> None:
        """Leave the parameters as they are."""

    def forward(self, input: Tensor, *, act: Activation | None = None, plus: Tensor | None = None) -> Tensor:
        """Return act(input Wᵀ + b) + plus, of which one may be given."""
        return linear(input, self.weight, self.bias, act=act, plus=plus)


class Embedding(nn.Embedding):
    """PyTorch's, without a start of its own, for the same reason."""

    def reset_parameters(self) -> None:
        """Leave the parameters as they are."""


class Widen(nn.Module):
    """Linear and activation, D → F: the first half of a feed-forward network."""

    def __init__(self, *, width: int, inner_width: int, act: Activation) -> None:
        super().__init__()
        self.dense = Linear(width, inner_width)
        self.act = act

    def forward(self, x_BSD: Tensor) -> Tensor:
        return self.dense(x_BSD, act=self.act)


class AddAndNorm(nn.Module):
    """Linear, dropout, sum with the input of the half-block, LayerNorm: how every half-block ends."""

    def __init__(self, *, in_width: int, width: int, dropout: float, norm_eps: float) -> None:
        super().__init__()
        self.dense = Linear(in_width, width)
        self.LayerNorm = nn.LayerNorm(width, eps=norm_eps)
        self.dropout = Dropout(dropout)

    def forward(self, x_BSF: Tensor, residual_BSD: Tensor) -> Tensor:
        if self.training and self.dropout.p > 0.0:
            return self.LayerNorm(self.dropout(self.dense(x_BSF), plus=residual_BSD))
        return self.LayerNorm(self.dense(x_BSF, plus=residual_BSD))


class Transform(nn.Module):
    """Linear, activation, LayerNorm: what the masked-LM head does before it meets the vocabulary."""

    def __init__(self, *, width: int, act: Activation, norm_eps: float) -> None:
        super().__init__()
        self.dense = Linear(width, width)
        self.act = act
        self.LayerNorm = nn.LayerNorm(width, eps=norm_eps)

    def forward(self, x_BSD: Tensor) -> Tensor:
        return self.LayerNorm(self.dense(x_BSD, act=self.act))


def initialise(module: nn.Module, name: str, *, std: float) -> None:
    """Give one parameter of `module` BERT's start: normal weights, unit LayerNorm, zero biases and padding row.

    It draws from torch's generator, as users of torch expect.
    """
    parameter = module.get_parameter(name)
    if isinstance(module, nn.LayerNorm) and name == "weight":
        nn.init.ones_(parameter)
    elif isinstance(module, nn.Linear | nn.Embedding) and name == "weight":
        nn.init.normal_(parameter, std=std)
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            nn.init.zeros_(parameter[module.padding_idx])
    else:
        nn.init.zeros_(parameter)

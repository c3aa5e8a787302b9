"""Dropout whose mask costs little on a processor.

PyTorch draws one number after the other there, 6 nanoseconds for each element: a quarter of a training step in windows
of 384 tokens. Here a mask comes from 16 random bits an element, in a tenth of that, and from a seed, so that the
backward pass draws it again instead of keeping it.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

_STEPS = 1 << 16
"""Probabilities are rounded to as many steps on a processor, and what is kept is scaled by the rounded one."""


def new_seed() -> int:
    """A seed for `kept`, from torch's generator."""
    return int(torch.randint(2**62, ()))


def kept(like: Tensor, *, p: float, seed: int) -> Tensor:
    """Tell what dropout keeps: 1 with probability 1 - p, else 0, in the shape and type of `like`."""
    if like.device.type != "cpu":
        generator = torch.Generator(like.device).manual_seed(seed)
        return torch.empty_like(like).bernoulli_(1.0 - p, generator=generator)
    n_dropped = round(p * _STEPS)
    if n_dropped == _STEPS:
        return torch.zeros_like(like)
    bits = np.random.SFC64(seed).random_raw(-(-like.numel() // 4)).view(np.int16)
    return (torch.from_numpy(bits)[: like.numel()].view(like.shape) >= n_dropped - _STEPS // 2).to(like.dtype)


def scale(p: float, device: torch.device) -> float:
    """What dropout multiplies by, so that no mean changes; 0 where nothing is kept."""
    share = 1.0 - (round(p * _STEPS) / _STEPS if device.type == "cpu" else p)
    return 1.0 / share if share else 0.0


class Dropout(nn.Dropout):
    """PyTorch's, with the mask of this room on a processor, and a residual that is added on the way."""

    def forward(self, input: Tensor, plus: Tensor | None = None) -> Tensor:
        """Return dropout(input) + plus."""
        if self.training and self.p > 0.0 and input.device.type == "cpu" and not torch.compiler.is_compiling():
            dropped: Tensor = _Dropped.apply(input, plus, self.p, new_seed())
            return dropped
        dropped = F.dropout(input, self.p, self.training)
        return dropped if plus is None else dropped + plus


class _Dropped(torch.autograd.Function):
    """Dropout and a sum; the mask is drawn again for the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, plus: Tensor | None, p: float, seed: int) -> Tensor:
        ctx.p, ctx.seed = p, seed
        factors = kept(x, p=p, seed=seed).mul_(scale(p, x.device))
        return factors.mul_(x) if plus is None else torch.addcmul(plus, x, factors)

    @staticmethod
    def backward(ctx: Any, *d_outs: Tensor) -> tuple[Tensor | None, ...]:
        (d_out,) = d_outs
        d_x = d_out * kept(d_out, p=ctx.p, seed=ctx.seed).mul_(scale(ctx.p, d_out.device))
        return d_x, d_out if ctx.needs_input_grad[1] else None, None, None

"""Dropout whose mask costs little on a processor.

PyTorch draws one number after the other there, 6 nanoseconds for each element: a quarter of a training step in windows
of 384 tokens. Here random bits become a mask by integer arithmetic, in a tenth of that, and come from a seed, so that
the backward pass draws them again instead of keeping them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bigbird_cli.pytorch.model.tracing import is_transformed

_INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
_BITS = 15
"""A probability is rounded to a multiple of 2⁻¹⁵ on a processor, and what is left is scaled by the rounded one."""


def new_seed() -> int:
    """A seed for `draw`, from torch's generator."""
    return int(torch.randint(2**62, ()))


def draw(like: Tensor, *, p: float, seed: int) -> Tensor:
    """Draw what dropout keeps of a tensor in the shape of `like`, for `masked`.

    On a processor all bits of an element's integer are set where it stays, elsewhere none; else it is 1 and 0.
    """
    if like.device.type != "cpu":
        generator = torch.Generator(like.device).manual_seed(seed)
        return torch.empty_like(like).bernoulli_(1.0 - p, generator=generator)
    bits = torch.from_numpy(np.random.SFC64(seed).random_raw(-(-like.numel() // 4)).view(np.int16))[: like.numel()]
    mask = bits.bitwise_and_((1 << _BITS) - 1).sub_(_n_kept(p)).bitwise_right_shift_(_BITS)
    return mask.to(_INTEGERS[like.element_size()]).view(like.shape)


def masked(x: Tensor, mask: Tensor) -> Tensor:
    """Put zeros where a mask from `draw` keeps nothing."""
    return x * mask if mask.is_floating_point() else x.view(mask.dtype).bitwise_and(mask).view(x.dtype)


def scale(p: float, device: torch.device) -> float:
    """What dropout multiplies by, so that no mean changes; 0 where nothing stays."""
    share = _n_kept(p) / (1 << _BITS) if device.type == "cpu" else 1.0 - p
    return 1.0 / share if share else 0.0


def _n_kept(p: float) -> int:
    return round((1.0 - p) * (1 << _BITS))


class Dropout(nn.Dropout):
    """PyTorch's, with the mask of this room on a processor, and a residual that is added on the way."""

    def forward(self, input: Tensor, plus: Tensor | None = None) -> Tensor:
        """Return dropout(input) + plus."""
        if self.training and self.p > 0.0 and input.device.type == "cpu" and not is_transformed():
            return _dropped(input, plus, self.p, new_seed())
        dropped = F.dropout(input, self.p, self.training)
        return dropped if plus is None else dropped + plus


class _Dropped(torch.autograd.Function):
    """Dropout and a sum; the mask is drawn again for the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, plus: Tensor | None, p: float, seed: int) -> Tensor:
        ctx.p, ctx.seed = p, seed
        dropped, factor = masked(x, draw(x, p=p, seed=seed)), scale(p, x.device)
        return dropped.mul_(factor) if plus is None else torch.add(plus, dropped, alpha=factor)

    @staticmethod
    def backward(ctx: Any, *d_outs: Tensor) -> tuple[Tensor | None, ...]:
        (d_out,) = d_outs
        d_x = masked(d_out, draw(d_out, p=ctx.p, seed=ctx.seed)).mul_(scale(ctx.p, d_out.device))
        return d_x, d_out if ctx.needs_input_grad[1] else None, None, None


_dropped: Callable[..., Tensor] = _Dropped.apply

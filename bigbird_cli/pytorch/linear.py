"""x Wᵀ + b through the quicker of the two libraries of matrix products that PyTorch ships for processors.

For float32 PyTorch itself calls MKL, which leaves AVX-512 unused on processors that are not Intel's. oneDNN, which
PyTorch calls for other types, uses it: a layer's products take half the time there. It also applies an activation, or
adds a residual, while a part of the product is still in the cache. Where it has no more than AVX2, it is quicker by a
tenth, and its activations and its products of the backward pass are the slower ones. Measured in `benchmarks/results/`.

And it rounds a row alike in whatever number of rows it stands, which MKL does not: without gradients all rows of two or
more go to it, so that a document is read to the last bit as if it were alone.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bigbird_cli.pytorch.activations import ONEDNN_NAMES, Activation

MIN_PRODUCTS = 2_000_000
"""Multiplications below which the call itself, some 14 microseconds, is what counts: in training, and of one row."""

_LEVEL = torch.backends.cpu.get_cpu_capability()
_IS_QUICKER_FORWARD = _LEVEL in ("AVX2", "AVX512") and hasattr(torch.ops.mkldnn, "_linear_pointwise")
_HAS_AVX512 = _LEVEL == "AVX512"
_IS_QUICKER_BACKWARD = _IS_QUICKER_FORWARD and _HAS_AVX512
_weight_gradients = torch.ops.aten.mkldnn_linear_backward_weights


def linear(
    x: Tensor, weight: Tensor, bias: Tensor | None, *, act: Activation | None = None, plus: Tensor | None = None
) -> Tensor:
    """Return act(x weightᵀ + bias) + plus, (..., F).

    Args:
        x: (..., D).
        weight: (F, D).
        bias: (F,), or None.
        act: applied to the product.
        plus: (..., F), added last; not together with `act`.
    """
    if _suits_onednn(x, weight):
        wants_gradient = torch.is_grad_enabled() and any(
            t is not None and t.requires_grad for t in (x, weight, bias, plus)
        )
        n_rows = x.numel() // x.shape[-1]
        # one document's head: alone, a row is rounded otherwise
        if not wants_gradient and n_rows == 1 and x.dim() == 2:
            return _onednn(x.expand(2, -1), weight, bias, act, None if plus is None else plus.expand(2, -1))[:1]
        is_large = x.numel() * weight.shape[0] >= MIN_PRODUCTS
        if not wants_gradient and (is_large or n_rows > 1):
            return _onednn(x, weight, bias, act, plus)
        product: Tensor = _Product.apply(x, weight, bias) if is_large else F.linear(x, weight, bias)
    else:
        product = F.linear(x, weight, bias)
    if act is not None:
        return act(product)
    return product if plus is None else product + plus


def _suits_onednn(x: Tensor, weight: Tensor) -> bool:
    return (
        _IS_QUICKER_FORWARD
        and x.dtype == weight.dtype == torch.float32
        and x.device.type == "cpu"
        and bool(torch.backends.mkldnn.enabled)
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()  # torch.compile chooses by itself
    )


def _onednn(x: Tensor, weight: Tensor, bias: Tensor | None, act: Activation | None, plus: Tensor | None) -> Tensor:
    product: Tensor
    if plus is not None and plus.dtype == torch.float32:
        product = torch.ops.mkldnn._linear_pointwise.binary(x, plus, weight, bias, "add")
        return product
    fused = ONEDNN_NAMES.get(act) if act is not None and _HAS_AVX512 else None
    name, form = fused or ("none", "")
    product = torch.ops.mkldnn._linear_pointwise(x, weight, bias, name, [], form)
    if act is not None and fused is None:
        product = act(product)
    return product if plus is None else product + plus


class _Product(torch.autograd.Function):
    """oneDNN's product, which knows no gradient of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _onednn(x, weight, bias, None, None)

    @staticmethod
    def backward(ctx: Any, *d_outs: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        (d_out,) = d_outs
        wants_x, wants_weight, wants_bias = ctx.needs_input_grad
        d_x = d_weight = d_bias = None
        if wants_x:
            multiply = linear if _IS_QUICKER_BACKWARD else F.linear
            d_x = multiply(d_out, weight.t().contiguous(), None)  # quicker than oneDNN's own reordering
        rows, d_rows = x.flatten(0, -2), d_out.flatten(0, -2)
        if wants_weight and _IS_QUICKER_BACKWARD and not torch.is_grad_enabled():
            d_weight, d_bias = _weight_gradients(d_rows.to_mkldnn(), rows.to_mkldnn(), weight, wants_bias)
        elif wants_weight:
            d_weight = F.linear(d_rows.t(), rows.t())
        if wants_bias and d_bias is None:
            d_bias = d_rows.sum(dim=0)
        return d_x, d_weight, d_bias if wants_bias else None

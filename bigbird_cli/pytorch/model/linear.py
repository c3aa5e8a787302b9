"""x Wᵀ + b through the quicker of the two libraries of matrix products that PyTorch ships for processors.

For float32 PyTorch itself calls MKL, which leaves AVX-512 unused on some processors that are not Intel's. oneDNN, which
PyTorch calls for other types, uses it. Which of them is quicker at a product of the training step, and at those of its
gradients, is measured once on each machine (`choices`).

oneDNN rounds a row alike in whatever number of rows it stands, which MKL does not: without gradients all rows of two or
more go to it where it has AVX2, whatever a clock says, so that a document is encoded as if it were alone, bit for bit.
There it adds a residual while a part of the product is still in the cache, and with AVX-512 applies an activation;
without, its activations are the slower ones. Measured in `benchmarks/results/`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bigbird_cli.pytorch.model.activations import ONEDNN_NAMES, Activation
from bigbird_cli.pytorch.model.choices import choose
from bigbird_cli.pytorch.model.tracing import is_transformed

MIN_PRODUCTS = 2_000_000
"""Multiplications below which the call itself, some 14 microseconds, is what counts: in training, and of one row."""

LARGE = 100_000_000
"""Multiplications from which the choice is that of large products: of a batch's tokens, rather than of one window's."""

_LEVEL = torch.backends.cpu.get_cpu_capability()
_HAS_ONEDNN = _LEVEL in ("AVX2", "AVX512") and hasattr(torch.ops.mkldnn, "_linear_pointwise")
_HAS_AVX512 = _LEVEL == "AVX512"
_LIBRARIES = ("onednn", "mkl") if _HAS_AVX512 else ("mkl", "onednn")
"""The one that is taken where no choice can be stored comes first."""
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
        product = _own_product(x, weight, bias) if is_large else F.linear(x, weight, bias)
    else:
        product = F.linear(x, weight, bias)
    if act is not None:
        return act(product)
    return product if plus is None else product + plus


def _suits_onednn(x: Tensor, weight: Tensor) -> bool:
    return (
        _HAS_ONEDNN
        and x.dtype == weight.dtype == torch.float32
        and x.device.type == "cpu"
        and bool(torch.backends.mkldnn.enabled)
        and not torch.is_autocast_enabled("cpu")
        and not is_transformed()  # torch.compile chooses by itself
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
    """The product and its gradients, each by the library that is chosen for it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias, library("product", x.numel() * weight.shape[0]))

    @staticmethod
    def backward(ctx: Any, *d_outs: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        (d_out,) = d_outs
        wants_x, wants_weight, wants_bias = ctx.needs_input_grad
        n_products = x.numel() * weight.shape[0]
        d_x = d_weight = d_bias = None
        if wants_x:
            d_x = _input_gradient(d_out, weight, library("input gradient", n_products))
        rows, d_rows = x.flatten(0, -2), d_out.flatten(0, -2)
        if wants_weight:
            by = "mkl" if torch.is_grad_enabled() else library("weight gradient", n_products)
            d_weight, d_bias = _weight_gradient(d_rows, rows, weight, wants_bias, by)
        elif wants_bias:
            d_bias = d_rows.sum(dim=0)
        return d_x, d_weight, d_bias


_own_product: Callable[..., Tensor] = _Product.apply


def _product(x: Tensor, weight: Tensor, bias: Tensor | None, by: str) -> Tensor:
    return _onednn(x, weight, bias, None, None) if by == "onednn" else F.linear(x, weight, bias)


def _input_gradient(d_out: Tensor, weight: Tensor, by: str) -> Tensor:
    # with a copy oneDNN is quicker than by its own reordering
    return linear(d_out, weight.t().contiguous(), None) if by == "onednn" else d_out @ weight


def _weight_gradient(
    d_rows: Tensor, rows: Tensor, weight: Tensor, wants_bias: bool, by: str
) -> tuple[Tensor, Tensor | None]:
    """Gradients of weight and bias; oneDNN's have none of their own."""
    if by == "onednn":
        d_weight, d_bias = _weight_gradients(d_rows.to_mkldnn(), rows.to_mkldnn(), weight, wants_bias)
        return d_weight, d_bias if wants_bias else None
    return d_rows.t() @ rows, d_rows.sum(dim=0) if wants_bias else None


def library(kind: str, n_products: int) -> str:
    """Name the library that is quicker here, `onednn` or `mkl`.

    Args:
        kind: `product`, `input gradient` or `weight gradient`.
        n_products: multiplications in it.
    """
    n_rows, width, size = (1024, 768, "large") if n_products >= LARGE else (256, 384, "small")
    return choose(f"{size} {kind}", _LIBRARIES, partial(_ways, kind, n_rows, width))


def _ways(kind: str, n_rows: int, width: int) -> dict[str, Callable[[], object]]:
    """One product of (n_rows, width) and (width, width), or one of its gradients, by each library."""
    generator = torch.Generator().manual_seed(0)
    x, d_out, weight = (torch.randn(n, width, generator=generator) for n in (n_rows, n_rows, width))
    calls: dict[str, Callable[[str], object]] = {
        "product": partial(_product, x, weight, weight[0]),
        "input gradient": partial(_input_gradient, d_out, weight),
        "weight gradient": partial(_weight_gradient, d_out, x, weight, True),
    }
    return {by: partial(calls[kind], by) for by in _LIBRARIES}


def quick_precision(device: torch.device) -> str:
    """Name the precision to train in: `bfloat16` where the device has products of it in hardware, else `float32`."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.get_device_capability(device) >= (8, 0) else "float32"
    if device.type != "cpu":
        return "float32"
    return choose("training", ("float32", "bfloat16"), _precisions, margin=0.75)


def _precisions() -> dict[str, Callable[[], object]]:
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(1024, 768, generator=generator), torch.randn(768, 768, generator=generator)
    by = library("product", LARGE)
    return {
        "float32": partial(_product, x, weight, None, by),
        "bfloat16": partial(F.linear, x.bfloat16(), weight.bfloat16()),
    }

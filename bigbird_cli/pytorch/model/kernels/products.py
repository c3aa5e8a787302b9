"""Attention of some queries to some keys as matrix products: what trains on a processor.

PyTorch's fused kernel takes tiles of 32 queries, whose products are small, and computes the weights again for the
gradient. Here what stands between two products stays in the cache where the caller takes few queries at a time, and
the weights are saved for the gradient as far as `saves_weights` says.

Shape letters: B documents, n sequences of queries, Q queries, K keys, H head width.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from bigbird_cli.pytorch.model.choices import choose
from bigbird_cli.pytorch.model.dropout import draw, masked, scale
from bigbird_cli.pytorch.model.tracing import is_transformed

_aten = torch.ops.aten

SCORES_AT_ONCE = 1 << 21
"""Scores of dense attention that suit the cache: of one document in a window of 384."""

MIN_NUMBERS = 100_000
"""Numbers in the queries below which no choice is measured."""

_WAYS = {torch.float32: ("fused", "products"), torch.bfloat16: ("products", "fused")}
"""Ways to attend, the one first that is taken where no choice can be stored."""

SAVED_BYTES = 1 << 27
"""The most that one call may save of its weights; beyond it they are computed again."""


def suit_products(*qkv: Tensor, dropout: float) -> bool:
    """Whether to attend by these products rather than by PyTorch's kernels: on a processor, for a gradient."""
    if qkv[0].device.type != "cpu" or not torch.is_grad_enabled() or not any(x.requires_grad for x in qkv):
        return False
    return not is_transformed() and (dropout > 0.0 or are_quicker(qkv[0]))


def are_quicker(q_BnQH: Tensor) -> bool:
    """Whether these products train faster here than PyTorch's fused kernel, for queries of this type and width."""
    if q_BnQH.dtype not in _WAYS:
        return False
    among = _WAYS[q_BnQH.dtype]
    if q_BnQH.numel() < MIN_NUMBERS:
        return among[0] == "products"
    width = 32 if q_BnQH.shape[-1] <= 32 else 64
    kind = f"attention of heads of {width} in {str(q_BnQH.dtype).removeprefix('torch.')}"
    return choose(kind, among, partial(_ways, width, q_BnQH.dtype)) == "products"


def _ways(width: int, dtype: torch.dtype) -> dict[str, Callable[[], object]]:
    """Attention of 48 blocks of queries to 8 blocks of keys each, and its gradient."""
    generator = torch.Generator().manual_seed(0)
    q, d_out = (torch.randn(1, 48, 64, width, generator=generator).to(dtype) for _ in range(2))
    k, v = (torch.randn(1, 48, 512, width, generator=generator).to(dtype) for _ in range(2))

    def fused() -> None:
        out, sums = _aten._scaled_dot_product_flash_attention_for_cpu(q, k, v)
        _aten._scaled_dot_product_flash_attention_for_cpu_backward(d_out, q, k, v, out, sums, 0.0, False)

    def products() -> None:
        weights = softmax_of_scores(q, k, None)
        apply_weights(weights, v, dropout=0.0, seed=0)
        apply_weights_backward(q, k, v, weights, d_out, dropout=0.0, seed=0)

    return {"fused": fused, "products": products}


def saves_weights(n_scores: int, like: Tensor) -> bool:
    """Whether weights, so many of the type of `like`, are saved from the forward pass for the gradient."""
    return like.device.type == "cpu" and n_scores * like.element_size() <= SAVED_BYTES


def softmax_of_scores(q_BnQH: Tensor, k_BnKH: Tensor, bias: Tensor | None) -> Tensor:
    """Attention weights, softmax(q kᵀ / √H + bias) (B, n, Q, K), with a bias that broadcasts to that shape."""
    factor: float = q_BnQH.shape[-1] ** -0.5
    scores = (q_BnQH * factor) @ k_BnKH.mT
    if bias is not None:
        scores += bias
    return scores.softmax(dim=-1)


def apply_weights(weights_BnQK: Tensor, v_BnKH: Tensor, *, dropout: float, seed: int) -> Tensor:
    """What the weights, as far as they are not dropped, take from the values: (B, n, Q, H)."""
    if not dropout:
        return weights_BnQK @ v_BnKH
    weights_BnQK = masked(weights_BnQK, draw(weights_BnQK, p=dropout, seed=seed))
    return weights_BnQK @ v_BnKH * scale(dropout, v_BnKH.device)


def apply_weights_backward(
    q_BnQH: Tensor,
    k_BnKH: Tensor,
    v_BnKH: Tensor,
    weights_BnQK: Tensor,
    d_out_BnQH: Tensor,
    *,
    dropout: float,
    seed: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of queries, keys and values, given that of what `apply_weights` returned.

    Args:
        q_BnQH: queries.
        k_BnKH: keys.
        v_BnKH: values.
        weights_BnQK: from `softmax_of_scores`.
        d_out_BnQH: the gradient of that.
        dropout: as in `apply_weights`.
        seed: as in `apply_weights`.
    """
    factor = q_BnQH.shape[-1] ** -0.5
    if not dropout:
        dv_BnKH = weights_BnQK.mT @ d_out_BnQH
        d_weights_BnQK = d_out_BnQH @ v_BnKH.mT
    else:
        d_out_BnQH = d_out_BnQH * scale(dropout, d_out_BnQH.device)
        mask_BnQK = draw(weights_BnQK, p=dropout, seed=seed)
        dv_BnKH = masked(weights_BnQK, mask_BnQK).mT @ d_out_BnQH
        d_weights_BnQK = masked(d_out_BnQH @ v_BnKH.mT, mask_BnQK)
    d_scores_BnQK = _aten._softmax_backward_data(d_weights_BnQK, weights_BnQK, -1, weights_BnQK.dtype)
    return d_scores_BnQK @ k_BnKH * factor, d_scores_BnQK.mT @ (q_BnQH * factor), dv_BnKH

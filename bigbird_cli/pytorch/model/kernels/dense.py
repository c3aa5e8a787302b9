"""Dense attention through PyTorch's scaled dot product: every query attends to every token, or to all up to itself."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bigbird_cli.bigbird.pattern import BlockPattern
from bigbird_cli.pytorch.model.dropout import new_seed
from bigbird_cli.pytorch.model.kernels.products import (
    SCORES_AT_ONCE,
    apply_weights,
    apply_weights_backward,
    saves_weights,
    softmax_of_scores,
    suit_products,
)


def key_bias(is_attended: Tensor, dtype: torch.dtype) -> Tensor:
    """Turn a mask over keys into what is added to their scores: 0, or the lowest finite number.

    Finite, because a query that may attend to nothing (padding in front of a document) would otherwise give NaN, and
    NaN at a position that is masked everywhere still spreads: 0 x NaN is NaN.
    """
    bias = torch.zeros_like(is_attended, dtype=dtype, memory_format=torch.contiguous_format)
    return bias.masked_fill_(~is_attended, torch.finfo(dtype).min)


def causal_mask(n_queries: int, n_keys: int, device: torch.device) -> Tensor:
    """Which keys a causal query may attend to, (n_queries, n_keys) bool; the queries are the last of the keys."""
    last_read = torch.arange(n_keys - n_queries, n_keys, device=device)
    return torch.arange(n_keys, device=device) <= last_read[:, None]


def dense(
    q_BNSH: Tensor,
    k_BNTH: Tensor,
    v_BNTH: Tensor,
    is_token_BT: Tensor | None,
    pattern: BlockPattern | None = None,
    *,
    dropout: float = 0.0,
    is_causal: bool = False,
    is_global_BS: Tensor | None = None,  # noqa: ARG001
) -> Tensor:
    """Softmax(q kᵀ / √H) v over all tokens, all of which are global; `pattern` must be None."""
    if pattern is not None:
        raise ValueError("the dense kernel attends to every block and takes no pattern")
    n_queries, n_keys = q_BNSH.shape[2], k_BNTH.shape[2]
    bias = None
    if is_token_BT is not None or (is_causal and 1 < n_queries < n_keys):
        every_1T = torch.ones(1, n_keys, dtype=torch.bool, device=q_BNSH.device)
        is_attended = (every_1T if is_token_BT is None else is_token_BT)[:, None, None, :]
        if is_causal:
            is_attended = is_attended & causal_mask(n_queries, n_keys, q_BNSH.device)
        bias = key_bias(is_attended, q_BNSH.dtype)
    if suit_products(q_BNSH, k_BNTH, v_BNTH, dropout=dropout):
        if is_causal and bias is None and n_queries > 1:
            bias = key_bias(causal_mask(n_queries, n_keys, q_BNSH.device), q_BNSH.dtype)[None, None]
        return _by_products(q_BNSH, k_BNTH, v_BNTH, bias, dropout)
    return F.scaled_dot_product_attention(
        q_BNSH,
        k_BNTH,
        v_BNTH,
        attn_mask=bias,
        dropout_p=dropout,
        is_causal=is_causal and bias is None and n_queries > 1,
    )


class _ByProducts(torch.autograd.Function):
    """Dense attention, some documents or some queries of one document at a time, and its gradient."""

    @staticmethod
    def forward(
        ctx: Any, q_BNSH: Tensor, k_BNTH: Tensor, v_BNTH: Tensor, bias: Tensor | None, dropout: float
    ) -> Tensor:
        ctx.dropout, ctx.seed = dropout, new_seed() if dropout else 0
        ctx.parts = list(_parts(q_BNSH, k_BNTH, bias))
        B, N, S, H = q_BNSH.shape
        out_BNSH = q_BNSH.new_empty(B, S, N, H).transpose(1, 2)  # in the order in which heads are joined
        saves = saves_weights(B * N * S * k_BNTH.shape[2], q_BNSH)
        saved = []
        for number, (rows, queries, bias_of_part) in enumerate(ctx.parts):
            weights = softmax_of_scores(q_BNSH[rows, :, queries], k_BNTH[rows], bias_of_part)
            out_BNSH[rows, :, queries] = apply_weights(weights, v_BNTH[rows], dropout=dropout, seed=ctx.seed + number)
            if saves:
                saved.append(weights)
        ctx.save_for_backward(q_BNSH, k_BNTH, v_BNTH, *saved)
        return out_BNSH

    @staticmethod
    def backward(ctx: Any, *d_outs: Tensor) -> tuple[Tensor | None, ...]:
        q_BNSH, k_BNTH, v_BNTH, *saved = ctx.saved_tensors
        (d_out_BNSH,) = d_outs
        dq_BNSH, dk_BNTH, dv_BNTH = (torch.empty_like(x) for x in (q_BNSH, k_BNTH, v_BNTH))
        for number, (rows, queries, bias) in enumerate(ctx.parts):
            q, k, v = q_BNSH[rows, :, queries], k_BNTH[rows], v_BNTH[rows]
            dq_BNSH[rows, :, queries], dk, dv = apply_weights_backward(
                q,
                k,
                v,
                saved[number] if saved else softmax_of_scores(q, k, bias),
                d_out_BNSH[rows, :, queries],
                dropout=ctx.dropout,
                seed=ctx.seed + number,
            )
            for total_BNTH, part in ((dk_BNTH, dk), (dv_BNTH, dv)):
                if queries.start == 0:
                    total_BNTH[rows] = part
                else:
                    total_BNTH[rows] += part
        return dq_BNSH, dk_BNTH, dv_BNTH, None, None


_by_products: Callable[..., Tensor] = _ByProducts.apply


def _parts(q_BNSH: Tensor, k_BNTH: Tensor, bias: Tensor | None) -> Iterator[tuple[slice, slice, Tensor | None]]:
    """Documents and queries of which as many scores are held at a time as suits the cache, and their bias."""
    B, N, S, _ = q_BNSH.shape
    per_query = N * k_BNTH.shape[2]
    n_rows = max(1, SCORES_AT_ONCE // (per_query * S))
    n_queries = S if n_rows > 1 else max(1, SCORES_AT_ONCE // per_query)
    is_open_B = [True] * B if bias is None else bias.eq(0).flatten(1).all(dim=1).expand(B).tolist()
    for first_row in range(0, B, n_rows):
        rows = slice(first_row, first_row + n_rows)
        for first in range(0, S, n_queries):
            queries = slice(first, first + n_queries)
            yield rows, queries, None if bias is None or all(is_open_B[rows]) else _bias_of(bias, rows, queries)


def _bias_of(bias: Tensor, rows: slice, queries: slice) -> Tensor:
    bias = bias if bias.shape[0] == 1 else bias[rows]
    return bias if bias.shape[2] == 1 else bias[:, :, queries]

"""Full attention through PyTorch's scaled dot product: every query reads every token, or every token up to itself."""

import torch
from torch import Tensor
from torch.nn import functional as F

from bigbird_cli.bigbird.pattern import BlockPattern


def key_bias(is_read: Tensor, dtype: torch.dtype) -> Tensor:
    """Turn a mask over keys into what is added to their scores: 0, or the lowest finite number.

    Finite, because a query that may read nothing (padding in front of a document) would otherwise give NaN, and NaN
    at a position that nobody reads still spreads: 0 x NaN is NaN.
    """
    return torch.zeros(is_read.shape, dtype=dtype, device=is_read.device).masked_fill_(~is_read, torch.finfo(dtype).min)


def reads_back(n_queries: int, n_keys: int, device: torch.device) -> Tensor:
    """Tell which keys a causal query may read, (n_queries, n_keys) bool; the queries are the last of the keys."""
    last_read = torch.arange(n_keys - n_queries, n_keys, device=device)
    return torch.arange(n_keys, device=device) <= last_read[:, None]


def full(
    q_BNSH: Tensor,
    k_BNTH: Tensor,
    v_BNTH: Tensor,
    is_token_BT: Tensor | None,
    pattern: BlockPattern | None = None,
    *,
    dropout: float = 0.0,
    is_causal: bool = False,
) -> Tensor:
    """Softmax(q kᵀ / √H) v over all tokens; `pattern` must be None."""
    if pattern is not None:
        raise ValueError("the full kernel reads every block and takes no pattern")
    n_queries, n_keys = q_BNSH.shape[2], k_BNTH.shape[2]
    bias = None
    if is_token_BT is not None or (is_causal and 1 < n_queries < n_keys):
        is_read = torch.ones(1, n_keys, dtype=torch.bool, device=q_BNSH.device) if is_token_BT is None else is_token_BT
        is_read = is_read[:, None, None, :]
        if is_causal:
            is_read = is_read & reads_back(n_queries, n_keys, q_BNSH.device)
        bias = key_bias(is_read, q_BNSH.dtype)
    return F.scaled_dot_product_attention(
        q_BNSH,
        k_BNTH,
        v_BNTH,
        attn_mask=bias,
        dropout_p=dropout,
        is_causal=is_causal and bias is None and n_queries > 1,
    )

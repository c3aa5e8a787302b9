"""Full attention through PyTorch's scaled dot product: every query reads every token."""

import torch
from torch import Tensor
from torch.nn import functional as F

from bigbird_cli.bigbird.pattern import BlockPattern


def key_bias(is_token: Tensor, dtype: torch.dtype) -> Tensor:
    """Turn a mask over keys into what is added to their scores: 0, or the lowest finite number.

    Finite, because a query that may read nothing (padding in front of a document) would otherwise give NaN, and NaN
    at a position that nobody reads still spreads: 0 x NaN is NaN.
    """
    return torch.zeros(is_token.shape, dtype=dtype, device=is_token.device).masked_fill_(
        ~is_token, torch.finfo(dtype).min
    )


def full(
    q_BNSH: Tensor,
    k_BNSH: Tensor,
    v_BNSH: Tensor,
    is_token_BS: Tensor | None,
    pattern: BlockPattern | None = None,
    *,
    dropout: float = 0.0,
) -> Tensor:
    """Softmax(q kᵀ / √H) v over all tokens; `pattern` must be None."""
    if pattern is not None:
        raise ValueError("the full kernel reads every block and takes no pattern")
    bias_B11S = None if is_token_BS is None else key_bias(is_token_BS, q_BNSH.dtype)[:, None, None, :]
    return F.scaled_dot_product_attention(q_BNSH, k_BNSH, v_BNSH, attn_mask=bias_B11S, dropout_p=dropout)

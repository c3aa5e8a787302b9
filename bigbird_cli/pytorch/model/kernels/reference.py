"""The slow, obvious kernel that the others are measured against.

It writes the whole S x T matrix of scores. A key that a pattern names c times counts c times in the softmax, which is
the same as adding ln c to its score.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from bigbird_cli.bigbird.pattern import BlockPattern
from bigbird_cli.pytorch.model.kernels.dense import causal_mask, key_bias


def reference(
    q_BNSH: Tensor,
    k_BNTH: Tensor,
    v_BNTH: Tensor,
    is_token_BT: Tensor | None,
    pattern: BlockPattern | None = None,
    *,
    dropout: float = 0.0,
    is_causal: bool = False,
    is_global_BS: Tensor | None = None,
) -> Tensor:
    """Attention by definition, with quadratic memory; for tests and small inputs."""
    weights_BNST = attention_weights(
        q_BNSH, k_BNTH, is_token_BT, pattern, is_causal=is_causal, is_global_BS=is_global_BS
    )
    return F.dropout(weights_BNST, dropout) @ v_BNTH


def attention_weights(
    q_BNSH: Tensor,
    k_BNTH: Tensor,
    is_token_BT: Tensor | None,
    pattern: BlockPattern | None,
    *,
    is_causal: bool = False,
    is_global_BS: Tensor | None = None,
) -> Tensor:
    """How much each query takes from each key, (B, N, S, T); a query's weights sum to 1.

    The queries are the last S of the T keys; with a pattern that is not causal, all of them.
    """
    n_queries, n_keys = q_BNSH.shape[2], k_BNTH.shape[2]
    divisor: float = q_BNSH.shape[-1] ** 0.5
    scores_BNST = q_BNSH @ k_BNTH.transpose(-1, -2) / divisor
    if is_token_BT is not None:
        scores_BNST = scores_BNST + key_bias(is_token_BT, scores_BNST.dtype)[:, None, None, :]
    if pattern is not None:
        block = pattern.block_size
        counts_NLL = torch.from_numpy(pattern.counts()).to(q_BNSH)
        counts_NTT = counts_NLL.repeat_interleave(block, dim=1).repeat_interleave(block, dim=2)
        counts_BNST = counts_NTT[None, :, n_keys - n_queries : n_keys, :n_keys]
        if is_global_BS is not None:
            met = is_global_BS[:, None, :, None] | is_global_BS[:, None, None, :]
            counts_BNST = torch.where(met, 1.0, counts_BNST)
        scores_BNST = scores_BNST + counts_BNST.log()
    if is_causal or (pattern is not None and pattern.is_causal):
        scores_BNST = scores_BNST.masked_fill(~causal_mask(n_queries, n_keys, q_BNSH.device), float("-inf"))
    return scores_BNST.softmax(dim=-1)

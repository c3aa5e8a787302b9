"""Causal block-sparse attention for the last tokens of a text whose earlier keys and values are cached.

Only the blocks that these tokens attend to are touched, so that a token costs the same at the end of a long text as at
its start.

Shape letters: B documents, N heads, S queries, T keys, H head width, W blocks of b tokens of a query block.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from bigbird_cli.bigbird.pattern import BlockPattern
from bigbird_cli.pytorch.model.kernels.dense import key_bias
from bigbird_cli.pytorch.model.kernels.patterns import checked


def decode(
    q_BNSH: Tensor,
    k_BNTH: Tensor,
    v_BNTH: Tensor,
    is_token_BT: Tensor | None,
    pattern: BlockPattern | None,
    *,
    dropout: float = 0.0,
    is_causal: bool = True,
    is_global_BS: Tensor | None = None,
) -> Tensor:
    """Attend for the queries at the last S of T positions, (B, N, S, H).

    Args:
        q_BNSH: queries of the last S tokens.
        k_BNTH: keys of all tokens.
        v_BNTH: values of all tokens.
        is_token_BT: False where nothing may be attended to; None: all are tokens.
        pattern: causal, of as many blocks as T tokens take; the last block may be unfinished.
        dropout: probability of dropping an attention weight.
        is_causal: as the pattern says.
        is_global_BS: a decoder has none.

    Raises:
        ValueError: as `checked`.
    """
    pattern = checked(pattern, is_causal=is_causal, is_global_BS=is_global_BS)
    n_heads, n_queries = q_BNSH.shape[1:3]
    n_keys = k_BNTH.shape[2]
    first, block_size = n_keys - n_queries, pattern.block_size
    device = q_BNSH.device
    heads = torch.arange(n_heads, device=device)[:, None]
    outs = []
    for block in range(first // block_size, -(-n_keys // block_size)):
        start, stop = max(block * block_size, first), min((block + 1) * block_size, n_keys)
        listed_NW = pattern.key_blocks[:, block]
        n_listed = int((listed_NW >= 0).sum(axis=1).max())
        blocks_NW = torch.from_numpy(listed_NW[:, :n_listed].astype("int64")).to(device)
        positions_NK = (blocks_NW[:, :, None] * block_size + torch.arange(block_size, device=device)).flatten(1)
        is_attended_NK = (blocks_NW >= 0).repeat_interleave(block_size, dim=1) & (positions_NK < n_keys)
        positions_NK = positions_NK.clamp(0, n_keys - 1)
        queries_S = torch.arange(start, stop, device=device)
        is_attended_BNSK = (is_attended_NK[:, None] & (positions_NK[:, None] <= queries_S[:, None]))[None]
        if is_token_BT is not None:
            is_attended_BNSK = is_attended_BNSK & is_token_BT[:, positions_NK][:, :, None]
        outs.append(
            F.scaled_dot_product_attention(
                q_BNSH[:, :, start - first : stop - first],
                k_BNTH[:, heads, positions_NK],
                v_BNTH[:, heads, positions_NK],
                key_bias(is_attended_BNSK, q_BNSH.dtype),
                dropout,
            )
        )
    return torch.cat(outs, dim=2)

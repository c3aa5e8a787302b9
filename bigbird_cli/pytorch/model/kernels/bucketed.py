"""Block-sparse attention in documents of different lengths at once, by torch's own operations alone.

Every document has the pattern of its own number of blocks, which is looked up in a table as the program runs, so that
nothing of a mask is looked at before: what torch.export and torch.func need. All blocks are gathered at once, which
takes the memory that `gather` saves.

Shape letters: B documents, N heads, S sequence, H head width, L blocks of b tokens, W key blocks of a row, P patterns.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bigbird_cli.bigbird.pattern import BlockPattern
from bigbird_cli.pytorch.model.kernels.dense import causal_mask, key_bias


def bucketed(
    q_BNSH: Tensor,
    k_BNSH: Tensor,
    v_BNSH: Tensor,
    is_token_BS: Tensor,
    n_blocks_B: Tensor,
    patterns: Sequence[BlockPattern],
    *,
    dropout: float = 0.0,
) -> Tensor:
    """Attend in each document by the pattern of as many blocks as it takes, (B, N, S, H).

    Args:
        q_BNSH: queries, of as many blocks as the last pattern has.
        k_BNSH: keys.
        v_BNSH: values.
        is_token_BS: False where a key must not be attended to.
        n_blocks_B: blocks of each document.
        patterns: of consecutive numbers of blocks; what is found for a document of fewer blocks than all of them is
            unspecified, but finite.
        dropout: probability of dropping an attention weight.
    """
    B, N, S, H = q_BNSH.shape
    first, whole = patterns[0], patterns[-1]
    L, b = whole.n_blocks, whole.block_size
    table_PNLW = torch.from_numpy(_table(patterns)).to(q_BNSH.device)
    listed_BNLW = table_PNLW.index_select(0, (n_blocks_B - first.n_blocks).clamp(min=0)).long()
    blocks_BNLW = listed_BNLW.clamp(min=0)

    of_pair_BN = torch.arange(B * N, device=q_BNSH.device).view(B, N, 1, 1) * L
    rows = (blocks_BNLW + of_pair_BN).flatten()
    k, v = (x.reshape(B * N * L, b * H).index_select(0, rows).view(B, N * L, -1, H) for x in (k_BNSH, v_BNSH))
    of_document_B = torch.arange(B, device=q_BNSH.device).view(B, 1, 1, 1) * L
    is_attended = is_token_BS.reshape(B * L, b).index_select(0, (blocks_BNLW + of_document_B).flatten())
    is_attended = (is_attended.view(*listed_BNLW.shape, b) & (listed_BNLW >= 0)[..., None]).view(B, N * L, 1, -1)
    if whole.is_causal:  # a row's first block is its own
        within = torch.ones(b, k.shape[2], dtype=torch.bool, device=q_BNSH.device)
        is_attended = is_attended & torch.cat((causal_mask(b, b, q_BNSH.device), within[:, b:]), dim=1)
    q = q_BNSH.reshape(B, N * L, b, H)
    out = F.scaled_dot_product_attention(q, k, v, key_bias(is_attended, q.dtype), dropout).view(B, N, L, b, H)
    if not whole.is_causal:
        out = _with_ends(out, q.view(B, N, L, b, H), k_BNSH, v_BNSH, is_token_BS, n_blocks_B, dropout=dropout)
    return out.reshape(B, N, S, H)


def _with_ends(
    out_BNLbH: Tensor,
    q_BNLbH: Tensor,
    k_BNSH: Tensor,
    v_BNSH: Tensor,
    is_token_BS: Tensor,
    n_blocks_B: Tensor,
    *,
    dropout: float,
) -> Tensor:
    """Let the first and the last block of each document attend to every key."""
    L = q_BNLbH.shape[2]
    is_last_BL = torch.arange(L, device=q_BNLbH.device) == (n_blocks_B - 1)[:, None]
    is_last = is_last_BL[:, None, :, None, None]
    q_last_BNbH = (q_BNLbH * is_last).sum(dim=2)
    q_ends = torch.cat((q_BNLbH[:, :, 0], q_last_BNbH), dim=2)
    bias = key_bias(is_token_BS, q_ends.dtype)[:, None, None]
    first, last = F.scaled_dot_product_attention(q_ends, k_BNSH, v_BNSH, bias, dropout).chunk(2, dim=2)
    out = torch.where(is_last, last[:, :, None], out_BNLbH)
    return torch.cat((first[:, :, None], out[:, :, 1:]), dim=2)


def _table(patterns: Sequence[BlockPattern]) -> np.ndarray:
    """The key blocks of every pattern, int32 (P, N, L, W), -1 for none; the ends, which attend to all, list none."""
    whole = patterns[-1]
    n_wide = max(pattern.key_blocks.shape[2] for pattern in patterns)
    table = np.full((len(patterns), whole.n_heads, whole.n_blocks, n_wide), -1, dtype=np.int32)
    for number, pattern in enumerate(patterns):
        _, n_rows, n_listed = pattern.key_blocks.shape
        rows = slice(pattern.first_row, pattern.first_row + n_rows)
        table[number, :, rows, :n_listed] = pattern.key_blocks
    return table

"""The weights of block-sparse attention, block by block: how much a query takes from a key, without an S x S matrix.

Shape letters: B documents, N heads, S sequence, H head width, L blocks of b tokens, R rows of a pattern, W key blocks
of a row, G global tokens of a document at most.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from bigbird_cli.bigbird.pattern import BlockPattern
from bigbird_cli.pytorch.model.kernels.dense import key_bias
from bigbird_cli.pytorch.model.kernels.gather import GlobalTokens, Keys, operands, schedule
from bigbird_cli.pytorch.model.kernels.reference import attention_weights


@dataclass(frozen=True)
class SparseAttention:
    """One document's attention weights in one layer; all fields together hold each weight once.

    Under dense attention, `weights` is one block as long as the document and all else is None.
    """

    n_tokens: int
    """Tokens of the document, S; the last block may reach beyond."""
    key_blocks: Tensor
    """(N, R, W): the key blocks that the query blocks `first_row` … attend to, -1 for none; one named twice has its
    weights twice."""
    weights: Tensor
    """(N, R, b, W, b): how much each query takes from each key of these blocks."""
    first_row: int = 0
    """The query block of the first row: 1 where the first and the last block attend to everything."""
    ends: Tensor | None = None
    """(2, N, b, L * b): how much the queries of the first and of the last block take from each key."""
    global_tokens: Tensor | None = None
    """(G,): positions of the tokens chosen to be global."""
    to_globals: Tensor | None = None
    """(N, L * b, G): how much each other query takes from them."""
    from_globals: Tensor | None = None
    """(N, G, L * b): how much they take from each key."""

    def to_dense(self) -> Tensor:
        """Return the (N, S, S) matrix of weights; a block named twice has the sum of its weights there."""
        N, R, b, W, _ = self.weights.shape
        L = R + 2 * self.first_row
        dense = self.weights.new_zeros(N, L, b, L + 1, b)  # fillers fall into one block more
        block_NRW = torch.where(self.key_blocks < 0, L, self.key_blocks).to(torch.long)
        index = block_NRW[:, :, None, :, None].expand(N, R, b, W, b)
        dense[:, self.first_row : self.first_row + R].scatter_add_(3, index, self.weights)
        dense = dense[:, :, :, :L].flatten(3).flatten(1, 2)
        if self.ends is not None:
            dense[:, :b], dense[:, -b:] = self.ends
        if self.global_tokens is not None and self.to_globals is not None and self.from_globals is not None:
            dense[:, :, self.global_tokens] += self.to_globals
            dense[:, self.global_tokens] += self.from_globals
        return dense[:, : self.n_tokens, : self.n_tokens]

    def scaled(self, factor_N: Tensor) -> "SparseAttention":
        """Return the same weights, each head's multiplied by its factor."""

        factor_N11 = factor_N[:, None, None]
        return dataclasses.replace(
            self,
            weights=self.weights * factor_N11[..., None, None],
            ends=None if self.ends is None else self.ends * factor_N11,
            to_globals=None if self.to_globals is None else self.to_globals * factor_N11,
            from_globals=None if self.from_globals is None else self.from_globals * factor_N11,
        )


def dense_document(weights_NSS: Tensor) -> SparseAttention:
    """Put the weights of a document under dense attention into the sparse form: one block that holds them all."""
    N, S, _ = weights_NSS.shape
    only_NRW = torch.zeros(N, 1, 1, dtype=torch.int32, device=weights_NSS.device)
    return SparseAttention(S, only_NRW, weights_NSS[:, None, :, None])


def sparse_weights(
    q_BNSH: Tensor,
    k_BNSH: Tensor,
    is_token_BS: Tensor | None,
    pattern: BlockPattern,
    *,
    lengths: Sequence[int],
    is_global_BS: Tensor | None = None,
) -> list[SparseAttention]:
    """Compute the weights that `gather` attends with, of each document, whose tokens are `lengths`."""
    q_BNSH, k_BNSH = q_BNSH.contiguous(), k_BNSH.contiguous()
    B, N = q_BNSH.shape[:2]
    W, b = pattern.key_blocks.shape[-1], pattern.block_size
    keys, globals_ = Keys(None if is_token_BS is None else key_bias(is_token_BS, q_BNSH.dtype)), None
    if is_global_BS is not None and is_global_BS.any():
        globals_ = GlobalTokens.of(is_global_BS, is_token_BS, n_heads=N, head_width=q_BNSH.shape[3])
        keys = Keys(*globals_.keys(k_BNSH, k_BNSH))

    n_globals = 0 if globals_ is None else globals_.exists_BG.shape[1]
    rows, ends, to_globals = [], [], []
    for chunk, tokens in schedule(q_BNSH, pattern):
        q, k, _, bias = operands(q_BNSH, k_BNSH, k_BNSH, keys, pattern, chunk, tokens)
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        weights = (scores if bias is None else scores + bias).softmax(dim=-1)
        weights, to_global = weights.split([weights.shape[-1] - n_globals, n_globals], dim=-1)
        to_globals.append(to_global.reshape(B, N, tokens.stop - tokens.start, n_globals))
        if chunk.key_blocks is None:
            ends.append(weights)
        else:
            by_block = weights.reshape(B, N, chunk.last - chunk.first, b, -1, b)
            rows.append(F.pad(by_block, (0, 0, 0, W - by_block.shape[4])))
    weights_BNRbWb = torch.cat(rows, dim=2)
    ends_B2NbS = torch.stack(ends, dim=1) if ends else None
    key_blocks_NRW = torch.from_numpy(pattern.key_blocks.copy()).to(q_BNSH.device)
    documents = [
        SparseAttention(
            n_tokens,
            key_blocks_NRW,
            weights_BNRbWb[row],
            pattern.first_row,
            None if ends_B2NbS is None else ends_B2NbS[row],
        )
        for row, n_tokens in enumerate(lengths)
    ]
    if globals_ is None or is_global_BS is None:
        return documents
    to_globals_BNSG = torch.cat(to_globals, dim=2)
    from_globals_BNGS = attention_weights(globals_.pick(q_BNSH), k_BNSH, is_token_BS, None)
    return [
        _with_globals(
            document, globals_.exists_BG[row], globals_.index_BG[row], to_globals_BNSG[row], from_globals_BNGS[row]
        )
        for row, document in enumerate(documents)
    ]


def _with_globals(
    document: SparseAttention, exists_G: Tensor, index_G: Tensor, to_NSG: Tensor, from_NGS: Tensor
) -> SparseAttention:
    """Move the weights of the global tokens' queries, which attend to everything, out of the pattern's rows."""
    _, R, b, _, _ = document.weights.shape
    global_G = index_G[exists_G]
    reads_S = torch.ones(to_NSG.shape[1], dtype=to_NSG.dtype, device=to_NSG.device).index_fill(0, global_G, 0.0)
    reads_Lb = reads_S.view(-1, b)
    return dataclasses.replace(
        document,
        weights=document.weights * reads_Lb[document.first_row :][:R, :, None, None],
        ends=None if document.ends is None else document.ends * reads_Lb[[0, -1]][:, None, :, None],
        global_tokens=global_G,
        to_globals=to_NSG[..., exists_G] * reads_S[:, None],
        from_globals=from_NGS[:, exists_G],
    )

"""Block-sparse attention: gather the key blocks that each query block reads, then attend to them densely.

Query blocks are taken a few at a time, so that the gathered copies stay small enough for the processor's cache, and
are gathered again for the backward pass instead of being kept: memory is that of q, k, v and the output, linear in S.

Shape letters: B documents, N heads, S sequence, H head width, L blocks of b tokens, R query blocks in a chunk,
W key blocks read by each of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bigbird_cli.bigbird.pattern import BlockPattern
from bigbird_cli.pytorch.kernels.full import key_bias

CHUNK_BYTES = 8 * 2**20
"""Size that the gathered keys of one chunk may have; their values take as much again. Larger chunks fall out of the
cache, smaller ones pay for calls: with 12 heads of 64 at 4,096 tokens, 1 MiB took 1.3 times as long, 16 MiB 1.1."""


@dataclass(frozen=True)
class _Chunk:
    """Consecutive query blocks that read equally many key blocks."""

    first: int
    last: int  # one past the end
    key_blocks: Tensor | None  # (N * R * W,) rows of the (N * L, b * H) view of the keys; None: every key


def _chunks(pattern: BlockPattern, *, rows_per_chunk: int, device: torch.device) -> Iterator[_Chunk]:
    """Cut the query blocks into chunks; the first and the last block read every key and stand alone."""
    n_blocks = pattern.n_blocks
    n_heads, n_rows, _ = pattern.key_blocks.shape
    widths = (pattern.key_blocks[0] >= 0).sum(axis=-1)  # a row's width is the same in every head
    head_offsets = np.arange(n_heads, dtype=np.int64)[:, None, None] * n_blocks
    yield _Chunk(0, 1, None)
    start = 0
    while start < n_rows:
        stop = start + 1
        while stop < n_rows and stop - start < rows_per_chunk and widths[stop] == widths[start]:
            stop += 1
        rows_NRW = pattern.key_blocks[:, start:stop, : widths[start]] + head_offsets
        yield _Chunk(start + 1, stop + 1, torch.from_numpy(rows_NRW.reshape(-1)).to(device))
        start = stop
    yield _Chunk(n_blocks - 1, n_blocks, None)


def _read(x_BNSH: Tensor, key_blocks: Tensor, n_blocks: int, n_sequences: int) -> Tensor:
    """Gather key blocks: (B, N, S, H) to (B, N * R, W * b, H), with N * R given as `n_sequences`."""
    B, N, _, H = x_BNSH.shape
    return x_BNSH.view(B, N * n_blocks, -1).index_select(1, key_blocks).view(B, n_sequences, -1, H)


class _GatherAttention(torch.autograd.Function):
    """The loop over chunks, with a backward pass that gathers again."""

    @staticmethod
    def forward(
        ctx: Any, q_BNSH: Tensor, k_BNSH: Tensor, v_BNSH: Tensor, bias_BS: Tensor | None, pattern: BlockPattern
    ) -> Tensor:
        ctx.save_for_backward(q_BNSH, k_BNSH, v_BNSH, bias_BS)
        ctx.pattern = pattern
        out_BNSH = torch.empty_like(q_BNSH)
        for chunk, tokens in _GatherAttention._schedule(q_BNSH, pattern):
            operands = _GatherAttention._operands(q_BNSH, k_BNSH, v_BNSH, bias_BS, pattern, chunk, tokens)
            out_BNSH[:, :, tokens] = F.scaled_dot_product_attention(*operands).view_as(out_BNSH[:, :, tokens])
        return out_BNSH

    @staticmethod
    def backward(ctx: Any, *d_outs: Tensor) -> tuple[Tensor | None, ...]:
        q_BNSH, k_BNSH, v_BNSH, bias_BS = ctx.saved_tensors
        (d_out_BNSH,) = d_outs
        B, N, _, H = q_BNSH.shape
        dq_BNSH, dk_BNSH, dv_BNSH = torch.empty_like(q_BNSH), torch.zeros_like(k_BNSH), torch.zeros_like(v_BNSH)
        for chunk, tokens in _GatherAttention._schedule(q_BNSH, ctx.pattern):
            q, k, v, bias = _GatherAttention._operands(q_BNSH, k_BNSH, v_BNSH, bias_BS, ctx.pattern, chunk, tokens)
            with torch.enable_grad():
                q, k, v = (x.detach().requires_grad_() for x in (q, k, v))
                out = F.scaled_dot_product_attention(q, k, v, bias)
            dq, dk, dv = torch.autograd.grad(out, (q, k, v), d_out_BNSH[:, :, tokens].reshape_as(out))
            dq_BNSH[:, :, tokens] = dq.reshape(B, N, -1, H)
            for total_BNSH, part in ((dk_BNSH, dk), (dv_BNSH, dv)):
                if chunk.key_blocks is None:
                    total_BNSH += part
                else:
                    blocks = total_BNSH.view(B, N * ctx.pattern.n_blocks, -1)
                    blocks.index_add_(1, chunk.key_blocks, part.reshape(B, chunk.key_blocks.numel(), -1))
        return dq_BNSH, dk_BNSH, dv_BNSH, None, None

    @staticmethod
    def _schedule(q_BNSH: Tensor, pattern: BlockPattern) -> Iterator[tuple[_Chunk, slice]]:
        B, N, S, H = q_BNSH.shape
        block = S // pattern.n_blocks
        bytes_per_row = B * N * pattern.key_blocks.shape[-1] * block * H * q_BNSH.element_size()
        rows_per_chunk = max(1, CHUNK_BYTES // bytes_per_row)
        for chunk in _chunks(pattern, rows_per_chunk=rows_per_chunk, device=q_BNSH.device):
            yield chunk, slice(chunk.first * block, chunk.last * block)

    @staticmethod
    def _operands(
        q_BNSH: Tensor,
        k_BNSH: Tensor,
        v_BNSH: Tensor,
        bias_BS: Tensor | None,
        pattern: BlockPattern,
        chunk: _Chunk,
        tokens: slice,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Queries, keys, values and key bias of one chunk, as scaled_dot_product_attention takes them."""
        B, N, _, H = q_BNSH.shape
        L = pattern.n_blocks
        if chunk.key_blocks is None:
            bias = None if bias_BS is None else bias_BS[:, None, None, :]
            return q_BNSH[:, :, tokens], k_BNSH, v_BNSH, bias
        n_sequences = N * (chunk.last - chunk.first)
        q = q_BNSH[:, :, tokens].reshape(B, n_sequences, -1, H)
        k = _read(k_BNSH, chunk.key_blocks, L, n_sequences)
        v = _read(v_BNSH, chunk.key_blocks, L, n_sequences)
        bias = None
        if bias_BS is not None:
            bias = bias_BS.view(B, L, -1).index_select(1, chunk.key_blocks % L).view(B, n_sequences, 1, -1)
        return q, k, v, bias


def gather(
    q_BNSH: Tensor, k_BNSH: Tensor, v_BNSH: Tensor, is_token_BS: Tensor | None, pattern: BlockPattern | None
) -> Tensor:
    """Block-sparse attention over gathered blocks; a block that is named twice is read twice."""
    if pattern is None:
        raise ValueError("the gather kernel needs a pattern")
    bias_BS = None if is_token_BS is None else key_bias(is_token_BS, q_BNSH.dtype)
    out: Tensor = _GatherAttention.apply(
        q_BNSH.contiguous(), k_BNSH.contiguous(), v_BNSH.contiguous(), bias_BS, pattern
    )
    return out

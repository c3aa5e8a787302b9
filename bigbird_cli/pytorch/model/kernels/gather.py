"""Block-sparse attention: gather the key blocks of each query block, then attend to them densely.

Query blocks are taken a few at a time, so that the gathered copies stay small enough for the processor's cache, and
are gathered again for the backward pass instead of being saved: memory is that of q, k, v and the output, linear in S.

Tokens chosen to be global are taken out of the gathered blocks and put behind them, so that each counts once; their
own queries run dense attention.

Shape letters: B documents, N heads, S sequence, H head width, L blocks of b tokens, R query blocks in a chunk,
W key blocks of each of them, G global tokens of a document at most.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bigbird_cli.bigbird.pattern import BlockPattern
from bigbird_cli.pytorch.model.dropout import new_seed
from bigbird_cli.pytorch.model.kernels.dense import causal_mask, key_bias
from bigbird_cli.pytorch.model.kernels.patterns import checked
from bigbird_cli.pytorch.model.kernels.products import (
    apply_weights,
    apply_weights_backward,
    saves_weights,
    softmax_of_scores,
    suit_products,
)

CHUNK_BYTES = 8 * 2**20
"""Size that the gathered keys of one chunk may have on a processor; their values take as much again. With 12 heads of
64 at 4,096 tokens, 1 to 32 MiB take the same time where freed memory is reused; where not, 1 MiB took 1.3 times as
long, 16 MiB 1.1."""

GPU_CHUNK_BYTES = 2**30
"""The same elsewhere, where each chunk costs calls, and no cache would hold one."""

_aten = torch.ops.aten
_HAS_SUMS = hasattr(_aten, "_scaled_dot_product_flash_attention_for_cpu_backward")


@dataclass(frozen=True)
class Chunk:
    """Consecutive query blocks of equally many key blocks."""

    first: int
    last: int  # one past the end
    key_blocks: Tensor | None  # (N * R * W,) rows of the (N * L, b * H) view of the keys; None: every key
    is_block: Tensor | None = None  # (N * R, W) False for a filler; None: there is none


class GlobalKeys(NamedTuple):
    """Keys and values of the global tokens, and a bias that closes fillers."""

    k_BNGH: Tensor
    v_BNGH: Tensor
    bias_BG: Tensor


class Keys(NamedTuple):
    """What may be attended to: the mask over the pattern's keys as a bias, and the keys that all queries share."""

    bias_BS: Tensor | None
    of_globals: GlobalKeys | None = None


@dataclass(frozen=True)
class GlobalTokens:
    """Where the global tokens of each document stand. Fillers name positions that are not global, each another one."""

    index_BNGH: Tensor
    exists_BG: Tensor
    """False for a filler, where a document has fewer global tokens than another."""
    is_local_BS: Tensor
    """Which keys are left to the pattern."""

    @classmethod
    def of(cls, is_global_BS: Tensor, is_token_BS: Tensor | None, *, n_heads: int, head_width: int) -> "GlobalTokens":
        is_local_BS = ~is_global_BS if is_token_BS is None else is_token_BS & ~is_global_BS
        is_global_BS = is_global_BS if is_token_BS is None else is_token_BS & is_global_BS
        n_global = int(is_global_BS.sum(dim=1).max())
        index_BG = is_global_BS.int().sort(dim=1, descending=True, stable=True).indices[:, :n_global]
        index_BNGH = index_BG[:, None, :, None].expand(-1, n_heads, -1, head_width)
        return cls(index_BNGH, is_global_BS.gather(1, index_BG), is_local_BS)

    @property
    def index_BG(self) -> Tensor:
        return self.index_BNGH[:, 0, :, 0]

    def pick(self, x_BNSH: Tensor) -> Tensor:
        """Take what stands at the global tokens: (B, N, G, H)."""
        return x_BNSH.gather(2, self.index_BNGH)

    def put(self, x_BNSH: Tensor, at_globals_BNGH: Tensor) -> Tensor:
        """Put rows at the global tokens' positions."""
        new_BNGH = torch.where(self.exists_BG[:, None, :, None], at_globals_BNGH, self.pick(x_BNSH))
        return x_BNSH.scatter(2, self.index_BNGH, new_BNGH)

    def keys(self, k_BNSH: Tensor, v_BNSH: Tensor) -> tuple[Tensor, GlobalKeys]:
        """What the pattern's queries may attend to, as Keys has it."""
        of_globals = GlobalKeys(self.pick(k_BNSH), self.pick(v_BNSH), key_bias(self.exists_BG, k_BNSH.dtype))
        return key_bias(self.is_local_BS, k_BNSH.dtype), of_globals


def chunks(pattern: BlockPattern, *, rows_per_chunk: int, device: torch.device) -> Iterator[Chunk]:
    """Cut the query blocks into chunks; a first and a last block that attend to every key stand alone."""
    n_blocks, shift = pattern.n_blocks, pattern.first_row
    n_heads, n_rows, _ = pattern.key_blocks.shape
    widths = (pattern.key_blocks >= 0).sum(axis=-1).max(axis=0)
    head_offsets = np.arange(n_heads, dtype=np.int64)[:, None, None] * n_blocks
    if shift:
        yield Chunk(0, 1, None)
    start = 0
    while start < n_rows:
        stop = start + 1
        while stop < n_rows and stop - start < rows_per_chunk and widths[stop] == widths[start]:
            stop += 1
        rows_NRW = pattern.key_blocks[:, start:stop, : widths[start]]
        is_block_NRW = rows_NRW >= 0
        is_block = None
        if not is_block_NRW.all():  # a decoder's heads may have unequally many blocks
            is_block = torch.from_numpy(is_block_NRW.reshape(-1, widths[start])).to(device)
        numbers = (np.maximum(rows_NRW, 0) + head_offsets).reshape(-1)
        yield Chunk(start + shift, stop + shift, torch.from_numpy(numbers).to(device), is_block)
        start = stop
    if shift:
        yield Chunk(n_blocks - 1, n_blocks, None)


def schedule(q_BNSH: Tensor, pattern: BlockPattern) -> Iterator[tuple[Chunk, slice]]:
    """Go through the chunks of a size that suits the cache, with the tokens of each."""
    B, N, _, H = q_BNSH.shape
    block = pattern.block_size
    bytes_per_row = B * N * pattern.key_blocks.shape[-1] * block * H * q_BNSH.element_size()
    chunk_bytes = CHUNK_BYTES if q_BNSH.device.type == "cpu" else GPU_CHUNK_BYTES
    rows_per_chunk = max(1, chunk_bytes // bytes_per_row)
    for chunk in chunks(pattern, rows_per_chunk=rows_per_chunk, device=q_BNSH.device):
        yield chunk, slice(chunk.first * block, chunk.last * block)


def _n_scores(q_BNSH: Tensor, pattern: BlockPattern) -> int:
    """About how many pairs of queries and keys a call meets."""
    B, N, S, _ = q_BNSH.shape
    n_listed: int = pattern.key_blocks.shape[-1]
    n_all = 2 * pattern.block_size if pattern.first_row else 0
    return B * N * S * (n_listed * pattern.block_size + n_all)


def operands(
    q_BNSH: Tensor, k_BNSH: Tensor, v_BNSH: Tensor, keys: Keys, pattern: BlockPattern, chunk: Chunk, tokens: slice
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Queries, keys, values and bias of one chunk, as scaled_dot_product_attention takes them."""
    B, N = q_BNSH.shape[:2]
    L = pattern.n_blocks
    bias_BS = keys.bias_BS
    if chunk.key_blocks is None:
        q, k, v = q_BNSH[:, :, tokens], k_BNSH, v_BNSH
        bias = None if bias_BS is None else bias_BS[:, None, None, :]
    else:
        n_sequences = N * (chunk.last - chunk.first)
        q = q_BNSH[:, :, tokens].reshape(B, n_sequences, -1, q_BNSH.shape[-1])
        k = _gathered(k_BNSH, chunk.key_blocks, L, n_sequences)
        v = _gathered(v_BNSH, chunk.key_blocks, L, n_sequences)
        bias = None
        if bias_BS is not None:
            bias = bias_BS.view(B, L, -1).index_select(1, chunk.key_blocks % L).view(B, n_sequences, 1, -1)
        if chunk.is_block is not None:
            is_attended = chunk.is_block.repeat_interleave(pattern.block_size, dim=1)[None, :, None]
            bias = _both(bias, key_bias(is_attended, q.dtype))
        if pattern.is_causal:
            bias = _both(bias, _own_block_bias(q, k.shape[2]))
    if keys.of_globals is None:
        return q, k, v, bias
    return q, *_with_globals(k, v, bias, keys.of_globals)


def _own_block_bias(q: Tensor, n_keys: int) -> Tensor:
    """Mask what stands behind each query in its own block, the first of its row: (b, W * b)."""
    block = q.shape[2]
    is_attended = torch.ones(block, n_keys, dtype=torch.bool, device=q.device)
    is_attended[:, :block] = causal_mask(block, block, q.device)
    return key_bias(is_attended, q.dtype)


def _both(bias: Tensor | None, other: Tensor) -> Tensor:
    """The lower of two biases: their sum would leave the finite numbers."""
    return other if bias is None else torch.minimum(bias, other)


def _with_globals(k: Tensor, v: Tensor, bias: Tensor | None, of_globals: GlobalKeys) -> tuple[Tensor, Tensor, Tensor]:
    """Append the global tokens' keys and values to those of every sequence of queries."""
    B, n_sequences, n_keys = k.shape[:3]
    repeats = n_sequences // of_globals.k_BNGH.shape[1]  # a head's query blocks follow one another
    k = torch.cat((k, of_globals.k_BNGH.repeat_interleave(repeats, dim=1)), dim=2)
    v = torch.cat((v, of_globals.v_BNGH.repeat_interleave(repeats, dim=1)), dim=2)
    if bias is None:
        bias = k.new_zeros(1, 1, 1, n_keys)
    bias = bias.expand(B, -1, -1, -1)
    more = of_globals.bias_BG[:, None, None, :].expand(*bias.shape[:3], -1)
    return k, v, torch.cat((bias, more), dim=3)


def _gathered(x_BNSH: Tensor, key_blocks: Tensor, n_blocks: int, n_sequences: int) -> Tensor:
    """Gather key blocks: (B, N, S, H) to (B, N * R, W * b, H), with N * R given as `n_sequences`."""
    B, N, _, H = x_BNSH.shape
    return x_BNSH.view(B, N * n_blocks, -1).index_select(1, key_blocks).view(B, n_sequences, -1, H)


def _attend_again(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, d_out: Tensor) -> tuple[Tensor, ...]:
    """Gradients of q, k and v, by way of the forward pass."""
    with torch.enable_grad():
        q, k, v = (x.detach().requires_grad_() for x in (q, k, v))
        out = F.scaled_dot_product_attention(q, k, v, bias)
    return torch.autograd.grad(out, (q, k, v), d_out)


class _GatherAttention(torch.autograd.Function):
    """The loop over chunks, with a backward pass that gathers again.

    With dropout, and wherever they are quicker, it goes by the products of `products`. Else, on a processor, it calls
    what scaled_dot_product_attention calls there, which returns the sums of the softmax too: with these the backward
    pass need not attend again.
    """

    @staticmethod
    def forward(
        ctx: Any,
        q_BNSH: Tensor,
        k_BNSH: Tensor,
        v_BNSH: Tensor,
        bias_BS: Tensor | None,
        pattern: BlockPattern,
        dropout: float,
        by_products: bool,
        *of_globals: Tensor,
    ) -> Tensor:
        ctx.pattern, ctx.dropout = pattern, dropout
        ctx.seed = new_seed() if dropout else 0
        keys = Keys(bias_BS, GlobalKeys(*of_globals) if of_globals else None)
        B, N, S, H = q_BNSH.shape
        out_BNSH = q_BNSH.new_empty(B, S, N, H).transpose(1, 2)  # in the order in which heads are joined
        ctx.by_products = by_products
        on_cpu, wants_gradient = q_BNSH.device.type == "cpu", any(ctx.needs_input_grad)
        has_sums = _HAS_SUMS and on_cpu and wants_gradient and not by_products
        sums, weights_of_chunks = [], []
        saves = by_products and any(ctx.needs_input_grad) and saves_weights(_n_scores(q_BNSH, pattern), q_BNSH)
        for chunk, tokens in schedule(q_BNSH, pattern):
            q, k, v, bias = operands(q_BNSH, k_BNSH, v_BNSH, keys, pattern, chunk, tokens)
            if has_sums:
                out, log_sums = _aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, attn_mask=bias)
                sums.append(log_sums)
            elif ctx.by_products:
                weights = softmax_of_scores(q, k, bias)
                out = apply_weights(weights, v, dropout=dropout, seed=ctx.seed + chunk.first)
                if saves:
                    weights_of_chunks.append(weights)
            else:
                out = F.scaled_dot_product_attention(q, k, v, bias)
            out_BNSH[:, :, tokens] = out.reshape(B, N, -1, H)
        saved = (out_BNSH, *sums) if has_sums else weights_of_chunks
        ctx.save_for_backward(q_BNSH, k_BNSH, v_BNSH, bias_BS, *of_globals, *saved)
        ctx.n_of_globals = len(of_globals)
        return out_BNSH

    @staticmethod
    def backward(ctx: Any, *d_outs: Tensor) -> tuple[Tensor | None, ...]:
        q_BNSH, k_BNSH, v_BNSH, bias_BS, *rest = ctx.saved_tensors
        of_globals, saved = rest[: ctx.n_of_globals], rest[ctx.n_of_globals :]
        (d_out_BNSH,) = d_outs
        B, N, _, H = q_BNSH.shape
        keys = Keys(bias_BS, GlobalKeys(*of_globals) if of_globals else None)
        dq_BNSH = torch.empty_like(q_BNSH)
        # a block's queries, of the first and the last block all, would be lost one by one in a sum of half precision
        exact = torch.promote_types(k_BNSH.dtype, torch.float32)
        dk_BNSH, dv_BNSH = (torch.zeros_like(x, dtype=exact) for x in (k_BNSH, v_BNSH))
        d_globals_BNGH = [torch.zeros_like(x, dtype=exact) for x in of_globals[:2]]
        for number, (chunk, tokens) in enumerate(schedule(q_BNSH, ctx.pattern)):
            q, k, v, bias = operands(q_BNSH, k_BNSH, v_BNSH, keys, ctx.pattern, chunk, tokens)
            d_out = d_out_BNSH[:, :, tokens].reshape(q.shape)
            if ctx.by_products:
                weights = saved[number] if saved else softmax_of_scores(q, k, bias)
                seed = ctx.seed + chunk.first
                dq, dk, dv = apply_weights_backward(q, k, v, weights, d_out, dropout=ctx.dropout, seed=seed)
            elif saved:
                out_BNSH, *sums = saved
                dq, dk, dv = _aten._scaled_dot_product_flash_attention_for_cpu_backward(
                    d_out, q, k, v, out_BNSH[:, :, tokens].reshape(q.shape), sums[number], 0.0, False, attn_mask=bias
                )
            else:
                dq, dk, dv = _attend_again(q, k, v, bias, d_out)
            dq_BNSH[:, :, tokens] = dq.reshape(B, N, -1, H)
            if keys.of_globals is not None:
                n_globals = keys.of_globals.k_BNGH.shape[2]
                for total_BNGH, part in zip(d_globals_BNGH, (dk, dv), strict=True):
                    total_BNGH += torch.unflatten(part[:, :, -n_globals:], 1, (N, -1)).sum(dim=2, dtype=exact)
                dk, dv = dk[:, :, :-n_globals], dv[:, :, :-n_globals]
            for total_BNSH, part in ((dk_BNSH, dk), (dv_BNSH, dv)):
                if chunk.key_blocks is None:
                    total_BNSH += part
                else:
                    blocks = total_BNSH.view(B, N * ctx.pattern.n_blocks, -1)
                    blocks.index_add_(1, chunk.key_blocks, part.reshape(B, chunk.key_blocks.numel(), -1).to(exact))
        dk_BNSH, dv_BNSH = dk_BNSH.to(k_BNSH.dtype), dv_BNSH.to(v_BNSH.dtype)
        d_globals_BNGH = [total.to(k_BNSH.dtype) for total in d_globals_BNGH]
        return dq_BNSH, dk_BNSH, dv_BNSH, None, None, None, None, *d_globals_BNGH, *([None] if of_globals else [])


_attend: Callable[..., Tensor] = _GatherAttention.apply


def gather(
    q_BNSH: Tensor,
    k_BNSH: Tensor,
    v_BNSH: Tensor,
    is_token_BS: Tensor | None,
    pattern: BlockPattern | None,
    *,
    dropout: float = 0.0,
    is_causal: bool = False,
    is_global_BS: Tensor | None = None,
) -> Tensor:
    """Block-sparse attention over gathered blocks; a block that is named twice counts twice.

    Raises:
        ValueError: as `checked`.
    """
    pattern = checked(pattern, is_causal=is_causal, is_global_BS=is_global_BS)
    k_BNSH, v_BNSH = k_BNSH.contiguous(), v_BNSH.contiguous()
    by_products = dropout > 0.0 or suit_products(q_BNSH, k_BNSH, v_BNSH, dropout=dropout)
    if is_global_BS is None or not is_global_BS.any():
        bias_BS = None if is_token_BS is None else key_bias(is_token_BS, q_BNSH.dtype)
        return _attend(q_BNSH, k_BNSH, v_BNSH, bias_BS, pattern, dropout, by_products)
    chosen = GlobalTokens.of(is_global_BS, is_token_BS, n_heads=q_BNSH.shape[1], head_width=q_BNSH.shape[3])
    bias_BS, of_globals = chosen.keys(k_BNSH, v_BNSH)
    out = _attend(q_BNSH, k_BNSH, v_BNSH, bias_BS, pattern, dropout, by_products, *of_globals)
    bias = None if is_token_BS is None else key_bias(is_token_BS, q_BNSH.dtype)[:, None, None, :]
    at_globals_BNGH = F.scaled_dot_product_attention(chosen.pick(q_BNSH), k_BNSH, v_BNSH, bias, dropout)
    return chosen.put(out, at_globals_BNGH)

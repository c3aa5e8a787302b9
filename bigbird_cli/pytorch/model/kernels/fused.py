"""Block-sparse attention in programs of our own for a GPU: nothing is gathered, and no score is written down.

A program holds one block of queries of one head, and goes through the key blocks that the pattern lists for it; in the
backward pass another holds one block of keys, and goes through its readers. A block that is named twice is met twice.

Shape letters: B documents, N heads, S sequence, H head width, L blocks of b tokens, W key blocks of a row.
"""

import importlib.util
import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from bigbird_cli.bigbird.pattern import BlockPattern
from bigbird_cli.pytorch.model.kernels.gather import gather
from bigbird_cli.pytorch.model.kernels.patterns import checked

WIDTHS = (16, 32, 64, 128)
"""Block sizes and head widths that have a tile."""

_lists: WeakKeyDictionary[BlockPattern, dict[torch.device, "Lists"]] = WeakKeyDictionary()


class Lists(NamedTuple):
    """A pattern as the programs take it, int32."""

    blocks_NLW: Tensor
    """Key blocks of each query block."""
    counts_NL: Tensor
    """How many there are; -1: all blocks."""
    readers: Tensor
    """Query blocks that attend to a key block, head after head, key block after key block."""
    firsts: Tensor
    """(N * L + 1,) where in `readers` the list of a key block begins."""

    @classmethod
    def of(cls, pattern: BlockPattern, device: torch.device) -> "Lists":
        N, L = pattern.n_heads, pattern.n_blocks
        inner = slice(pattern.first_row, L - pattern.first_row)
        blocks_NLW = np.zeros((N, L, pattern.key_blocks.shape[2]), dtype=np.int32)
        blocks_NLW[:, inner] = np.maximum(pattern.key_blocks, 0)
        counts_NL = np.full((N, L), -1, dtype=np.int32)
        counts_NL[:, inner] = (pattern.key_blocks >= 0).sum(axis=2)
        head, row, slot = np.nonzero(pattern.key_blocks >= 0)
        key_block, by = head * L + pattern.key_blocks[head, row, slot], row + pattern.first_row
        if not pattern.is_causal:  # the first and the last block attend to every block
            every = np.arange(N * L)
            key_block = np.concatenate([key_block, every, every])
            by = np.concatenate([by, np.zeros_like(every), np.full_like(every, L - 1)])
        order = np.lexsort((by, key_block))
        firsts = np.searchsorted(key_block[order], np.arange(N * L + 1))
        arrays = (blocks_NLW, counts_NL, by[order], firsts)
        return cls(*(torch.from_numpy(np.ascontiguousarray(array, dtype=np.int32)).to(device) for array in arrays))


@cache
def is_available() -> bool:
    """Whether Triton, which compiles the programs, is installed."""
    return importlib.util.find_spec("triton") is not None


def fused(
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
    """Block-sparse attention; what the programs cannot do, `gather` does.

    That is dropout, tokens chosen to be global, blocks or heads of another width, and a device that is no GPU.

    Raises:
        ValueError: as `checked`.
    """
    pattern = checked(pattern, is_causal=is_causal, is_global_BS=is_global_BS)
    suits = (
        not dropout
        and q_BNSH.is_cuda
        and is_available()
        and pattern.block_size in WIDTHS
        and q_BNSH.shape[-1] in WIDTHS
        and q_BNSH.dtype in (torch.float32, torch.bfloat16, torch.float16)
    )
    if not suits or (is_global_BS is not None and bool(is_global_BS.any())):
        return gather(q_BNSH, k_BNSH, v_BNSH, is_token_BS, pattern, dropout=dropout, is_global_BS=is_global_BS)
    return _attend(q_BNSH, k_BNSH, v_BNSH, is_token_BS, pattern)


class _FusedAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, q_BNSH: Tensor, k_BNSH: Tensor, v_BNSH: Tensor, is_token_BS: Tensor | None, pattern: BlockPattern
    ) -> Tensor:
        from bigbird_cli.pytorch.model.kernels import triton_programs

        q, k, v = (_dense_rows(x) for x in (q_BNSH, k_BNSH, v_BNSH))
        B, N, S, H = q.shape
        lists = _lists_of(pattern, q.device)
        out_BNSH = _empty_like(q)
        sums_BNS = torch.empty(B, N, S, dtype=torch.float32, device=q.device)
        is_token = None if is_token_BS is None else is_token_BS.contiguous()
        triton_programs.forward[_grid(B, N, pattern)](
            q, k, v, q if is_token is None else is_token, out_BNSH, sums_BNS, lists.blocks_NLW, lists.counts_NL,
            *_strides(q, k, v, out_BNSH), N, pattern.n_blocks, lists.blocks_NLW.shape[2], _scale(H),
            **_constants(q, is_token, pattern),
        )  # fmt: skip
        ctx.pattern = pattern
        ctx.save_for_backward(q, k, v, is_token, out_BNSH, sums_BNS)
        return out_BNSH

    @staticmethod
    def backward(ctx: Any, *d_outs: Tensor) -> tuple[Tensor | None, ...]:
        from bigbird_cli.pytorch.model.kernels import triton_programs

        q, k, v, is_token, out_BNSH, sums_BNS = ctx.saved_tensors
        pattern: BlockPattern = ctx.pattern
        B, N, _, H = q.shape
        d_out = _dense_rows(d_outs[0])
        lists = _lists_of(pattern, q.device)
        delta_BNS = (d_out.float() * out_BNSH.float()).sum(dim=-1)
        dq, dk, dv = (_empty_like(q) for _ in range(3))
        shared = (q, k, v, q if is_token is None else is_token, d_out, sums_BNS, delta_BNS)
        strides = _strides(q, k, v, d_out, dq)
        constants = _constants(q, is_token, pattern)
        grid = _grid(B, N, pattern)
        triton_programs.backward_queries[grid](
            *shared, dq, lists.blocks_NLW, lists.counts_NL, *strides, N, pattern.n_blocks, lists.blocks_NLW.shape[2],
            _scale(H), **constants,
        )  # fmt: skip
        triton_programs.backward_keys[grid](
            *shared, dk, dv, lists.readers, lists.firsts, *strides, N, pattern.n_blocks, _scale(H), **constants
        )
        return dq, dk, dv, None, None


_attend: Callable[..., Tensor] = _FusedAttention.apply


def _lists_of(pattern: BlockPattern, device: torch.device) -> Lists:
    """The pattern's lists, cached as long as the pattern is there."""
    cached = _lists.setdefault(pattern, {})
    if device not in cached:
        cached[device] = Lists.of(pattern, device)
    return cached[device]


def _dense_rows(x_BNSH: Tensor) -> Tensor:
    """The tensor, copied if a head's numbers do not lie side by side."""
    return x_BNSH if x_BNSH.stride(-1) == 1 else x_BNSH.contiguous()


def _empty_like(x_BNSH: Tensor) -> Tensor:
    """A tensor for results, in the order in which heads are joined."""
    B, N, S, H = x_BNSH.shape
    return x_BNSH.new_empty(B, S, N, H).transpose(1, 2)


def _grid(B: int, N: int, pattern: BlockPattern) -> tuple[int, int]:
    return B * N, pattern.n_blocks


def _strides(*xs_BNSH: Tensor) -> tuple[int, ...]:
    return tuple(stride for x in xs_BNSH for stride in x.stride()[:3])


def _scale(H: int) -> float:
    """Of scores in units of log 2."""
    return 1.0 / (math.sqrt(H) * math.log(2.0))


def _constants(q: Tensor, is_token: Tensor | None, pattern: BlockPattern) -> dict[str, Any]:
    exact = q.dtype == torch.float32 and torch.get_float32_matmul_precision() == "highest"
    large = pattern.block_size * q.shape[-1] > 64 * 64
    return {
        "H": q.shape[-1],
        "BLOCK": pattern.block_size,
        "HAS_MASK": is_token is not None,
        "IS_CAUSAL": pattern.is_causal,
        "PRECISION": "ieee" if exact else "tf32",
        "num_warps": 8 if large else 4,
        "num_stages": 2,
    }

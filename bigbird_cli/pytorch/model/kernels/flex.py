"""Block-sparse attention through PyTorch's FlexAttention, which compiles a fused kernel for a GPU.

The pattern becomes a block mask. A key that a pattern names c times counts c times, which is ln c added to its score.
Without compilation, on other devices, FlexAttention writes the whole matrix of scores: right, but for tests.

Shape letters: B documents, N heads, S sequence, H head width, L blocks of b tokens.
"""

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from bigbird_cli.bigbird.pattern import BlockPattern
from bigbird_cli.pytorch.model.kernels.gather import gather
from bigbird_cli.pytorch.model.kernels.patterns import checked

_counts: WeakKeyDictionary[BlockPattern, dict[torch.device, "Counts"]] = WeakKeyDictionary()


class Counts(NamedTuple):
    """How often a query block attends to a key block, on a device."""

    counts_NLL: Tensor
    are_repeated: bool
    """Whether it does so to one more than once."""


def flex(
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
    """Block-sparse attention; what FlexAttention cannot do, `gather` does.

    That is dropout, gradients on a processor or of blocks too small for PyTorch's programs, and tokens chosen to be
    global, which would fill the block mask.

    Raises:
        ValueError: as `checked`.
    """
    pattern = checked(pattern, is_causal=is_causal, is_global_BS=is_global_BS)
    wants_gradient = torch.is_grad_enabled() and any(x.requires_grad for x in (q_BNSH, k_BNSH, v_BNSH))
    has_globals = is_global_BS is not None and bool(is_global_BS.any())
    if dropout or has_globals or (wants_gradient and not _goes_backward(q_BNSH, pattern.block_size)):
        return gather(q_BNSH, k_BNSH, v_BNSH, is_token_BS, pattern, dropout=dropout, is_global_BS=is_global_BS)
    counts_NLL, are_repeated = _counts_of(pattern, q_BNSH.device)
    score_mod = None
    if are_repeated:
        score_mod = _weighing(counts_NLL, pattern.block_size, torch.promote_types(q_BNSH.dtype, torch.float32))
    attend = _compiled() if q_BNSH.is_cuda else _uncompiled
    out: Tensor = attend(
        q_BNSH,
        k_BNSH,
        v_BNSH,
        score_mod=score_mod,
        block_mask=_block_mask(counts_NLL, is_token_BS, pattern),
        kernel_options=_tiles(pattern.block_size),
    )
    return out


def _goes_backward(x: Tensor, block: int) -> bool:
    """Whether PyTorch surely has a program for the gradient: in half precision its tiles may be as wide as 128."""
    return x.is_cuda and (x.dtype == torch.float32 or block % 128 == 0)


def _tiles(block: int) -> dict[str, int]:
    """Sizes of the compiled program's tiles, which must divide the block; those of PyTorch's own choice may not."""
    size = min(64, block & -block)
    return {"fwd_BLOCK_M": size, "fwd_BLOCK_N": size}


def _counts_of(pattern: BlockPattern, device: torch.device) -> Counts:
    """The pattern's counts, cached as long as the pattern is there."""
    cached = _counts.setdefault(pattern, {})
    if device not in cached:
        counts_NLL = pattern.counts()
        cached[device] = Counts(torch.from_numpy(counts_NLL).to(device), bool(counts_NLL.max() > 1))
    return cached[device]


def _weighing(counts_NLL: Tensor, block: int, dtype: torch.dtype) -> Callable[..., Tensor]:
    """What adds ln c to a score."""
    logs_NLL = counts_NLL.clamp(min=1).to(dtype).log()

    def add_log_count(score: Tensor, document: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:  # noqa: ARG001
        return score + logs_NLL[head, query // block, key // block].to(score.dtype)

    return add_log_count


def _block_mask(counts_NLL: Tensor, is_token_BS: Tensor | None, pattern: BlockPattern) -> Any:
    """Return the pattern as a BlockMask, in which a block without closed keys needs no mask of its own."""
    from torch.nn.attention.flex_attention import BlockMask

    block, n_blocks = pattern.block_size, pattern.n_blocks
    is_attended_NLL = counts_NLL > 0
    is_open_1NLL = is_attended_NLL[None]
    if is_token_BS is not None:
        is_whole_BL = is_token_BS.view(len(is_token_BS), n_blocks, block).all(dim=2)
        is_open_1NLL = is_open_1NLL & is_whole_BL[:, None, None, :]
    if pattern.is_causal:
        own_LL = torch.eye(n_blocks, dtype=torch.bool, device=counts_NLL.device)
        is_open_1NLL = is_open_1NLL & ~own_LL

    def is_attended(document: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        found = is_attended_NLL[head, query // block, key // block]
        if is_token_BS is not None:
            found = found & is_token_BS[document, key]
        return found & (query >= key) if pattern.is_causal else found

    return BlockMask.from_kv_blocks(
        *_listed(is_attended_NLL[None] & ~is_open_1NLL),
        *_listed(is_open_1NLL),
        BLOCK_SIZE=block,
        mask_mod=is_attended,
        seq_lengths=(n_blocks * block, n_blocks * block),
    )


def _listed(is_block: Tensor) -> tuple[Tensor, Tensor]:
    """Each row's number of true entries, and their columns before all others, as int32."""
    columns = is_block.int().argsort(dim=-1, descending=True, stable=True)
    return is_block.sum(dim=-1, dtype=torch.int32), columns.to(torch.int32)


@cache
def _compiled() -> Callable[..., Any]:
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention)


def _uncompiled(*operands: Tensor, **settings: Any) -> Any:
    from torch.nn.attention import flex_attention

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="flex_attention called without torch.compile")
        # it refuses what requires a gradient even where none is computed
        return cast(Any, flex_attention).flex_attention(*(x.detach() for x in operands), **settings)

"""Sort the documents of a padded batch into groups that one kernel call attends in together.

Padding stands on the right: a document ends after its last token, and what a batch mate adds behind that is cut off
before any kernel runs. Thus a document's blocks are its own, and so is the choice of kernel.

The mask is looked at once a call: on a GPU that is the only wait for the work queued before.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bigbird_cli.pytorch.devices import on_device
from bigbird_cli.pytorch.model.kernels import is_sparse


@dataclass(frozen=True, kw_only=True)
class Group:
    """Documents of a batch that one kernel call attends in together."""

    kernel: str
    """A name in KERNELS, or `bucketed`."""
    is_sparse: bool
    """Whether the kernel takes a pattern, of as many blocks as `n_tokens` take."""
    n_tokens: int
    """Length to which the group's documents are cut; for a sparse kernel a multiple of the block size."""
    lengths: Sequence[int]
    """Tokens of each document; empty in a layout of fixed length, where only the mask knows."""
    rows: Sequence[int] | None = None
    """Numbers of the documents in the batch; None: the whole batch."""
    is_token: Tensor | None = None
    """(documents, n_tokens) bool; None: every position is a token."""
    is_global: Tensor | None = None
    """(documents, n_tokens) bool, True where a token attends to all and is attended to by all; None: nowhere but for
    the pattern."""
    index: Tensor | None = None
    """`rows` where the batch lives."""
    n_blocks_B: Tensor | None = None
    """(documents,) blocks that each takes, where they differ and are known to the program alone."""
    fewest_blocks: int = 0
    """The fewest that a document takes then."""


def group_documents(
    is_token_BS: Tensor | None,
    *,
    is_global_BS: Tensor | None = None,
    batch_size: int,
    n_tokens: int,
    block_size: int,
    full_attention_limit: int,
    attention_type: str,
    sparse_kernel: str = "gather",
    alike: bool,
    dense_step: int,
    device: torch.device,
) -> list[Group]:
    """Group a batch's documents by the kernel and the number of blocks that each needs.

    Args:
        is_token_BS: (batch_size, n_tokens) bool, False where nothing may be attended to; None: all are tokens.
        is_global_BS: (batch_size, n_tokens) bool, True at the tokens chosen to be global; None: there are none.
        batch_size: documents in the batch.
        n_tokens: physical length of the batch.
        block_size: tokens per block.
        full_attention_limit: longest document, in tokens, that runs dense attention in a block-sparse model.
        attention_type: `block_sparse` or `original_full`.
        sparse_kernel: the kernel of block-sparse attention.
        alike: treat every document as if it were as long as the batch, as `transformers` does.
        dense_step: documents under dense attention share a group if they take as many steps of so many tokens: with
            n_tokens all do, with 1 those of one length.
        device: where the batch lives.
    """
    lengths, counts = [n_tokens] * batch_size, [n_tokens] * batch_size
    if is_token_BS is not None:
        ends, counts = _ends_and_counts(is_token_BS)
        lengths = lengths if alike else ends
    members: dict[tuple[bool, int], list[int]] = defaultdict(list)  # by whether they are sparse, and by steps
    for row, length in enumerate(lengths):
        sparse = is_sparse(n_tokens=length, full_attention_limit=full_attention_limit, attention_type=attention_type)
        members[sparse, -(-length // (block_size if sparse else dense_step))].append(row)

    groups = []
    for (sparse, n_steps), rows in members.items():
        width = n_steps * block_size if sparse else max(lengths[row] for row in rows)
        everyone = len(rows) == batch_size
        index = None if everyone else on_device(np.array(rows), device)
        own = [lengths[row] for row in rows]
        is_token = None
        if any(counts[row] < width for row in rows):
            is_token = _mask(is_token_BS, index, own, width, device)
        is_global = None if is_global_BS is None else _cut(is_global_BS, index, width)
        groups.append(
            Group(
                kernel=sparse_kernel if sparse else "dense",
                is_sparse=sparse,
                n_tokens=width,
                lengths=own,
                rows=None if everyone else rows,
                is_token=is_token,
                is_global=is_global,
                index=index,
            )
        )
    return groups


def document_ends(is_token_BS: Tensor) -> Tensor:
    """Where each document ends, (B,): after its last token, but after one position at least."""
    positions_S = torch.arange(1, is_token_BS.shape[1] + 1, device=is_token_BS.device)
    return (is_token_BS * positions_S).amax(dim=1).clamp(min=1)


def _ends_and_counts(is_token_BS: Tensor) -> tuple[list[int], list[int]]:
    """Where each document ends, and how many tokens it has."""
    ends, counts = torch.stack((document_ends(is_token_BS), is_token_BS.sum(dim=1))).tolist()
    return ends, counts


def _mask(
    is_token_BS: Tensor | None, index: Tensor | None, lengths: list[int], width: int, device: torch.device
) -> Tensor:
    """The group's own mask, filled up with False to `width`."""
    if is_token_BS is None:
        return torch.arange(width, device=device) < on_device(np.array(lengths), device)[:, None]
    return _cut(is_token_BS, index, width)


def _cut(mask_BS: Tensor, index: Tensor | None, width: int) -> Tensor:
    """The group's rows of a mask, cut or filled up with False to `width`."""
    mask = (mask_BS if index is None else mask_BS[index])[:, :width]
    return torch.nn.functional.pad(mask, (0, width - mask.shape[1]))

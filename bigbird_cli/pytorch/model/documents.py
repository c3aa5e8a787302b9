"""Sort the documents of a padded batch into groups that one kernel call reads together.

Padding stands on the right: a document ends after its last token, and what a batch mate adds behind that is cut off
before any kernel runs. Thus a document's blocks are its own, and so is the choice of kernel.

The mask is looked at once a call: on a GPU that is the only wait for what was asked of it before.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bigbird_cli.pytorch.devices import on_device
from bigbird_cli.pytorch.model.kernels import choose


@dataclass(frozen=True)
class Group:
    """Documents of a batch that one kernel call reads together."""

    kernel: str
    n_tokens: int
    """Length to which the group's documents are cut; for a sparse kernel a multiple of the block size."""
    lengths: list[int]
    """Tokens of each document."""
    rows: list[int] | None
    """Numbers of the documents in the batch; None: the whole batch."""
    is_token: Tensor | None
    """(documents, n_tokens) bool; None: every position is a token."""
    is_global: Tensor | None = None
    """(documents, n_tokens) bool, True where a token reads and is read by all; None: nowhere but for the pattern."""
    index: Tensor | None = None
    """`rows` where the batch lives."""

    def take(self, x_BNSH: Tensor) -> Tensor:
        """Cut the group's documents out of the batch: (documents, N, n_tokens, H)."""
        documents = slice(None) if self.index is None else self.index
        return x_BNSH[documents, :, : self.n_tokens]

    def put(self, x_BNST: Tensor, found: Tensor) -> None:
        """Put what belongs to the group's documents into the batch, from its upper left corner on."""
        documents = slice(None) if self.index is None else self.index
        x_BNST[documents, :, : found.shape[2], : found.shape[3]] = found


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
    by_blocks: bool = False,
    device: torch.device,
) -> list[Group]:
    """Group a batch's documents by the kernel and the number of blocks that each needs.

    Args:
        is_token_BS: (batch_size, n_tokens) bool, False where nothing may be read; None: all are tokens.
        is_global_BS: (batch_size, n_tokens) bool, True at the tokens chosen to be global; None: there are none.
        batch_size: documents in the batch.
        n_tokens: physical length of the batch.
        block_size: tokens per block.
        full_attention_limit: longest document, in tokens, that runs full attention in a block-sparse model.
        attention_type: `block_sparse` or `original_full`.
        sparse_kernel: the kernel of block-sparse attention.
        alike: treat every document as if it were as long as the batch, as `transformers` does.
        by_blocks: let only documents of as many blocks share a group under full attention, too.
        device: where the batch lives.
    """
    lengths, counts = [n_tokens] * batch_size, [n_tokens] * batch_size
    if is_token_BS is not None:
        ends, counts = _ends_and_counts(is_token_BS)
        lengths = lengths if alike else ends
    members: dict[tuple[str, int], list[int]] = defaultdict(list)  # by kernel and blocks; 0 blocks: of any number
    for row, length in enumerate(lengths):
        kernel = choose(
            n_tokens=length,
            full_attention_limit=full_attention_limit,
            attention_type=attention_type,
            sparse=sparse_kernel,
        )
        members[kernel, 0 if kernel == "full" and not by_blocks else -(-length // block_size)].append(row)

    groups = []
    for (kernel, n_blocks), rows in members.items():
        width = max(lengths[row] for row in rows) if kernel == "full" else n_blocks * block_size
        everyone = len(rows) == batch_size
        index = None if everyone else on_device(np.array(rows), device)
        own = [lengths[row] for row in rows]
        is_token = None
        if any(counts[row] < width for row in rows):
            is_token = _mask(is_token_BS, index, own, width, device)
        is_global = None if is_global_BS is None else _cut(is_global_BS, index, width)
        groups.append(Group(kernel, width, own, None if everyone else rows, is_token, is_global, index))
    return groups


def _ends_and_counts(is_token_BS: Tensor) -> tuple[list[int], list[int]]:
    """Of each document where it ends, which is after its last token but after one at least, and how many it has."""
    places_S = torch.arange(1, is_token_BS.shape[1] + 1, device=is_token_BS.device)
    ends_B = (is_token_BS * places_S).amax(dim=1).clamp(min=1)
    ends, counts = torch.stack((ends_B, is_token_BS.sum(dim=1))).tolist()
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

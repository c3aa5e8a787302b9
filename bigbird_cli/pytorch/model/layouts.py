"""How a batch's documents lie in the tensor that passes through the blocks, and how attention finds them in it.

Padded rows are the batch as it came. In a packed row the documents lie one behind another, so that what is done token
by token meets no padding; only attention needs them apart: those of one group together, in a tensor of their own.

Shape letters: B documents, S sequence, D width, N heads, H head width, T tokens of all documents, G documents in a
group, W their common length, X what a layout makes of B and S: two dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bigbird_cli.pytorch.devices import on_device
from bigbird_cli.pytorch.model.documents import Group, document_ends
from bigbird_cli.pytorch.model.kernels import is_sparse


class Layout(Protocol):
    """Where the documents of one batch lie."""

    @property
    def groups(self) -> Sequence[Group]:
        """The documents by what attends in them."""

    def lay_out(self, x_BSD: Tensor) -> Tensor:
        """(B, S, D) to (X, D)."""

    def restore(self, x_XD: Tensor) -> Tensor:
        """(X, D) to (B, S, D), zeros where nothing was laid out."""

    def split(self, x_NXH: Tensor) -> Sequence[Tensor]:
        """Cut heads, (B, N, S, H) of what was laid out, into (G, N, W, H) for each group."""

    def join(self, parts_GNWH: Sequence[Tensor]) -> Tensor:
        """Undo `split`, zeros where no document is; H may be another number."""


@dataclass(frozen=True)
class PaddedRows:
    """A document a row, filled up on the right: what shows documents beside each other, or goes on from a cache."""

    groups: Sequence[Group]
    shape: tuple[int, int]
    """Documents and positions of the batch."""
    width: int
    """Positions of what is laid out. The last block of the longest document may reach beyond the batch: its padding is
    carried through all blocks rather than added and cut off in each."""

    def lay_out(self, x_BSD: Tensor) -> Tensor:
        surplus = self.width - self.shape[1]
        return F.pad(x_BSD, (0, 0, 0, surplus)) if surplus else x_BSD

    def restore(self, x_BWD: Tensor) -> Tensor:
        return x_BWD[:, : self.shape[1]]

    def split(self, x_BNWH: Tensor) -> list[Tensor]:
        return [x_BNWH[_documents(group), :, : group.n_tokens] for group in self.groups]

    def join(self, parts_GNWH: Sequence[Tensor]) -> Tensor:
        first = parts_GNWH[0]
        if len(parts_GNWH) == 1 and self.groups[0].index is None and first.shape[2] == self.width:
            return first
        joined_BNWH = first.new_zeros(self.shape[0], first.shape[1], self.width, first.shape[3])
        for group, part_GNWH in zip(self.groups, parts_GNWH, strict=True):
            joined_BNWH[_documents(group), :, : part_GNWH.shape[2]] = part_GNWH
        return joined_BNWH


def _documents(group: Group) -> Tensor | slice:
    return slice(None) if group.index is None else group.index


@dataclass(frozen=True)
class Spread:
    """How the tokens of a group's documents, end to end, fill a tensor with a row for each."""

    n_documents: int
    n_tokens: int
    """Of all documents together."""
    source_index: Tensor | None
    """(G * W,) the token that each position is filled from; None: every position has a token of its own."""
    token_index: Tensor | None
    """(n_tokens,) the positions of the tokens; None: all positions."""

    @classmethod
    def of(cls, lengths: Sequence[int], width: int, device: torch.device) -> "Spread":
        """Spread documents of these lengths to a common one."""
        if all(length == width for length in lengths):
            return cls(len(lengths), sum(lengths), None, None)
        length_G = np.array(lengths)
        position_W = np.arange(width)
        # a filler repeats its document's last token: no key mask lets it be attended to, and its gradient is zero
        within_GW = np.minimum(position_W, length_G[:, None] - 1)
        first_G = length_G.cumsum() - length_G
        is_filled_GW = position_W < length_G[:, None]
        return cls(
            len(lengths),
            sum(lengths),
            on_device((first_G[:, None] + within_GW).reshape(-1), device),
            on_device(is_filled_GW.reshape(-1).nonzero()[0], device),
        )

    def spread(self, x_1NTH: Tensor) -> Tensor:
        """(1, N, tokens, H) to (G, N, W, H)."""
        x_TNH = x_1NTH.squeeze(0).transpose(0, 1)  # x[0] would cost a copy in the backward pass
        if self.source_index is not None:
            x_TNH = x_TNH.index_select(0, self.source_index)
        return torch.unflatten(x_TNH, 0, (self.n_documents, -1)).transpose(1, 2)

    def collect(self, x_GNWH: Tensor) -> Tensor:
        """Undo `spread`: (tokens, N, H)."""
        x_TNH = x_GNWH.transpose(1, 2).flatten(0, 1)
        return x_TNH if self.token_index is None else x_TNH.index_select(0, self.token_index)


@dataclass(frozen=True)
class PackedRow:
    """All documents in one row, without padding, those of a group beside each other: a row is its groups end to end."""

    groups: Sequence[Group]
    spreads: Sequence[Spread]
    """Of each group."""
    shape: tuple[int, int]
    """Documents and positions of the batch."""
    index_T: Tensor | None
    """Position of each packed token in the batch, row behind row; None: they are the same."""

    @classmethod
    def of(cls, groups: Sequence[Group], shape: tuple[int, int], device: torch.device) -> "PackedRow":
        """Pack a batch of a shape (B, S) in the order of its groups."""
        B, S = shape
        spreads, spans = [], []
        for group in groups:
            spreads.append(Spread.of(group.lengths, group.n_tokens, device))
            rows = range(B) if group.rows is None else group.rows
            spans += [(row * S, row * S + length) for row, length in zip(rows, group.lengths, strict=True)]
        if spans == [(row * S, (row + 1) * S) for row in range(B)]:
            return cls(groups, spreads, shape, None)
        index = np.concatenate([np.arange(*span) for span in spans])
        return cls(groups, spreads, shape, on_device(index, device))

    def lay_out(self, x_BSD: Tensor) -> Tensor:
        x_TD = x_BSD.flatten(0, 1)
        return (x_TD if self.index_T is None else x_TD.index_select(0, self.index_T))[None]

    def restore(self, x_1TD: Tensor) -> Tensor:
        B, S = self.shape
        x_TD = x_1TD.squeeze(0)
        if self.index_T is not None:
            x_TD = x_TD.new_zeros(B * S, x_TD.shape[1]).index_copy(0, self.index_T, x_TD)
        return torch.unflatten(x_TD, 0, (B, S))

    def split(self, x_1NTH: Tensor) -> list[Tensor]:
        sizes = [spread.n_tokens for spread in self.spreads]
        parts_1NTH = [x_1NTH] if len(sizes) == 1 else torch.split_with_sizes(x_1NTH, sizes, dim=2)
        return [spread.spread(part) for spread, part in zip(self.spreads, parts_1NTH, strict=True)]

    def join(self, parts_GNWH: Sequence[Tensor]) -> Tensor:
        parts_TNH = [spread.collect(part) for spread, part in zip(self.spreads, parts_GNWH, strict=True)]
        x_TNH = parts_TNH[0] if len(parts_TNH) == 1 else torch.cat(parts_TNH)
        return x_TNH.transpose(0, 1)[None]


@dataclass(frozen=True)
class FixedLength:
    """A document a row of whole blocks, whatever a mask holds: what torch.export and torch.func can go through.

    Every row passes through dense attention, as far as short documents reach, and through block-sparse attention; each
    document keeps what belongs to its own length.
    """

    groups: Sequence[Group]
    """One, where all documents are of one kind, else the dense and the sparse one; each of the whole batch."""
    n_tokens: int
    """Positions of the batch."""
    width: int
    """Positions of what is laid out."""
    is_short_B: Tensor | None = None
    """True for a document that runs dense attention; None where all are of one kind."""

    def lay_out(self, x_BSD: Tensor) -> Tensor:
        return F.pad(x_BSD, (0, 0, 0, self.width - self.n_tokens))

    def restore(self, x_BWD: Tensor) -> Tensor:
        return x_BWD[:, : self.n_tokens]

    def split(self, x_BNWH: Tensor) -> list[Tensor]:
        return [x_BNWH[:, :, : group.n_tokens] for group in self.groups]

    def join(self, parts_BNWH: Sequence[Tensor]) -> Tensor:
        if self.is_short_B is None:
            return parts_BNWH[0]
        dense, sparse = parts_BNWH
        reach = dense.shape[2]
        start = torch.where(self.is_short_B[:, None, None, None], dense, sparse[:, :, :reach])
        return torch.cat((start, sparse[:, :, reach:]), dim=2)


def fixed_length(
    x_BSD: Tensor,
    is_token_BS: Tensor | None,
    *,
    block_size: int,
    full_attention_limit: int,
    attention_type: str,
    alike: bool,
) -> FixedLength:
    """Lay a batch out by its shape alone; arguments as of `group_documents`."""
    S = x_BSD.shape[1]
    if not is_sparse(n_tokens=S, full_attention_limit=full_attention_limit, attention_type=attention_type):
        only = Group(kernel="dense", is_sparse=False, n_tokens=S, lengths=(), is_token=is_token_BS)
        return FixedLength([only], S, S)
    n_blocks = -(-S // block_size)
    width = n_blocks * block_size
    given_BS = torch.ones_like(x_BSD[..., 0], dtype=torch.bool) if is_token_BS is None else is_token_BS
    is_token_BW = F.pad(given_BS, (0, width - S))
    ends_B = document_ends(is_token_BW)
    are_equal = alike or is_token_BS is None
    fewest = n_blocks if are_equal else full_attention_limit // block_size + 1
    sparse = Group(
        kernel="bucketed",
        is_sparse=True,
        n_tokens=width,
        lengths=(),
        is_token=is_token_BW,
        n_blocks_B=torch.full_like(ends_B, n_blocks) if are_equal else (ends_B + block_size - 1) // block_size,
        fewest_blocks=fewest,
    )
    if are_equal:
        return FixedLength([sparse], S, width)
    reach = full_attention_limit
    dense = Group(kernel="dense", is_sparse=False, n_tokens=reach, lengths=(), is_token=is_token_BW[:, :reach])
    return FixedLength([dense, sparse], S, width, ends_B <= reach)

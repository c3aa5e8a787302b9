"""Lay a batch's documents one behind another, so that what is done token by token meets no padding.

Only attention needs documents apart: those of as many blocks read together, in a tensor of their own that is filled up
to the next block. Documents of one group stand beside each other in the packed row, so that what the groups read is
the packed row again when it is laid end to end.

Shape letters: B documents, S sequence, D width, N heads, H head width, T tokens of all documents, G documents in a
group, W their common length.
"""

from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import Tensor

from bigbird_cli.pytorch.documents import Group, cut_mask, document_lengths, group_mask
from bigbird_cli.pytorch.kernels import choose


@dataclass(frozen=True)
class PackedGroup(Group):
    """Documents of a packed row that one kernel call reads together."""

    spread_index: Tensor | None = None
    """(G * W,) where each place of the group's tensor is filled from; None: every place has a token of its own."""
    token_index: Tensor | None = None
    """(tokens,) where the group's tensor holds them; None: everywhere."""

    @property
    def n_packed(self) -> int:
        """Tokens of the group's documents together."""
        return sum(self.lengths)

    def spread(self, x_1NTH: Tensor) -> Tensor:
        """Lay the group's tokens out as (G, N, W, H)."""
        x_TNH = x_1NTH[0].transpose(0, 1)
        if self.spread_index is not None:
            x_TNH = x_TNH.index_select(0, self.spread_index)
        return x_TNH.unflatten(0, (len(self.lengths), -1)).transpose(1, 2)

    def collect(self, x_GNWH: Tensor) -> Tensor:
        """Undo `spread`: (tokens, N, H)."""
        x_TNH = x_GNWH.transpose(1, 2).flatten(0, 1)
        return x_TNH if self.token_index is None else x_TNH.index_select(0, self.token_index)


@dataclass(frozen=True)
class Packing:
    """Where the tokens of a padded batch stand in a row without padding."""

    groups: list[PackedGroup]
    shape: tuple[int, int]
    """Documents and positions of the padded batch."""
    index_T: Tensor | None
    """Place of each packed token in the padded batch, row behind row; None: they are the same."""

    def pack(self, x_BSD: Tensor) -> Tensor:
        """(B, S, D) to (1, T, D)."""
        x_TD = x_BSD.flatten(0, 1)
        return (x_TD if self.index_T is None else x_TD.index_select(0, self.index_T))[None]

    def unpack(self, x_1TD: Tensor) -> Tensor:
        """(1, T, D) to (B, S, D), zeros where no document is."""
        B, S = self.shape
        x_TD = x_1TD[0]
        if self.index_T is not None:
            x_TD = x_TD.new_zeros(B * S, x_TD.shape[1]).index_copy(0, self.index_T, x_TD)
        return x_TD.unflatten(0, (B, S))


def pack_documents(
    is_token_BS: Tensor | None,
    *,
    is_global_BS: Tensor | None = None,
    batch_size: int,
    n_tokens: int,
    block_size: int,
    full_attention_limit: int,
    attention_type: str,
    sparse_kernel: str = "gather",
    device: torch.device,
) -> Packing:
    """Pack a batch's documents, each by its own length; arguments as `group_documents` has them."""
    lengths = document_lengths(is_token_BS, batch_size=batch_size, n_tokens=n_tokens)
    members: dict[tuple[str, int], list[int]] = defaultdict(list)
    for row, length in enumerate(lengths):
        kernel = choose(
            n_tokens=length,
            full_attention_limit=full_attention_limit,
            attention_type=attention_type,
            sparse=sparse_kernel,
        )
        members[kernel, -(-length // block_size)].append(row)

    groups = []
    for (kernel, n_blocks), rows in members.items():
        own = [lengths[row] for row in rows]
        width = max(own) if kernel == "full" else n_blocks * block_size
        everyone = len(rows) == batch_size
        index = None if everyone else torch.tensor(rows, device=device)
        spread_index, token_index = _indices(own, width, device)
        groups.append(
            PackedGroup(
                kernel,
                width,
                own,
                index,
                group_mask(is_token_BS, index, own, width, device),
                None if is_global_BS is None else cut_mask(is_global_BS, index, width),
                spread_index,
                token_index,
            )
        )
    order = [row for rows in members.values() for row in rows]
    if order == list(range(batch_size)) and all(length == n_tokens for length in lengths):
        return Packing(groups, (batch_size, n_tokens), None)
    places = [torch.arange(row * n_tokens, row * n_tokens + lengths[row], device=device) for row in order]
    return Packing(groups, (batch_size, n_tokens), torch.cat(places))


def _indices(lengths: list[int], width: int, device: torch.device) -> tuple[Tensor | None, Tensor | None]:
    """Return how documents laid end to end are spread to a common width, and where their tokens are then."""
    if all(length == width for length in lengths):
        return None, None
    length_G = torch.tensor(lengths, device=device)
    place_W = torch.arange(width, device=device)
    # a filler repeats its document's last token: no key mask lets it be read, and its gradient is zero
    within_GW = torch.minimum(place_W, length_G[:, None] - 1)
    first_G = length_G.cumsum(0) - length_G
    is_filled_GW = place_W < length_G[:, None]
    return (first_G[:, None] + within_GW).flatten(), is_filled_GW.flatten().nonzero()[:, 0]

"""Lay a batch's documents one behind another, so that what is done token by token meets no padding.

Only attention needs documents apart: those of as many blocks read together, in a tensor of their own that is filled up
to the next block. Documents of one group stand beside each other in the packed row, so that what the groups read is
the packed row again when it is laid end to end.

Shape letters: B documents, S sequence, D width, N heads, H head width, T tokens of all documents, G documents in a
group, W their common length.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bigbird_cli.pytorch.devices import on_device
from bigbird_cli.pytorch.model.documents import Group


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
        x_TNH = x_1NTH.squeeze(0).transpose(0, 1)  # x[0] would cost a copy in the backward pass
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
        x_TD = x_1TD.squeeze(0)
        if self.index_T is not None:
            x_TD = x_TD.new_zeros(B * S, x_TD.shape[1]).index_copy(0, self.index_T, x_TD)
        return x_TD.unflatten(0, (B, S))


def pack_groups(groups: Sequence[Group], shape: tuple[int, int], device: torch.device) -> Packing:
    """Pack a batch of a shape (B, S) in the order of its groups."""
    B, S = shape
    packed, places = [], []
    for group in groups:
        spread_index, token_index = _indices(group.lengths, group.n_tokens, device)
        packed.append(
            PackedGroup(
                group.kernel,
                group.n_tokens,
                group.lengths,
                group.rows,
                group.is_token,
                group.is_global,
                group.index,
                spread_index,
                token_index,
            )
        )
        rows = range(B) if group.rows is None else group.rows
        places += [(row * S, row * S + length) for row, length in zip(rows, group.lengths, strict=True)]
    if places == [(row * S, (row + 1) * S) for row in range(B)]:
        return Packing(packed, shape, None)
    return Packing(packed, shape, on_device(np.concatenate([np.arange(*place) for place in places]), device))


def _indices(lengths: list[int], width: int, device: torch.device) -> tuple[Tensor | None, Tensor | None]:
    """Return how documents laid end to end are spread to a common width, and where their tokens are then."""
    if all(length == width for length in lengths):
        return None, None
    length_G = np.array(lengths)
    place_W = np.arange(width)
    # a filler repeats its document's last token: no key mask lets it be read, and its gradient is zero
    within_GW = np.minimum(place_W, length_G[:, None] - 1)
    first_G = length_G.cumsum() - length_G
    is_filled_GW = place_W < length_G[:, None]
    return (
        on_device((first_G[:, None] + within_GW).reshape(-1), device),
        on_device(is_filled_GW.reshape(-1).nonzero()[0], device),
    )

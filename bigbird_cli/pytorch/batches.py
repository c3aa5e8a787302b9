"""Features -> padded tensors on a device."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bigbird_cli.pytorch.devices import on_device
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.padding import pad


@dataclass(frozen=True, eq=False)
class Collated:
    """Features as the model takes them: what `tasks.padding.Padded` holds, as tensors."""

    inputs: dict[str, Tensor]
    n_tokens: int
    n_padded: int


def collate(
    features: Sequence[Feature], *, pad_id: int, device: torch.device, labels: bool = True, per_token: bool = True
) -> Collated:
    """Pad features to the longest and move them to the device; arguments as of `tasks.padding.pad`."""
    padded = pad(features, pad_id=pad_id, labels=labels, per_token=per_token)
    inputs = {name: on_device(array, device) for name, array in padded.arrays.items()}
    return Collated(inputs=inputs, n_tokens=padded.n_tokens, n_padded=padded.n_padded)

"""The framework's side of pytorch_model.bin: torch.load, weights-only, and torch.save."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from bigbird_cli.errors import ModelError, ResourceError
from bigbird_cli.pytorch.devices import memory_errors

_MOST_REPEATS = 2
"""So many times the file's size may its tensors have together: a tied one stands there under two names."""

_SMALLER = "convert a smaller model"
_SAVE = "save the state_dict() of a model alone"


def weights(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a state dict as arrays in the stored type; bfloat16 becomes float32.

    Args:
        path: an archive that `weights.formats.pickled` has looked over.

    Raises:
        ModelError: it holds anything besides tensors, or tensors that do not fit into it.
        ResourceError: memory did not suffice.
    """
    _check_size(_load(path, device="meta"), path)
    tensors = _load(path, device="cpu")
    with memory_errors(_SMALLER):
        return {name: _as_array(tensors.pop(name)) for name in list(tensors)}


def weight_types(path: Path) -> dict[str, str]:
    """Name -> stored type of the tensors that `weights` gives another one; errors as there."""
    tensors = _load(path, device="meta")
    return {name: "bfloat16" for name, tensor in tensors.items() if tensor.dtype is torch.bfloat16}


def write_weights(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Save arrays as a state dict of plain tensors.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    state = {name: torch.from_numpy(np.require(array, requirements=["C", "W"])) for name, array in tensors.items()}
    path.touch()  # the writer's errors do not tell a missing folder from a full disk
    try:
        torch.save(state, path)
    except RuntimeError as error:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error


def _load(path: Path, *, device: str) -> dict[str, torch.Tensor]:
    try:
        with memory_errors(_SMALLER):
            loaded = torch.load(path, map_location=device, weights_only=True)
    except ResourceError:
        raise
    except Exception as error:  # whatever a broken file makes of it
        raise ModelError(
            f"the weights file is broken ({error})", where=str(path), fix="fetch or copy the file again"
        ) from error
    if not isinstance(loaded, dict):
        raise ModelError(f"the file holds a {type(loaded).__name__}, no dict of tensors", where=str(path), fix=_SAVE)
    for name, tensor in loaded.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise ModelError(f"its entry {name!r:.60} is no tensor with a name", where=str(path), fix=_SAVE)
    return loaded


def _check_size(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """On the device `meta` nothing has memory yet, and every size is known; torch itself checks each tensor's bytes."""
    n_bytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    if n_bytes > _MOST_REPEATS * path.stat().st_size:
        raise ModelError(f"its tensors have {n_bytes:,} bytes, more than the file", where=str(path), fix=_SAVE)


def _as_array(tensor: torch.Tensor) -> np.ndarray:
    tensor = tensor.detach()
    array: np.ndarray = (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy()
    return array

"""A checkpoint's tensors into a model's parameters."""

import warnings
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import NewWeightsWarning
from bigbird_cli.pytorch.model.configured import ConfiguredModel
from bigbird_cli.pytorch.model.initialisation import initialise
from bigbird_cli.weights.contract import Shape
from bigbird_cli.weights.fitting import Fitted, fit


def load_tensors(
    model: ConfiguredModel,
    tensors: Mapping[str, np.ndarray],
    *,
    where: str,
    trained: bool = False,
    saved_config: BigBirdConfig | None = None,
    ignore_mismatched_sizes: bool = False,
) -> Fitted:
    """Load a checkpoint into a model; what the head lacks is initialised and named in a warning.

    Args:
        model: takes the tensors over.
        tensors, where, trained, saved_config, ignore_mismatched_sizes: see `weights.fitting.fit`.

    Returns:
        What was missing, not used, and of another shape.

    Raises:
        ModelError: an encoder tensor is missing, or any tensor has another shape than the config asks for.
    """
    wanted: dict[str, Shape] = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    fitted = fit(
        tensors,
        wanted,
        config=model.config,
        prefix=model.prefix,
        label_parameters=model.label_parameters,
        where=where,
        trained=trained,
        saved_config=saved_config,
        ignore_mismatched_sizes=ignore_mismatched_sizes,
    )
    state = {name: _to_tensor(array) for name, array in fitted.tensors.items()}
    model.load_state_dict(state, strict=False, assign=True)
    for name in fitted.new:
        _start_anew(model, name, wanted[name])
    notes = fitted.notes(why_mismatched="another shape" if ignore_mismatched_sizes else "other labels")
    if notes:
        warnings.warn(f"{where}: {notes}", NewWeightsWarning, stacklevel=4)
    return fitted


def _start_anew(model: ConfiguredModel, name: str, shape: Shape) -> None:
    owner, _, leaf = name.rpartition(".")
    module = model.get_submodule(owner)
    if module.get_parameter(leaf).is_meta:
        setattr(module, leaf, nn.Parameter(torch.empty(shape)))
    initialise(module, leaf, std=model.config.initializer_range)


def _to_tensor(array: np.ndarray) -> Tensor:
    if array.dtype == np.float16:  # numpy widens it number by number
        return torch.from_numpy(array if array.flags.writeable else array.copy()).float()
    usable = array.dtype == np.float32 and array.flags.writeable
    return torch.from_numpy(array if usable else array.astype(np.float32))

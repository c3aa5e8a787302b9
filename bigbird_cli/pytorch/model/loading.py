"""A checkpoint's tensors into a model's parameters."""

import warnings
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.names import POSITIONS, SHARED_BIAS, TIED, TOKEN_TYPES, name_among
from bigbird_cli.bigbird.positions import tiled
from bigbird_cli.errors import ModelError, NewWeightsWarning
from bigbird_cli.pytorch.model.configured import ConfiguredModel
from bigbird_cli.pytorch.model.initialisation import initialise
from bigbird_cli.weights.contract import Shape, check_present, misshapen, tied_to

ENCODER_PARTS = ("embeddings.", "encoder.")
"""Parameters that a checkpoint must have; all others can be trained anew."""


class Loaded(NamedTuple):
    """What became of the tensors of a checkpoint, by name."""

    missing: list[str]
    """Those that it lacks; they are new."""
    unused: list[str]
    """Those that the model does not have."""
    mismatched: list[tuple[str, list[int], list[int]]]
    """Those of another shape, each with the checkpoint's and the model's; they are new."""


def load_tensors(
    model: ConfiguredModel,
    tensors: Mapping[str, np.ndarray],
    *,
    where: str,
    trained: bool = False,
    saved_config: BigBirdConfig | None = None,
    ignore_mismatched_sizes: bool = False,
) -> Loaded:
    """Load a checkpoint into a model; what the head lacks is initialised and named in a warning.

    Args:
        model: takes the tensors over.
        tensors: arrays by Hugging Face's names, the encoder's with or without `bert.` before them.
        where: the checkpoint, for errors.
        trained: a missing tensor of the head is an error too.
        saved_config: what the checkpoint's own config says, where the model's may ask for more positions or other
            labels.
        ignore_mismatched_sizes: take a tensor of the head of another shape for a missing one.

    Returns:
        What was missing, not used, and of another shape.

    Raises:
        ModelError: an encoder tensor is missing, or any tensor has another shape than the config asks for.
    """
    wanted: dict[str, Shape] = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    encoder = {name: wanted[name] for name in wanted if name.removeprefix(model.prefix).startswith(ENCODER_PARTS)}
    found = {name_among(name, wanted): array for name, array in tensors.items()}
    unused = sorted(name for name in found.keys() - wanted.keys() if name not in TIED)
    _join_second_names(found, wanted, is_tied=model.config.tie_word_embeddings, where=where)
    if saved_config is not None:
        _extend(found, model, saved_config)
    misfits = [name for name in wanted if name in found and found[name].shape != wanted[name]]
    outdated = [
        name
        for name in misfits
        if (ignore_mismatched_sizes and name not in encoder)
        or (saved_config and saved_config.num_labels != model.config.num_labels and name in model.label_parameters)
    ]
    mismatched = [(name, list(found.pop(name).shape), list(wanted[name])) for name in outdated]
    check_present(
        encoder,
        found,
        where=where,
        fix="it may be another kind of model, or have more layers in its config than weights",
    )
    new = [name for name in wanted if name not in found]
    if new and trained:
        raise ModelError(
            f"the checkpoint lacks {_enumerate(new)}: this head was never trained",
            where=where,
            fix="train it with bigbird finetune, or name a model that has it",
        )
    for name in misfits:
        if name in found:
            fix = "ask for the size that it has, or correct its config.json"
            raise misshapen(name, found[name].shape, wanted[name], where=where, fix=fix)
    model.load_state_dict(
        {name: _to_tensor(found[name]) for name in wanted if name in found}, strict=False, assign=True
    )
    for name in new:
        _start_anew(model, name, wanted[name])
    missing = [name for name in new if name not in outdated]
    why = "another shape" if ignore_mismatched_sizes else "other labels"
    notes = [f"not in the checkpoint and new: {_enumerate(missing)}"] if missing else []
    notes += [f"of {why} and new: {_enumerate(outdated)}"] if outdated else []
    notes += [f"in the checkpoint and not used: {_enumerate(unused)}"] if unused else []
    if notes:
        warnings.warn(f"{where}: {'; '.join(notes)}", NewWeightsWarning, stacklevel=4)
    return Loaded(missing, unused, mismatched)


def _join_second_names(found: dict[str, np.ndarray], wanted: Mapping[str, Shape], *, is_tied: bool, where: str) -> None:
    """Bring together what a checkpoint holds under the two names of one parameter."""
    if not is_tied:
        found |= {home: found[second] for second, home in SHARED_BIAS.items() if second in found}
        return
    for second, home in TIED.items():
        own = name_among(home, wanted)
        if second in found and own in wanted and own not in found:
            found[own] = found[second]  # some writers keep the second name only
        if home in wanted:
            tied_to(second, found, where=where)


def _extend(found: dict[str, np.ndarray], model: ConfiguredModel, saved: BigBirdConfig) -> None:
    """Lengthen the tables of which the model's config asks for more rows than the checkpoint's.

    Position vectors are repeated; a token type that the checkpoint lacks begins as type 0, which all tokens of a single
    text have.
    """
    name, n_saved, n_wanted = (
        model.prefix + POSITIONS,
        saved.max_position_embeddings,
        model.config.max_position_embeddings,
    )
    if n_saved < n_wanted and name in found and len(found[name]) == n_saved:
        found[name] = tiled(found[name], n_wanted)
    name, n_saved, n_wanted = model.prefix + TOKEN_TYPES, saved.type_vocab_size, model.config.type_vocab_size
    if n_saved < n_wanted and name in found and len(found[name]) == n_saved:
        found[name] = np.concatenate([found[name], np.repeat(found[name][:1], n_wanted - n_saved, axis=0)])


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


def _enumerate(names: Iterable[str], most: int = 4) -> str:
    names = list(names)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest

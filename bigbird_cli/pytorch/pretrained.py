"""A module with a config, and its way from and to a model folder."""

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from torch import Tensor, nn

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.names import SHARED_BIAS, TIED
from bigbird_cli.bigbird.positions import tiled
from bigbird_cli.errors import ModelError, NewWeightsWarning
from bigbird_cli.pytorch.encoder import Encoder
from bigbird_cli.pytorch.kernels import KERNELS
from bigbird_cli.pytorch.layers import initialise
from bigbird_cli.weights.store import open_folder, read_tensors, write_model

ENCODER_PARTS = ("embeddings.", "encoder.")
"""Parameters that a checkpoint must have; all others can be trained anew."""


class PretrainedModel(nn.Module):
    """A module with a config, and its way from and to a folder."""

    prefix: ClassVar[str] = "bert."
    """What stands before the encoder's parameter names."""

    label_parameters: ClassVar[tuple[str, ...]] = ()
    """Names of the parameters that have a row a label."""

    def __init__(self, config: BigBirdConfig) -> None:
        super().__init__()
        self.config = config.replace(architectures=[type(self).__name__])
        self.new_parameters: tuple[str, ...] = ()
        """Parameters that the checkpoint lacked."""

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        pattern: str | None = None,
        revision: str | None = None,
        offline: bool = False,
        trained: bool = False,
        **changes: Any,
    ) -> Self:
        """Open a model folder, a shipped model or a hub name; weights become float32, the model stands in eval mode.

        Args:
            name: folder, or name; a name that starts with `.`, `/` or `~` or exists on disk is never looked up.
            pattern: variant of the random blocks, in place of the config's; see BigBirdConfig.
            revision: of a hub name.
            offline: never ask the network.
            trained: refuse a checkpoint that lacks a tensor, instead of starting it anew.
            changes: config fields to change, such as `block_size` or `num_random_blocks`. A larger
                `max_position_embeddings` repeats the position vectors that are there; other labels start anew.

        Raises:
            ModelError: no such model, an encoder tensor that is missing, or one of the wrong shape.
        """
        folder = open_folder(name, offline=offline, revision=revision)
        config = folder.config.replace(**(changes if pattern is None else {**changes, "pattern": pattern}))
        with torch.device("meta"):
            model = cls._build(config)
        tensors = read_tensors(folder.path)
        model.load_tensors(tensors, where=str(folder.path), trained=trained, saved_config=folder.config)
        return model.eval()

    def save_pretrained(self, folder: str | Path) -> None:
        """Write config.json and model.safetensors, with Hugging Face's names."""
        write_model(Path(folder), config=self.config, tensors=self.to_tensors())

    def to_tensors(self) -> dict[str, np.ndarray]:
        """Copy every parameter into a numpy array, by name, and by both names where transformers asks for two."""
        tensors = {name: value.detach().cpu().numpy() for name, value in self.state_dict().items()}
        if not self.config.tie_word_embeddings:
            tensors |= {twin: tensors[home] for twin, home in SHARED_BIAS.items() if home in tensors}
        return tensors

    def load_tensors(
        self,
        tensors: Mapping[str, np.ndarray],
        *,
        where: str,
        trained: bool = False,
        saved_config: BigBirdConfig | None = None,
    ) -> None:
        """Take over a checkpoint's tensors; what the head lacks is initialised and named in a warning.

        Args:
            tensors: arrays by Hugging Face's names, the encoder's with or without `bert.` before them.
            where: the checkpoint, for errors.
            trained: a missing tensor of the head is an error too.
            saved_config: what the checkpoint's own config says, where the model's may ask for more positions or other
                labels.

        Raises:
            ModelError: an encoder tensor is missing, or any tensor has another shape than the config asks for.
        """
        own = self.state_dict()
        found = {self._own_name(name, own): value for name, value in tensors.items()}
        unused = sorted(name for name in found.keys() - own.keys() if name not in TIED)
        self._settle_twins(found, own, where=where)
        if saved_config is not None:
            self._extend_positions(found, saved_config)
        outdated = [] if saved_config is None else self._outdated_labels(found, own, saved_config)
        for name in outdated:
            del found[name]
        missing = [name for name in own if name not in found]
        if lost := [name for name in missing if name.removeprefix(self.prefix).startswith(ENCODER_PARTS)]:
            raise ModelError(
                f"the checkpoint lacks {_enumerate(lost)}",
                where=where,
                fix="it may be another kind of model, or have more layers in its config than weights",
            )
        if missing and trained:
            raise ModelError(
                f"the checkpoint lacks {_enumerate(missing)}: this head was never trained",
                where=where,
                fix="train it with bigbird finetune, or name a model that has it",
            )
        for name, value in own.items():
            if name in found and found[name].shape != tuple(value.shape):
                raise ModelError(
                    f"{name} has shape {list(found[name].shape)}, the config asks for {list(value.shape)}", where=where
                )
        state = {name: _to_tensor(found[name]) for name in own if name in found}
        self.load_state_dict(state, strict=False, assign=True)
        for name in missing:
            owner, _, leaf = name.rpartition(".")
            module = self.get_submodule(owner)
            if module.get_parameter(leaf).is_meta:
                setattr(module, leaf, nn.Parameter(torch.empty(own[name].shape)))
            initialise(module, leaf, std=self.config.initializer_range)
        absent = [name for name in missing if name not in outdated]
        notes = [f"not in the checkpoint and new: {_enumerate(absent)}"] if absent else []
        notes += [f"of other labels and new: {_enumerate(outdated)}"] if outdated else []
        notes += [f"in the checkpoint and not used: {_enumerate(unused)}"] if unused else []
        if notes:
            warnings.warn(f"{where}: {'; '.join(notes)}", NewWeightsWarning, stacklevel=3)
        self.new_parameters = tuple(missing)

    def _settle_twins(self, found: dict[str, np.ndarray], own: Mapping[str, Tensor], *, where: str) -> None:
        """Bring together what a checkpoint holds under the two names of one parameter."""
        if not self.config.tie_word_embeddings:
            for twin, home in SHARED_BIAS.items():
                if twin in found:
                    found[home] = found[twin]
            return
        for twin, home in TIED.items():
            if twin in found and home in own and home in found and not np.array_equal(found[twin], found[home]):
                raise ModelError(
                    f"{twin} differs from {home}, which it is tied to by the config",
                    where=where,
                    fix="set tie_word_embeddings to false in its config.json",
                )

    def _extend_positions(self, found: dict[str, np.ndarray], saved: BigBirdConfig) -> None:
        """Repeat the position vectors where the model's config asks for more than the checkpoint's."""
        name = f"{self.prefix}embeddings.position_embeddings.weight"
        n_saved, n_wanted = saved.max_position_embeddings, self.config.max_position_embeddings
        if n_saved < n_wanted and name in found and len(found[name]) == n_saved:
            found[name] = tiled(found[name], n_wanted)

    def _outdated_labels(
        self, found: Mapping[str, np.ndarray], own: Mapping[str, Tensor], saved: BigBirdConfig
    ) -> list[str]:
        """Name the parameters for labels that the model's config no longer has."""
        if saved.num_labels == self.config.num_labels:
            return []
        return [name for name in self.label_parameters if name in found and found[name].shape != tuple(own[name].shape)]

    def gradient_checkpointing_enable(self) -> None:
        """Keep only each block's input for the backward pass and compute the rest again."""
        self._encoder().gradient_checkpointing = True

    def gradient_checkpointing_disable(self) -> None:
        """Keep every intermediate result for the backward pass."""
        self._encoder().gradient_checkpointing = False

    def use_sparse_kernel(self, name: str) -> None:
        """Let block-sparse attention be computed by another kernel: gather (the default), flex or reference.

        Raises:
            ValueError: there is no such kernel of block-sparse attention.
        """
        if name not in KERNELS or name == "full":
            raise ValueError(f"{name!r} is not one of {', '.join(sorted(KERNELS.keys() - {'full'}))}")
        self._encoder().sparse_kernel = name

    @classmethod
    def _build(cls, config: BigBirdConfig) -> Self:
        return cls(config)

    def _encoder(self) -> Encoder:
        return cast(Encoder, self.get_submodule(f"{self.prefix}encoder"))

    def _own_name(self, name: str, own: Mapping[str, Tensor]) -> str:
        """Find a checkpoint's name among our own: a base folder has no prefix, a head folder has one."""
        return next((form for form in (name, name.removeprefix("bert."), f"bert.{name}") if form in own), name)

    def _initialise_all(self) -> None:
        for module in self.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if not parameter.is_meta:
                    initialise(module, name, std=self.config.initializer_range)


def _to_tensor(array: np.ndarray) -> Tensor:
    if array.dtype == np.float16:  # numpy widens it number by number
        return torch.from_numpy(array if array.flags.writeable else array.copy()).float()
    usable = array.dtype == np.float32 and array.flags.writeable
    return torch.from_numpy(array if usable else array.astype(np.float32))


def _enumerate(names: Iterable[str], most: int = 4) -> str:
    names = list(names)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest

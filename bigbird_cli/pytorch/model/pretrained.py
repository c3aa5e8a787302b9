"""A module with a config, and its way from and to a model folder."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.names import SHARED_BIAS
from bigbird_cli.files.hub import hub_options
from bigbird_cli.pytorch.model.configured import ConfiguredModel
from bigbird_cli.pytorch.model.initialisation import initialise
from bigbird_cli.pytorch.model.loading import load_tensors
from bigbird_cli.weights.fitting import Fitted
from bigbird_cli.weights.store import (
    check_layers,
    open_folder,
    read_tensors,
    unwrapped,
    write_model,
)

SETTLED = (
    "low_cpu_mem_usage",
    "use_safetensors",
    "trust_remote_code",
    "force_download",
    "resume_download",
    "attn_implementation",
)
"""Arguments of transformers that leave no choice here: weights are read once and from safetensors, no code is run,
the hub's library knows which files are new, and attention has kernels of its own (`use_sparse_kernel`)."""


class PretrainedModel(ConfiguredModel):
    """A module with a config, and its way from and to a folder."""

    def __init__(self, config: BigBirdConfig) -> None:
        super().__init__(config)
        self.new_parameters: tuple[str, ...] = ()
        """Parameters that the checkpoint lacked."""

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        config: BigBirdConfig | str | Path | None = None,
        pattern: str | None = None,
        trained: bool = False,
        torch_dtype: torch.dtype | str | None = None,
        dtype: torch.dtype | str | None = None,
        device_map: str | int | torch.device | None = None,
        add_pooling_layer: bool | None = None,
        ignore_mismatched_sizes: bool = False,
        output_loading_info: bool = False,
        **changes: Any,
    ) -> Self:
        """Open a model folder, a shipped model or a hub name; the model stands in eval mode.

        Args:
            pretrained_model_name_or_path: folder, or name; a name that starts with `.`, `/` or `~` or exists on disk
                is never looked up.
            config: in place of the folder's own, or where to find it.
            pattern: variant of the random blocks, in place of the config's; see BigBirdConfig.
            trained: refuse a checkpoint that lacks a tensor, instead of starting it anew.
            torch_dtype, dtype: of the parameters, such as torch.bfloat16, its name, or "auto" for what the config
                says; by default float32.
            device_map: a device to put the model on; "auto" takes a GPU if there is one.
            add_pooling_layer: build with or without the pooler, in the classes that leave the choice.
            ignore_mismatched_sizes: start a tensor of the head anew where its shape is not what the config asks for.
            output_loading_info: return what became of the checkpoint's tensors too.
            changes: config fields to change, such as `block_size` or `num_random_blocks`. A larger
                `max_position_embeddings` repeats the position vectors that are there; other labels start anew. And
                where to look for a hub name: revision=, cache_dir=, token=, and local_files_only= or offline=, which
                never ask the network.

        Returns:
            The model; with output_loading_info, the model and a dictionary of names.

        Raises:
            ModelError: no such model, an encoder tensor that is missing, or one of the wrong shape.
        """
        _drop_settled(changes)
        folder = open_folder(pretrained_model_name_or_path, **hub_options(changes))
        base = config if isinstance(config, BigBirdConfig) else folder.config
        if isinstance(config, str | Path):
            base = BigBirdConfig.from_pretrained(config)
        settings = base.replace(**(changes if pattern is None else {**changes, "pattern": pattern}))
        tensors = unwrapped(read_tensors(folder.path), where=str(folder.path))
        check_layers(settings.num_hidden_layers, len(tensors), where=str(folder.path))
        with torch.device("meta"):
            model = cls._build(settings, add_pooling_layer=add_pooling_layer)
        loaded = model.load_tensors(
            tensors,
            where=str(folder.path),
            trained=trained,
            saved_config=folder.config,
            ignore_mismatched_sizes=ignore_mismatched_sizes,
        )
        kind = _dtype_of(torch_dtype if dtype is None else dtype, settings)
        model = model.to(device=_device_of(device_map), dtype=kind).eval()
        if not output_loading_info:
            return model
        info = {"missing_keys": loaded.missing, "unexpected_keys": loaded.unused, "mismatched_keys": loaded.mismatched}
        return model, {**info, "error_msgs": []}  # type: ignore[return-value]

    @classmethod
    def from_config(cls, config: BigBirdConfig) -> Self:
        """Build a new model, as the class itself does."""
        return cls(config)

    def save_pretrained(
        self,
        save_directory: str | Path,
        *,
        is_main_process: bool = True,
        state_dict: Mapping[str, Tensor] | None = None,
        safe_serialization: bool = True,
        max_shard_size: int | str | None = None,
    ) -> None:
        """Write config.json and model.safetensors, with Hugging Face's names.

        Args:
            save_directory: a folder; it is made where it is missing.
            is_main_process: do nothing where it is False, as every process but one says.
            state_dict: in place of the model's own, as wrappers gather it.
            safe_serialization: True; no pickle is written.
            max_shard_size: of no effect: the weights stand in one file, which no BigBird is too large for.

        Raises:
            ValueError: a pickle is asked for.
        """
        del max_shard_size
        if not safe_serialization:
            raise ValueError("weights are written as safetensors only: leave safe_serialization on")
        if is_main_process:
            config = self.config.replace(architectures=[type(self).__name__])
            write_model(Path(save_directory), config=config, tensors=self.to_tensors(state_dict))

    def to_tensors(self, state_dict: Mapping[str, Tensor] | None = None) -> dict[str, np.ndarray]:
        """Copy every parameter into a numpy array, by name, and by both names where transformers asks for two.

        Numpy has no bfloat16: such numbers become float32, which changes none.
        """
        state = self.state_dict() if state_dict is None else state_dict
        tensors = {name: _to_array(value) for name, value in state.items()}
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
        ignore_mismatched_sizes: bool = False,
    ) -> Fitted:
        """Load a checkpoint's tensors; see `loading.load_tensors`."""
        loaded = load_tensors(
            self,
            tensors,
            where=where,
            trained=trained,
            saved_config=saved_config,
            ignore_mismatched_sizes=ignore_mismatched_sizes,
        )
        self.new_parameters = (*loaded.missing, *(name for name, *_ in loaded.mismatched))
        return loaded

    @classmethod
    def _build(cls, config: BigBirdConfig, *, add_pooling_layer: bool | None = None) -> Self:
        if add_pooling_layer is None:
            return cls(config)
        if "add_pooling_layer" not in inspect.signature(cls.__init__).parameters:
            raise TypeError(f"a {cls.__name__} leaves no choice of a pooler: leave add_pooling_layer out")
        return cls(config, add_pooling_layer=add_pooling_layer)  # type: ignore[call-arg]

    def _initialise_all(self) -> None:
        """Give every parameter its start; the last thing that a class does when it is built."""
        self.base_model.config = self.config  # one for both: what is set here steers the encoder's calls
        if self.config.gradient_checkpointing:
            self.gradient_checkpointing_enable()
        for module in self.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if not parameter.is_meta:
                    initialise(module, name, std=self.config.initializer_range)


def _drop_settled(options: dict[str, Any]) -> None:
    if options.get("use_safetensors") is False:
        raise ValueError("use_safetensors=False is not offered: a pickle is read by `bigbird convert` alone")
    for name in SETTLED:
        options.pop(name, None)


def _dtype_of(asked: torch.dtype | str | None, config: BigBirdConfig) -> torch.dtype:
    """The type that is asked for, by itself or by name.

    Raises:
        ValueError: it is none of floating-point numbers.
    """
    if asked == "auto":
        asked = config.dtype or config.torch_dtype
    kind = getattr(torch, asked.removeprefix("torch."), None) if isinstance(asked, str) else asked or torch.float32
    if not (isinstance(kind, torch.dtype) and kind.is_floating_point):
        raise ValueError(f'torch_dtype is {asked!r}; it may be "float32", "float16", "bfloat16", "float64" or "auto"')
    return kind


def _device_of(device_map: Any) -> torch.device:
    if device_map == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device("cpu" if device_map is None else device_map)


def _to_array(value: Tensor) -> np.ndarray:
    value = value.detach().cpu()
    return (value.float() if value.dtype == torch.bfloat16 else value).numpy()

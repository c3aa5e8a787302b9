"""Model folders: where a name leads, what a folder holds, and how a new one is written."""

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.names import wrapper_of
from bigbird_cli.errors import BigBirdWarning, ModelError, nearest
from bigbird_cli.files.folders import whole_files, whole_folder
from bigbird_cli.files.hub import fetch_model
from bigbird_cli.files.json import read_json_object
from bigbird_cli.files.names import CARD, COMPANIONS, CONFIG, INDEX, TASK, WEIGHTS
from bigbird_cli.files.paths import SHIPPED, is_local, local_path, model_file_errors
from bigbird_cli.messages import counted
from bigbird_cli.weights.tensors import n_bytes, read_tensor_file, write_tensor_file

SMALL_FILES: Final = 2_000_000
"""Bytes that a vocabulary and the small files take at most, as a rule."""

_SMALL_FILES: Final = (CONFIG, *COMPANIONS, CARD)
SAFETENSORS: Final = (WEIGHTS, INDEX, "model-*-of-*.safetensors")
CONVERTIBLE: Final = (
    SAFETENSORS,
    ("pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model-*-of-*.bin"),
    ("flax_model.msgpack", "flax_model.msgpack.index.json", "flax_model-*-of-*.msgpack"),
)
"""Patterns of the weights that a conversion takes from the hub, the kind it likes best first."""
_HUB_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w][\w.-]*)?")
_PICKLES: Final = ("pytorch_model.bin", "pytorch_model.bin.index.json")
_CONVERT: Final = (
    "make safetensors of it with `bigbird convert FOLDER OUT`, or with transformers: save_pretrained writes safetensors"
)
_FOREIGN: Final = {"tf_model.h5": "TensorFlow", "flax_model.msgpack": "Flax"}


@dataclass(frozen=True)
class ModelFolder:
    """A model that stands on this machine's disk."""

    path: Path
    config: BigBirdConfig
    task: dict[str, Any] | None = None
    """What task.json says: the settings that the model was trained with, where the folder has one."""


class SavesFiles(Protocol):
    """A tokenizer, as far as the store knows one."""

    def save(self, folder: Path) -> None: ...


@model_file_errors()
def open_folder(name: str | Path, *, offline: bool = False, revision: str | None = None, **hub: Any) -> ModelFolder:
    """Find a BigBird by its folder or name and read its configuration; `find_folder` says how.

    Raises:
        ModelError: no such model, or the folder holds none, or one that is no BigBird.
    """
    path = find_folder(name, offline=offline, revision=revision, **hub)
    config = BigBirdConfig.from_file(path / CONFIG)
    task = read_json_object(path / TASK) if (path / TASK).exists() else None
    return ModelFolder(path=path, config=config, task=task)


@model_file_errors()
def find_folder(
    name: str | Path,
    *,
    offline: bool = False,
    revision: str | None = None,
    weights: Sequence[Sequence[str]] = (SAFETENSORS,),
    **hub: Any,
) -> Path:
    """The folder of a model of any kind, with a config.json in it.

    Args:
        name: a folder, a shipped model's name, or a name on the Hugging Face hub. A Path, a name that begins with
            `.`, `/` or `~`, and one that exists on disk is a folder and is never looked up.
        offline: take a hub model from this machine's cache only; so do the variables in `files.hub.OFFLINE`.
        revision: branch, tag or commit of a hub model.
        weights: kinds of weights to take from the hub, each by the patterns of its files: the first that is there. None
            at all where only the tokenizer is wanted.
        hub: cache_dir= and token=, as huggingface_hub has them.

    Raises:
        ModelError: there is no such folder or model, or the hub did not answer within 5 seconds.
    """
    if is_local(name):
        path = local_path(name)
        if path.is_file():
            raise ModelError(
                "this is a file, not a model folder", where=str(name), fix=f"name its folder {path.parent}"
            )
        if not path.is_dir():
            raise ModelError("there is no such model folder", where=str(name), fix=_did_you_mean(path.name))
    elif (SHIPPED / name / CONFIG).is_file():
        path = SHIPPED / name
    elif _HUB_NAME.fullmatch(str(name)):
        path = _from_hub(str(name), weights, offline=offline, revision=revision, hub=hub)
    else:
        raise ModelError("this is neither a folder nor a model's name", where=str(name), fix=_did_you_mean(str(name)))
    if not (path / CONFIG).is_file():
        reject_adapter(path)
        raise ModelError(f"the folder holds no model: {CONFIG} is missing", where=str(name), fix="name a model folder")
    return path


def reject_adapter(folder: Path) -> None:
    """ModelError for a folder with what LoRA adds to a model, and not the model."""
    if (folder / "adapter_config.json").is_file():
        raise ModelError(
            "the folder holds an adapter (adapter_config.json), which is no model by itself",
            where=str(folder),
            fix="merge it into its model with peft: model.merge_and_unload().save_pretrained(FOLDER)",
        )


def shipped_models() -> list[str]:
    """The names of the models that come with the program."""
    return sorted(config.parent.name for config in SHIPPED.glob(f"*/{CONFIG}"))


@model_file_errors()
def read_tensors(
    folder: Path, *, weights: str = WEIGHTS, read: Callable[[Path], dict[str, np.ndarray]] | None = None
) -> dict[str, np.ndarray]:
    """A folder's weights under their stored names, whole or from shards.

    Types are as stored, float16 included; bfloat16 is widened to float32, which changes no value. Nothing besides
    the weights is held in memory, and a pickle (`.bin`) is opened only where the caller names it and brings a reader.

    Args:
        folder: a model folder.
        weights: the file that holds them all; shards and the index are named after it.
        read: reads one such file; by default a safetensors file.

    Raises:
        ModelError: no weights, or a file that is missing, cut off or at odds with itself; it names the file.
    """
    tensors: dict[str, np.ndarray] = {}
    for file, names in weight_files(folder, weights).items():
        found = (read or read_tensor_file)(file)
        if names is not None and (missing := names - found.keys()):
            raise ModelError(
                f"the shard lacks {min(missing)}, which the index promises", where=str(file), fix="fetch it again"
            )
        tensors |= found if names is None else {name: found[name] for name in sorted(names)}
    return tensors


def unwrapped(tensors: dict[str, np.ndarray], *, where: str) -> dict[str, np.ndarray]:
    """Tensors without what a wrapper, such as DataParallel, put before every name; a warning tells of it."""
    prefix = wrapper_of(tensors)
    if not prefix:
        return tensors
    warnings.warn(f"{where}: {prefix!r} before every name was taken off", BigBirdWarning, stacklevel=3)
    return {name.removeprefix(prefix): array for name, array in tensors.items()}


def check_layers(n_layers: object, n_tensors: int, *, where: str) -> None:
    """ModelError where a config tells of more layers than there are tensors, before their names are written out."""
    if isinstance(n_layers, int) and n_layers > n_tensors:
        raise ModelError(
            f"num_hidden_layers is {n_layers}, and the folder has {counted(n_tensors, 'tensor')}",
            where=where,
            fix="correct num_hidden_layers",
        )


def check_vocabulary(n_ids: int, n_embeddings: object, *, where: str) -> None:
    """ModelError where a tokenizer gives ids that the model has no word embedding for.

    Args:
        n_ids: the tokenizer's vocab_size: every id is below it.
        n_embeddings: the config's vocab_size; anything but a number is left to whoever checks configs.
        where: the model, for the error.
    """
    if isinstance(n_embeddings, int) and n_ids > n_embeddings:
        raise ModelError(
            f"the tokenizer has ids up to {n_ids - 1}, but the model only {n_embeddings} word embeddings",
            where=where,
            fix="use the tokenizer that the model was trained with",
        )


def write_model(
    folder: Path,
    *,
    config: BigBirdConfig,
    tensors: Mapping[str, np.ndarray],
    tokenizer: SavesFiles | None = None,
    files: Mapping[str, bytes] | None = None,
    weights: str = WEIGHTS,
    write: Callable[[Path, Mapping[str, np.ndarray]], None] | None = None,
) -> None:
    """Write a model folder that this program and transformers open.

    A new folder appears whole, by one rename. In a folder that exists each file is replaced whole, the weights last,
    and other files stay.

    Args:
        folder: where; parents are made.
        config: becomes config.json.
        tensors: become the weights file, in the types given.
        tokenizer: saves its own files.
        files: any others, such as task.json or README.md.
        weights: the file of the weights, by its name.
        write: writes it; by default as safetensors.

    Raises:
        ResourceError: the disk is full or cannot be written; what stood there is untouched.
    """
    folder = Path(folder)
    extra = dict(files or {})
    size = n_bytes(tensors) + sum(map(len, extra.values())) + SMALL_FILES
    writing = whole_files(folder, n_bytes=size, last=weights) if folder.is_dir() else whole_folder(folder, n_bytes=size)
    with writing as partial:
        config.save(partial / CONFIG)
        if tokenizer is not None:
            tokenizer.save(partial)
        for name, content in extra.items():
            (partial / name).write_bytes(content)
        (write or _write_safetensors)(partial / weights, tensors)


def _write_safetensors(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    write_tensor_file(path, tensors, metadata={"format": "pt"})


# what a folder holds


def weight_files(folder: Path, weights: str = WEIGHTS) -> dict[Path, set[str] | None]:
    """The files to read, each with the tensors to take from it (None: all).

    Raises:
        ModelError: there are none, or not those that the index promises.
    """
    folder = Path(folder)
    if (folder / weights).is_file():
        return {folder / weights: None}
    index = folder / f"{weights}.index.json"
    if not index.is_file():
        raise _no_weights(folder)
    shard_of = read_json_object(index).get("weight_map")
    if not isinstance(shard_of, dict) or not all(isinstance(shard, str) for shard in shard_of.values()):
        raise ModelError("the index maps no tensors to files", where=str(index), fix="fetch it again")
    shards: dict[Path, set[str] | None] = {}
    for shard in sorted(set(shard_of.values())):
        if Path(shard).name != shard or not shard.endswith(Path(weights).suffix):
            raise ModelError(f"the index names {shard!r}, which is no file beside it", where=str(index))
        if not (folder / shard).is_file():
            raise ModelError(f"the shard {shard} is missing", where=str(folder), fix="fetch the model again")
        shards[folder / shard] = {name for name, own in shard_of.items() if own == shard}
    return shards


def _no_weights(folder: Path) -> ModelError:
    for pickle in _PICKLES:
        if (folder / pickle).is_file():
            return ModelError(
                f"the weights are pickled ({pickle}), which is not opened here",
                where=str(folder),
                fix=_CONVERT,
            )
    for file, framework in _FOREIGN.items():
        if (folder / file).is_file():
            fix = _CONVERT if file.endswith(".msgpack") else f"provide {WEIGHTS}"
            return ModelError(f"the weights are {framework}'s ({file})", where=str(folder), fix=fix)
    return ModelError(f"the folder holds no weights: {WEIGHTS} is missing", where=str(folder), fix="fetch them again")


# where a name leads


def _did_you_mean(name: str) -> str:
    shipped = shipped_models()
    near = nearest(name, shipped)
    otherwise = f"shipped models are {', '.join(shipped)}" if shipped else "give a model folder"
    return f"did you mean {near}?" if near else otherwise


def _from_hub(
    name: str, weights: Sequence[Sequence[str]], *, offline: bool, revision: str | None, hub: Mapping[str, Any]
) -> Path:
    return fetch_model(
        name,
        files=_SMALL_FILES,
        suggestion=_did_you_mean(name),
        choose=lambda there: _choose_weights(name, weights, there),
        is_complete=lambda there: CONFIG in there and (not weights or any(_is_there(kind, there) for kind in weights)),
        offline=offline,
        revision=revision,
        **hub,
    )


def _choose_weights(name: str, weights: Sequence[Sequence[str]], there: frozenset[str]) -> Sequence[str]:
    """The first kind of weights of which the hub has files, or nothing of no kinds; ModelError where it has none."""
    if not weights:
        return ()
    for kind in weights:
        if _is_there(kind, there):
            return kind
    if there & set(_PICKLES):
        raise ModelError(
            "the hub has its weights pickled only (.bin), which is not opened here",
            where=name,
            fix=f"make safetensors of it with `bigbird convert {name} FOLDER`",
        )
    raise ModelError(
        f"the hub has no {' or '.join(kind[0] for kind in weights)} of it",
        where=name,
        fix="name a model with safetensors weights",
    )


def _is_there(kind: Sequence[str], there: frozenset[str]) -> bool:
    return not there.isdisjoint(kind[:2])  # the one file, or the index of several

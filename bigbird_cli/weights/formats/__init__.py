"""The files that hold a model's tensors, whatever wrote them: which there are, and how one is found out."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from bigbird_cli.errors import ModelError
from bigbird_cli.files.names import CONFIG, WEIGHTS
from bigbird_cli.weights.formats import flax, pickled
from bigbird_cli.weights.formats.pickled import PickleIO
from bigbird_cli.weights.formats.tensorflow import bundle
from bigbird_cli.weights.formats.tensorflow.names import from_tensorflow
from bigbird_cli.weights.store import read_tensors, reject_adapter, weight_files
from bigbird_cli.weights.tensors import changed_types, read_tensor_file, write_tensor_file

Read = Callable[..., dict[str, np.ndarray]]
Write = Callable[..., None]


@dataclass(frozen=True)
class Renamed:
    """A file's tensors under transformers' names, each name of the file accounted for.

    Attributes:
        tensors: name -> array.
        used: the file's own name -> that name.
        unused: the file's own name -> why it has none.
    """

    tensors: dict[str, np.ndarray]
    used: dict[str, str]
    unused: dict[str, str]

    def renamed(self, names: Mapping[str, str]) -> "Renamed":
        """The same tensors, those in `names` (old -> new) under another name."""
        tensors = {names.get(name, name): array for name, array in self.tensors.items()}
        return Renamed(tensors, {stored: names.get(name, name) for stored, name in self.used.items()}, self.unused)

    def without(self, reasons: Mapping[str, str]) -> "Renamed":
        """The tensors but those in `reasons` (name -> why it is left behind)."""
        unused = {stored: reasons[name] for stored, name in self.used.items() if name in reasons}
        return Renamed(
            {name: array for name, array in self.tensors.items() if name not in reasons},
            {stored: name for stored, name in self.used.items() if name not in reasons},
            self.unused | unused,
        )


@dataclass(frozen=True)
class Format:
    """One way to put tensors into a file.

    Attributes:
        title: what a reader knows it by.
        weights: the file's name in a model folder; empty where it is free.
        read: reads one file, under its own names.
        write: writes one file, from its own names; None where it is only read.
        import_names: its own names and layouts -> transformers'.
        export_names: transformers' -> its own.
        types: own name -> what the type is called there, for types that reading changes.
        skipped: own name -> why reading leaves it out.
    """

    title: str
    weights: str
    read: Read
    write: Write | None = None
    import_names: Callable[[dict[str, np.ndarray]], Renamed] | None = None
    export_names: Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]] | None = None
    types: Callable[..., dict[str, str]] | None = None
    skipped: Callable[[Path], dict[str, str]] | None = None


def _from_tensorflow(stored: dict[str, np.ndarray]) -> Renamed:
    return Renamed(*from_tensorflow(stored))


def _from_flax(stored: dict[str, np.ndarray]) -> Renamed:
    return Renamed(*flax.from_flax(stored))


FORMATS: Final = {
    "safetensors": Format(
        title="safetensors",
        weights=WEIGHTS,
        read=read_tensor_file,
        write=partial(write_tensor_file, metadata={"format": "pt"}),
        types=changed_types,
    ),
    "flax": Format(
        title="Flax's msgpack",
        weights="flax_model.msgpack",
        read=flax.read,
        write=flax.write,
        import_names=_from_flax,
        export_names=flax.to_flax,
        types=flax.stored_types,
    ),
    "bin": Format(
        title="PyTorch's pickle",
        weights="pytorch_model.bin",
        read=pickled.read,
        write=pickled.write,
        types=pickled.stored_types,
    ),
    "tensorflow": Format(
        title="a TensorFlow checkpoint",
        weights="",
        read=bundle.read,
        import_names=_from_tensorflow,
        types=bundle.stored_types,
        skipped=bundle.skipped,
    ),
}
"""By the name that `--to` has for it; in a folder with several, the first is read."""


@dataclass(frozen=True)
class Found:
    """Weights on the disk.

    Attributes:
        format: one of FORMATS.
        path: the file, a checkpoint's prefix, or the folder with whole or sharded weights.
        folder: where its config.json and its tokenizer stand, if there are any.
        passed_over: other weights in the folder, which are not read.
    """

    format: str
    path: Path
    folder: Path
    passed_over: tuple[str, ...] = ()


def find_format(name: str, pickle_io: PickleIO | None) -> Format:
    """One of FORMATS, ready to read and write files.

    Args:
        name: its name.
        pickle_io: reads and writes pickles; may be None where none is met.

    Raises:
        ModelError: it is pickled, and `pickle_io` is None.
    """
    found = FORMATS[name]
    if name != "bin":
        return found
    if pickle_io is None:
        raise ModelError(f"{found.title} is read and written by PyTorch alone", fix="pip install torch")
    return replace(
        found,
        read=partial(pickled.read, pickle_io=pickle_io),
        write=partial(pickled.write, pickle_io=pickle_io),
        types=partial(pickled.stored_types, pickle_io=pickle_io),
    )


def detect(path: str | Path) -> Found:
    """Find out what a path holds, by names alone; nothing is opened.

    Args:
        path: a model folder, a sentence-transformers folder, a SavedModel, a folder with one TensorFlow checkpoint, a
            checkpoint's prefix, or a file of weights.

    Raises:
        ModelError: nothing is there, nothing that is read here, or several checkpoints of which none was named.
    """
    path = Path(path)
    if path.is_dir():
        return _in_folder(_transformer_folder(path))
    if (prefix := _prefix(path)) is not None:
        return Found("tensorflow", prefix, prefix.parent)
    if not path.is_file():
        raise ModelError("there is no such folder or file", where=str(path), fix="name a model folder or a checkpoint")
    for name, suffixes in _SUFFIXES.items():
        if path.suffix in suffixes:
            return Found(name, path, path.parent)
    raise ModelError(
        f"no weights are read from a {path.suffix or 'nameless'} file",
        where=str(path),
        fix=f"name a model folder, a TensorFlow checkpoint, or a file that ends in {_endings()}",
    )


def read(found: Found, *, pickle_io: PickleIO | None = None) -> Renamed:
    """The tensors of what `detect` found, under transformers' names, each name of the file accounted for.

    Raises:
        ModelError: a file is missing, cut off or at odds with itself; it names the file.
    """
    layout = FORMATS[found.format]
    stored = read_stored(found, pickle_io=pickle_io)
    if layout.import_names is None:
        return Renamed(stored, {name: name for name in stored}, {})
    try:
        named = layout.import_names(stored)
    except ModelError as error:
        raise ModelError(error.problem, where=error.where or str(found.path), fix=error.fix) from error
    return named if layout.skipped is None else replace(named, unused=named.unused | layout.skipped(found.path))


def read_stored(found: Found, *, pickle_io: PickleIO | None = None) -> dict[str, np.ndarray]:
    """The tensors of what `detect` found, under the file's own names; errors as in `read`."""
    layout = find_format(found.format, pickle_io)
    if layout.weights and found.path == found.folder:
        return read_tensors(found.path, weights=layout.weights, read=layout.read)
    return layout.read(found.path)


def stored_types(found: Found, *, pickle_io: PickleIO | None = None) -> dict[str, str]:
    """Own name -> stored type, for those that reading widens; errors as in `read`."""
    layout = find_format(found.format, pickle_io)
    if layout.types is None:
        return {}
    in_folder = bool(layout.weights) and found.path == found.folder
    files = list(weight_files(found.path, layout.weights)) if in_folder else [found.path]
    return {name: kind for file in files for name, kind in layout.types(file).items()}


_SUFFIXES: Final = {
    "safetensors": (".safetensors",),
    "flax": (".msgpack",),
    "bin": (".bin", ".pt", ".pth"),
}
_FOREIGN: Final = {
    "tf_model.h5": "Keras's HDF5",
    "model.ckpt.h5": "Keras's HDF5",
    "rust_model.ot": "Rust's",
    "model.onnx": "ONNX",
}


def _endings() -> str:
    return ", ".join(suffix for suffixes in _SUFFIXES.values() for suffix in suffixes)


def _prefix(path: Path) -> Path | None:
    """The prefix of a TensorFlow checkpoint that a path names, with or without the end of one of its files."""
    name = path.name.removesuffix(".index")
    name = name.split(".data-0")[0]
    prefix = path.with_name(name) if name else path
    return prefix if prefix.with_name(f"{prefix.name}.index").is_file() else None


def _in_folder(folder: Path) -> Found:
    there = []
    for name, weights in ((name, layout.weights) for name, layout in FORMATS.items() if layout.weights):
        if (folder / weights).is_file() or (folder / f"{weights}.index.json").is_file():
            there.append((name, folder, weights))
    there += [("tensorflow", prefix, prefix.name) for prefix in _checkpoints(folder)]
    if not there:
        reject_adapter(folder)
        for name, whose in _FOREIGN.items():
            if (folder / name).is_file():
                raise ModelError(
                    f"its weights are {whose} ({name}), which are not read here",
                    where=str(folder),
                    fix="open the model where it came from and save it as safetensors",
                )
        known = ", ".join(layout.weights for layout in FORMATS.values() if layout.weights)
        raise ModelError(
            f"the folder holds no weights ({known}, or a TensorFlow checkpoint)",
            where=str(folder),
            fix="fetch them again, or name another folder",
        )
    (name, path, _), others = there[0], tuple(weights for _, _, weights in there[1:])
    if name == "tensorflow" and others:
        raise ModelError(
            f"the folder holds {len(there)} checkpoints ({', '.join(weights for _, _, weights in there)})",
            where=str(folder),
            fix=f"name one, such as {path}",
        )
    return Found(name, path, folder, others)


def _checkpoints(folder: Path) -> list[Path]:
    saved_model = folder / "variables" / "variables.index"
    files = [saved_model] if saved_model.is_file() else sorted(folder.glob("*.index"))
    return [file.with_name(file.name.removesuffix(".index")) for file in files]


def _transformer_folder(folder: Path) -> Path:
    """The folder with the encoder in it: of a sentence-transformers model it may be a subfolder."""
    modules = folder / "modules.json"
    if (folder / CONFIG).is_file() or not modules.is_file():
        return folder
    try:
        listed = json.loads(modules.read_text(encoding="utf-8"))
        subfolder: str = next(module["path"] for module in listed if module["type"].endswith(".Transformer"))
        return folder / subfolder
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise ModelError("names no transformer", where=str(modules), fix="fetch the model again") from error

"""Any model that `sources` reads -> a BigBird folder in any format, for inputs of any length."""

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, get_args

import numpy as np

from bigbird_cli.bigbird.config import SETTING_BOUNDS, BigBirdConfig
from bigbird_cli.bigbird.positions import tiled
from bigbird_cli.choices import Positions, WeightsType
from bigbird_cli.errors import ModelError, UsageError, nearest
from bigbird_cli.files.folders import remove_abandoned
from bigbird_cli.files.names import TOKENIZER_CONFIG
from bigbird_cli.text.tokenizers.tokenizer import has_tokenizer, load_tokenizer
from bigbird_cli.weights.bfloat16 import write_bfloat16
from bigbird_cli.weights.formats import FORMATS, find_format
from bigbird_cli.weights.formats.pickled import PickleIO
from bigbird_cli.weights.int8 import quantized
from bigbird_cli.weights.sources import Source, open_source
from bigbird_cli.weights.store import check_vocabulary, write_model


class GraphIO(Protocol):
    """What writes graphs and runs them: the room of ONNX."""

    def write_graph(self, weights: Path, config: BigBirdConfig, head: str) -> None:
        """Write the graph of a model beside its weights, which it takes from there.

        Args:
            weights: a file of safetensors that was written here, in float32 or int8.
            config: the model's.
            head: whose outputs the graph gives; of a language model it gives the encoder's.

        Raises:
            ModelError: no graph is made of such a model.
            OSError: the disk is full or cannot be written.
        """
        ...

    def run_graph(self, path: Path, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Open a graph and run it once: every output by name.

        Raises:
            ModelError: it is no graph that is read here.
            ResourceError: memory did not suffice.
        """
        ...


WRITTEN: Final = tuple(name for name, layout in FORMATS.items() if layout.write is not None)
DTYPES: Final = get_args(WeightsType)
_SAFETENSORS_ONLY: Final = ("bfloat16", "int8")
ONNX: Final = "onnx"
_OF_GRAPHS: Final = ("float32", "int8")
POSITION_RULES: Final = get_args(Positions)
LONG: Final = 4096
"""Positions that an encoder with few of them gets, unless the caller asks for another number."""


@dataclass(frozen=True)
class ConversionReport:
    """What became of a source model.

    Attributes:
        out: the folder written.
        source: what the source was found to be, and in which file.
        format: of the weights written, one of WRITTEN.
        config: the new model's settings.
        used: source tensor -> the tensor it became.
        unused: source tensor -> why it was left behind. Every source tensor stands in `used` or here.
        initialised: parameters the new model has none of; they are new wherever a head or a pooler needs them.
        source_positions: positions of the source; config.max_position_embeddings has the new model's.
        notes: whatever else was done or found.
    """

    out: Path
    source: str
    format: str
    config: BigBirdConfig
    used: dict[str, str]
    unused: dict[str, str]
    initialised: tuple[str, ...]
    source_positions: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return asdict(self) | {
            "out": str(self.out),
            "config": self.config.to_dict(),
            "positions": self.config.max_position_embeddings,
        }


def convert_model(
    source: str | Path,
    out: str | Path,
    *,
    to: str = "safetensors",
    dtype: str | None = None,
    max_positions: int | None = None,
    positions: str = "tile",
    block_size: int | None = None,
    num_random_blocks: int | None = None,
    config: str | Path | None = None,
    pickle_io: PickleIO | None = None,
    graph_io: GraphIO | None = None,
) -> ConversionReport:
    """Make a BigBird folder of a model of another kind, format, length or precision.

    A BigBird keeps its head, its settings, its tokenizer's files and, where nothing else is asked for, every bit of its
    tensors. An encoder of BERT's shape becomes a bare BigBird to train from, in float32: up to the source's positions,
    and under full attention, it gives the source's hidden states.

    Args:
        source: a model folder, a TensorFlow checkpoint or SavedModel, or a file of weights; see `formats.detect`.
        out: the folder to write; it must not exist yet, or be empty.
        to: the format of the weights, one of WRITTEN; or ONNX: safetensors, and a graph that takes them from there.
        dtype: one of DTYPES; None keeps what is stored, with bfloat16 widened to float32, which changes no value, and
            so 8-bit integers. int8 rounds matrices to a quarter of float32's size, which only bigbird opens as it is. A
            graph takes float32, which is its default, or int8, by which it multiplies in 8 bits.
        max_positions: the longest input of the new model, in tokens; None keeps a BigBird's and gives others LONG.
        positions: for more of them than the source has, "tile" repeats the source's (Beltagy et al., 2020,
            arXiv:2004.05150, section 5) and "interpolate" stretches them; fewer are the source's first.
        block_size: tokens per block of sparse attention; None keeps a BigBird's and gives others its default.
        num_random_blocks: random blocks per query block; None as for block_size.
        config: a config.json in place of the source's own.
        pickle_io: reads and writes pickles; an error where one is met and it is None.
        graph_io: writes the graph; only ONNX needs it.

    Raises:
        UsageError: out holds something, or an option has an impossible value.
        ModelError: the source cannot be read, is no such model, or has a tensor that is unknown, missing, misshapen or
            out of range; the error names it.
        ResourceError: memory or disk did not suffice; nothing is left behind.
    """
    out = Path(out)
    _check_choice(to, (*WRITTEN, ONNX), "to")
    _check_choice(positions, POSITION_RULES, "positions")
    if dtype is not None:
        _check_choice(dtype, DTYPES, "dtype")
        if to == ONNX and dtype not in _OF_GRAPHS:
            raise UsageError(f"a graph is not written in {dtype}", where="dtype", fix="use float32 or int8")
        if dtype in _SAFETENSORS_ONLY and to not in ("safetensors", ONNX):
            raise UsageError(f"{dtype} is not written as {to}", where="dtype", fix='write it with to="safetensors"')
    elif to == ONNX:
        dtype = "float32"
    sizes = {
        "max_position_embeddings": ("max_positions", max_positions),
        "block_size": ("block_size", block_size),
        "num_random_blocks": ("num_random_blocks", num_random_blocks),
    }
    for setting, (option, value) in sizes.items():
        if value is not None and value not in SETTING_BOUNDS[setting]:
            raise UsageError(f"{value} is out of bounds", where=option, fix=f"give a number {SETTING_BOUNDS[setting]}")
    _check_is_free(out)
    model = open_source(source, config=config, pickle_io=pickle_io)
    n_source = model.config.max_position_embeddings
    n_wanted = max_positions or (LONG if model.is_new else n_source)
    tensors, notes = model.tensors, [*model.notes, *_check_vocabulary(model)]
    name = model.positions
    if n_wanted != n_source:
        how = positions if n_wanted > n_source else "cut"
        tensors[name] = resized(tensors[name], n_wanted, how=how)
        notes.append(f"positions {n_source} → {n_wanted}: {_POSITION_WORDS[how]}")
    changes: dict[str, Any] = {"max_position_embeddings": n_wanted}
    changes |= {} if block_size is None else {"block_size": block_size}
    changes |= {} if num_random_blocks is None else {"num_random_blocks": num_random_blocks}
    new_config = model.config.replace(**changes)
    if dtype is not None:
        cast(tensors, dtype, where=str(model.found.path))
    files = _files(model, n_wanted if model.is_new or n_wanted != n_source else None)
    layout = find_format("safetensors" if to == ONNX else to, pickle_io)
    if dtype == "int8":
        tensors = quantized(tensors)
    if layout.export_names is not None:
        tensors = layout.export_names(tensors)
    if out.is_dir() and not out.is_symlink():
        out.rmdir()  # it is empty; a new folder appears whole
    write = partial(write_bfloat16, metadata={"format": "pt"}) if dtype == "bfloat16" else layout.write
    if to == ONNX and write is not None and graph_io is not None:
        write = partial(_with_graph, write, partial(graph_io.write_graph, config=new_config, head=model.head))
    write_model(out, config=new_config, tensors=tensors, files=files, weights=layout.weights, write=write)
    return ConversionReport(
        out=out,
        source=model.described,
        format=to,
        config=new_config,
        used=model.used,
        unused=model.unused,
        initialised=model.initialised,
        source_positions=n_source,
        notes=tuple(notes),
    )


def _with_graph(
    write: Callable[[Path, Mapping[str, np.ndarray]], None],
    write_graph: Callable[[Path], None],
    path: Path,
    tensors: Mapping[str, np.ndarray],
) -> None:
    write(path, tensors)
    write_graph(path)


_POSITION_WORDS: Final = {
    "tile": "the source's are repeated",
    "interpolate": "the source's are stretched by linear interpolation",
    "cut": "the source's first are kept and the others left out; longer inputs no longer fit",
}


def resized(positions_PD: np.ndarray, n_positions: int, *, how: str) -> np.ndarray:
    """A table of position vectors with more or fewer rows, in its own type.

    Args:
        positions_PD: the table.
        n_positions: rows wanted.
        how: "tile" repeats the rows, "interpolate" puts the new rows evenly between the first and the last one, "cut"
            keeps the first ones.
    """
    if how == "interpolate":
        rows = np.linspace(0, len(positions_PD) - 1, n_positions)
        below = np.minimum(rows.astype(np.int64), max(len(positions_PD) - 2, 0))
        above = np.minimum(below + 1, len(positions_PD) - 1)
        share = (rows - below)[:, None]
        wide = positions_PD.astype(np.float64)
        stretched: np.ndarray = wide[below] * (1 - share) + wide[above] * share
        return stretched.astype(positions_PD.dtype)
    return tiled(positions_PD, n_positions)


def cast(tensors: dict[str, np.ndarray], dtype: str, *, where: str) -> None:
    """Give every tensor of real numbers in a dict another type, one after the other, so that memory holds few twice.

    bfloat16, which numpy lacks, stays float32 here and is rounded when it is written.

    Raises:
        ModelError: a value is too large for the type; it names the tensor.
    """
    target = np.dtype(np.float16 if dtype == "float16" else np.float32)
    for name, array in tensors.items():
        if array.dtype.kind != "f":
            continue
        with np.errstate(over="ignore"):
            tensors[name] = array.astype(target, copy=False)
        largest = _LARGEST_BFLOAT16 if dtype == "bfloat16" else np.inf
        if not (np.isfinite(tensors[name]) & (np.abs(tensors[name]) <= largest)).all():
            raise ModelError(
                f"the tensor {name} holds {np.abs(array).max():g}, too large for {dtype}",
                where=where,
                fix="use float32",
            )


_LARGEST_BFLOAT16: Final = 3.3895314e38


def _check_choice(value: str, known: tuple[str, ...], option: str) -> None:
    if value not in known:
        near = nearest(value, known)
        fix = f"did you mean {near}?" if near else f"use one of {', '.join(known)}"
        raise UsageError(f"{value!r} is unknown", where=option, fix=fix)


def _check_is_free(out: Path) -> None:
    remove_abandoned(out)
    if out.is_dir() and any(out.iterdir()):
        raise UsageError("the folder holds files already", where=str(out), fix="name another one, or empty it")
    if os.path.lexists(out) and not out.is_dir():
        raise UsageError("there is a file of that name", where=str(out), fix="name a folder")


def _check_vocabulary(model: Source) -> list[str]:
    """A note of a tokenizer that cannot be read; ModelError where the model has too few embeddings for it."""
    folder = model.found.folder
    if model.tokenizer is not None or not has_tokenizer(folder):
        return []
    try:
        n_ids = load_tokenizer(folder).vocab_size
    except ModelError as error:
        return [f"the tokenizer goes with it as it is, though no command will read it: {error}"]
    check_vocabulary(n_ids, model.config.vocab_size, where=str(folder))
    return []


def _files(model: Source, n_positions: int | None) -> Mapping[str, bytes]:
    """The tokenizer and other small files, the tokenizer's longest input set where it changed."""
    files = dict(model.companions)
    if model.tokenizer is not None:
        with tempfile.TemporaryDirectory() as name:
            model.tokenizer.save(Path(name))
            files |= {file.name: file.read_bytes() for file in Path(name).iterdir()}
    if n_positions is not None and TOKENIZER_CONFIG in files:
        try:
            settings = json.loads(files[TOKENIZER_CONFIG])
            settings["model_max_length"] = n_positions
        except (ValueError, TypeError, RecursionError) as error:
            raise ModelError(
                "not readable as JSON", where=str(model.found.folder / TOKENIZER_CONFIG), fix="fetch the model again"
            ) from error
        files[TOKENIZER_CONFIG] = (json.dumps(settings, indent=2, ensure_ascii=False) + "\n").encode()
    return files

"""The interface of a framework: what the rooms above may ask of one, and what it returns.

A backend is a room with the functions of `Backend`, and a line in `BACKENDS`. The rooms above speak in recipes,
features and numpy arrays, so that they never learn which framework did the work: a framework supplies its model, an
`Engine` that trains it and a `Predictor` that runs it. The training loop, resumption and evaluation stand above, once.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeVar, cast

import numpy as np

from bigbird_cli.errors import UsageError, nearest

if TYPE_CHECKING:
    from bigbird_cli.bigbird.config import BigBirdConfig
    from bigbird_cli.recipe.schema import Recipe
    from bigbird_cli.tasks.base import Feature
    from bigbird_cli.weights.convert import GraphIO
    from bigbird_cli.weights.formats.pickled import PickleIO
    from bigbird_cli.weights.store import ModelFolder

BACKENDS = {"pytorch": "bigbird_cli.pytorch", "jax": "bigbird_cli.jax", "onnx": "bigbird_cli.onnx"}
"""The room of each, by the name that a recipe's `backend:` or `--backend` says; onnx reads, and does nothing else."""

AUTO: Final = "auto"
"""Stands for a backend that `choose_backend` names."""

_GPU_FILES: Final = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")

T = TypeVar("T")

Reduction = Literal["sum", "max"]


@dataclass(frozen=True)
class Compute:
    """Where a command computes, and whether it may ask the network.

    Attributes:
        device: `auto`, `cpu`, `cuda:N` or `mps`.
        threads: processor threads; None leaves the framework's own choice.
        offline: never ask the network.
    """

    device: str = "auto"
    threads: int | None = None
    offline: bool = False


@dataclass(frozen=True)
class Accelerator:
    """A device beside the processor.

    Attributes:
        name: of its kind.
        count: how many of them this machine has.
        total_bytes, free_bytes: its memory, and what of it nobody uses.
    """

    name: str
    count: int
    total_bytes: int
    free_bytes: int


@dataclass(frozen=True, eq=False)
class StartModel:
    """What an engine's model is made from.

    Attributes:
        head: name of the head that the task needs, one of bigbird.heads.HEADS.
        folder: of a model to go on from; None makes a new one of random weights.
        config: settings by their names in config.json: those to change of the folder's, or all those of a new model.
        n_embeddings: rows that the word embeddings need at least; None leaves their number.
    """

    head: str
    folder: Path | None
    config: Mapping[str, Any]
    n_embeddings: int | None = None


@dataclass(frozen=True, eq=False)
class MicroBatch:
    """What goes through the model in one forward pass of an optimiser step.

    Attributes:
        features: of as many choices each, so that padding alone gives them one shape.
        seed: of what is random in the pass, its dropout.
    """

    features: "Sequence[Feature]"
    seed: int


@dataclass(frozen=True)
class StepResult:
    """What became of one optimiser step.

    Attributes:
        loss: mean over the targets of the whole batch, of all processes.
        grad_norm: Euclidean norm of the gradient before it was clipped.
        n_tokens: real tokens of all processes.
        n_padded: those and the padding that was computed with them.
        diverged: the loss or the gradient was not finite; weights and optimiser are as before.
        not_finite: the micro-batches of all processes whose loss was not finite, by their index in the batch.
        n_compiled: programs that the engine has compiled so far, where it is one that compiles for each shape.
    """

    loss: float
    grad_norm: float
    n_tokens: int
    n_padded: int
    diverged: bool = False
    not_finite: tuple[int, ...] = ()
    n_compiled: int = 0


@dataclass(frozen=True, eq=False)
class EngineState:
    """All that an engine needs to go on bit for bit, as a checkpoint stores it.

    Attributes:
        arrays: `model.<parameter>`, and whatever else the engine remembers, in its own names and types.
        values: small JSON objects by name, such as the scale of a loss.
    """

    arrays: dict[str, np.ndarray]
    values: dict[str, Any]


class Peers(Protocol):
    """The processes that train together; each calls every method at the same point of the run.

    All of them know the recipe, hold the same weights and count the same steps; that of rank zero writes files.
    """

    rank: int
    size: int

    @property
    def is_rank_zero(self) -> bool:
        """Whether this is the process that writes."""
        ...

    def all_reduce(self, values: Sequence[float], how: Reduction) -> list[float]:
        """Each number's sum or maximum over all processes, in float64."""
        ...

    def all_gather(self, value: T) -> list[T]:
        """Every process's value, in the order of ranks."""
        ...

    def broadcast(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The arrays of rank zero, in every process; what the others give does not count and may be empty."""
        ...

    def on_rank_zero(self, call: Callable[[], T]) -> T:
        """What a call returns in the process of rank zero, which alone makes it.

        Raises:
            BigBirdError: in that process, what the call raised.
            SystemExit: in the others, with the exit code of that error.
        """
        ...


class Alone:
    """The peers of a process that trains by itself."""

    rank, size, is_rank_zero = 0, 1, True

    def all_reduce(self, values: Sequence[float], how: Reduction) -> list[float]:
        del how
        return list(values)

    def all_gather(self, value: T) -> list[T]:
        return [value]

    def broadcast(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return arrays

    def on_rank_zero(self, call: Callable[[], T]) -> T:
        return call()


def partition(sizes: Sequence[int], *, rank: int, size: int) -> list[int]:
    """Which pieces of work are a process's, in order: the largest first, each to whoever has least so far.

    Args:
        sizes: of each piece, such as the tokens of a micro-batch.
        rank: of the process.
        size: how many processes there are.
    """
    loads, own = [0] * size, []
    for i in sorted(range(len(sizes)), key=lambda i: (-sizes[i], i)):
        least = min(range(size), key=lambda each: (loads[each], each))
        loads[least] += sizes[i]
        if least == rank:
            own.append(i)
    return sorted(own)


class Engine(Protocol):
    """A model with a head, its optimiser, and the averages of its weights where the recipe asks for them.

    What it learns from, at which share of the rates, when it is evaluated or saved, and how a run goes on is decided
    above. An engine adds one promise: the same state and the same calls give the same state, bit for bit on a CPU.
    """

    config: "BigBirdConfig"
    """Of the model, as it is written beside its weights."""
    device: str
    """Where it computes, for people: "cpu", "2 x cuda"."""
    n_parameters: int
    head_is_new: bool
    """The start model's folder lacked the head, or a part of it, whose weights are random."""

    def step(self, batch: Sequence[MicroBatch], *, step: int, share: float) -> StepResult:
        """Take one optimiser step on the mean loss over all targets of a batch.

        Each process computes its `partition` of the micro-batches. How a batch is split changes nothing but the
        dropout. Where loss or gradient is not finite, nothing is updated, and the result says so.

        Args:
            batch: the whole of it, the same in every process.
            step: the number of the step, counted from 1.
            share: of each parameter's peak learning rate (`Optim.peak`), in (0, 1].

        Raises:
            ResourceError: memory did not suffice.
            PeerLostError: another process is gone.
        """
        ...

    def predict(
        self,
        features: "Iterable[Feature]",
        *,
        batch_size: int,
        head: str | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> "Iterator[tuple[Feature, dict[str, np.ndarray]]]":
        """Yield each feature with the outputs for it, as `Predictor.predict` does, without dropout.

        Args:
            features: this process's own.
            batch_size: features a forward pass at most.
            head: whose outputs; the model's own by default. "embedding" gives each feature's embedding.
            stop: asked before each forward pass; what follows is left out if it says so.

        Raises:
            ResourceError: memory did not suffice.
        """
        ...

    def averaged(self) -> AbstractContextManager[None]:
        """Let the model hold the moving averages of its weights for a while; its weights, where there are none."""
        ...

    def weights(self) -> dict[str, np.ndarray]:
        """The model's weights by transformers' names, as a model folder stores them, in float32."""
        ...

    def assign(self, weights: Mapping[str, np.ndarray]) -> None:
        """Replace some of the weights before the first step, by transformers' names."""
        ...

    def count_not_finite(self) -> dict[str, tuple[int, int]]:
        """Weights that hold numbers that are not finite: by name, how many of how many."""
        ...

    def state(self) -> EngineState:
        """All that the engine needs to go on; asked for in the process of rank zero alone."""
        ...

    def mismatch(self, state: EngineState) -> str | None:
        """Why this engine cannot go on from a state, such as "it lacks a tensor model.x"; None where it can."""
        ...

    def load(self, state: EngineState) -> None:
        """Go on from a state that `mismatch` has nothing against, in every process."""
        ...

    def peak_memory(self) -> float:
        """The most memory that was in use so far, in MB: of an accelerator by arrays, else of the whole process."""
        ...


class Predictor(Protocol):
    """A model with a head that computes its outputs for features."""

    device: str
    """Where it computes, and in what, where that is not float32: "cpu, int8"."""
    attention: str
    """The config's attention type, `block_sparse` or `original_full`."""

    def predict(
        self, features: "Iterable[Feature]", *, batch_size: int
    ) -> "Iterator[tuple[Feature, dict[str, np.ndarray]]]":
        """Yield each feature with the head's outputs for it, in order, as float32 arrays cut to its length.

        Features are taken as they are needed, some way ahead; no feature's outputs depend on its batch beyond float
        rounding.

        Args:
            features: any number of them.
            batch_size: features a forward pass at most.

        Raises:
            UsageError: batch_size is not positive.
            ResourceError: memory did not suffice.
        """
        ...


class Backend(Protocol):
    """What a framework's room offers; each function is imported when it is first asked for."""

    def connect(self, compute: Compute, *, wait: float | None) -> AbstractContextManager[Peers]:
        """Take the device and the threads, and meet the other processes that torchrun's variables speak of.

        Args:
            compute: of this process.
            wait: seconds that a process waits for the others at a time; None: train alone, whatever the variables say.

        Raises:
            UsageError: there is no such device, or the environment's variables contradict each other.
            PeerLostError: the others did not come.
        """
        ...

    def accelerator(self, compute: Compute) -> Accelerator | None:
        """The device that a process by itself would compute on; None where it is the processor, or of unknown memory.

        Raises:
            UsageError: there is no such device.
        """
        ...

    def open_engine(self, recipe: "Recipe", start: StartModel, *, compute: Compute, peers: Peers) -> Engine:
        """Open or make the model on its device, with an optimiser as the recipe says; random weights are its seed's.

        Args:
            recipe: whose sections optim and run, and seed, are meant for the engine.
            start: the model.
            compute: as `connect` was given it.
            peers: from `connect`.

        Raises:
            ModelError: the folder's weights do not fit its config, or no model has such a config.
            RecipeError: the device cannot compute in the recipe's precision.
            ResourceError: memory did not suffice.
        """
        ...

    def open_predictor(
        self,
        folder: "ModelFolder",
        *,
        head: str,
        device: str = "auto",
        threads: int | None = None,
        quantize: str | None = None,
    ) -> Predictor:
        """Open a model folder for prediction.

        Args:
            folder: from weights.store.open_folder.
            head: what it needs to have above the encoder.
            device: `auto`, `cpu`, `cuda:N` or `mps`.
            threads: processor threads; None leaves the framework's own choice.
            quantize: "int8" computes the encoder's products in 8 bits, on a processor.

        Raises:
            UsageError: there is no such head, device or quantization.
            ModelError: the folder does not hold such a model, or its head was never trained.
        """
        ...

    def probe(
        self,
        config: "BigBirdConfig",
        tensors: Mapping[str, np.ndarray],
        ids: np.ndarray,
        *,
        head: str,
        where: str,
    ) -> dict[str, np.ndarray]:
        """Run a model in memory once, in float32 on the processor, and return every output by name.

        Args:
            config: the model's settings.
            tensors: arrays by transformers' names; those of other heads are passed over.
            ids: whole numbers (B, S) below the vocabulary's size.
            head: one of bigbird.heads.HEADS; "none" is the encoder alone.
            where: the model, for errors.

        Raises:
            ModelError: a tensor is missing or of another shape.
            ResourceError: memory did not suffice.
        """
        ...


def open_backend(name: str = "pytorch") -> Backend:
    """Import a framework's room.

    Raises:
        UsageError: no backend has this name, or what it needs is not installed.
    """
    if name not in BACKENDS:
        near = nearest(name, BACKENDS)
        fix = f"did you mean {near}?" if near else f"use one of {', '.join(BACKENDS)}"
        raise UsageError(f"no backend is called {name!r}", where="backend", fix=fix)
    return cast(Backend, importlib.import_module(BACKENDS[name]))


def choose_backend(name: str, *, device: str = "auto", is_short: bool = True) -> str:
    """The backend that `auto` stands for; any other name stands for itself.

    onnx, where its extra is installed and the processor is to compute little: a command starts 0.9 s sooner than with
    PyTorch, and then reads 9 to 14 % fewer tokens a second (benchmarks/onnx_reading.py). Where a GPU may be, PyTorch
    finds it. Where PyTorch is not installed, onnx reads whatever there is.

    Args:
        name: one of BACKENDS, or AUTO.
        device: as of `Compute`.
        is_short: what is to be read is little, so that starting sooner is worth more than reading quicker.
    """
    if name != AUTO:
        return name
    if find_spec("torch") is None:
        return "onnx"
    on_processor = device == "cpu" or (device == "auto" and not _may_have_gpu())
    return "onnx" if is_short and on_processor and find_spec("onnxruntime") is not None else "pytorch"


def _may_have_gpu() -> bool:
    """Whether there are signs of a GPU that PyTorch may know: NVIDIA's or AMD's driver, or a Mac."""
    return sys.platform == "darwin" or which("nvidia-smi") is not None or any(map(os.path.exists, _GPU_FILES))


def open_pickles() -> "PickleIO | None":
    """What reads and writes pickled weights, by PyTorch, imported when it is first asked to; None without PyTorch."""
    return None if find_spec("torch") is None else cast("PickleIO", importlib.import_module(BACKENDS["pytorch"]))


def open_graphs() -> "GraphIO":
    """What writes and runs ONNX graphs.

    Raises:
        UsageError: its extra is not installed.
    """
    return cast("GraphIO", importlib.import_module(BACKENDS["onnx"]))

"""Graphs as onnxruntime runs them."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as states

from bigbird_cli.bounds import THREADS
from bigbird_cli.errors import ModelError, ResourceError, UsageError
from bigbird_cli.onnx.graph import Graph

_SILENT = 4  # what goes wrong is raised


class Session:
    """A graph that is ready to run on the processor.

    Args:
        graph: a file, whose weights stand beside it, or the bytes of one, whose weights are given.
        weights: by their names in the graph, where it is given as bytes.
        threads: processor threads; None takes those of OMP_NUM_THREADS, or else one a core.
    """

    def __init__(
        self, graph: Path | bytes, weights: Mapping[str, np.ndarray] | None = None, *, threads: int | None = None
    ) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _SILENT
        options.intra_op_num_threads = _threads(threads)
        # it keeps the arrays' memory, not the arrays
        self._weights = dict(weights or {})
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in self._weights.values()]
        options.add_external_initializers(list(self._weights), values)
        source = graph if isinstance(graph, bytes) else str(graph)
        with _errors(where="" if isinstance(graph, bytes) else str(graph)):
            self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])

    @property
    def outputs(self) -> list[str]:
        """The names of what it gives."""
        return [output.name for output in self._session.get_outputs()]

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Every output by name.

        Raises:
            ResourceError: memory did not suffice.
        """
        with _errors(where=""):
            arrays: list[Any] = self._session.run(None, dict(inputs))
        return dict(zip(self.outputs, arrays, strict=True))


def run_graph(path: Path, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Open a file of a graph and run it once.

    Raises:
        ModelError: it is no graph that this onnxruntime reads.
        ResourceError: memory did not suffice.
    """
    return Session(path).run(inputs)


@cache
def signed_products_fit() -> bool:
    """Whether sums of products of bytes, the second of which have a sign, are exact on this processor.

    Without VNNI, those of x86 add two products in 16 bits, where two of 255 x 127 do not fit.
    """
    g = Graph({})
    sums_RF = g.cast(g.op("MatMulInteger", "x_RD", np.full((64, 32), 127, np.int8)), "float32")
    inputs, outputs = {"x_RD": ("uint8", (16, 64))}, {"sums_RF": (sums_RF, (16, 32))}
    session = Session(g.serialised(inputs=inputs, outputs=outputs), threads=1)
    found = session.run({"x_RD": np.full((16, 64), 255, np.uint8)})["sums_RF"]
    return bool((found == 64 * 255 * 127).all())


def _threads(threads: int | None) -> int:
    """How many to use; onnxruntime by itself would count the cores of the machine, whatever this process may use.

    Raises:
        UsageError: the number is out of bounds.
    """
    if threads is not None:
        if threads not in THREADS:
            raise UsageError(f"{threads} threads cannot compute", where="threads", fix=f"give a number {THREADS}")
        return threads
    named = os.environ.get("OMP_NUM_THREADS", "")
    if named.isdecimal() and int(named) in THREADS:
        return int(named)
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return usable or 1


@contextmanager
def _errors(where: str) -> Iterator[None]:
    """Turn what onnxruntime raises into our kinds of errors."""
    try:
        yield
    except MemoryError as error:
        raise _out_of_memory() from error
    except (states.RuntimeException, states.Fail) as error:
        if "bad allocation" in str(error) or "Failed to allocate" in str(error) or "bad_alloc" in str(error):
            raise _out_of_memory() from error
        raise
    except (states.InvalidGraph, states.InvalidProtobuf, states.NoSuchFile, states.NotImplemented) as error:
        raise ModelError(
            f"onnxruntime {onnxruntime.__version__} cannot read the graph ({str(error).splitlines()[0]})",
            where=where,
            fix="convert the model again, or install a newer onnxruntime",
        ) from error


def _out_of_memory() -> ResourceError:
    return ResourceError("the machine ran out of memory", fix="lower batch_size= or window=")

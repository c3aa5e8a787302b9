"""A graph as it is composed: an operation a call, which returns the name of what it computes."""

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np

from bigbird_cli.onnx import proto
from bigbird_cli.weights.tensors import Place

Operand = str | int | Sequence[int] | np.ndarray | np.generic
"""What an operation takes: a value by its name, or a constant. Whole numbers are int64, as ONNX counts."""


class Graph:
    """Operations in the order in which they are computed, with the constants and the stored weights that they take.

    A branch, of `either` or `for_each`, is a graph of its own, which sees the names of the graph around it.
    """

    def __init__(self, weights: Mapping[str, Place], *, around: Self | None = None) -> None:
        """Begin a graph.

        Args:
            weights: the tensors beside the graph, by the names that `weight` is asked for.
            around: the graph of which this one is a branch.
        """
        self.weights = weights
        self._nodes: list[bytes] = []
        self._arguments: dict[str, str] = {}
        self._initializers: dict[str, bytes] = {} if around is None else around._initializers
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {} if around is None else around._constants
        self._kinds: dict[str, int] = {} if around is None else around._kinds

    def op(self, kind: str, *operands: Operand, **attributes: float | Sequence[int] | bytes) -> str:
        """Compute a value by one of ONNX's operations, and return its name."""
        inputs = [each if isinstance(each, str) else self._constant(each) for each in operands]
        output = self._new(kind)
        given = [proto.attribute(*each) for each in attributes.items()]
        self._nodes.append(proto.node(kind, inputs, output, given))
        return output

    def cast(self, x: str, dtype: str) -> str:
        """The same numbers in another type, by numpy's name."""
        return self.op("Cast", x, to=proto.TYPES[dtype])

    def weight(self, name: str) -> str:
        """A tensor that stands beside the graph, as it is stored."""
        if name not in self._initializers:
            self._initializers[name] = proto.external_tensor(name, self.weights[name])
        return name

    def branch(self) -> "Graph":
        """A graph inside this one, to be computed only where `either` decides so, or several times by `for_each`."""
        return Graph(self.weights, around=self)

    def either(self, condition: str, yes: "Graph", then: str, no: "Graph", otherwise: str) -> str:
        """What one of two branches computes: floats of one shape."""
        return self.op("If", condition, then_branch=yes._closed(then), else_branch=no._closed(otherwise))

    def argument(self, dtype: str) -> str:
        """A value that a branch is given by `for_each`."""
        name = self._new("argument")
        self._arguments[name] = dtype
        return name

    def for_each(self, body: "Graph", result: str, *operands: Operand) -> str:
        """What a branch computes for each part of its arguments along their first dimension, in that order: floats."""
        return self.op("Scan", *operands, body=body._closed(result), num_scan_inputs=len(operands))

    def serialised(
        self,
        *,
        inputs: Mapping[str, tuple[str, proto.Dimensions]],
        outputs: Mapping[str, tuple[str, proto.Dimensions]],
    ) -> bytes:
        """The bytes of a file of this graph.

        Args:
            inputs: name -> type and shape.
            outputs: the name that users see -> the value that it stands for, and its shape; all are float32.
        """
        renamed = [proto.node("Identity", [found], name) for name, (found, _) in outputs.items()]
        whole = proto.graph(
            [*self._nodes, *renamed],
            initializers=self._initializers.values(),
            inputs=[proto.value(name, *kind) for name, kind in inputs.items()],
            outputs=[proto.value(name, "float32", shape) for name, (_, shape) in outputs.items()],
        )
        return proto.model(whole)

    def _closed(self, output: str) -> bytes:
        arguments = [proto.value(*each) for each in self._arguments.items()]
        return proto.graph(self._nodes, inputs=arguments, outputs=[proto.value(output, "float32")])

    def _constant(self, given: int | Sequence[int] | np.ndarray | np.generic) -> str:
        array = np.asarray(given, dtype=None if isinstance(given, np.ndarray | np.generic) else np.int64)
        key = array.dtype.name, array.shape, array.tobytes()
        if key not in self._constants:
            self._constants[key] = self._new("constant")
            self._initializers[self._constants[key]] = proto.tensor(self._constants[key], array)
        return self._constants[key]

    def _new(self, kind: str) -> str:
        number = self._kinds[kind] = self._kinds.get(kind, 0) + 1
        return f"{kind}_{number}"

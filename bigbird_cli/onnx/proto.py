"""ONNX's messages as bytes, so that to make or to read a graph takes no library but the runtime.

Numbers of fields, types and kinds are those of onnx.proto.

Source: https://github.com/onnx/onnx/blob/v1.12.0/onnx/onnx.proto (IR version 8).
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from bigbird_cli.files.protobuf import FOUR_BYTES, bytes_field, field_key, number_field
from bigbird_cli.weights.tensors import Place

IR_VERSION: Final = 8
OPSET: Final = 17
"""The version of the operations: onnxruntime has it since 1.12, of 2022."""

Dimensions = Sequence[str | int]
"""Of a tensor; a word stands for any size, the same one wherever the word stands."""

TYPES: Final = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "bool": 9}
_EXTERNAL: Final = 1


def model(graph: bytes) -> bytes:
    """A ModelProto: what a file holds."""
    return b"".join(
        [
            number_field(1, IR_VERSION),
            bytes_field(2, b"bigbird-cli"),
            bytes_field(7, graph),
            bytes_field(8, bytes_field(1, b"") + number_field(2, OPSET)),
        ]
    )


def graph(
    nodes: Iterable[bytes],
    *,
    initializers: Iterable[bytes] = (),
    inputs: Iterable[bytes] = (),
    outputs: Iterable[bytes],
) -> bytes:
    """A GraphProto."""
    parts = [(1, nodes), (5, initializers), (11, inputs), (12, outputs)]
    return bytes_field(2, b"graph") + b"".join(bytes_field(number, each) for number, all_ in parts for each in all_)


def value(name: str, dtype: str, shape: Dimensions | None = None) -> bytes:
    """A ValueInfoProto: an input or an output, and what it is; None says nothing of its shape."""
    kind = number_field(1, TYPES[dtype])
    if shape is not None:
        sizes = [number_field(1, size) if isinstance(size, int) else _text(2, size) for size in shape]
        kind += bytes_field(2, b"".join(bytes_field(1, size) for size in sizes))
    return _text(1, name) + bytes_field(2, bytes_field(1, kind))


def tensor(name: str, array: np.ndarray) -> bytes:
    """A TensorProto that holds its numbers."""
    return _tensor(name, array.dtype.name, array.shape) + bytes_field(9, np.ascontiguousarray(array).tobytes())


def external_tensor(name: str, place: Place) -> bytes:
    """A TensorProto whose numbers stand in a file beside the graph's."""
    where = {"location": place.file, "offset": str(place.start), "length": str(place.n_bytes)}
    entries = b"".join(bytes_field(13, _entry(*pair)) for pair in where.items())
    return _tensor(name, place.dtype, place.shape) + entries + number_field(14, _EXTERNAL)


def node(kind: str, inputs: Sequence[str], output: str, attributes: Iterable[bytes] = ()) -> bytes:
    """A NodeProto of one output, which gives the node its name."""
    return b"".join(
        [
            *(_text(1, name) for name in inputs),
            _text(2, output),
            _text(3, output),
            _text(4, kind),
            *(bytes_field(5, attribute) for attribute in attributes),
        ]
    )


def attribute(name: str, given: float | Sequence[int] | bytes) -> bytes:
    """An AttributeProto of a number, of whole numbers, or of a graph's bytes."""
    if isinstance(given, bytes):
        return _text(1, name) + bytes_field(6, given) + number_field(20, 5)
    if isinstance(given, float):
        return _text(1, name) + field_key(2, FOUR_BYTES) + struct.pack("<f", given) + number_field(20, 1)
    if isinstance(given, int):
        return _text(1, name) + number_field(3, _unsigned(given)) + number_field(20, 2)
    return _text(1, name) + b"".join(number_field(8, _unsigned(each)) for each in given) + number_field(20, 7)


def _tensor(name: str, dtype: str, shape: Sequence[int]) -> bytes:
    return b"".join([*(number_field(1, size) for size in shape), number_field(2, TYPES[dtype]), _text(8, name)])


def _entry(key: str, text: str) -> bytes:
    return _text(1, key) + _text(2, text)


def _text(number: int, text: str) -> bytes:
    return bytes_field(number, text.encode())


def _unsigned(number: int) -> int:
    """A whole number as its 64 bits are read without a sign."""
    return number & (1 << 64) - 1

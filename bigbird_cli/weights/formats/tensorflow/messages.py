"""What a bundle's protocol buffers say: where each tensor lies, and what a SavedModel's objects are called.

Source: tensorflow 2.21, core/protobuf/tensor_bundle.proto and trackable_object_graph.proto.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

from bigbird_cli.files.protobuf import BYTES, VARINT, fields, read_varint
from bigbird_cli.weights.formats.tensorflow.slices import Extents

ByteOrder = Literal["<", ">"]
_Field = tuple[int, int | bytes]
_MAX_RANK: Final = 32
"""Dimensions of an array in numpy 1."""


@dataclass(frozen=True)
class Entry:
    """Where a tensor lies.

    Attributes:
        dtype: TensorFlow's number of the type.
        shape: of the whole tensor.
        shard: the number of its data file.
        offset, size: its bytes there.
        crc32c: their checksum, masked.
        slices: the parts that are stored instead.
    """

    dtype: int = 0
    shape: tuple[int, ...] = ()
    shard: int = 0
    offset: int = 0
    size: int = 0
    crc32c: int = 0
    slices: tuple[Extents, ...] = ()


def read_header(data: bytes) -> tuple[int, ByteOrder]:
    """The number of data files and the byte order, from a BundleHeaderProto.

    Raises:
        ValueError: it is none, or names another byte order.
    """
    header = _message(data)
    if _int(header, 2) not in (0, 1):
        raise ValueError("its byte order is unknown")
    return _int(header, 1), ">" if _int(header, 2) else "<"


def read_entry(data: bytes) -> Entry:
    """A tensor's type, shape and location, from a BundleEntryProto.

    Raises:
        ValueError: it is none, or has a shape that cannot be.
    """
    entry = _message(data)
    return Entry(
        dtype=_int(entry, 1),
        shape=_shape(entry),
        shard=_int(entry, 3),
        offset=_int(entry, 4),
        size=_int(entry, 5),
        crc32c=_int(entry, 6),
        slices=tuple(_slice(part) for part in _messages(entry, 7)),
    )


def _shape(entry: list[_Field]) -> tuple[int, ...]:
    shape: list[int] = []
    for declared in _messages(entry, 2):
        if any(number == 3 and content for number, content in declared):
            raise ValueError("a tensor is stored without a shape")
        shape += [_int(dimension, 1) for dimension in _messages(declared, 2)]
    if len(shape) > _MAX_RANK or any(size < 0 for size in shape) or math.prod(max(1, size) for size in shape) >> 59:
        raise ValueError(f"a tensor has a shape of {len(shape)} dimensions that cannot be")
    return tuple(shape)


def _slice(part: list[_Field]) -> Extents:
    return tuple(
        # an extent without a length is the whole dimension
        (_int(extent, 1), _int(extent, 2) if any(number == 2 for number, _ in extent) else -1)
        for extent in _messages(part, 1)
    )


def full_names(graph: bytes) -> dict[str, str]:
    """Key -> the variable's own name, from a TrackableObjectGraph.

    Raises:
        ValueError: it is none.
    """
    names = {}
    for node in _messages(_message(graph), 1):
        for attribute in _messages(node, 2):
            by_number = dict(attribute)
            key, name = _bytes(by_number.get(3, b"")), _bytes(by_number.get(2, b""))
            try:
                names[key.decode("utf-8")] = name.decode("utf-8")
            except UnicodeDecodeError as error:
                raise ValueError("a name is no UTF-8") from error
    return names


def _message(data: bytes) -> list[_Field]:
    """Number and content of every field: a signed integer, or bytes."""
    found: list[_Field] = []
    for number, wire, start, stop in fields(data):
        if wire == VARINT:
            value, _ = read_varint(data, start)
            found.append((number, value - (1 << 64) if value >> 63 else value))
        else:
            content = data[start:stop]
            found.append((number, content if wire == BYTES else int.from_bytes(content, "little")))
    return found


def _messages(message: list[_Field], number: int) -> list[list[_Field]]:
    """The messages in a message's fields of one number."""
    return [_message(_bytes(content)) for field, content in message if field == number]


def _int(message: list[_Field], number: int) -> int:
    """A field's last value, which counts, or 0, which is left out."""
    found = [content for field, content in message if field == number]
    if not found:
        return 0
    if isinstance(found[-1], bytes):
        raise ValueError("a number is stored as bytes")
    return found[-1]


def _bytes(content: int | bytes) -> bytes:
    if isinstance(content, int):
        raise ValueError("bytes are stored as a number")
    return content

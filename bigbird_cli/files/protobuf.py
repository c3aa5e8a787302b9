"""Protocol buffers on the wire: the fields of a message, read and written without its schema.

Source: https://protobuf.dev/programming-guides/encoding/ (groups, long gone, are refused).
"""

from collections.abc import Iterator
from typing import Final

VARINT: Final = 0
EIGHT_BYTES: Final = 1
BYTES: Final = 2
FOUR_BYTES: Final = 5
"""Wire types: how a field's value is stored."""

_LONGEST_VARINT: Final = 10  # bytes, of 64 bits


def fields(data: bytes, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, int, int, int]]:
    """Number and wire type of each field of the message in data[start:stop], and where its value starts and stops.

    Raises:
        ValueError: the bytes are no message.
    """
    stop = len(data) if stop is None else stop
    while start < stop:
        key, start = read_varint(data, start)
        wire = key & 7
        if wire == VARINT:
            _, end = read_varint(data, start)
        elif wire == BYTES:
            length, start = read_varint(data, start)
            end = start + length
        elif wire in (EIGHT_BYTES, FOUR_BYTES):
            end = start + (8 if wire == EIGHT_BYTES else 4)
        else:
            raise ValueError(f"wire type {wire} at byte {start}")
        if end > stop:
            raise ValueError(f"a field at byte {start} runs past the end")
        yield key >> 3, wire, start, end
        start = end


def read_varint(data: bytes, start: int) -> tuple[int, int]:
    """A number of at most 64 bits in groups of 7, the lowest first, and where it ends.

    Raises:
        ValueError: it has no end.
    """
    value = 0
    for index, byte in enumerate(data[start : start + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value & ((1 << 64) - 1), start + index + 1
    raise ValueError(f"the number at byte {start} has no end")


def bytes_field(number: int, value: bytes) -> bytes:
    """A field of bytes, text or a message."""
    return field_key(number, BYTES) + varint(len(value)) + value


def number_field(number: int, value: int) -> bytes:
    """A field of a whole number that is not negative."""
    return field_key(number, VARINT) + varint(value)


def field_key(number: int, wire: int) -> bytes:
    """What stands before a field's value."""
    return varint(number << 3 | wire)


def varint(value: int) -> bytes:
    """Undo `read_varint`."""
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])

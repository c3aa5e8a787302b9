"""The parts of a tensor that is stored in several: where each lies, and the key that it stands under.

Source: tensorflow 2.21, core/util/saved_tensor_slice_util.cc and core/lib/strings/ordered_code.cc.
"""

Extents = tuple[tuple[int, int], ...]
"""(start, length) for each dimension; length -1 is all of it."""


def region(extents: Extents, shape: tuple[int, ...]) -> tuple[slice, ...]:
    """The part of an array that a slice is.

    Raises:
        ValueError: it does not lie in an array of this shape.
    """
    if len(extents) != len(shape):
        raise ValueError(f"a part of {len(extents)} dimensions belongs to a tensor of {len(shape)}")
    axes = []
    for (start, length), size in zip(extents, shape, strict=True):
        stop = size if length == -1 else start + length
        if not 0 <= start <= stop <= size:
            raise ValueError(f"a part lies at {start} to {stop} of {size}")
        axes.append(slice(start, stop))
    return tuple(axes)


def slice_key(name: bytes, extents: Extents) -> bytes:
    """The key of a stored part, whose bytes sort as the parts do (core/lib/strings/ordered_code.cc)."""
    escaped = name.replace(b"\0", b"\0\xff")  # UTF-8 has no byte 255, which would be escaped too
    rank = len(extents)
    numbers = b"".join(_ordered(value) for extent in extents for value in extent)
    return b"\0" + escaped + b"\0\1" + (bytes([1, rank]) if rank else b"\0") + numbers


def _ordered(value: int) -> bytes:
    """A signed number so that bytes sort as numbers do: as many leading ones as bytes, inverted below zero."""
    size = next(size for size in range(1, 11) if -(1 << (7 * size - 1)) <= value < 1 << (7 * size - 1))
    ones = ((1 << size) - 1) << (7 * size)
    return ((value & ((1 << (8 * size)) - 1)) ^ ones).to_bytes(size, "big")

"""bfloat16 on the disk: the upper half of a float32's bits, a type that numpy lacks."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bigbird_cli.files.whole import open_to_others

_CODES = {"float32": "BF16", "float64": "BF16", "float16": "BF16", "int64": "I64", "int32": "I32", "bool": "BOOL"}


def to_bfloat16(array: np.ndarray) -> np.ndarray:
    """The bits of each number as the nearest bfloat16, uint16; halfway between two, the even one, as torch rounds."""
    bits = np.ascontiguousarray(array, dtype=np.float32).view(np.uint32)
    upper = (bits + (np.uint32(0x7FFF) + ((bits >> 16) & 1))) >> 16
    return upper.astype(np.uint16)


def to_float32(halves: np.ndarray) -> np.ndarray:
    """The float32 numbers of bfloat16 bits, uint16; exactly."""
    wide = halves.astype(np.uint32)
    wide <<= 16
    return wide.view(np.float32)


def write_bfloat16(path: Path, tensors: Mapping[str, np.ndarray], *, metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file whose real numbers are bfloat16, tensor by tensor, so that memory holds none twice.

    The library writes no type that numpy lacks; the layout is its own (8 bytes of length, a JSON header, the data).

    Args:
        path: the new file; the caller flushes it to the disk.
        tensors: float arrays without infinities; whole numbers and truth values are written as they are.
        metadata: as for `write_tensor_file`.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, array in tensors.items():
        start, end = end, end + array.size * (2 if _is_real(array) else array.itemsize)
        header[name] = {"dtype": _CODES[array.dtype.name], "shape": list(array.shape), "data_offsets": [start, end]}
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in tensors.values():
            stored = to_bfloat16(array) if _is_real(array) else np.ascontiguousarray(array)
            file.write(stored.astype(stored.dtype.newbyteorder("<"), copy=False).tobytes())
    open_to_others(path)


def _is_real(array: np.ndarray) -> bool:
    return array.dtype.kind == "f"

"""Tensors in a file: the safetensors format, read and written a tensor at a time.

A file is eight bytes that give the length of the header, the header in JSON, and the tensors' bytes without gaps
(https://github.com/huggingface/safetensors#format). It is read here rather than through the safetensors package for
three reasons: bfloat16 is widened without a framework; no more than the weights themselves is held in memory, in
arrays that outlive the file; and a sha256 is taken of the bytes on their way to the disk.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from bigbird_cli.errors import ModelError

BFLOAT16: Final = "BF16"
_DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("<i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("<u1"),
    "BOOL": np.dtype("?"),
    BFLOAT16: np.dtype("<u2"),  # its upper half of a float32's bits
}
_NAMES: Final = {dtype: name for name, dtype in _DTYPES.items() if name != BFLOAT16}
_MAX_HEADER: Final = 100_000_000  # the format's own limit
_FIX: Final = "fetch or copy the file again"


class TensorSpec(NamedTuple):
    """What a header says about a tensor; the offset counts from the file's first byte."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    n_bytes: int


def read_header(path: Path) -> dict[str, TensorSpec]:
    """The tensors of a safetensors file, in the order of their bytes, without reading them.

    Raises:
        ModelError: the file is missing, or its header is not one, or does not fit the file.
    """
    with _opened(path) as file:
        return _read_header(file, path)


def read_tensor_file(path: Path) -> dict[str, np.ndarray]:
    """Every tensor of a safetensors file as an array of its own, in the stored type; bfloat16 becomes float32.

    Raises:
        ModelError: as `read_header`.
    """
    tensors = {}
    with _opened(path) as file:
        for name, spec in _read_header(file, path).items():
            try:
                array = np.empty(spec.shape, _DTYPES[spec.dtype])
            except ValueError as error:  # over 64 dimensions, or a side that no index holds
                raise _broken(path, f"{name} has the impossible shape {list(spec.shape)}") from error
            file.seek(spec.offset)
            if spec.n_bytes and file.readinto(_bytes(array)) != spec.n_bytes:
                raise _broken(path, f"it ends within {name}")
            tensors[name] = _native(array, spec.dtype)
    return tensors


def write_tensor_file(
    path: Path, tensors: Mapping[str, np.ndarray], *, metadata: Mapping[str, str] | None = None
) -> str:
    """Write arrays as a safetensors file; the caller flushes it to the disk.

    Args:
        path: the new file.
        tensors: arrays of numbers or truth values, of any layout.
        metadata: what the header says besides; `{"format": "pt"}` for files that transformers is to open.

    Returns:
        sha256 of the file, in hexadecimal.
    """
    header, ordered = _header(tensors, metadata)
    digest = hashlib.sha256(header)
    with path.open("xb") as file:
        file.write(header)
        for name in ordered:
            tensor = tensors[name]
            array = np.asarray(tensor, dtype=tensor.dtype.newbyteorder("<"), order="C")
            if array.nbytes:
                digest.update(_bytes(array))
                file.write(_bytes(array))
    return digest.hexdigest()


def n_bytes(tensors: Mapping[str, np.ndarray]) -> int:
    """About how many bytes a file of these tensors takes."""
    return sum(array.nbytes for array in tensors.values()) + 200 * (len(tensors) + 1)


def _header(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None) -> tuple[bytes, list[str]]:
    # wide types first, so that each tensor stands at a multiple of its width
    ordered = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    entries: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    stop = 0
    for name in ordered:
        array = tensors[name]
        little = array.dtype.newbyteorder("<")
        if little not in _NAMES:
            raise ValueError(f"safetensors cannot hold {name}, which is {array.dtype}")
        start, stop = stop, stop + array.nbytes
        entries[name] = {"dtype": _NAMES[little], "shape": list(array.shape), "data_offsets": [start, stop]}
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, ordered


def _read_header(file: BufferedReader, path: Path) -> dict[str, TensorSpec]:
    size = file.seek(0, 2)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if size < 8:
        raise _broken(path, f"it has only {size} bytes")
    if length > min(size - 8, _MAX_HEADER):
        raise _broken(path, f"its header of {length:,} bytes does not fit into {size:,}")
    try:
        entries = json.loads(file.read(length).decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _broken(path, f"its header is not JSON ({error})") from None
    if not isinstance(entries, dict):
        raise _broken(path, "its header is no table of tensors")
    entries.pop("__metadata__", None)
    specs = {name: _spec(name, entry, path, 8 + length) for name, entry in entries.items()}
    end = 8 + length
    ordered = dict(sorted(specs.items(), key=lambda item: (item[1].offset, item[1].n_bytes)))
    for name, spec in ordered.items():
        if spec.offset != end:
            raise _broken(path, f"{name} does not begin where the tensor before it ends")
        end += spec.n_bytes
    if end != size:
        verb = "is cut off" if end > size else "goes on behind its tensors"
        raise _broken(path, f"it {verb}: {size:,} bytes where its header speaks of {end:,}")
    return ordered


def _spec(name: str, entry: object, path: Path, data_start: int) -> TensorSpec:
    match entry:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [start, stop], **rest} if not rest and all(
            type(side) is int and side >= 0 for side in (*shape, start, stop)
        ):
            pass
        case _:
            raise _broken(path, f"its header does not describe {name} as a tensor")
    if dtype not in _DTYPES:
        raise ModelError(f"{name} is stored as {dtype}, which is not read here", where=str(path))
    if math.prod(shape) * _DTYPES[dtype].itemsize != stop - start:
        raise _broken(path, f"{name} {shape} of {dtype} does not fill the {stop - start:,} bytes given to it")
    return TensorSpec(dtype, tuple(shape), data_start + start, stop - start)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name stands in it twice")
    return table


def _native(array: np.ndarray, dtype: str) -> np.ndarray:
    if dtype == BFLOAT16:
        wide = array.astype(np.uint32)
        wide <<= 16
        return wide.view(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _bytes(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise ModelError(f"the file cannot be read: {error.strerror}", where=str(path)) from error
    with file:
        yield file


def _broken(path: Path, how: str) -> ModelError:
    return ModelError(f"the weights file is broken: {how}", where=str(path), fix=_FIX)

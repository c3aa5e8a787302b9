"""Tensors in a file, through the safetensors library."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from bigbird_cli.errors import ModelError
from bigbird_cli.files.whole import open_to_others
from bigbird_cli.weights import bfloat16
from bigbird_cli.weights.int8 import dequantized, quantized_names

_STORED: Final = {"F32": "float32", "F16": "float16", "I8": "int8"}


@dataclass(frozen=True)
class Place:
    """Where a tensor stands in a file.

    Attributes:
        file: its name, without its folder.
        start: the first byte of the tensor.
        dtype: by numpy's name.
        shape: of the array.
    """

    file: str
    start: int
    dtype: str
    shape: tuple[int, ...]

    @property
    def n_bytes(self) -> int:
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


def read_tensor_file(path: Path) -> dict[str, np.ndarray]:
    """Every tensor of a safetensors file as an array of its own, in the stored type.

    bfloat16 becomes float32, and so do 8-bit integers that have a scale.

    Raises:
        ModelError: the file is missing, no safetensors file, cut off, or holds a type that numpy lacks.
    """
    tensors = {}
    try:
        path.open("rb").close()  # the library says of every file that it cannot open that there is none
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 (the library's file is no dict)
                stored = file.get_slice(name)
                dtype = stored.get_dtype()
                if dtype == "BF16":
                    tensors[name] = _read_bfloat16(path, name, stored.get_shape())
                elif re.match(r"F[468](_|$)", dtype):
                    raise ModelError(f"{name} is stored as {dtype}, which is not read here", where=str(path))
                else:
                    tensors[name] = file.get_tensor(name)
    except OSError as error:
        raise ModelError(f"the file cannot be read: {error.strerror or error}", where=str(path)) from error
    except (SafetensorError, ValueError) as error:  # ValueError: a shape that numpy cannot make
        raise ModelError(
            f"the weights file is broken ({error})", where=str(path), fix="fetch or copy the file again"
        ) from error
    return dequantized(tensors, where=str(path))


def tensor_places(path: Path) -> dict[str, Place]:
    """Where each tensor of a safetensors file stands that we wrote: float32, float16 or int8."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    return {
        name: Place(path.name, 8 + length + told["data_offsets"][0], _STORED[told["dtype"]], tuple(told["shape"]))
        for name, told in header.items()
        if name != "__metadata__"
    }


def changed_types(path: Path) -> dict[str, str]:
    """Name -> stored type of the tensors that `read_tensor_file` widens; the file is whole, as that has checked."""
    with safe_open(path, framework="numpy") as file:
        kinds = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118 (it is no dict)
    in_halves = {name: "bfloat16" for name, kind in kinds.items() if kind == "BF16"}
    narrow = quantized_names({name: "int8" if kind == "I8" else kind for name, kind in kinds.items()})
    return in_halves | dict.fromkeys(narrow, "int8")


def write_tensor_file(
    path: Path, tensors: Mapping[str, np.ndarray], *, metadata: Mapping[str, str] | None = None
) -> None:
    """Write arrays as a safetensors file; the caller flushes it to the disk.

    Args:
        path: the new file.
        tensors: arrays of numbers or truth values, of any layout.
        metadata: what the header says besides; `{"format": "pt"}` for files that transformers is to open.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    # the library writes an array's memory as it lies, in Fortran's order or with gaps too
    dense = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    try:
        save_file(dense, path, metadata=dict(metadata) if metadata else None)
    except SafetensorError as error:
        # "... No space left on device (os error 28)"; "Os { code: 28, ... }" in older versions
        if number := re.search(r"\((?:os error |Os { code: )(\d+)", str(error)):
            code = int(number[1])
            raise OSError(code, str(error), str(path), code) from error  # the fourth: Windows counts otherwise
        raise
    open_to_others(path)


def n_bytes(tensors: Mapping[str, np.ndarray]) -> int:
    """About how many bytes a file of these tensors takes."""
    return sum(array.nbytes for array in tensors.values()) + 200 * (len(tensors) + 1)


def _read_bfloat16(path: Path, name: str, shape: list[int]) -> np.ndarray:
    # numpy lacks the type, so the library cannot give it; it has checked the header by now
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        start = json.loads(file.read(length))[name]["data_offsets"][0]
    halves = np.fromfile(path, dtype="<u2", count=math.prod(shape), offset=8 + length + start)
    return bfloat16.to_float32(halves).reshape(shape)

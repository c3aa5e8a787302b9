"""Matrices on the disk in 8-bit integers, each row with a scale of its own: a quarter of float32's bytes.

A matrix NAME stands as int8 (rows, columns) beside NAME_scale, float32 (rows,), as compressed-tensors names them: a
number is the product of the two. Whoever reads the file gets float32. Vectors stay as they are.
"""

from collections.abc import Mapping

import numpy as np

from bigbird_cli.errors import ModelError

SCALE = "_scale"
_STEPS = 127


def quantized(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Round each matrix of real numbers to 8 bits; the largest number of a row is stored exactly."""
    stored: dict[str, np.ndarray] = {}
    for name, array in tensors.items():
        if array.ndim != 2 or array.dtype.kind != "f":
            stored[name] = array
            continue
        wide = array.astype(np.float32, copy=False)
        scale = np.abs(wide).max(axis=1, initial=0.0) / np.float32(_STEPS)
        scale = np.maximum(scale, np.finfo(np.float32).tiny)  # a row of zeros
        stored[name] = np.rint(wide / scale[:, None]).astype(np.int8)
        stored[name + SCALE] = scale
    return stored


def dequantized(tensors: dict[str, np.ndarray], *, where: str) -> dict[str, np.ndarray]:
    """Undo `quantized`, but for the rounding; tensors that have no scale are given as they are.

    Raises:
        ModelError: a scale does not fit its matrix, or is not finite.
    """
    for name in quantized_names({name: array.dtype.name for name, array in tensors.items()}):
        matrix, scale = tensors[name], tensors.pop(name + SCALE)
        if matrix.ndim != 2 or scale.shape != matrix.shape[:1] or scale.dtype.kind != "f":
            raise ModelError(
                f"{name}{SCALE} is {scale.dtype} {list(scale.shape)}, which scales no {list(matrix.shape)}", where=where
            )
        if not np.isfinite(scale).all():
            raise ModelError(f"{name}{SCALE} is not finite", where=where, fix="fetch or copy the file again")
        tensors[name] = np.multiply(matrix, scale[:, None], dtype=np.float32)
    return tensors


def quantized_names(types: Mapping[str, str]) -> list[str]:
    """The matrices that stand in 8 bits, of a file's tensors and their types, as numpy names those."""
    return [name for name, kind in types.items() if kind == "int8" and name + SCALE in types]

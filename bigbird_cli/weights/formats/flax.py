"""Flax's flax_model.msgpack: a tree of arrays in MessagePack, read and written without JAX.

A file is one map of maps. An array is an extension of type 1 that holds, packed again, its shape, the name of its type
and its bytes in C's order; a scalar of numpy's is one of type 3, a complex number one of type 2. An array above
2**30 bytes is a map of flat pieces. Names here are a tree's keys joined by `/`.

Source: flax/serialization.py of flax 0.7.0 and 0.8.5, for the layout.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import msgpack
import numpy as np

from bigbird_cli.bigbird.names import FLAX_TO_BIGBIRD, SHARED_BIAS, count_layers, expand, is_kernel
from bigbird_cli.errors import ModelError
from bigbird_cli.weights.bfloat16 import to_float32

_NDARRAY, _COMPLEX, _SCALAR = 1, 2, 3
_PIECES: Final = "__msgpack_chunked_array__"
_PIECE_BYTES = 2**30
_TYPES: Final = frozenset(np.dtype(code).name for code in "?bBhHiIqQefdFD")
_BFLOAT16: Final = "bfloat16"

_LONGEST_NAME: Final = 1000
_WIDEST_MAP: Final = 4096
_MOST_DIMENSIONS: Final = 32
_MOST_ENTRIES: Final = 100_000
"""Of all maps together, a name counted once a level: what a file can make us hold besides its arrays."""
_READ_BYTES: Final = 2**20


def read(path: Path) -> dict[str, np.ndarray]:
    """Every array of a file, in the stored type; bfloat16, which numpy lacks, becomes float32.

    Memory holds the arrays and, on the way, the largest of them three times more.

    Raises:
        ModelError: the file is missing, no tree of arrays, cut off, or holds a type that numpy lacks.
    """
    return {name: stored.array for name, stored in _read(path).items()}


def stored_types(path: Path) -> dict[str, str]:
    """Name -> stored type of the arrays that `read` gives another one; errors as there."""
    return {name: stored.dtype for name, stored in _read(path).items() if stored.dtype == _BFLOAT16}


def write(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write arrays as Flax does, array by array; the caller flushes the file to the disk.

    Args:
        path: the new file.
        tensors: names joined by `/` -> arrays of numbers or truth values, of any layout.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    tree: dict[str, Any] = {}
    for name in sorted(tensors, key=_keys):
        *parents, leaf = _keys(name)
        node = tree
        for key in parents:
            node = node.setdefault(key, {})
        node[leaf] = tensors[name]
    with path.open("wb") as file:
        _write_node(file, tree)


def from_flax(tensors: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, str], dict[str, str]]:
    """Give the parameters of a Flax BigBird Hugging Face's names and layouts.

    Args:
        tensors: what `read` gave; emptied on the way, so that memory holds them once.

    Returns:
        Name -> array, source name -> that name, and an empty account of what was left behind.

    Raises:
        ModelError: a name is no parameter's, or a kernel no matrix; the error names it.
    """
    table = expand(FLAX_TO_BIGBIRD, count_layers(tensors))
    for name in tensors:
        if name not in table:
            raise ModelError(f"the tensor {name} is no parameter of a Flax BigBird", fix="name a BigBird")
    used = {name: table[name] for name in tensors}
    arrays = {}
    for name, ours in used.items():
        array = tensors.pop(name)
        if is_kernel(name) and array.ndim != 2:
            raise ModelError(
                f"the tensor {name} has the shape {array.shape}, which is no matrix", fix="fetch the model again"
            )
        arrays[ours] = np.ascontiguousarray(array.T) if is_kernel(name) else array
    return arrays, used, {}


def to_flax(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Give a BigBird's tensors Flax's names and layouts; kernels are views.

    Raises:
        ModelError: a tensor has no place in a Flax BigBird; the error names it.
    """
    table = {ours: theirs for theirs, ours in expand(FLAX_TO_BIGBIRD, count_layers(tensors)).items()}
    arrays = {}
    for ours, array in tensors.items():
        twin = tensors.get(SHARED_BIAS.get(ours, ""))
        if twin is not None and np.array_equal(twin, array):
            continue  # Flax has it once
        name = table.get(ours)
        if name is None or (is_kernel(name) and array.ndim != 2):
            raise ModelError(
                f"Flax has no place for the tensor {ours} {array.shape}",
                fix="write another format, such as safetensors",
            )
        arrays[name] = array.T if is_kernel(name) else array
    return arrays


# reading


class _Stored(NamedTuple):
    """An array and what its type is called in the file."""

    array: np.ndarray
    dtype: str


def _read(path: Path) -> dict[str, _Stored]:
    try:
        with path.open("rb") as file:
            return _unpack(file, n_bytes=path.stat().st_size)
    except OSError as error:
        raise ModelError(f"the file cannot be read: {error.strerror or error}", where=str(path)) from error
    except (ValueError, msgpack.UnpackException) as error:
        how = str(error) or "it is cut off"
        raise ModelError(
            f"the weights file is broken ({how})", where=str(path), fix="fetch or copy the file again"
        ) from error


def _unpack(file: BinaryIO, *, n_bytes: int) -> dict[str, _Stored]:
    """The arrays of a file, one read after the other, so that memory never holds all of it besides them.

    Lists are refused: the library would make one as long as its header claims before it reads on.

    Raises:
        ValueError, msgpack.UnpackException: it is no such file.
    """
    unpacker = msgpack.Unpacker(
        file,
        read_size=min(_READ_BYTES, max(n_bytes, 1)),
        max_buffer_size=max(n_bytes, 1),
        max_str_len=_LONGEST_NAME,
        max_array_len=0,
        max_map_len=_WIDEST_MAP,
        ext_hook=_unpack_extension,
        object_pairs_hook=_Flattener(),
    )
    tree = unpacker.unpack()
    if not isinstance(tree, dict) or "" in tree:
        raise ValueError("it holds no tree of arrays")
    if unpacker.tell() != n_bytes:
        raise ValueError("something follows the tree of arrays")
    return {name: _as_stored(leaf, name) for name, leaf in tree.items()}


class _Flattener:
    """Makes one flat map, name -> leaf, of each map of a file, the innermost first; an array in pieces is a leaf."""

    def __init__(self) -> None:
        self.n_entries = 0

    def __call__(self, pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
        flat: dict[str, Any] = {}
        for key, value in pairs:
            if not isinstance(key, str) or not key:
                raise ValueError(f"{key!r:.60} is no name")
            inner = value if isinstance(value, dict) else {"": value}
            self.n_entries += 1 + len(inner)
            if self.n_entries > _MOST_ENTRIES:
                raise ValueError(f"it has more than {_MOST_ENTRIES} names")
            for below, leaf in inner.items():
                name = f"{key}/{below}" if below else key
                if name in flat or len(name) > _LONGEST_NAME:
                    raise ValueError(f"the name {name} stands there twice, or is too long")
                flat[name] = leaf
        return {"": _joined(flat)} if _PIECES in flat else flat


def _joined(parts: Mapping[str, Any]) -> _Stored:
    """One array of its flat pieces."""
    lengths = [parts[key] for key in map("shape/{}".format, range(_MOST_DIMENSIONS)) if key in parts]
    pieces = [parts[key] for key in map("chunks/{}".format, range(_WIDEST_MAP)) if key in parts]
    if len(parts) != 1 + len(lengths) + len(pieces) or not all(isinstance(piece, _Stored) for piece in pieces):
        raise ValueError("an array in pieces lacks one")
    if len({piece.dtype for piece in pieces}) != 1 or any(piece.array.ndim != 1 for piece in pieces):
        raise ValueError("an array in pieces has pieces of several kinds")
    _check_shape(lengths, sum(piece.array.size for piece in pieces))
    return _Stored(np.concatenate([piece.array for piece in pieces]).reshape(lengths), pieces[0].dtype)


def _as_stored(leaf: object, name: str) -> _Stored:
    if isinstance(leaf, bool | int | float | complex):
        array = np.asarray(leaf)
        return _Stored(array, array.dtype.name)
    if not isinstance(leaf, _Stored):
        raise ValueError(f"{name} is no array")
    return leaf


def _unpack_extension(code: int, data: bytes) -> _Stored | complex:
    content = msgpack.unpackb(data, raw=True, use_list=False, max_array_len=_MOST_DIMENSIONS, max_map_len=0)
    if code == _COMPLEX:
        real, imaginary = content if isinstance(content, tuple) and len(content) == 2 else (None, None)
        if not isinstance(real, float) or not isinstance(imaginary, float):
            raise ValueError("a complex number is not two numbers")
        return complex(real, imaginary)
    if code not in (_NDARRAY, _SCALAR):
        raise ValueError(f"it holds an extension of type {code}, which is not Flax's")
    shape, dtype, buffer = content if isinstance(content, tuple) and len(content) == 3 else (None, None, None)
    if not isinstance(shape, tuple) or not isinstance(dtype, bytes) or not isinstance(buffer, bytes):
        raise ValueError("an array is not a shape, a type and bytes")
    name = dtype.decode("ascii")
    if name not in (*_TYPES, _BFLOAT16):
        raise ValueError(f"it holds an array of the type {name}, which is not read here")
    stored = np.dtype("uint16" if name == _BFLOAT16 else name).newbyteorder("<")
    if len(buffer) % stored.itemsize:
        raise ValueError("an array's bytes are not a whole number of values")
    _check_shape(shape, len(buffer) // stored.itemsize)
    array = np.frombuffer(buffer, dtype=stored).reshape(shape)
    if name == _BFLOAT16:
        return _Stored(to_float32(array), name)
    return _Stored(array.astype(stored.newbyteorder("=")), name)  # a copy: that of the buffer is not writable


def _check_shape(shape: Sequence[object], size: int) -> None:
    lengths = [length for length in shape if type(length) is int and length >= 0]
    if len(lengths) != len(shape) or math.prod(lengths) != size:
        raise ValueError(f"an array of {size} values has the shape {tuple(shape)}")


# writing


def _keys(name: str) -> tuple[str, ...]:
    return tuple(name.split("/"))


def _write_node(file: BinaryIO, node: Any) -> None:
    if isinstance(node, np.ndarray) and node.nbytes > _PIECE_BYTES:
        node = _in_pieces(node)
    if isinstance(node, dict):
        file.write(msgpack.Packer().pack_map_header(len(node)))
        for key, value in node.items():
            file.write(msgpack.packb(key))
            _write_node(file, value)
    elif isinstance(node, np.ndarray):
        file.write(msgpack.packb(msgpack.ExtType(_NDARRAY, _packed(node))))
    else:
        file.write(msgpack.packb(node))


def _packed(array: np.ndarray) -> bytes:
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    packed: bytes = msgpack.packb((array.shape, array.dtype.name, little.tobytes("C")))
    return packed


def _in_pieces(array: np.ndarray) -> dict[str, Any]:
    flat = array.reshape(-1)
    step = max(1, _PIECE_BYTES // array.itemsize)
    pieces = [flat[start : start + step] for start in range(0, flat.size, step)]
    return {
        _PIECES: True,
        "shape": {str(axis): length for axis, length in enumerate(array.shape)},
        "chunks": {str(number): piece for number, piece in enumerate(pieces)},
    }

"""A checkpoint's tensors, from its files.

A checkpoint is a tensor bundle: `<prefix>.index` says of every tensor its type, shape and location, and
`<prefix>.data-00000-of-0000n` are the shards that hold the bytes. The variables of a SavedModel are one too. The index
is a table in LevelDB's format whose values are protocol buffers; nothing in either file is code.

Source: tensorflow 2.21, core/protobuf/tensor_bundle.proto; files written by it stand in the tests.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from bigbird_cli.errors import ModelError
from bigbird_cli.files.protobuf import read_varint
from bigbird_cli.weights.bfloat16 import to_float32
from bigbird_cli.weights.formats.tensorflow.crc32c import crc32c, masked
from bigbird_cli.weights.formats.tensorflow.messages import ByteOrder, Entry, full_names, read_entry, read_header
from bigbird_cli.weights.formats.tensorflow.slices import region, slice_key
from bigbird_cli.weights.formats.tensorflow.table import read_table

INDEX: Final = ".index"
"""Ends the name of the file that tells of the others."""

_STRING, _BFLOAT16 = 7, 14
_TYPES: Final = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    9: "int64",
    10: "bool",
    _BFLOAT16: "bfloat16",
    17: "uint16",
    19: "float16",
    22: "uint32",
    23: "uint64",
}
_OTHER_TYPES: Final = {_STRING: "text", 8: "complex numbers", 18: "complex numbers", 20: "a resource", 21: "a variant"}
"""Of the numbers that TensorFlow gives to types (core/framework/types.proto), those that are left out."""
_OBJECT_GRAPH: Final = "_CHECKPOINTABLE_OBJECT_GRAPH"
_OBJECT_KEY_END: Final = "/.ATTRIBUTES/VARIABLE_VALUE"

_MAX_INDEX: Final = 16 << 20
"""Bytes of an index, of all its keys and of an object graph; a large model's are below a million each."""


def read(prefix: Path) -> dict[str, np.ndarray]:
    """Every tensor of numbers in a bundle, as an array of its own, in the stored type; bfloat16 becomes float32.

    Names are the checkpoint's own. Where it holds objects instead of names (a SavedModel), they are the variables' own
    names, and the second variable of a name is called `name#2`, in the order of the objects.

    Args:
        prefix: the files' common beginning, such as `model.ckpt-0` or `variables/variables`.

    Raises:
        ModelError: a file is missing, cut off, altered (checksums of index and data are verified), or holds what is
            not read here.
    """
    bundle = _open(prefix)
    return {name: bundle.array(key) for name, key in bundle.named().items() if bundle.entries[key].dtype in _TYPES}


def stored_types(prefix: Path) -> dict[str, str]:
    """Name -> stored type, for the tensors whose type reading changes; errors as in `read`."""
    bundle = _open(prefix)
    return {name: "bfloat16" for name, key in bundle.named().items() if bundle.entries[key].dtype == _BFLOAT16}


def skipped(prefix: Path) -> dict[str, str]:
    """Name -> why `read` leaves it out, for the tensors that hold no real numbers; errors as in `read`."""
    bundle = _open(prefix)
    reasons = {}
    for name, key in bundle.named().items():
        dtype = bundle.entries[key].dtype
        if name == _OBJECT_GRAPH:
            reasons[name] = "names the SavedModel's objects"
        elif dtype not in _TYPES:
            reasons[name] = f"holds {_OTHER_TYPES.get(dtype, f'numbers of type {dtype}')}, no weights"
    return reasons


@dataclass(frozen=True)
class _Bundle:
    """An index whose every entry fits its data files."""

    prefix: Path
    shards: tuple[Path, ...]
    byte_order: ByteOrder
    entries: dict[bytes, Entry]

    def named(self) -> dict[str, bytes]:
        """Name -> key of every tensor; the parts of partitioned ones have none."""
        try:
            keys = {key.decode("utf-8"): key for key in self.entries if not key.startswith(b"\0")}
        except UnicodeDecodeError as error:
            raise self._error("holds a name that is no UTF-8") from error
        if _OBJECT_GRAPH not in keys:
            return keys
        try:
            own_names = full_names(self._text(self.entries[keys[_OBJECT_GRAPH]]))
        except ValueError as error:
            raise self._error(f"names its objects in a way that cannot be read: {error}") from error
        counts: Counter[str] = Counter()
        named = {}
        for shown in sorted(keys, key=_by_number):
            name = own_names.get(shown) or shown.removesuffix(_OBJECT_KEY_END)
            counts[name] += 1
            named[name if counts[name] == 1 else f"{name}#{counts[name]}"] = keys[shown]
        if len(named) < len(keys):
            raise self._error("gives several variables one name")
        return named

    def array(self, key: bytes) -> np.ndarray:
        """A tensor of numbers, put together where it is stored in parts."""
        entry = self.entries[key]
        if not entry.slices:
            return self._stored(entry)
        whole: np.ndarray | None = None
        is_filled = np.zeros(entry.shape, dtype=bool)
        for extents in entry.slices:
            part = self._stored(self.entries[slice_key(key, extents)])
            part_region = region(extents, entry.shape)
            if is_filled[part_region].any():
                raise self._error(f"stores a part of {_shown(key)} twice")
            if whole is None:
                whole = np.empty(entry.shape, dtype=part.dtype)
            whole[part_region] = part
            is_filled[part_region] = True
        if whole is None:
            raise self._error(f"stores no part of {_shown(key)}")
        return whole

    def _stored(self, entry: Entry) -> np.ndarray:
        data = self._bytes(entry)
        self._check(entry, crc32c(data))
        kind = _TYPES[entry.dtype]
        code = np.dtype("uint16" if kind == "bfloat16" else kind)
        numbers = data.view(code.newbyteorder(self.byte_order)).astype(code, copy=False)
        return (to_float32(numbers) if kind == "bfloat16" else numbers).reshape(entry.shape)

    def _text(self, entry: Entry) -> bytes:
        """A string tensor of one element: its length, the length's checksum, and the bytes."""
        if entry.dtype != _STRING or entry.shape or entry.slices or entry.size > _MAX_INDEX:
            raise ValueError("that is no single text")
        data = self._bytes(entry).tobytes()
        length, start = read_varint(data, 0)
        text = data[start + 4 :]
        if len(text) != length or len(data) < start + 4:
            raise ValueError("its length is not what it says")
        # the checksum covers the length as a number of 4 bytes, not as it is stored
        covered = length.to_bytes(4, "little") + data[start : start + 4] + text
        self._check(entry, crc32c(np.frombuffer(covered, dtype=np.uint8)))
        return text

    def _bytes(self, entry: Entry) -> np.ndarray:
        path = self.shards[entry.shard]
        try:
            data = np.fromfile(path, dtype=np.uint8, count=entry.size, offset=entry.offset)
        except OSError as error:
            raise _unreadable(path, error) from error
        if len(data) != entry.size:
            raise ModelError("the file was cut off while it was read", where=str(path))
        return data

    def _check(self, entry: Entry, crc: int) -> None:
        if masked(crc) != entry.crc32c:
            raise ModelError(
                f"the data of a tensor at byte {entry.offset} is not what was written (its checksum differs)",
                where=str(self.shards[entry.shard]),
                fix="fetch or copy the file again",
            )

    def _error(self, problem: str) -> ModelError:
        return _index_error(self.prefix, problem)


def _open(prefix: Path) -> _Bundle:
    """Read the index and check it against the sizes of the data files; nothing of those is read."""
    index = prefix.with_name(prefix.name + INDEX)
    try:
        if index.stat().st_size > _MAX_INDEX:
            raise _index_error(prefix, "is larger than any index of a model")
        table = index.read_bytes()
    except OSError as error:
        raise _unreadable(index, error) from error
    try:
        values = dict(read_table(table))
        n_shards, byte_order = read_header(values.pop(b"", b""))
        if not 1 <= n_shards <= len(values) + 1:
            raise ValueError(f"it tells of {n_shards} data files for {len(values)} tensors")
        entries = {key: read_entry(value) for key, value in values.items()}
        shards = tuple(
            prefix.with_name(f"{prefix.name}.data-{number:05d}-of-{n_shards:05d}") for number in range(n_shards)
        )
        _check_places(entries, [_size(shard) for shard in shards])
        _check_slices(entries)
    except ValueError as error:
        raise _index_error(prefix, f"is broken: {error}") from error
    return _Bundle(prefix, shards, byte_order, entries)


def _check_places(entries: Mapping[bytes, Entry], sizes: list[int]) -> None:
    """Every tensor lies in its file and has as many bytes as its shape asks for; no byte is claimed twice over."""
    claimed = 0
    for key, entry in entries.items():
        if entry.slices:
            continue
        if not 0 <= entry.shard < len(sizes):
            raise ValueError(f"{_shown(key)} lies in data file {entry.shard} of {len(sizes)}")
        if entry.offset < 0 or entry.size < 0 or entry.offset + entry.size > sizes[entry.shard]:
            raise ValueError(
                f"{_shown(key)} takes {entry.size} bytes from {entry.offset} of a data file that has "
                f"{sizes[entry.shard]}"
            )
        claimed += entry.size
        if entry.dtype in _TYPES and _n_bytes(entry) != entry.size:
            raise ValueError(f"{_shown(key)} has the shape {entry.shape}, but {entry.size} bytes")
    if claimed > sum(sizes):
        raise ValueError(f"its tensors take {claimed} bytes, but the data files have {sum(sizes)}")


def _check_slices(entries: Mapping[bytes, Entry]) -> None:
    """The parts of a partitioned variable are there and make up its size, so that it is no larger than the files."""
    for key, entry in entries.items():
        if not entry.slices or entry.dtype not in _TYPES:
            continue
        if len(set(entry.slices)) < len(entry.slices):
            raise ValueError(f"it names a part of {_shown(key)} twice")
        volume = 0
        for extents in entry.slices:
            part = entries.get(slice_key(key, extents))
            if part is None or part.slices or part.dtype != entry.dtype:
                raise ValueError(f"a part of {_shown(key)} is missing")
            shape = tuple(axis.stop - axis.start for axis in region(extents, entry.shape))
            if part.shape != shape:
                raise ValueError(f"a part of {_shown(key)} has the shape {part.shape} instead of {shape}")
            volume += math.prod(shape)
        if volume != math.prod(entry.shape):
            raise ValueError(f"the parts of {_shown(key)} do not make it up")


def _n_bytes(entry: Entry) -> int:
    kind = _TYPES[entry.dtype]
    return math.prod(entry.shape) * (2 if kind == "bfloat16" else np.dtype(kind).itemsize)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from error


def _by_number(key: str) -> tuple[tuple[int, str], ...]:
    """Sorts variables/9 before variables/10."""
    return tuple((int(part) if part.isdecimal() and len(part) < 10 else -1, part) for part in key.split("/"))


def _shown(key: bytes) -> str:
    return key.decode("utf-8", errors="replace").replace("\0", "").strip() or "a tensor"


def _index_error(prefix: Path, problem: str) -> ModelError:
    return ModelError(f"the index {problem}", where=f"{prefix}{INDEX}", fix="fetch or copy the checkpoint again")


def _unreadable(path: Path, error: OSError) -> ModelError:
    return ModelError(
        f"the file cannot be read: {error.strerror or error}",
        where=str(path),
        fix="copy all files of the checkpoint into one folder",
    )

"""TensorFlow checkpoints, without TensorFlow.

A checkpoint is a tensor bundle: `<prefix>.index` says of every tensor its type, shape and place, and
`<prefix>.data-00000-of-0000n` are the shards that hold the bytes. The variables of a SavedModel are one too. The index
is a table in LevelDB's format whose values are protocol buffers; nothing in either file is code.

Source: tensorflow 2.21, core/protobuf/tensor_bundle.proto and trackable_object_graph.proto, core/lib/io/format.cc
(the table), core/util/saved_tensor_slice_util.cc (keys of slices); files written by it stand in the tests.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import numpy as np

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.names import (
    PREFIX,
    TENSORFLOW_STATE,
    TENSORFLOW_TO_BIGBIRD,
    TIED,
    TRIVIA_QA_TO_BIGBIRD,
    expand,
    expected_names,
    is_kernel,
)
from bigbird_cli.errors import ModelError

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
_MAX_RANK: Final = 32
"""Dimensions of an array in numpy 1."""


class _Broken(Exception):
    """A file says what it cannot say; `where` is put to it where the file is known."""


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


def from_tensorflow(
    tensors: dict[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], dict[str, str], dict[str, str]]:
    """Give a BigBird's tensors Hugging Face's names and layouts.

    Sizes are those that the tensors themselves tell: the embeddings, the first layer and the number of layers.

    Args:
        tensors: what `read` gave, of google-research/bigbird or of the TriviaQA model; emptied on the way, so that
            memory holds them once.

    Returns:
        Name -> array, source name -> that name, and source name -> why it was left behind.

    Raises:
        ModelError: a parameter is missing, misshapen or unknown; the error names it.
    """
    is_trivia = any(name.startswith("transformer_scaffold/") for name in tensors)
    table = TRIVIA_QA_TO_BIGBIRD if is_trivia else TENSORFLOW_TO_BIGBIRD
    n_layers = _count_layers(tensors, table)
    table = expand(table, n_layers)
    if is_trivia:  # Keras numbers from the second on
        table = {name.replace("transformer_scaffold_0/", "transformer_scaffold/"): ours for name, ours in table.items()}
    unused = {name: _why_unused(name, tensors, table) for name in tensors if name not in table}
    for name in unused:  # what an optimiser keeps is twice the weights
        del tensors[name]
    used = {name: ours for name, ours in table.items() if name in tensors}
    wanted = _wanted_shapes(tensors, table, n_layers)
    present = set(used.values())
    for name, ours in table.items():
        if ours in wanted and ours not in present:
            raise ModelError(f"the tensor {name} is missing", fix="fetch the checkpoint again")
    bare = all(ours.startswith(PREFIX) for ours in present)  # as in the folder of a BigBirdModel
    arrays = {}
    for name, ours in used.items():
        used[name] = ours.removeprefix(PREFIX) if bare else ours
        arrays[used[name]] = _laid_out(name, ours, tensors.pop(name), wanted[ours])
    return arrays, used, unused


# names and shapes


def _count_layers(tensors: Mapping[str, np.ndarray], table: Mapping[str, str]) -> int:
    """One more than the highest number of a layer, so that a gap shows as a missing tensor."""
    scope = next(name for name in table if "{}" in name).split("{}")[0]  # "bert/encoder/layer_"
    numbers = {int(found[1]) for name in tensors if (found := re.match(rf"{scope}(\d{{1,9}})/", name))}
    n_layers = max(numbers, default=0) + 1
    if n_layers > len(tensors):
        raise ModelError(
            f"a layer has the number {n_layers - 1}, but there are only {len(tensors)} tensors",
            fix="fetch the checkpoint again",
        )
    return n_layers


def _why_unused(name: str, tensors: Mapping[str, np.ndarray], table: Mapping[str, str]) -> str:
    parts = name.split("/")
    if TENSORFLOW_STATE.intersection(parts) or name.rpartition("/")[0] in tensors:
        return "the optimiser's"
    if name.startswith("bert/classifier/"):
        # it reads tanh(pooler); transformers' head for documents puts hidden_act there, so its scores would differ
        return "a classifier on the pooler, which no class of transformers has; train a new head"
    scopes = {source.split("/")[0] for source in table}
    if parts[0] in scopes:
        raise ModelError(
            f"the tensor {name} is no parameter of a BigBird", fix="convert a checkpoint of google-research/bigbird"
        )
    return "no parameter of a BigBird"


def _wanted_shapes(
    tensors: Mapping[str, np.ndarray], table: Mapping[str, str], n_layers: int
) -> dict[str, tuple[int, ...]]:
    """Our name -> shape, for what this checkpoint must have."""
    sources = {ours: name for name, ours in table.items()}

    def size(ours: str, axis: int) -> int:
        name = sources[PREFIX + ours]
        if name not in tensors:
            raise ModelError(f"the tensor {name} is missing", fix="name a checkpoint of a BigBird encoder")
        shape = tensors[name].shape
        if len(shape) <= axis or not shape[axis]:
            raise ModelError(f"the tensor {name} has the shape {shape}", fix="fetch the checkpoint again")
        return shape[axis]

    present = {ours for name, ours in table.items() if name in tensors}
    if any(name.startswith("qa_classifier.") for name in present):
        head = "span"
    elif any(name.startswith("cls.seq_relationship.") for name in present):
        head = "pretraining"
    else:
        head = "masked_lm"
    config = BigBirdConfig(
        vocab_size=size("embeddings.word_embeddings.weight", 0),
        hidden_size=size("embeddings.word_embeddings.weight", 1),
        num_hidden_layers=n_layers,
        num_attention_heads=1,  # shapes do not depend on it
        intermediate_size=size("encoder.layer.0.intermediate.dense.bias", 0),
        max_position_embeddings=size("embeddings.position_embeddings.weight", 0),
        type_vocab_size=size("embeddings.token_type_embeddings.weight", 0),
        use_bias=any(".attention.self." in name and name.endswith(".bias") for name in present),
        pad_token_id=None,
        bos_token_id=None,
        eos_token_id=None,
        sep_token_id=None,
    )
    shapes = {name: shape for name, shape in expected_names(config, head).items() if name not in TIED}
    if head != "masked_lm":
        return shapes
    absent = tuple(part for part in ("bert.pooler.", "cls.") if not any(name.startswith(part) for name in present))
    return {name: shape for name, shape in shapes.items() if not name.startswith(absent)}


def _laid_out(name: str, ours: str, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Our layout of a stored array: heads that stand apart are put together, and a kernel is transposed."""
    stored = array
    if array.ndim == len(shape) + 1 and ".attention.self." in ours:  # kernels (D, N, H), biases (N, H)
        array = array.reshape(*array.shape[:-2], math.prod(array.shape[-2:]))
    elif array.ndim == len(shape) + 1 and ours.endswith(".attention.output.dense.weight"):  # (N, H, D)
        array = array.reshape(math.prod(array.shape[:2]), array.shape[2])
    if is_kernel(name):
        array = array.T
    if array.shape != shape:
        raise ModelError(
            f"the tensor {name} has the shape {stored.shape} where the others ask for "
            f"{shape[::-1] if is_kernel(name) else shape}",
            fix="fetch the checkpoint again",
        )
    return np.ascontiguousarray(array)


# the bundle


@dataclass(frozen=True)
class _Entry:
    """Where a tensor lies.

    Attributes:
        dtype: TensorFlow's number of the type.
        shape: of the whole tensor.
        shard: the number of its data file.
        offset, size: its bytes there.
        crc32c: their checksum, masked.
        slices: (start, length) for each dimension of each of the parts that are stored instead; length -1 is all.
    """

    dtype: int = 0
    shape: tuple[int, ...] = ()
    shard: int = 0
    offset: int = 0
    size: int = 0
    crc32c: int = 0
    slices: tuple[tuple[tuple[int, int], ...], ...] = ()


@dataclass(frozen=True)
class _Bundle:
    """An index whose every entry fits its data files."""

    prefix: Path
    shards: tuple[Path, ...]
    byte_order: Literal["<", ">"]
    entries: dict[bytes, _Entry]

    def named(self) -> dict[str, bytes]:
        """Name -> key of every tensor; the parts of partitioned ones have none."""
        try:
            keys = {key.decode("utf-8"): key for key in self.entries if not key.startswith(b"\0")}
        except UnicodeDecodeError as error:
            raise self._error("holds a name that is no UTF-8") from error
        if _OBJECT_GRAPH not in keys:
            return keys
        try:
            full_names = _full_names(self._text(self.entries[keys[_OBJECT_GRAPH]]))
        except _Broken as error:
            raise self._error(f"names its objects in a way that cannot be read: {error}") from error
        counts: Counter[str] = Counter()
        named = {}
        for shown in sorted(keys, key=_by_number):
            name = full_names.get(shown) or shown.removesuffix(_OBJECT_KEY_END)
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
            part = self._stored(self.entries[_slice_key(key, extents)])
            place = _place(extents, entry.shape)
            if is_filled[place].any():
                raise self._error(f"stores a part of {_shown(key)} twice")
            if whole is None:
                whole = np.empty(entry.shape, dtype=part.dtype)
            whole[place] = part
            is_filled[place] = True
        if whole is None:
            raise self._error(f"stores no part of {_shown(key)}")
        return whole

    def _stored(self, entry: _Entry) -> np.ndarray:
        data = self._bytes(entry)
        self._check(entry, _crc32c(data))
        kind = _TYPES[entry.dtype]
        code = np.dtype("uint16" if kind == "bfloat16" else kind)
        numbers = data.view(code.newbyteorder(self.byte_order)).astype(code, copy=False)
        if kind == "bfloat16":  # the upper half of a float32's bits
            wide = numbers.astype(np.uint32)
            wide <<= 16
            numbers = wide.view(np.float32)
        return numbers.reshape(entry.shape)

    def _text(self, entry: _Entry) -> bytes:
        """A string tensor of one element: its length, the length's checksum, and the bytes."""
        if entry.dtype != _STRING or entry.shape or entry.slices or entry.size > _MAX_INDEX:
            raise _Broken("that is no single text")
        data = self._bytes(entry).tobytes()
        length, start = _varint(data, 0)
        text = data[start + 4 :]
        if len(text) != length or len(data) < start + 4:
            raise _Broken("its length is not what it says")
        # the checksum covers the length as a number of 4 bytes, not as it is stored
        covered = length.to_bytes(4, "little") + data[start : start + 4] + text
        self._check(entry, _crc32c(np.frombuffer(covered, dtype=np.uint8)))
        return text

    def _bytes(self, entry: _Entry) -> np.ndarray:
        path = self.shards[entry.shard]
        try:
            data = np.fromfile(path, dtype=np.uint8, count=entry.size, offset=entry.offset)
        except OSError as error:
            raise _unreadable(path, error) from error
        if len(data) != entry.size:
            raise ModelError("the file was cut off while it was read", where=str(path))
        return data

    def _check(self, entry: _Entry, crc: int) -> None:
        if _masked(crc) != entry.crc32c:
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
        values = dict(_table(table))
        header = _message(values.pop(b"", b""))
        n_shards = _int(header, 1)
        if not 1 <= n_shards <= len(values) + 1:
            raise _Broken(f"it tells of {n_shards} data files for {len(values)} tensors")
        if _int(header, 2) not in (0, 1):
            raise _Broken("its byte order is unknown")
        entries = {key: _entry(value) for key, value in values.items()}
        shards = tuple(
            prefix.with_name(f"{prefix.name}.data-{number:05d}-of-{n_shards:05d}") for number in range(n_shards)
        )
        _check_places(entries, [_size(shard) for shard in shards])
        _check_slices(entries)
    except _Broken as error:
        raise _index_error(prefix, f"is broken: {error}") from error
    return _Bundle(prefix, shards, ">" if _int(header, 2) else "<", entries)


def _check_places(entries: Mapping[bytes, _Entry], sizes: list[int]) -> None:
    """Every tensor lies in its file and has as many bytes as its shape asks for; no byte is claimed twice over."""
    claimed = 0
    for key, entry in entries.items():
        if entry.slices:
            continue
        if not 0 <= entry.shard < len(sizes):
            raise _Broken(f"{_shown(key)} lies in data file {entry.shard} of {len(sizes)}")
        if entry.offset < 0 or entry.size < 0 or entry.offset + entry.size > sizes[entry.shard]:
            raise _Broken(
                f"{_shown(key)} takes {entry.size} bytes from {entry.offset} of a data file that has "
                f"{sizes[entry.shard]}"
            )
        claimed += entry.size
        if entry.dtype in _TYPES and _n_bytes(entry) != entry.size:
            raise _Broken(f"{_shown(key)} has the shape {entry.shape}, but {entry.size} bytes")
    if claimed > sum(sizes):
        raise _Broken(f"its tensors take {claimed} bytes, but the data files have {sum(sizes)}")


def _check_slices(entries: Mapping[bytes, _Entry]) -> None:
    """The parts of a partitioned variable are there and make up its size, so that it is no larger than the files."""
    for key, entry in entries.items():
        if not entry.slices or entry.dtype not in _TYPES:
            continue
        if len(set(entry.slices)) < len(entry.slices):
            raise _Broken(f"it names a part of {_shown(key)} twice")
        volume = 0
        for extents in entry.slices:
            part = entries.get(_slice_key(key, extents))
            if part is None or part.slices or part.dtype != entry.dtype:
                raise _Broken(f"a part of {_shown(key)} is missing")
            shape = tuple(place.stop - place.start for place in _place(extents, entry.shape))
            if part.shape != shape:
                raise _Broken(f"a part of {_shown(key)} has the shape {part.shape} instead of {shape}")
            volume += math.prod(shape)
        if volume != math.prod(entry.shape):
            raise _Broken(f"the parts of {_shown(key)} do not make it up")


def _entry(value: bytes) -> _Entry:
    fields = _message(value)
    entry = _Entry(
        dtype=_int(fields, 1),
        shard=_int(fields, 3),
        offset=_int(fields, 4),
        size=_int(fields, 5),
        crc32c=_int(fields, 6),
    )
    shape: list[int] = []
    for number, content in fields:
        if number == 2:
            for inner, dimension in _message(_bytes(content)):
                if inner == 2:
                    shape.append(_int(_message(_bytes(dimension)), 1))
                elif inner == 3 and dimension:
                    raise _Broken("a tensor is stored without a shape")
    if len(shape) > _MAX_RANK or any(size < 0 for size in shape) or math.prod(max(1, size) for size in shape) >> 59:
        raise _Broken(f"a tensor has a shape of {len(shape)} dimensions that cannot be")
    slices = []
    for number, content in fields:
        if number == 7:
            extents = [_message(_bytes(extent)) for inner, extent in _message(_bytes(content)) if inner == 1]
            # an extent without a length is the whole dimension
            slices.append(
                tuple(
                    (_int(extent, 1), _int(extent, 2) if any(n == 2 for n, _ in extent) else -1) for extent in extents
                )
            )
    return replace(entry, shape=tuple(shape), slices=tuple(slices))


def _place(extents: tuple[tuple[int, int], ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """The part of an array that a slice is."""
    if len(extents) != len(shape):
        raise _Broken(f"a part of {len(extents)} dimensions belongs to a tensor of {len(shape)}")
    place = []
    for (start, length), size in zip(extents, shape, strict=True):
        stop = size if length == -1 else start + length
        if not 0 <= start <= stop <= size:
            raise _Broken(f"a part lies at {start} to {stop} of {size}")
        place.append(slice(start, stop))
    return tuple(place)


def _n_bytes(entry: _Entry) -> int:
    kind = _TYPES[entry.dtype]
    return math.prod(entry.shape) * (2 if kind == "bfloat16" else np.dtype(kind).itemsize)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from error


def _full_names(graph: bytes) -> dict[str, str]:
    """Key -> the variable's own name, from a TrackableObjectGraph."""
    names = {}
    for number, node in _message(graph):
        if number != 1:
            continue
        for inner, attribute in _message(_bytes(node)):
            if inner != 2:
                continue
            fields = dict(_message(_bytes(attribute)))
            key, name = _bytes(fields.get(3, b"")), _bytes(fields.get(2, b""))
            try:
                names[key.decode("utf-8")] = name.decode("utf-8")
            except UnicodeDecodeError as error:
                raise _Broken("a name is no UTF-8") from error
    return names


def _by_number(key: str) -> tuple[tuple[int, str], ...]:
    """Sorts variables/9 before variables/10."""
    return tuple((int(part) if part.isdecimal() and len(part) < 10 else -1, part) for part in key.split("/"))


def _slice_key(name: bytes, extents: tuple[tuple[int, int], ...]) -> bytes:
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


# the table: blocks of sorted keys, an index of the blocks, and a footer

_FOOTER: Final = 48
_MAGIC: Final = 0xDB4775248B80FB57


def _table(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values, the keys ascending."""
    if len(file) < _FOOTER or int.from_bytes(file[-8:], "little") != _MAGIC:
        raise _Broken("it does not end as an index does")
    footer = file[-_FOOTER:]
    at = 0
    for _ in range(2):  # of the block of metadata, which is empty
        _, at = _varint(footer, at)
    offset, at = _varint(footer, at)
    size, at = _varint(footer, at)
    last = None
    n_key_bytes = 0
    for _, handle in _block(file, offset, size):
        offset, at = _varint(handle, 0)
        size, _ = _varint(handle, at)
        for key, value in _block(file, offset, size):
            n_key_bytes += len(key)
            if (last is not None and key <= last) or n_key_bytes > _MAX_INDEX:
                raise _Broken("its keys are not in order")
            last = key
            yield key, value


def _block(file: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block; a key says how much of its beginning is the last one's."""
    end = offset + size
    if end + 5 > len(file) - _FOOTER or size < 4:
        raise _Broken("a block lies outside the file")
    block = file[offset:end]
    crc = _crc32c(np.frombuffer(file, dtype=np.uint8, count=size + 1, offset=offset))
    if _masked(crc) != int.from_bytes(file[end + 1 : end + 5], "little"):
        raise _Broken("the checksum of a block differs")
    if file[end]:
        raise _Broken("it is compressed, which is not read here")
    n_restarts = int.from_bytes(block[-4:], "little")
    stop = size - 4 - 4 * n_restarts
    if stop < 0:
        raise _Broken("a block is too short")
    at, key = 0, b""
    while at < stop:
        shared, at = _varint(block, at)
        n_new, at = _varint(block, at)
        n_value, at = _varint(block, at)
        if shared > len(key) or at + n_new + n_value > stop:
            raise _Broken("a key reaches beyond its block")
        key = key[:shared] + block[at : at + n_new]
        at += n_new
        yield key, block[at : at + n_value]
        at += n_value


# protocol buffers

_Field = tuple[int, int | bytes]


def _message(data: bytes) -> list[_Field]:
    """Number and content of every field: a signed integer, or bytes."""
    fields: list[_Field] = []
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind, content = tag & 7, b""
        if kind == 0:
            number, at = _varint(data, at)
            fields.append((tag >> 3, number - (1 << 64) if number >> 63 else number))
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise _Broken("a message cannot be read")
        content, at = data[at : at + size], at + size
        if at > len(data):
            raise _Broken("a message is cut off")
        fields.append((tag >> 3, content if kind == 2 else int.from_bytes(content, "little")))
    return fields


def _int(fields: list[_Field], number: int) -> int:
    """A field's last value, which counts, or 0, which is left out."""
    found = [content for tag, content in fields if tag == number]
    if not found:
        return 0
    if isinstance(found[-1], bytes):
        raise _Broken("a number is stored as bytes")
    return found[-1]


def _bytes(content: int | bytes) -> bytes:
    if isinstance(content, int):
        raise _Broken("bytes are stored as a number")
    return content


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of at most 64 bits in groups of 7, the lowest first, and where it ends."""
    value = 0
    for position, byte in enumerate(data[at : at + 10]):
        value |= (byte & 127) << (7 * position)
        if byte < 128:
            return value & ((1 << 64) - 1), at + position + 1
    raise _Broken("a number is cut off")


# CRC-32C

_POLYNOMIAL: Final = 0x82F63B78
_MAX_ROW: Final = 14


def _masked(crc: int) -> int:
    """A checksum as LevelDB stores it, so that checksums of data with checksums in it are no special case."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _crc32c(data: np.ndarray) -> int:
    """The checksum of bytes, about 1 GB a second.

    A CRC is linear: the state after a word and n more zero words is a table's xor. So the bytes are laid out in rows
    of 2^k words, each row is moved on by a row's length and added to the next, and the last row is folded in halves.

    Args:
        data: uint8 array (n,), contiguous.
    """
    power = min(_MAX_ROW, (len(data) // 4).bit_length())
    row = 4 << power
    n_zeros = -len(data) % row
    if n_zeros < 4:
        n_zeros += row
    # zeros in front of everything leave a state of zeros; then a word that makes it all ones, where a CRC begins
    n_head = -n_zeros % row
    head = np.concatenate([np.zeros(n_zeros, dtype=np.uint8), data[:n_head]])
    head[n_zeros - 4 : n_zeros] = np.frombuffer(_word_before_ones().to_bytes(4, "little"), dtype=np.uint8)
    state = np.zeros(1 << power, dtype=np.uint32)
    for rows in (head, data[n_head:]):
        for words in rows.view("<u4").reshape(-1, 1 << power):
            state = _moved_on(state, power) ^ words
    for half in range(power - 1, -1, -1):
        state = _moved_on(state[: 1 << half], half) ^ state[1 << half :]
    return int(_moved_on(state, 0)[0]) ^ 0xFFFFFFFF


def _moved_on(states: np.ndarray, power: int) -> np.ndarray:
    """Each state after 2^power words of zeros."""
    low, high = _tables(power)
    return low[states & 0xFFFF] ^ high[states >> 16]


@lru_cache(maxsize=_MAX_ROW + 1)
def _tables(power: int) -> np.ndarray:
    """What `_moved_on` makes of each lower and of each upper half, uint32 (2, 65536)."""
    bits = np.left_shift(np.uint32(1), np.arange(32, dtype=np.uint32))
    if power:
        moved = _moved_on(_moved_on(bits, power - 1), power - 1)
    else:
        moved = bits
        for _ in range(32):
            moved = moved >> 1 ^ np.where(moved & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    tables = np.zeros((2, 1 << 16), dtype=np.uint32)
    for bit in range(16):
        for half in (0, 1):
            tables[half, 1 << bit : 2 << bit] = tables[half, : 1 << bit] ^ moved[16 * half + bit]
    return tables


def _word_before_ones() -> int:
    """The word that turns a state of zeros into one of ones."""
    state = 0xFFFFFFFF
    for _ in range(32):
        state = ((state ^ _POLYNOMIAL) << 1 | 1) if state >> 31 else state << 1
    return state

"""Training features on disk: written once, then read through memory maps, so that a run holds none of them.

A cache is a folder with one file an array and `meta.json`, which is written last: features stand in it one behind the
other, with the offset at which each begins. All of it is held against its CRC-32 when it is opened, a second or two
for a gigabyte, since training on a damaged one would not fail but learn something else.
"""

import io
import itertools
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from bigbird_cli.errors import DISK_FULL, ResourceError, shortage
from bigbird_cli.files.cache import cache_folder
from bigbird_cli.files.whole import lock, open_plain
from bigbird_cli.tasks.base import Feature

FORMAT = 3
"""Raised whenever the files of a cache change; a cache of another format is made anew."""

_META = "meta.json"
_UNFINISHED = ".unfinished-"
_LOCK = ".lock"
_FORGOTTEN = 24 * 3600
"""Seconds without a write after which an unfinished cache that no process holds is one whose process was killed."""

Open = Callable[[str], BinaryIO]
Load = Callable[[str, np.dtype], np.ndarray]


def default_folder() -> Path:
    """The folder of features in the cache."""
    return cache_folder() / "features"


class FeatureFile:
    """A sequence of training features, each read when it is asked for; it has no source.

    Attributes:
        lengths: int32 (number of features,), tokens of each.
        n_examples: how many examples the features came from.
    """

    def __init__(self, meta: dict[str, Any], load: Load) -> None:
        def array(name: str) -> np.ndarray:
            return load(name, np.dtype(meta["arrays"][name]))

        self._ids, self._types = array("ids"), array("types")
        self._mask = array("mask") if meta["has_mask"] else None
        self._begins = array("begins")
        self._rows = array("rows")
        self._examples = array("examples")
        self._names, self._name_begins = array("names"), array("name_begins")
        self._labels: dict[str, tuple[np.ndarray, np.ndarray | None]] = {
            name: (array(f"label{k}"), array(f"label{k}_begins") if is_array else None)
            for k, (name, is_array) in enumerate(meta["labels"].items())
        }
        self.lengths: np.ndarray = (np.diff(self._begins) // np.maximum(self._rows, 1)).astype(np.int32)
        self.n_examples: int = meta["n_examples"]

    @classmethod
    def cached(cls, key: str, make: Callable[[], Iterable[Feature]], *, folder: Path | None) -> "FeatureFile":
        """Open the features of a key; make and write them if they are not there, or not whole.

        Args:
            key: from `data.keys.content_key`: it names all that the features depend on.
            make: gives the features, one after the other; not called if they are there.
            folder: of all caches, such as `default_folder()`; None to keep the features in memory.

        Raises:
            ResourceError: the disk is full, or the folder cannot be written to.
        """
        if folder is None:
            return cls._in_memory(make())
        path = folder / key
        found = cls._opened(path)
        if found is not None:
            return found
        try:
            folder.mkdir(parents=True, exist_ok=True)
            making = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=folder))
            _sweep(folder, now=making.stat().st_mtime)
        except OSError as error:
            raise _not_written(error, folder) from None
        try:
            with _held(making):
                cls._write(make(), making, folder)
            _move_into_place(making, path)
        finally:
            shutil.rmtree(making, ignore_errors=True)
        found = cls._opened(path)
        if found is None:
            raise ResourceError("the features were removed while they were written", where=str(path), fix="start again")
        return found

    def __len__(self) -> int:
        return len(self._begins) - 1

    def __getitem__(self, index: int) -> Feature:
        index = range(len(self))[index]
        begin, end = self._begins[index], self._begins[index + 1]
        n_rows = int(self._rows[index])
        shape = (n_rows, -1) if n_rows else (-1,)
        return Feature(
            ids=np.array(self._ids[begin:end]).reshape(shape),
            types=np.array(self._types[begin:end]).reshape(shape),
            labels={name: self._label(name, index) for name in self._labels},
            example=int(self._examples[index]),
            name=bytes(self._names[self._name_begins[index] : self._name_begins[index + 1]]).decode(
                "utf-8", "surrogateescape"
            ),
            mask=None if self._mask is None else np.array(self._mask[begin:end]).reshape(shape),
        )

    def __iter__(self) -> Iterator[Feature]:
        return (self[i] for i in range(len(self)))

    def _label(self, name: str, index: int) -> int | float | np.ndarray:
        values, begins = self._labels[name]
        if begins is None:
            number: int | float = values[index].item()
            return number
        return np.array(values[begins[index] : begins[index + 1]])

    @classmethod
    def _in_memory(cls, features: Iterable[Feature]) -> "FeatureFile":
        files: dict[str, io.BytesIO] = {}

        def open_(name: str) -> BinaryIO:
            return files.setdefault(name, io.BytesIO())

        meta = _store(features, open_)
        return cls(meta, lambda name, dtype: np.frombuffer(files[name].getbuffer(), dtype=dtype))

    @classmethod
    def _write(cls, features: Iterable[Feature], making: Path, folder: Path) -> None:
        streams: dict[str, BinaryIO] = {}

        def open_(name: str) -> BinaryIO:
            streams[name] = (making / name).open("wb", buffering=1 << 18)
            return streams[name]

        try:
            meta = _store(features, open_)
            for stream in streams.values():
                stream.flush()
                os.fsync(stream.fileno())
            meta["sizes"] = {name: stream.tell() for name, stream in streams.items()}
            (making / _META).write_text(json.dumps({**meta, "crc32": _crc32_of(meta)}), encoding="utf-8")
        except OSError as error:
            raise _not_written(error, folder) from None
        finally:
            for stream in streams.values():
                stream.close()

    @classmethod
    def _opened(cls, path: Path) -> "FeatureFile | None":
        """The features of a folder; None if they are not there, or not whole."""
        try:
            meta = json.loads((path / _META).read_text(encoding="utf-8"))
            if meta.pop("crc32") != _crc32_of(meta) or meta["format"] != FORMAT:
                return None
            for name, size in meta["sizes"].items():
                if (path / name).stat().st_size != size or _crc32_of_file(path / name) != meta["crc32s"][name]:
                    return None
            return cls(meta, lambda name, dtype: _mapped(path / name, dtype))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None


class _Column:
    """Values of one dtype, one behind the other in a stream."""

    def __init__(self, name: str, dtype: np.dtype, open_: Open) -> None:
        self.name, self.dtype = name, dtype
        self._stream = open_(name)
        self.size = self.crc32 = 0

    def add(self, values: np.ndarray) -> None:
        self._write(values.tobytes())
        self.size += values.size

    def add_number(self, value: int | float) -> None:
        self._write(self.dtype.type(value).tobytes())
        self.size += 1

    def _write(self, data: bytes) -> None:
        self._stream.write(data)
        self.crc32 = zlib.crc32(data, self.crc32)


class _Writer:
    """Writes features to streams, all of the kind of the first one."""

    def __init__(self, first: Feature | None, open_: Open) -> None:
        self._columns: dict[str, _Column] = {}
        self._open = open_
        self._ids, self._types = self._column("ids", np.int32), self._column("types", np.int8)
        self._mask = self._column("mask", np.bool_) if first is not None and first.mask is not None else None
        self._begins, self._rows = self._column("begins", np.int64), self._column("rows", np.int32)
        self._examples = self._column("examples", np.int64)
        self._names, self._name_begins = self._column("names", np.uint8), self._column("name_begins", np.int64)
        self._labels: dict[str, tuple[_Column, _Column | None]] = {}
        for k, (name, value) in enumerate(first.labels.items() if first is not None else ()):
            values = self._column(f"label{k}", _label_dtype(value))
            begins = self._column(f"label{k}_begins", np.int64) if isinstance(value, np.ndarray) else None
            self._labels[name] = (values, begins)
        for column in (self._begins, self._name_begins, *(begins for _, begins in self._labels.values())):
            if column is not None:
                column.add_number(0)
        self._seen = bytearray()  # of each example, whether it has a feature

    def add(self, feature: Feature) -> None:
        """Write a feature; ValueError where it is of another kind than the first."""
        self._check(feature)
        self._ids.add(feature.ids)
        self._types.add(feature.types)
        if self._mask is not None and feature.mask is not None:
            self._mask.add(feature.mask)
        self._begins.add_number(self._ids.size)
        self._rows.add_number(feature.ids.shape[0] if feature.ids.ndim == 2 else 0)
        self._examples.add_number(feature.example)
        self._names.add(np.frombuffer(feature.name.encode("utf-8", "surrogateescape"), dtype=np.uint8))
        self._name_begins.add_number(self._names.size)
        for name, value in feature.labels.items():
            values, begins = self._labels[name]
            if isinstance(value, np.ndarray):
                values.add(value)
            else:
                values.add_number(value)
            if begins is not None:
                begins.add_number(values.size)
        if feature.example >= len(self._seen):
            self._seen.extend(bytes(feature.example + 1 - len(self._seen)))
        self._seen[feature.example] = 1

    def meta(self) -> dict[str, Any]:
        """What `FeatureFile` must know to read what was written."""
        return {
            "format": FORMAT,
            "arrays": {name: column.dtype.str for name, column in self._columns.items()},
            "crc32s": {name: column.crc32 for name, column in self._columns.items()},
            "has_mask": self._mask is not None,
            "labels": {name: begins is not None for name, (_, begins) in self._labels.items()},
            "n_examples": sum(self._seen),
        }

    def _column(self, name: str, dtype: Any) -> _Column:
        column = self._columns[name] = _Column(name, np.dtype(dtype), self._open)
        return column

    def _check(self, feature: Feature) -> None:
        if feature.labels.keys() != self._labels.keys() or (feature.mask is None) != (self._mask is None):
            raise ValueError("the features of one set differ in their labels or in having a mask")
        for name, value in feature.labels.items():
            values, begins = self._labels[name]
            if (_label_dtype(value), np.ndim(value)) != (values.dtype, int(begins is not None)):
                raise ValueError(
                    f"the features of one set differ in the kind of {name!r}, or it has too many dimensions"
                )
        for array, column in ((feature.ids, self._ids), (feature.types, self._types), (feature.mask, self._mask)):
            if (
                array is not None
                and column is not None
                and (array.dtype, array.shape) != (column.dtype, feature.ids.shape)
            ):
                raise ValueError(f"{column.name} of a feature are {array.dtype} {array.shape}, not {column.dtype}")


def _store(features: Iterable[Feature], open_: Open) -> dict[str, Any]:
    """Write features to streams; returns what `FeatureFile` must know to read them."""
    remaining = iter(features)
    first = next(remaining, None)
    writer = _Writer(first, open_)
    for feature in itertools.chain([] if first is None else [first], remaining):
        writer.add(feature)
    return writer.meta()


def _label_dtype(value: int | float | np.ndarray) -> np.dtype:
    if isinstance(value, np.ndarray):
        return value.dtype
    return np.dtype(np.float64 if np.asarray(value).dtype.kind == "f" else np.int64)


def _crc32_of(meta: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(meta, sort_keys=True).encode())


def _crc32_of_file(path: Path) -> int:
    crc32 = 0
    with path.open("rb") as file:  # not through a map, whose pages would count as this process's memory
        while block := file.read(1 << 20):
            crc32 = zlib.crc32(block, crc32)
    return crc32


def _mapped(path: Path, dtype: np.dtype) -> np.ndarray:
    if not path.stat().st_size:
        return np.empty(0, dtype=dtype)  # no memory map may be empty
    return np.memmap(path, dtype=dtype, mode="r")


def _move_into_place(making: Path, path: Path) -> None:
    """Rename a finished cache to its own name, unless another process was first; what is broken there goes."""
    for _ in range(10):
        try:
            making.rename(path)
            return
        except OSError as error:
            if not os.path.lexists(path):
                raise _not_written(error, path) from None
        if FeatureFile._opened(path) is not None:
            return
        broken = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=path.parent))
        try:
            path.rename(broken / path.name)
        except OSError:
            pass  # another process took it away
        shutil.rmtree(broken, ignore_errors=True)


@contextmanager
def _held(making: Path) -> Iterator[None]:
    """Let other processes see that one is at work here, where the file system has locks."""
    handle = open_plain(making / _LOCK, os.O_RDWR | os.O_CREAT)
    try:
        with suppress(OSError):
            lock(handle)
        yield
    finally:
        os.close(handle)
        (making / _LOCK).unlink()


def _is_held(making: Path) -> bool:
    try:
        handle = open_plain(making / _LOCK, os.O_RDWR)
    except (OSError, ResourceError):
        return False
    try:
        return not lock(handle)
    except OSError:
        return False
    finally:
        os.close(handle)


def _sweep(folder: Path, *, now: float) -> None:
    """Remove what killed processes left unfinished; `now` is by the file system's clock, as all its times are."""
    for unfinished in folder.glob(f"{_UNFINISHED}*"):
        try:
            last = max(path.stat().st_mtime for path in (unfinished, *unfinished.iterdir()))
        except OSError:
            continue  # its process is just done with it
        if now - last > _FORGOTTEN and not _is_held(unfinished):
            shutil.rmtree(unfinished, ignore_errors=True)


def _not_written(error: OSError, folder: Path) -> ResourceError:
    if error.errno in DISK_FULL and (short := shortage(error)):
        return ResourceError(
            short[0], where=str(folder), fix="make room, or set BIGBIRD_CACHE to a folder on another disk"
        )
    return ResourceError(
        f"features cannot be written here: {error.strerror or error}",
        where=str(folder),
        fix="set BIGBIRD_CACHE to a folder that may be written to",
    )

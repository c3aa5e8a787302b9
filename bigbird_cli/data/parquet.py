"""Rows of Parquet files, a few at a time.

Through pyarrow itself: `datasets` decodes whole row groups beside each other, and its threads may keep a process that
stops in the middle of a file from ending.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from bigbird_cli.data.hub import library_errors, with_names
from bigbird_cli.errors import DataError

_AT_ONCE = 64
_BUFFER = 1 << 20


def parquet_rows(stream: BinaryIO, name: str) -> Iterator[dict[str, Any]]:
    """Read a Parquet file; class labels that `datasets` wrote come as their names.

    Args:
        stream: seekable.
        name: what to call it in errors.

    Raises:
        DataError: it is damaged.
    """
    with library_errors(name, "this Parquet file cannot be read", "fetch it again"):
        from pyarrow.parquet import ParquetFile

        file = ParquetFile(stream, pre_buffer=False, buffer_size=_BUFFER)
        metadata = dict(file.schema_arrow.metadata or {})
        batches = file.iter_batches(batch_size=_AT_ONCE, use_threads=False)
    with file:
        classes = _classes(metadata, name)
        numbers = itertools.count()
        while True:
            with library_errors(name, "this Parquet file cannot be read", "fetch it again"):
                batch = next(batches, None)
                found = [] if batch is None else batch.to_pylist()
            if batch is None:
                return
            for fields in found:
                yield with_names(fields, classes, f"{name}[{next(numbers)}]")


def _classes(metadata: Mapping[bytes, bytes], where: str) -> dict[str, Sequence[str]]:
    """The names of the classes of each column that has some, as `datasets` writes them beside the schema."""
    if b"huggingface" not in metadata:
        return {}
    try:
        features = json.loads(metadata[b"huggingface"])["info"].get("features") or {}
        columns = {column: _class_names(feature) for column, feature in features.items()}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise DataError(
            "the file's Hugging Face metadata is not as `datasets` writes it",
            where=where,
            fix="write the file again with datasets, or without the metadata",
        ) from None
    return {column: names for column, names in columns.items() if names is not None}


def _class_names(feature: Any) -> list[str] | None:
    """The names of a feature's classes; None where it has none, TypeError where they are no names."""
    inner = feature[0] if isinstance(feature, list) else feature.get("feature")
    for label in (feature, inner):
        if isinstance(label, dict) and label.get("_type") == "ClassLabel":
            names = label["names"]
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise TypeError("the names of classes are strings")
            return names
    return None

"""Rows of Parquet files, a few at a time.

Through pyarrow itself: `datasets` decodes whole row groups beside each other, and its threads may keep a process that
stops in the middle of a file from ending.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bigbird_cli.data.hub import library_errors, list_namer, namer
from bigbird_cli.text.documents import file_errors

_AT_ONCE = 64
_BUFFER = 1 << 20


def parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Read a Parquet file; class labels that `datasets` wrote come as their names. DataError where it is damaged."""
    with file_errors(path), path.open("rb"):
        pass
    with library_errors(str(path), "this Parquet file cannot be read", "fetch it again"):
        from pyarrow.parquet import ParquetFile

        file = ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER)
        names = _class_names(file.schema_arrow.metadata or {})
        batches = file.iter_batches(batch_size=_AT_ONCE, use_threads=False)
    with file:
        while True:
            with library_errors(str(path), "this Parquet file cannot be read", "fetch it again"):
                batch = next(batches, None)
                found = [] if batch is None else batch.to_pylist()
            if batch is None:
                return
            for fields in found:
                for column, named in names.items():
                    fields[column] = named(fields[column])
                yield fields


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, Callable[[Any], Any]]:
    """What turns the numbers of a column into names, as `datasets` writes them beside the schema."""
    if b"huggingface" not in metadata:
        return {}
    found = {}
    for column, feature in json.loads(metadata[b"huggingface"])["info"].get("features", {}).items():
        inner = feature[0] if isinstance(feature, list) else feature.get("feature")
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel":
            found[column] = namer(feature["names"])
        elif isinstance(inner, dict) and inner.get("_type") == "ClassLabel":
            found[column] = list_namer(inner["names"])
    return found

"""Records as a table of Arrow: that of a Parquet file, and of `batch.Reader`."""

import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from bigbird_cli.files.whole import PARTIAL, remove
from bigbird_cli.report.json_lines import to_json

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("record", pa.string(), nullable=False),
        pa.field("receipt", pa.string()),
        pa.field("error", pa.string()),
    ]
)
"""Of the table, whatever the task.

- id: the row's "id", a string as it is and anything else as JSON; null where it has none.
- record: what the command writes of it with --json.
- receipt: the record's receipt, as JSON: engines want to know a schema beforehand, and a struct would change with
  every key that is added. Null where the row failed.
- error: the record's error, as JSON; null where there is none.
"""

_AT_ONCE = 1_000


def write_parquet(lines: Path, out: Path) -> int:
    """Write a Parquet file, whole or not at all.

    Args:
        lines: a file of records, one a line.
        out: the file to write; what has its name is replaced.

    Returns:
        The bytes that were written.
    """
    partial = out.with_name(PARTIAL + out.name)
    try:
        with lines.open(encoding="utf-8", newline="\n") as file, ParquetWriter(partial, SCHEMA) as writer:
            while some := [row_of(json.loads(line), line.rstrip("\n")) for line in islice(file, _AT_ONCE)]:
                writer.write_table(pa.Table.from_pylist(some, schema=SCHEMA))
        partial.replace(out)
    except BaseException:
        remove(partial)
        raise
    return out.stat().st_size


def row_of(record: Mapping[str, Any], line: str) -> dict[str, str | None]:
    """The row of SCHEMA for a record, which the line has as JSON."""
    name = record["id"]
    return {
        "id": name if name is None or isinstance(name, str) else to_json(name),
        "record": line,
        "receipt": to_json(record["receipt"]) if "receipt" in record else None,
        "error": to_json(record["error"]) if "error" in record else None,
    }

"""Records of lines of JSON as the table that a Reader gives, in a Parquet file."""

import json
from itertools import islice
from pathlib import Path

import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from bigbird_cli.batch.reader import SCHEMA, row_of
from bigbird_cli.files.whole import PARTIAL, remove

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

"""The results of all parts of the documents, put one behind the other: what one run for all would have written."""

import csv
import io
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.files.paths import local_path
from bigbird_cli.files.whole import PARTIAL, open_to_others
from bigbird_cli.report.cells import DELIMITERS, LINES, TableFormat
from bigbird_cli.report.kept import SHARD, Job, beside, differences, read_note

_OF_A_MACHINE = frozenset({"shard", "times of change"})
"""What parts that belong together need not have in common."""


@dataclass(frozen=True)
class _Part:
    path: Path
    number: int
    of: int
    job: Job
    header: int
    """Bytes before its first row."""
    settled: bool
    """As of `report.table.Columns`."""


def merge_results(out: str | Path, parts: Sequence[str | Path], *, overwrite: bool = False) -> int:
    """Put parts together in their order, whatever order they are named in; a table has its header once.

    Args:
        out: the file to write.
        parts: files that runs with `--shard 1/N` to `--shard N/N` wrote, each with what stands beside it.
        overwrite: in place of what is there.

    Returns:
        The bytes that were written.

    Raises:
        UsageError: the file is there already, or one of the parts.
        DataError: they do not belong together, or one is missing, cut off, or has other columns.
    """
    out = local_path(out)
    if out.exists() and not overwrite:
        raise UsageError("it is there already", where=str(out), fix="name another file, or give overwrite=True")
    found = sorted((_read(Path(path)) for path in parts), key=lambda part: part.number)
    if out.resolve() in [part.path.resolve() for part in found]:
        raise UsageError("it is one of the parts", where=str(out), fix="name another file")
    _check(found)
    model = next((part for part in found if part.settled), found[0])
    out.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=PARTIAL, dir=out.parent)
    try:
        with os.fdopen(handle, "wb") as whole:
            header = _header(model)
            whole.write(header)
            for part in found:
                with part.path.open("rb") as file:
                    file.seek(part.header)
                    if part.settled or not model.settled:
                        shutil.copyfileobj(file, whole, 1 << 20)
                    else:
                        whole.writelines(_rewritten(file, header, part.job["format"]))
            n_bytes = whole.tell()
        open_to_others(Path(name))
        Path(name).replace(out)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return n_bytes


def _read(path: Path) -> _Part:
    """A part and what its run was asked to do; DataError where it is not known, or not all of it is there."""
    told = beside(path, SHARD)
    if not path.exists():
        raise DataError("there is no such part", where=str(path), fix="run the command with its --shard")
    if not told.exists():
        fix = f"copy {told.name} with it; JSON lines can also be put together by cat"
        raise DataError(f"{told.name} is not beside it, by which a part is known", where=str(path), fix=fix)
    about: dict[str, Any] = read_note(told.read_bytes(), told)
    if path.stat().st_size != about["bytes"]:
        problem = f"it has {path.stat().st_size:,} bytes, and its run wrote {about['bytes']:,}"
        raise DataError(problem, where=str(path), fix="copy it again, or run its part again")
    number, of = map(int, about["job"]["shard"].split("/"))
    return _Part(path, number, of, about["job"], about["header"], about["settled"])


def _check(parts: Sequence[_Part]) -> None:
    first = parts[0]
    for part in parts[1:]:
        if part.of != first.of:
            problem = f"it is one of {part.of} parts, and {first.path} one of {first.of}"
            raise DataError(problem, where=str(part.path), fix="name the parts of one run")
        shared = (
            {name: value for name, value in each.job.items() if name not in _OF_A_MACHINE} for each in (part, first)
        )
        if others := differences(*shared):
            problem = f"it does not go with {first.path}: {others[0]}"
            raise DataError(problem, where=str(part.path), details=others[1:], fix="name parts of one job")
    numbers = [part.number for part in parts]
    for part, before in zip(parts[1:], parts, strict=False):
        if part.number == before.number:
            raise DataError(
                f"it is part {part.number}, as {before.path} is", where=str(part.path), fix="name one of them"
            )
    missing = [f"{number}/{first.of}" for number in range(1, first.of + 1) if number not in numbers]
    if missing:
        raise DataError(f"parts are missing: {', '.join(missing)}", fix=f"run the command with --shard {missing[0]}")
    tables = [part for part in parts if part.header and part.settled]
    for part in tables[1:]:
        if _header(part) != _header(tables[0]):
            problem = f"its columns are not those of {tables[0].path}"
            raise DataError(problem, where=str(part.path), fix="write JSON lines, which have all fields of a row")


def _header(part: _Part) -> bytes:
    with part.path.open("rb") as file:
        return file.read(part.header)


def _rewritten(file: BinaryIO, header: bytes, format: TableFormat) -> Iterator[bytes]:
    """The rows of a part whose documents all failed, under other columns: the first and the last have cells."""
    delimiter = DELIMITERS[format]
    [columns] = csv.reader(io.StringIO(header.decode(), newline=""), delimiter=delimiter)
    for cells in csv.reader(io.TextIOWrapper(file, "utf-8", newline=""), delimiter=delimiter):
        yield LINES[format]([cells[0], *[None] * (len(columns) - 2), cells[-1]]).encode()

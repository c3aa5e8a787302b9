"""A file of results that is written whole or not at all, over several runs if need be.

While it grows it stands beside its place, as NAME.partial; NAME.partial.log has what the run was asked to do and, after
each result, how far it had come. Whatever stops a run, the next goes on behind the last result that is whole.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.files.whole import lock, open_plain, replace_file
from bigbird_cli.report.table import Columns
from bigbird_cli.report.writer import Writer

if TYPE_CHECKING:
    from bigbird_cli.api import Request, Result

R = TypeVar("R", bound="Result[Any, Any]")

Job = Mapping[str, Any]
"""What a run is asked to do, by names to call it by, as JSON has it; of a run for a part of the inputs, "shard" too."""

Converter = Callable[[Path, Path], object]
"""Makes a file (the second path) of another (the first), whole or not at all."""

SHARD = ".shard"
"""Ends the name of the file beside a part's results, by which `report.merge` knows what belongs together."""

_FLAGS = os.O_RDWR | os.O_CREAT


@dataclass(frozen=True)
class Reached:
    """How far a file has come.

    Attributes:
        number: of the last input that has results, from 0.
        n_requests: how many of its requests have; of all inputs before it all have.
        n_bytes: in which these results are whole.
        header: bytes before the first row; 0 where there are no rows.
        columns: of a table that has its header.
    """

    number: int = 0
    n_requests: int = 0
    n_bytes: int = 0
    header: int = 0
    columns: Columns | None = None


class PartialFile:
    """A file in the making: a stream whose every flush is a place to go on from.

    Args:
        path: where it is to stand when it is whole; folders above it are made. Nothing is written before there is text.
        job: what the run is asked to do.
        resume: go on with what an earlier run left, if it did.
        overwrite: begin anew, whatever there is.
        convert: makes the file of what was written; None where that is the file.

    Raises:
        UsageError: it is there, or was begun, and neither is wanted; or it was begun by a run that was asked another
            thing.
    """

    def __init__(
        self,
        path: Path,
        job: Job,
        *,
        resume: bool = False,
        overwrite: bool = False,
        convert: Converter | None = None,
    ) -> None:
        self.path, self.job = path, job
        self._convert = convert
        self.partial, self._log_path = beside(path, ".partial"), beside(path, ".partial.log")
        self.is_whole = resume and path.exists()
        self.reached = Reached()
        self._log_bytes = 0
        self._file: BinaryIO | None = None
        self._log: BinaryIO | None = None
        if self.is_whole or overwrite:
            return
        if path.exists():
            raise UsageError("it is there already", where=str(path), fix="name another file, or give overwrite=True")
        if self._log_path.exists():
            fix = "go on with it: resume=True; or begin anew: overwrite=True"
            if not resume:
                raise UsageError(f"a run that was stopped left {self.partial.name}", where=str(path), fix=fix)
            self._log = self._locked()  # from here on: a run that still writes would take it away once it is done
            try:
                self._read_log(self._log)
            except BaseException:
                self.close()
                raise

    def write(self, text: str) -> None:
        """Write behind what is there."""
        self._opened().write(text.encode())

    def coming(self, number: int, n_requests: int) -> None:
        """Tell what is whole at the next flush, see `Reached`."""
        self.reached = replace(self.reached, number=number, n_requests=n_requests)

    def begin_rows(self, columns: Columns) -> None:
        """Tell that what has been written is the header of a table."""
        self.reached = replace(self.reached, header=self._opened().tell(), columns=columns)
        self._note({"header": self.reached.header, **asdict(columns)})

    def flush(self) -> None:
        """Note how far the file has come."""
        file = self._opened()
        file.flush()
        self.reached = replace(self.reached, n_bytes=file.tell())
        self._note([self.reached.number, self.reached.n_requests, self.reached.n_bytes])

    def finish(self) -> None:
        """Put the file in its place, and beside a part's what tells it."""
        file = self._opened()
        file.flush()
        os.fsync(file.fileno())
        is_settled = self.reached.columns is None or self.reached.columns.settled
        told = {"job": self.job, "bytes": file.tell(), "header": self.reached.header, "settled": is_settled}
        self.close()
        if "shard" in self.job:
            replace_file(beside(self.path, SHARD), json.dumps(told).encode())
        if self._convert is None:
            self.partial.replace(self.path)
        else:
            self._convert(self.partial, self.path)
            self.partial.unlink()
        self._log_path.unlink()

    def close(self) -> None:
        """Leave the file as it is."""
        for file in (self._file, self._log):
            if file is not None:
                file.close()

    def _note(self, noted: object) -> None:
        assert self._log is not None
        self._log.write(json.dumps(noted).encode() + b"\n")

    def _opened(self) -> BinaryIO:
        if self._file is not None:
            return self._file
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._log = self._log or self._locked()
        self._log.truncate(self._log_bytes)
        self._log.seek(self._log_bytes)
        if not self._log_bytes:
            self._note(self.job)
        self._file = os.fdopen(open_plain(self.partial, _FLAGS), "r+b")
        self._file.truncate(self.reached.n_bytes)  # a line that was cut off goes
        self._file.seek(self.reached.n_bytes)
        return self._file

    def _locked(self) -> BinaryIO:
        log = os.fdopen(open_plain(self._log_path, _FLAGS), "r+b", buffering=0)
        if not lock(log.fileno()):
            log.close()
            raise UsageError("another run is writing it", where=str(self.path), fix="wait for it, or name another file")
        return log

    def _read_log(self, log: BinaryIO) -> None:
        """Find how far the run before came, by the last line that the file reaches to."""
        lines = log.read().splitlines(keepends=True)
        n_there = self.partial.stat().st_size if self.partial.exists() else 0
        if not lines or not lines[0].endswith(b"\n"):
            return
        check_job(read_note(lines[0], self._log_path), self.job, where=self.path)
        n_bytes = len(lines[0])
        for line in lines[1:]:
            noted = read_note(line, self._log_path) if line.endswith(b"\n") else None
            if noted is None or (isinstance(noted, list) and noted[2] > n_there):
                break
            n_bytes += len(line)
            if isinstance(noted, list):
                number, n_requests, self_bytes = noted
                self.reached = replace(self.reached, number=number, n_requests=n_requests, n_bytes=self_bytes)
                self._log_bytes = n_bytes
            else:
                fields = noted["fields"]
                columns = Columns(tuple(noted["own"]), None if fields is None else tuple(fields), noted["settled"])
                self.reached = replace(self.reached, header=noted["header"], columns=columns)
        if not self._log_bytes:
            self.reached = Reached()  # a header alone is written again


def read_note(line: bytes, path: Path) -> Any:
    """What a run noted; DataError where something else stands there."""
    try:
        return json.loads(line)
    except ValueError:
        fix = "begin anew: overwrite=True"
        raise DataError("this is not what a run noted", where=str(path), fix=fix) from None


def check_job(begun: Job, job: Job, *, where: Path) -> None:
    """Raise UsageError where a file or folder was begun by another job than the one that is to go on with it."""
    if other := differences(begun, job):
        raise UsageError(
            f"it was begun with {other[0]}",
            where=str(where),
            details=other[1:],
            fix="ask for the same, name another, or begin anew: overwrite=True",
        )


def differences(one: Job, other: Job) -> list[str]:
    """What two jobs do not have in common, in words about the first."""
    names = [name for name in {**one, **other} if one.get(name) != json.loads(json.dumps(other.get(name)))]
    return [
        f"other {name}"
        if isinstance(one.get(name), dict)
        else f"{name} {_shown(one.get(name))}, not {_shown(other.get(name))}"
        for name in names
    ]


def _shown(value: Any) -> str:
    return "none" if value is None else ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def beside(path: Path, ending: str) -> Path:
    """The path of a file that stands beside another, with its name and more."""
    return path.with_name(path.name + ending)


class Kept(Writer[R]):
    """Writes into a file in the making, and tells it which results it has.

    Args:
        file: in which they are.
        writer: writes them into it; it flushes when all that it was given is written.
        number_of: the number of a request's input.
        may_be_cut: a document may be read in part, because that is what was asked for.
    """

    def __init__(
        self, file: PartialFile, writer: Writer[R], *, number_of: "Callable[[Request], int]", may_be_cut: bool = False
    ) -> None:
        self.file = file
        self._writer = writer
        self._number_of = number_of
        self._may_be_cut = may_be_cut

    def write(self, result: R) -> None:
        """Write a result, unless its document was read in part because somebody stopped the run."""
        if result.error is None and result.receipt["truncated"] and not self._may_be_cut:
            return
        number, reached = self._number_of(result.request), self.file.reached
        self.file.coming(number, reached.n_requests + 1 if number == reached.number else 1)
        self._writer.write(result)

    def finish(self) -> None:
        """Put the file in its place."""
        self._writer.finish()
        self.file.finish()

"""Where results go, and how: `--format`, `--out`, `--resume`, `--shard`."""

import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import typer

from bigbird_cli.choices import OutputFormat
from bigbird_cli.cli.job import check_no_input, job_of
from bigbird_cli.errors import UsageError
from bigbird_cli.messages import visible

if TYPE_CHECKING:
    from bigbird_cli.api import Result
    from bigbird_cli.api.reading.parts import NumberedInputs, Shard
    from bigbird_cli.cli.shared import Shared
    from bigbird_cli.files.find import OnSkipped
    from bigbird_cli.report.kept import PartialFile, Reached
    from bigbird_cli.report.sheets import Sheet
    from bigbird_cli.report.writer import Stream, Writer

R = TypeVar("R", bound="Result[Any, Any]")
T = TypeVar("T")

_STDIN = "standard input"
_TO_FILE = "write it to a file, and name that"
_TABLES = ("csv", "tsv")
_IN_PARTS = ("jsonl", *_TABLES)
"""Formats whose parts can be put one behind the other."""

_LARGE = 64 << 20
"""Bytes of a file that is not looked through just to tell how many of its rows are left."""


class Output:
    """Where results go and how, as the shared options say; nothing is written yet.

    Args:
        shared: the options.
        paths: of the documents; none for standard input.
        questions: asked of every document; of `bigbird qa` alone.

    Raises:
        UsageError: the options do not go together, or what they name is there and may not be written over.
        typer.Exit: what they name is whole, and is to be gone on with.
    """

    def __init__(self, shared: "Shared", paths: Sequence[str], *, questions: Sequence[str] = ()) -> None:
        self._shared, self._paths = shared, paths
        self._is_stdin = not paths or "-" in paths
        out = None if shared.out is None else Path(shared.out)
        is_folder = out is not None and (str(shared.out).endswith(("/", os.sep)) or out.is_dir())
        self.format = _format_of(shared, is_folder=is_folder)
        self.shard = _shard_of(shared.shard)
        self._n_questions = max(1, len(questions))
        _check(shared, self.format, is_stdin=self._is_stdin, is_folder=is_folder)
        self._inputs: NumberedInputs | None = None
        self._folder: Path | None = None
        self._file: PartialFile | None = None
        self._device: TextIO | None = None
        self._stream: Stream = _Shown(sys.stdout) if sys.stdout.isatty() else sys.stdout
        if out is not None:
            check_no_input(out, paths, is_folder=is_folder)
            self._open(out, is_folder=is_folder, questions=questions)

    def _open(self, out: Path, *, is_folder: bool, questions: Sequence[str]) -> None:
        from bigbird_cli.report.folder import claim_folder
        from bigbird_cli.report.formats import converter
        from bigbird_cli.report.kept import PartialFile

        shared = self._shared
        job = job_of(shared, self._paths, format=self.format, questions=questions)
        if is_folder:
            claim_folder(out, job, resume=shared.resume, overwrite=shared.overwrite)
            self._folder = out
        elif out.exists() and not out.is_file():  # a device or a pipe, whose place nothing may take
            self._stream = self._device = out.open("w", encoding="utf-8", newline="")
        else:
            self._file = PartialFile(
                out, job, resume=shared.resume, overwrite=shared.overwrite, convert=converter(self.format)
            )
            if self._file.is_whole:
                from bigbird_cli.cli.console import say

                say(f"{out} is whole: nothing is left to do", quiet=shared.quiet)
                raise typer.Exit()

    @property
    def is_drawn(self) -> bool:
        """Whether results are drawn for somebody who reads them on a terminal."""
        return self.format in ("text", "table") and self._shared.out is None and sys.stdout.isatty()

    @property
    def may_be_empty(self) -> bool:
        """Whether a run without results is none of the user's mistakes."""
        return self.shard is not None or self._shared.resume

    @property
    def kept(self) -> str | None:
        """The file in which there are results to go on with."""
        return str(self._file.partial) if self._file and self._file.reached.n_bytes else None

    def close(self) -> None:
        """Leave what is written as it is."""
        for each in (self._file, self._device):
            if each is not None:
                each.close()

    @property
    def page(self) -> Path | None:
        """The page that is to be written, if one is."""
        return self._shared.html

    def inputs(self, on_skipped: "OnSkipped") -> "NumberedInputs":
        """The documents of files and folders that this run is to read."""
        from bigbird_cli.api.reading.parts import NumberedInputs

        start, stop = 0, None
        if self.shard is not None:
            start, stop = self.shard.bounds(NumberedInputs(self._paths, on_skipped=lambda _: None).count())
        if self._file and self._file.reached.n_requests:
            start = self._file.reached.number
        self._inputs = NumberedInputs(
            self._paths,
            encoding=self._shared.encoding,
            start=start,
            stop=stop,
            is_done=self._is_done,
            on_skipped=on_skipped,
        )
        return self._inputs

    def rest(self, requests: Iterable[T]) -> Iterator[T]:
        """The requests, or the inputs that make one each, but for those of the first input that are done."""
        return islice(requests, self._file.reached.n_requests if self._file else 0, None)

    def n_documents(self) -> int | None:
        """How many documents this run reads; None where finding out would take a while."""
        if self._inputs is None or sum(map(_size, self._paths)) > _LARGE:
            return None
        is_first_done = self._file is not None and self._file.reached.n_requests >= self._n_questions
        return self._inputs.count() - is_first_done

    def writers(self, draw: "Callable[[Stream | None, bool], Writer[R]]", sheet: "Sheet[R]") -> "list[Writer[R]]":
        """What takes the results: a page where one is asked for, and unless it is all, what the format says.

        Args:
            draw: makes a drawing on a stream, None for standard output; and is told whether others stand there.
            sheet: what stands in a table.
        """
        shared = self._shared
        if shared.html is None:
            return [self._main_writer(draw, sheet)]
        from bigbird_cli.report.pages import PageWriter

        command = shlex.join(["bigbird", *sys.argv[1:]])
        page = PageWriter(shared.html, command=command, overwrite=shared.overwrite)
        is_all = self.format == "text" and shared.format is None and shared.out is None
        return [page] if is_all else [self._main_writer(draw, sheet), page]

    def _main_writer(self, draw: "Callable[[Stream | None, bool], Writer[R]]", sheet: "Sheet[R]") -> "Writer[R]":
        from bigbird_cli.report.folder import Folder
        from bigbird_cli.report.kept import Kept

        if self._folder is not None:
            return Folder(lambda request: self._place(request.name), lambda stream: self._writer(draw, sheet, stream))
        if self._file is None:
            return self._writer(draw, sheet, self._stream)
        writer = self._writer(draw, sheet, self._file, self._file.reached)
        number_of = self._inputs.number_of if self._inputs else lambda _: 0
        return Kept(self._file, writer, number_of=number_of, may_be_cut=self._shared.on_long == "truncate")

    def _writer(
        self,
        draw: "Callable[[Stream | None, bool], Writer[R]]",
        sheet: "Sheet[R]",
        stream: "Stream",
        begun: "Reached | None" = None,
    ) -> "Writer[R]":
        from bigbird_cli.report.formats import data_writer

        if self.format == "text":
            on_stdout = self._shared.out is None
            return draw(None if on_stdout else stream, bool(begun and begun.n_bytes))
        if self.format == "table":
            from bigbird_cli.cli.grid import TerminalGrid
            from bigbird_cli.report.table import Table

            return Table(sheet, TerminalGrid())
        like = self._inputs.first_row() if self._inputs and self.shard and self.format in _TABLES else None
        note = {} if self._file is None else {"on_columns": self._file.begin_rows}
        return data_writer(self.format, stream, sheet, bom=self._shared.bom, begun=begun, like=like, **note)

    def _place(self, name: str) -> Path:
        """The file of a document in the folder of results, where it stands as the document among all of them."""
        assert self._folder is not None
        if name == "-":
            return self._folder / f"standard-input.{_ENDINGS[self.format]}"
        named = [path if os.path.isdir(path) else os.path.dirname(path) or "." for path in self._paths]  # noqa: PTH112, PTH120
        within = os.path.relpath(name, os.path.commonpath(map(os.path.abspath, named)))
        return self._folder / f"{within.replace(':', '-')}.{_ENDINGS[self.format]}"

    def _is_done(self, name: str) -> bool:
        return self._folder is not None and self._shared.resume and self._place(name).exists()


_ENDINGS: dict[OutputFormat, str] = {"text": "txt", "json": "json", "jsonl": "jsonl", "csv": "csv", "tsv": "tsv"}


class _Shown:
    """Standard output where it is a terminal, which is to obey nothing that a document says."""

    def __init__(self, stdout: TextIO) -> None:
        self._stdout = stdout

    def write(self, text: str) -> None:
        self._stdout.write("\n".join(map(visible, text.split("\n"))))

    def flush(self) -> None:
        self._stdout.flush()


def _format_of(shared: "Shared", *, is_folder: bool) -> OutputFormat:
    from bigbird_cli.report.formats import format_of

    if shared.as_json and shared.format not in (None, "jsonl"):
        raise UsageError(f"--json is --format jsonl, not {shared.format}", where="--format", fix="leave one out")
    if shared.as_json:
        return "jsonl"
    if shared.format is None and shared.out is not None:
        return "json" if is_folder else format_of(Path(shared.out))
    return shared.format or "text"


def _check(shared: "Shared", format: OutputFormat, *, is_stdin: bool, is_folder: bool) -> None:
    """Refuse options that change nothing, or cannot be had together."""
    is_table = format in (*_TABLES, "table")
    is_file = shared.out is not None and not is_folder
    wrong: list[tuple[bool, str, str, str]] = [
        (format == "parquet" and not is_file, "format", "Parquet is one file, written whole", "add --out FILE.parquet"),
        (shared.bom and format not in _TABLES, "bom", "a byte order mark is for tables", "add --format csv"),
        (shared.details and not is_table, "details", "only a table leaves details out", "add --format csv"),
        (shared.out is not None and format == "table", "format", "this table is for a terminal", "write --format csv"),
        (shared.resume and shared.out is None, "resume", "no file is named to go on with", "add --out FILE"),
        (
            shared.overwrite and shared.out is None and shared.html is None,
            "overwrite",
            "no file is named to write",
            "add --out FILE or --html FILE",
        ),
        (
            shared.resume and shared.overwrite,
            "resume",
            "it keeps what --overwrite throws away",
            "leave one of them out",
        ),
        (shared.resume and is_stdin, "resume", f"{_STDIN} cannot be gone on with", _TO_FILE),
        (shared.resume and shared.html is not None, "resume", "a page needs all results", "leave --html out"),
        (shared.shard is not None and is_stdin, "shard", f"{_STDIN} cannot be read in parts", _TO_FILE),
        (
            shared.shard is not None and format not in _IN_PARTS and not is_folder,
            "shard",
            f"parts of the format {format} cannot be put together",
            f"add --format {' or '.join(_IN_PARTS)}",
        ),
    ]
    for is_so, name, problem, fix in wrong:
        if is_so:
            raise UsageError(problem, where=f"--{name}", fix=fix)


def _shard_of(text: str | None) -> "Shard | None":
    from bigbird_cli.api.reading.parts import Shard

    return None if text is None else Shard.parse(text)


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)  # noqa: PTH202
    except OSError:
        return 0

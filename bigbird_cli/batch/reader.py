"""A reading call as engines want it: an object that travels to a worker, and makes a table of a table there."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, Literal, Unpack, get_args, overload

import pyarrow as pa

from bigbird_cli.api import Request, Result, questions_on
from bigbird_cli.api.options import choice
from bigbird_cli.api.reading.inputs import Input, in_call, text_of
from bigbird_cli.api.reading.labels import labels_of
from bigbird_cli.batch.tasks import (
    CALLS,
    ClassifyTableOptions,
    NERTableOptions,
    QATableOptions,
    SelectTableOptions,
    Task,
)
from bigbird_cli.data.rows import Row
from bigbird_cli.errors import DataError, UsageError, nearest
from bigbird_cli.files.encodings import check_encoding
from bigbird_cli.files.json import as_json
from bigbird_cli.files.packed import File
from bigbird_cli.report.json_lines import to_json
from bigbird_cli.report.parquet import SCHEMA, row_of
from bigbird_cli.text.documents import FailedDocument, read_document

_SECOND: dict[Task, str] = {"qa": "question", "classify": "pair"}
"""The column of a row's second text."""


class Reader:
    """Reads the documents of tables, in whichever process it finds itself.

    What travels when it is pickled are its settings. The model is opened for the first table and stays open, as do the
    questions or labels that were encoded once. Threads may share a Reader: it reads one table after the other.

    A row never raises: one that cannot be read becomes a record with an error, as in the commands. What is wrong with
    all rows raises once: options and the model's folder where a Reader is made, which imports no framework; a column
    that the table lacks, weights that are damaged and memory that runs out where a table is read.
    """

    @overload
    def __init__(
        self, task: Literal["qa"], model: str | Path | None = None, **options: Unpack[QATableOptions]
    ) -> None: ...
    @overload
    def __init__(
        self, task: Literal["ner"], model: str | Path | None = None, **options: Unpack[NERTableOptions]
    ) -> None: ...
    @overload
    def __init__(
        self, task: Literal["classify"], model: str | Path | None = None, **options: Unpack[ClassifyTableOptions]
    ) -> None: ...
    @overload
    def __init__(
        self, task: Literal["select"], model: str | Path | None = None, **options: Unpack[SelectTableOptions]
    ) -> None: ...
    def __init__(self, task: Task, model: str | Path | None = None, **options: Any) -> None:
        """Check the settings, and that there is such a model.

        Args:
            task: qa, ner, classify or select.
            model: a model folder, a shipped model's name, or a name on the Hugging Face hub; None for the one that the
                task's call takes.
            **options: of the task's call, and where a table has its documents; see batch/tasks.py.

        Raises:
            TypeError: there is no such option.
            UsageError: there is no such task, or an option has an impossible value.
            ModelError: the model cannot be used.
        """
        self._task: Task = choice(task, get_args(Task), "task")
        self._path_column: str | None = options.pop("path_column", None)
        self._encoding: str | None = options.pop("encoding", None)
        check_encoding(self._encoding)
        self._column: str = options.get("column") or "text"
        self._questions: list[str] = []
        self._options = options | {"column": self._column}
        if model is not None:
            self._options["model"] = model
        if task == "qa":
            given = options.get("question", [])
            self._questions = [given] if isinstance(given, str) else list(given)
            self._options["question"] = self._questions
        if options.get("labels") is not None:
            self._options["labels"] = labels_of(options["labels"])  # a worker may not have the file of them
        CALLS[self._task]((), dict(self._options))
        self._stream: _Stream | None = None
        self._lock = Lock()

    def __call__(self, table: pa.Table) -> pa.Table:
        """Read the documents of a table.

        Args:
            table: a row a document. Besides its text, or its path, a column "id" names a row, and a "question" (qa) or
                a "pair" (classify) is a second text. Other columns pass into the record's "fields".

        Returns:
            A table of SCHEMA with a row for each of the table's, in their order; for several questions one for each.

        Raises:
            UsageError: the table lacks a column.
            ModelError: the model's weights cannot be used.
            ResourceError: memory did not suffice.
        """
        self._check(table.column_names)
        with self._lock:
            stream, self._stream = self._stream or _Stream(self._task, self._options), None
            results = stream.read(list(self._inputs(table)))
            self._stream = stream  # one that raised is over
        return pa.Table.from_pylist(
            [row_of(record := result.to_dict(), to_json(record)) for result in results], schema=SCHEMA
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_stream": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=Lock())

    def _check(self, columns: list[str]) -> None:
        """Refuse a table without the documents, or without anything that might be asked of them."""
        argument, wanted = ("path_column", self._path_column) if self._path_column else ("column", self._column)
        if wanted not in columns:
            near = nearest(wanted, columns)
            raise UsageError(
                f"the table has no column {wanted!r}; it has {', '.join(map(repr, columns)) or 'none'}",
                where=argument,
                fix=f"did you mean {argument}={near!r}?" if near else "name the one that has the documents",
            )
        if self._task == "qa" and not self._questions and "question" not in columns:
            fix = 'ask something, such as question="Who signed?", or give the table a column "question"'
            raise UsageError("no question is asked", where="question", fix=fix)

    def _inputs(self, table: pa.Table) -> Iterator[Input | None]:
        """What to read of a table: one for each result."""
        rows: Iterator[Row] = (
            Row(fields, f"row {number}" if fields.get("id") is None else str(fields["id"]))
            for number, fields in enumerate(table.to_pylist())
        )
        if self._path_column is not None:
            for row in rows:
                yield from self._of_file(row, self._path_column)
        elif self._task == "qa":
            yield from questions_on(rows, self._questions, column=self._column)
        else:
            yield from rows

    def _of_file(self, row: Row, column: str) -> Iterator[Input]:
        """The requests of a row that holds a path."""
        second = _SECOND.get(self._task, "")
        example = f'{{"{column}": ..., "id": ...}}'
        asked: list[str | None] = [*self._questions] or [None]
        try:
            path = Path(text_of(row, column, example=example))
            document = read_document(File(path, encoding=self._encoding))
            if second in row.fields:
                asked = [text_of(row, second, example=example)]
        except DataError as error:
            document, asked = FailedDocument(row.where, error), [None]
        for each in asked:
            request = Request(document, each, as_json(row.fields.get("id")), row, (column, second, "id"))
            yield in_call(request, self._encoding)


class _Stream:
    """A call of the api that stays open from table to table, and with it the model."""

    def __init__(self, task: Task, options: dict[str, Any]) -> None:
        self._waiting: list[Input | None] = []
        # nothing may be read ahead: what comes after a table is not there
        self._results = CALLS[task](self._fed(), {**options, "read_ahead": False})

    def _fed(self) -> Iterator[Input | None]:
        while True:
            yield from self._waiting
            yield None  # so that what was gathered is read

    def read(self, inputs: list[Input | None]) -> list[Result[Any, Any]]:
        """The results of inputs, one for each."""
        self._waiting = inputs
        return list(islice(self._results, len(inputs)))

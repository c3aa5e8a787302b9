"""A folder of results: a file a document."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bigbird_cli.errors import UsageError
from bigbird_cli.files.whole import replace_file
from bigbird_cli.report.kept import Job, check_job, read_note
from bigbird_cli.report.writer import Stream, Writer

if TYPE_CHECKING:
    from bigbird_cli.api import Request, Result

R = TypeVar("R", bound="Result[Any, Any]")


_JOB = ".bigbird.json"
"""What the results in a folder were asked for."""


def claim_folder(folder: Path, job: Job, *, resume: bool, overwrite: bool) -> None:
    """Make a folder for the results of a job.

    Raises:
        UsageError: something stands in it and neither is wanted, or it has results of another job.
    """
    path = folder / _JOB
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        if not resume:
            fix = "go on with what is missing: resume=True; write all anew: overwrite=True; or name a new folder"
            raise UsageError("the folder is not empty", where=str(folder), fix=fix)
        if path.exists():
            check_job(read_note(path.read_bytes(), path), job, where=folder)
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps(job).encode())


class Folder(Writer[R]):
    """Writes a file a document, whole, once its results are there.

    Args:
        place: the path of a request's file.
        writer: makes what writes into it.
    """

    def __init__(self, place: "Callable[[Request], Path]", writer: Callable[[Stream], Writer[R]]) -> None:
        self._place = place
        self._writer = writer
        self._group: list[R] = []

    def write(self, result: R) -> None:
        """Take a result, and write the document before if this is of another."""
        if self._group and self._group[-1].request.document is not result.request.document:
            self.finish()
        self._group.append(result)

    def finish(self) -> None:
        """Write the last document."""
        if not self._group:
            return
        text = io.StringIO()
        writer = self._writer(text)
        for result in self._group:
            writer.write(result)
        writer.finish()
        path = self._place(self._group[0].request)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text.getvalue().encode())
        self._group = []

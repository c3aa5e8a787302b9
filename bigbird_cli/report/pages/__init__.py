"""Results as one page for a browser: a file that holds all it needs, and opens without a network."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bigbird_cli.api.reading.qa import QAResult
from bigbird_cli.api.reading.requests import Result
from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.files.paths import local_path
from bigbird_cli.files.whole import replace_file
from bigbird_cli.report.pages.html import Row, document_html, page_html
from bigbird_cli.report.writer import Writer

__all__ = ["PageWriter", "write_page"]


class PageWriter(Writer[Result[Any, Any]]):
    """Writes results, of one command, as a page.

    Args:
        path: the file, which is written whole when all results are there; folders above it are made.
        command: what made them, such as "bigbird ner book.txt"; the page tells it.
        overwrite: in place of what is there.

    Raises:
        UsageError: the file is there already, or nothing can be written where it is to stand.
    """

    def __init__(self, path: str | Path, *, command: str = "", overwrite: bool = False) -> None:
        self._path, self._command = local_path(path), command
        if self._path.is_dir() or (self._path.exists() and not overwrite):
            fix = "name another file" + ("" if self._path.is_dir() else ", or give overwrite=True")
            raise UsageError("it is there already", where=str(path), fix=fix)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(self._path.parent, os.W_OK):
            raise UsageError("its folder cannot be written into", where=str(path), fix="name a file elsewhere")
        self._together: list[Result[Any, Any]] = []
        self._rows: list[Row] = []
        self._documents: list[str] = []

    def write(self, result: Result[Any, Any]) -> None:
        """Take a result; questions on one document that come one after the other are shown together."""
        last = self._together[-1] if self._together else None
        if not (isinstance(result, QAResult) and last and last.request.document == result.request.document):
            self._end_document()
        self._together.append(result)

    def finish(self) -> None:
        """Write the page.

        Raises:
            OSError: it cannot be written.
        """
        self._end_document()
        page = page_html(self._rows, self._documents, command=self._command)
        # half characters stand in the names of files that are no UTF-8
        replace_file(self._path, page.encode(errors="backslashreplace"))

    def _end_document(self) -> None:
        if not self._together:
            return
        row, document = document_html(self._together, number=len(self._documents))
        self._together = []
        self._rows.append(row)
        if document is not None:
            self._documents.append(document)


def write_page(
    results: Iterable[Result[Any, Any]], path: str | Path, *, command: str = "", overwrite: bool = False
) -> int:
    """Write results as a page for a browser, as `--html` does: it is there whole, once all of them are.

    Args:
        results: of `answer_all`, `ner_all`, `classify_all` or `select_all`; they are taken one after the other.
        path: the file; folders above it are made.
        command: what made them; the page tells it.
        overwrite: in place of what is there.

    Returns:
        How many results there were, failed ones among them.

    Raises:
        UsageError: the file is there already, or nothing can be written where it is to stand.
        DataError: there is no result.
    """
    writer = PageWriter(path, command=command, overwrite=overwrite)
    n_results = 0
    for result in results:
        writer.write(result)
        n_results += 1
    if not n_results:
        raise DataError("there is no result", where=str(path), fix="give some")
    writer.finish()
    return n_results

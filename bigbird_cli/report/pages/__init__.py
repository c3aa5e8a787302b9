"""Results as one page for a browser: a file that holds all it needs, and opens without a network."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bigbird_cli.api.requests import Result
from bigbird_cli.files.whole import replace_file
from bigbird_cli.report.pages.html import Row, document_html, page_html
from bigbird_cli.report.writer import Writer

__all__ = ["PageWriter", "write_page"]


class PageWriter(Writer[Result[Any, Any]]):
    """Writes results, of one command, as a page.

    Args:
        path: the file, which is written whole when all results are there.
        command: what made them, such as "bigbird ner book.txt"; the page tells it.
    """

    def __init__(self, path: str | Path, *, command: str = "") -> None:
        self._path, self._command = Path(path), command
        self._together: list[Result[Any, Any]] = []
        self._rows: list[Row] = []
        self._documents: list[str] = []

    def write(self, result: Result[Any, Any]) -> None:
        """Take a result; those of one document come one after the other."""
        if self._together and self._together[0].request.document != result.request.document:
            self._end_document()
        self._together.append(result)

    def finish(self) -> None:
        """Write the page.

        Raises:
            OSError: it cannot be written.
        """
        self._end_document()
        replace_file(self._path, page_html(self._rows, self._documents, command=self._command).encode())

    def _end_document(self) -> None:
        if not self._together:
            return
        row, document = document_html(self._together, number=len(self._documents))
        self._together = []
        self._rows.append(row)
        if document is not None:
            self._documents.append(document)


def write_page(results: Iterable[Result[Any, Any]], path: str | Path, *, command: str = "") -> None:
    """Write results, of one of the calls that end in `_all`, as a page for a browser.

    Args:
        results: of one command, those of one document one after the other.
        path: the file, which is replaced whole.
        command: what made them; the page tells it.

    Raises:
        OSError: it cannot be written.
    """
    writer = PageWriter(path, command=command)
    for result in results:
        writer.write(result)
    writer.finish()

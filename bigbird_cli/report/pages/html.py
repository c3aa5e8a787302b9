"""Pages of their templates, which stand beside this file with their style sheet and script."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from markupsafe import Markup

from bigbird_cli import __version__
from bigbird_cli.api.reading.classify import ClassifyResult, ZeroShotResult
from bigbird_cli.api.reading.ner import NERResult
from bigbird_cli.api.reading.qa import QAResult
from bigbird_cli.api.reading.requests import Receipt, Result
from bigbird_cli.api.reading.select import SelectResult
from bigbird_cli.messages import called
from bigbird_cli.report.pages.answers import answers_view, sentences_view
from bigbird_cli.report.pages.labels import labels_view
from bigbird_cli.report.pages.layout import Mark, Point, gaps, handovers, lay_out
from bigbird_cli.report.pages.names import names_view
from bigbird_cli.report.pages.view import Cell, View
from bigbird_cli.report.templating import asset, policy_hash, templates
from bigbird_cli.text.documents import Document

_HERE = __name__.rpartition(".")[0]

VIEWS: dict[type[Result[Any, Any]], Callable[[Any], View]] = {
    QAResult: answers_view,
    NERResult: names_view,
    ClassifyResult: labels_view,
    ZeroShotResult: labels_view,
    SelectResult: sentences_view,
}
"""What makes a view of the results of one document, by their kind."""

_MOST_COLUMNS = 6
"""Columns of the index at most; beyond, one has all that a document's row says."""

_UNREAD = -1
"""The key of what stood in no window."""


@dataclass(frozen=True)
class Row:
    """A document's row of the index.

    Attributes:
        name: where the document came from.
        id: its owner's name for it; None where there is none, or several requests have one each.
        number: of its text among those of the page; None where every request for it failed.
        receipt: of the first that did not.
        errors: why requests failed.
        cells: by the names of their columns.
    """

    name: str
    id: Any = None
    number: int | None = None
    receipt: Receipt | None = None
    errors: tuple[str, ...] = ()
    cells: dict[str, list[Cell]] = field(default_factory=dict)


def document_html(results: Sequence[Result[Any, Any]], *, number: int) -> tuple[Row, str | None]:
    """Show one document.

    Args:
        results: of the document, in the order of what was asked of it.
        number: what to call it in the page.

    Returns:
        Its row of the index, and its part of the page: none where every request for it failed.
    """
    request = results[0].request
    errors = tuple(str(result.error) for result in results if result.error is not None)
    done = next((result for result in results if result.error is None), None)
    id_ = request.id if len(results) == 1 else None
    if done is None or not isinstance(request.document, Document):
        return Row(request.name, id_, errors=errors), None
    view, document = VIEWS[type(done)](results), request.document
    spans = done.prediction.coverage.spans
    read = sorted({span for each in results if each.error is None for span in each.prediction.coverage.spans})
    unread = [gap for gap in gaps(read, len(document.text)) if document.text[slice(*gap)].strip()]
    marks = [*view.marks, *(Mark(*gap, _UNREAD, "unread", 0) for gap in unread)]
    points = [Point(page.start, "page", page.label) for page in document.pages]
    if view.has_windows:
        seams = enumerate(handovers(spans, document.text), start=1)
        points += [Point(offset, "seam", f"{n} | {n + 1} of {len(spans)}") for n, offset in seams]
    body = (
        templates(_HERE)
        .get_template("document.html")
        .render(
            number=number,
            request=request,
            id=id_,
            title=PurePath(called(request.name)).name,
            document=document,
            receipt=done.receipt,
            view=view,
            chunks=lay_out(document.text, sections=document.sections, marks=marks, points=points),
        )
    )
    return Row(request.name, id_, number, done.receipt, errors, view.cells), body


def page_html(rows: Sequence[Row], documents: Iterable[str], *, command: str) -> str:
    """Put a page together of its index and its documents."""
    style, script = asset(_HERE, "page.css"), asset(_HERE, "page.js")
    columns = list(dict.fromkeys(name for row in rows for name in row.cells))
    return (
        templates(_HERE)
        .get_template("page.html")
        .render(
            rows=rows,
            folder=_folder(rows),
            columns=columns if len(columns) <= _MOST_COLUMNS else None,
            documents=map(Markup, documents),
            command=command,
            version=__version__,
            style=Markup(style),
            script=Markup(script),
            style_hash=policy_hash(style),
            script_hash=policy_hash(script),
        )
    )


def _folder(rows: Sequence[Row]) -> str:
    """What the names of all documents begin with, up to a slash; nothing for one alone."""
    # character by character: cut at a slash below, it may also end in the name of a file of rows
    common = os.path.commonprefix([row.name for row in rows]) if len(rows) > 1 else ""  # noqa: RUF071
    return common[: common.rfind("/") + 1]

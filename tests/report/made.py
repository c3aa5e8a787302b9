"""Results as the calls give them, made without a model."""

from typing import Any

from bigbird_cli.api import ClassifyResult, NERResult, QAResult, Receipt, Request
from bigbird_cli.data.rows import Row
from bigbird_cli.errors import DataError
from bigbird_cli.tasks.classify.decoding import ClassPrediction
from bigbird_cli.tasks.ner.decoding import Entity, NERPrediction
from bigbird_cli.tasks.qa.spans import QAPrediction, Span
from bigbird_cli.tasks.windowed import Coverage
from bigbird_cli.text.documents import Document, FailedDocument

COVERAGE = Coverage(n_tokens=9, n_read=9, n_unknown=0, n_windows=1, longest_input=12)
RECEIPT: Receipt = {
    "tokens": 9,
    "read": 9,
    "unknown": 0,
    "windows": 1,
    "truncated": False,
    "model": "tiny",
    "attention": "full",
    "device": "cpu",
}


def row(text: str, **fields: Any) -> Request:
    """A request of a row, whose other columns are the fields."""
    where = f"rows.jsonl:{len(text)}"
    return Request(Document(where, text), id=fields.get("id"), row=Row(fields, where, "rows.jsonl"), used=("id",))


def answered(request: Request, question: str, answer: str | None, score: float = 0.9) -> QAResult:
    request = Request(request.document, question, request.id, request.row, request.used)
    start = request.text.index(answer or "")
    spans = (Span(answer, start, start + len(answer), score, ((start, start + len(answer)),)),) if answer else ()
    prediction = QAPrediction(request.name, spans[0] if spans else None, spans, 0.1, COVERAGE)
    return QAResult(request, (prediction, RECEIPT))


def failed(name: str, problem: str, question: str | None = None) -> QAResult:
    return QAResult(Request(FailedDocument(name, DataError(problem, where=name)), question), DataError(problem))


def named(request: Request, *entities: tuple[str, str], group: bool = False) -> NERResult:
    places = [(request.text.index(text), text, type_) for text, type_ in entities]
    found = tuple(Entity(type_, start, start + len(text), 0.75, text) for start, text, type_ in places)
    return NERResult(request, (NERPrediction(request.name, found, COVERAGE), RECEIPT), group=group)


def labelled(request: Request, scores: dict[str, float]) -> ClassifyResult:
    best = max(scores, key=scores.__getitem__)
    return ClassifyResult(
        request, (ClassPrediction(request.name, (best,), None, scores, "mean", COVERAGE), RECEIPT), labels=tuple(scores)
    )

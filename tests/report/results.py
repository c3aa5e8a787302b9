"""Results as the api's calls give them, without a model."""

from collections.abc import Sequence
from typing import Any

from bigbird_cli.api.reading.classify import ClassifyResult, ZeroShotResult
from bigbird_cli.api.reading.ner import NERResult
from bigbird_cli.api.reading.qa import QAResult
from bigbird_cli.api.reading.requests import Receipt, Request
from bigbird_cli.api.reading.select import SelectResult
from bigbird_cli.errors import DataError
from bigbird_cli.tasks.classify.decoding import ClassPrediction
from bigbird_cli.tasks.ner.decoding import Entity, NERPrediction
from bigbird_cli.tasks.qa.spans import QAPrediction, Span
from bigbird_cli.tasks.select import Selection, Sentence
from bigbird_cli.tasks.windowed import Coverage
from bigbird_cli.tasks.zero_shot import Match
from bigbird_cli.text.documents import Document, FailedDocument


def coverage_of(text: str, spans: Sequence[tuple[int, int]] | None = None) -> Coverage:
    spans = ((0, len(text)),) if spans is None else tuple(spans)
    return Coverage(len(text), sum(end - start for start, end in spans), 0, len(spans), 16, spans=tuple(spans))


def receipt_of(coverage: Coverage, **changes: Any) -> Receipt:
    receipt: Receipt = {
        "tokens": coverage.n_tokens,
        "read": coverage.n_read,
        "unknown": coverage.n_unknown,
        "windows": coverage.n_windows,
        "truncated": False,
        "model": "tiny",
        "attention": "full",
        "device": "cpu",
    }
    return {**receipt, **changes}  # type: ignore[typeddict-item]


def mentions_of(text: str, words: str) -> tuple[tuple[int, int], ...]:
    found, start = [], text.find(words)
    while start >= 0:
        found.append((start, start + len(words)))
        start = text.find(words, start + 1)
    return tuple(found)


def qa_result(
    document: Document,
    question: str = "Who?",
    answers: dict[str, float] | None = None,
    *,
    is_answered: bool = True,
    spans: Sequence[tuple[int, int]] | None = None,
    **receipt: Any,
) -> QAResult:
    """A question whose answers are words of the document, with their scores."""
    found = tuple(
        Span(words, *mentions_of(document.text, words)[0], score, mentions_of(document.text, words))
        for words, score in (answers or {}).items()
    )
    coverage = coverage_of(document.text, spans)
    prediction = QAPrediction(document.name, found[0] if found and is_answered else None, found, 0.25, coverage)
    return QAResult(Request(document, question), (prediction, receipt_of(coverage, **receipt)))


def ner_result(
    document: Document,
    entities: Sequence[tuple[str, str, float]],
    *,
    spans: Sequence[tuple[int, int]] | None = None,
    **receipt: Any,
) -> NERResult:
    """All mentions of words of a document as entities: (type, words, score) each."""
    found = sorted(
        Entity(type_, start, end, score, words)
        for type_, words, score in entities
        for start, end in mentions_of(document.text, words)
    )
    coverage = coverage_of(document.text, spans)
    prediction = NERPrediction(document.name, tuple(sorted(found, key=lambda entity: entity.start)), coverage)
    return NERResult(Request(document), (prediction, receipt_of(coverage, **receipt)))


def match_result(
    document: Document, scores: dict[str, float], window_scores: Sequence[Sequence[float]], **options: Any
) -> ZeroShotResult:
    """Given labels; the windows are equal parts of the document."""
    size = -(-len(document.text) // len(window_scores))
    spans = [(n * size, min(len(document.text), (n + 1) * size)) for n in range(len(window_scores))]
    coverage = coverage_of(document.text, spans)
    match = Match(
        document.name,
        (0,) if max(scores.values()) >= 0.5 else (),
        tuple(scores.values()),
        0.1,
        (0, 3, 0.5),
        coverage,
        tuple(map(tuple, window_scores)),
    )
    return ZeroShotResult(Request(document), (match, receipt_of(coverage)), labels=tuple(scores), **options)


def number_result(document: Document, value: float, windows: Sequence[float]) -> ClassifyResult:
    size = -(-len(document.text) // len(windows))
    spans = [(n * size, min(len(document.text), (n + 1) * size)) for n in range(len(windows))]
    coverage = coverage_of(document.text, spans)
    scores = tuple((each,) for each in windows)
    prediction = ClassPrediction(document.name, (), value, {"value": value}, "mean", coverage, scores)
    return ClassifyResult(Request(document), (prediction, receipt_of(coverage)))


def select_result(document: Document, sentences: dict[str, float], query: str = "Who?") -> SelectResult:
    found = tuple(Sentence(words, *mentions_of(document.text, words)[0], score) for words, score in sentences.items())
    coverage = coverage_of(document.text)
    return SelectResult(
        Request(document), (Selection(document.name, found, coverage), receipt_of(coverage)), query=query
    )


def failed_result(name: str = "empty.txt", question: str | None = "Who?") -> QAResult:
    error = DataError("the document is empty", where=name, fix="give a file with text in it")
    return QAResult(Request(FailedDocument(name, error), question), error)

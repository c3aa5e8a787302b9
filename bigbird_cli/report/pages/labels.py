"""Labels of a document, or its number, and the passages by what they say for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from textwrap import shorten

from bigbird_cli.api.reading.classify import ClassifyResult, ZeroShotResult
from bigbird_cli.report.pages.layout import Mark, handovers
from bigbird_cli.report.pages.view import Cell, Found, View, percent

_BEST = 8
"""Passages that are listed for a label."""

_EXCERPT = 180
"""Characters of a passage that are shown."""


@dataclass(frozen=True)
class Label:
    """A label of a document, or what its number measures.

    Attributes:
        score: its probability, or the number.
        is_given: whether it is the document's, or one of them.
        scores: the same of each passage, were it the whole document.
        weights: those from 0 for none to 100 for certain; of numbers, from the smallest to the largest.
        best: the passages that say most for it.
    """

    name: str
    score: float
    is_given: bool
    scores: tuple[float, ...]
    weights: tuple[int, ...]
    best: tuple[Found, ...]


@dataclass(frozen=True)
class Labels:
    """The labels of a document, the likeliest first; or its number alone.

    Attributes:
        none_score: probability that none of them is right; None where that is not asked.
        combine: how passages were made one.
        n_passages: of the document.
    """

    labels: tuple[Label, ...]
    none_score: float | None
    is_number: bool
    combine: str
    n_passages: int


def labels_view(results: Sequence[ClassifyResult | ZeroShotResult]) -> View:
    """The labels of one document."""
    [result] = results
    record, prediction = result.record(), result.prediction
    spans = prediction.coverage.spans
    bounds = [spans[0][0], *handovers(spans, result.request.text), spans[-1][1]]
    passages = [*pairwise(bounds)]
    names = result.labels if isinstance(result, ZeroShotResult) else tuple(record["scores"])
    is_number = record["label"] is None and not {"labels", "none_score"} & record.keys()
    given = record.get("labels", [record["label"]])
    shown = sorted(record["scores"], key=lambda name: -record["scores"][name])
    labels = []
    for name in shown:
        scores = tuple(window[names.index(name)] for window in prediction.window_scores)
        weights = _scaled(scores) if is_number else tuple(map(percent, scores))
        strongest = sorted(range(len(passages)), key=lambda n: (-scores[n], n))[:_BEST]
        best = tuple(_passage(result, n, *passages[n], scores[n]) for n in strongest)
        labels.append(Label(name, record["scores"][name], name in given, scores, weights, best))
    cells = (
        [Cell(f"{record['score']:.4g}")]
        if is_number
        else [Cell(label.name, label.score) for label in labels if label.is_given]
        or [Cell("none of these", record.get("none_score"))]
    )
    marks = [
        Mark(start, end, n, "passage", labels[0].weights[n]) for n, (start, end) in enumerate(passages) if start < end
    ]
    panel = Labels(tuple(labels), record.get("none_score"), is_number, record["combine"], len(passages))
    return View("classify", panel, marks if len(marks) > 1 else [], {"number" if is_number else "label": cells})


def _passage(result: ClassifyResult | ZeroShotResult, key: int, start: int, end: int, score: float) -> Found:
    text = shorten(result.request.text[start : min(end, start + 2 * _EXCERPT)], _EXCERPT, placeholder=" …")
    return Found(key, text, score, 1, start, result.location(start).get("page"))


def _scaled(values: Sequence[float]) -> tuple[int, ...]:
    low, high = min(values), max(values)
    return tuple(percent((value - low) / (high - low)) if high > low else 0 for value in values)

"""What of each command's results stands in a table: its columns, and the rows of a document."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from bigbird_cli.api import ClassifyResult
from bigbird_cli.report.cells import Cell
from bigbird_cli.report.writer import SURE

if TYPE_CHECKING:
    from bigbird_cli.api import NERResult, QAResult, Result, SelectResult, ZeroShotResult

R = TypeVar("R", bound="Result[Any, Any]")

UNSURE = " (unsure)"
"""Marks a cell whose score has no column of its own."""


class Sheet(ABC, Generic[R]):
    """The columns of a task's own, and their cells. A table puts others around them: the document, an error."""

    @abstractmethod
    def columns(self, result: R | None) -> list[str]:
        """The columns, by any result, a failed one too; None where there is none."""

    @abstractmethod
    def rows(self, results: Sequence[R]) -> list[list[Cell]]:
        """The rows of a document's results, one of which has a prediction; cells as many as columns."""

    def is_whole(self, results: Sequence[R]) -> bool:
        """Whether a document's results so far make its rows, so that they can be written."""
        return bool(results)

    def remark(self, results: Sequence[R]) -> str | None:
        """Why a document's results have no cells, for the column of errors; None where they have."""
        del results
        return None


@dataclass(frozen=True)
class Answers(Sheet["QAResult"]):
    """A row a document, and a column a question; an answer below SURE is marked.

    Attributes:
        questions: those asked of every document.
        details: exact answers, each with its score and page in the columns behind it.
    """

    questions: tuple[str, ...]
    details: bool = False

    def columns(self, result: "QAResult | None") -> list[str]:
        del result
        if not self.details:
            return list(self.questions)
        return [f"{question}{what}" for question in self.questions for what in ("", " [score]", " [page]")]

    def is_whole(self, results: Sequence["QAResult"]) -> bool:
        return len(results) == len(self.questions) or results[-1].request.second not in self.questions

    def remark(self, results: Sequence["QAResult"]) -> str | None:
        own = results[0].request.second
        return None if own in (None, *self.questions) else f"the row asks {own!r} itself, which has no column here"

    def rows(self, results: Sequence["QAResult"]) -> list[list[Cell]]:
        found = {result.request.second: self._cells(result) for result in results}
        empty: list[Cell] = [None] * (3 if self.details else 1)
        return [[cell for question in self.questions for cell in found.get(question, empty)]]

    def _cells(self, result: "QAResult") -> list[Cell]:
        span = None if result.error is not None else result.prediction.answer
        if span is None:
            return [None, None, None] if self.details else [None]
        if self.details:
            return [span.text, rounded(span.score), result.location(span.start).get("page")]
        return [span.text + (UNSURE if span.score < SURE else "")]


@dataclass(frozen=True)
class AnswerList(Sheet["QAResult"]):
    """A row a question, of rows that bring their own; or a row an answer, of several to each question."""

    details: bool = False

    def columns(self, result: "QAResult | None") -> list[str]:
        del result
        return ["question", "answer", "score", "page", *(["start", "end"] if self.details else [])]

    def rows(self, results: Sequence["QAResult"]) -> list[list[Cell]]:
        [result] = results
        question, prediction = result.request.second, result.prediction
        if prediction.answer is None:
            return [[question, None, rounded(prediction.score), None, *([None, None] if self.details else [])]]
        spans = prediction.spans[: result.top_k]
        places = [{"start": span.start, "end": span.end, **result.location(span.start)} for span in spans]
        return [
            [question, span.text, rounded(span.score), *_place_in(place, self.details)]
            for span, place in zip(spans, places, strict=True)
        ]


@dataclass(frozen=True)
class Names(Sheet["NERResult"]):
    """A row an entity; or a name, with the number of its mentions and the place of the first."""

    group: bool = False
    details: bool = False

    def columns(self, result: "NERResult | None") -> list[str]:
        del result
        counted = ["name", "type", "count"] if self.group else ["text", "type"]
        return [*counted, "score", "page", *(["start", "end"] if self.details else [])]

    def rows(self, results: Sequence["NERResult"]) -> list[list[Cell]]:
        [result] = results
        record = result.record()
        rows: list[list[Cell]] = []
        for name in record.get("names", []):
            place = _place_in(name["mentions"][0], self.details)
            rows.append([name["text"], name["type"], name["count"], rounded(name["score"]), *place])
        for each in record.get("entities", []):
            rows.append([each["text"], each["type"], rounded(each["score"]), *_place_in(each, self.details)])
        return rows


@dataclass(frozen=True)
class Labels(Sheet["ClassifyResult | ZeroShotResult"]):
    """A row a document: the label, its score, and the score of each label in a column."""

    details: bool = False

    def columns(self, result: "ClassifyResult | ZeroShotResult | None") -> list[str]:
        if result is None:
            return ["label", "score"]
        several = ["labels"] if result.is_multi else []
        if isinstance(result, ClassifyResult):
            return ["label", "score", *several, *result.labels]
        place = ["page", "start", "end"] if self.details else []
        return ["label", "score", *several, *result.labels, "none of these", *place]

    def rows(self, results: Sequence["ClassifyResult | ZeroShotResult"]) -> list[list[Cell]]:
        [result] = results
        record = result.record()
        cells: list[Cell] = [record["label"], rounded(record["score"])]
        if "labels" in record:
            cells.append("; ".join(record["labels"]))
        scores = record["scores"]
        cells += [rounded(scores[label]) if label in scores else None for label in result.labels]
        if "none_score" in record:
            cells.append(rounded(record["none_score"]))
        if "evidence" in record and self.details:
            cells += _place_in(record["evidence"], with_offsets=True)
        return [cells]


@dataclass(frozen=True)
class Sentences(Sheet["SelectResult"]):
    """A row a sentence, the best supporting first."""

    details: bool = False

    def columns(self, result: "SelectResult | None") -> list[str]:
        del result
        return ["sentence", "score", "page", *(["start", "end"] if self.details else [])]

    def rows(self, results: Sequence["SelectResult"]) -> list[list[Cell]]:
        [result] = results
        found = result.record()["sentences"]
        return [[each["text"], rounded(each["score"]), *_place_in(each, self.details)] for each in found]


def rounded(score: float) -> float:
    """A score as a table gives it; records of JSON have all its digits."""
    return round(score, 4)


def _place_in(found: Mapping[str, Any], with_offsets: bool) -> list[Cell]:
    return [found.get("page"), *([found["start"], found["end"]] if with_offsets else [])]

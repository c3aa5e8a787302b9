"""What a page shows of a document: the marks in its text, a panel beside it, and a row of the index."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bigbird_cli.report.pages.layout import Mark
from bigbird_cli.report.writer import SURE


class Cell(NamedTuple):
    """What a row of the index says in one of its columns.

    Attributes:
        text: on one line.
        score: its probability; None where it has none.
        hue: number of the colour of its type, if it has one.
    """

    text: str
    score: float | None = None
    hue: int | None = None

    @property
    def is_sure(self) -> bool:
        return self.score is None or self.score >= SURE


class Excerpt(NamedTuple):
    """Something, and what stands around it."""

    before: str
    text: str
    after: str


@dataclass(frozen=True)
class Found:
    """Something that was found in a document: an answer, a name, a sentence or a passage.

    Attributes:
        key: its number in the document, which its marks have too.
        text: what it reads.
        score: its probability.
        count: how often it is mentioned.
        start: offset of its likeliest mention, or of its first.
        page: on which that begins.
        around: that mention in its sentence.
        first: the number of that mention, in reading order.
    """

    key: int
    text: str
    score: float
    count: int
    start: int
    page: str | None
    around: Excerpt | None = None
    first: int = 0

    @property
    def is_sure(self) -> bool:
        return self.score >= SURE


@dataclass(frozen=True)
class View:
    """What a page shows of one document.

    Attributes:
        task: names the template of the panel.
        panel: what the template shows.
        marks: in the text.
        cells: of the document's row of the index, by their columns.
        has_windows: whether windows have places in the text that are worth showing.
    """

    task: str
    panel: Any
    marks: Sequence[Mark]
    cells: dict[str, list[Cell]]
    has_windows: bool = True


def percent(score: float) -> int:
    return round(100 * score)


def on_one_line(text: str) -> str:
    return " ".join(text.split())

"""What every set is read into."""

from dataclasses import dataclass, field

from .text import sentence_starts


@dataclass(eq=False)
class Document:
    """A text with questions on it; `subject` is what documents about the same thing share."""

    source: str
    subject: str
    text: str
    breaks: list[int] = field(default_factory=list)
    """Where sentences start, ascending, 0 first: the places where a crop may begin or end."""

    def __post_init__(self) -> None:
        self.breaks = sorted({0, *(b for b in self.breaks or sentence_starts(self.text) if 0 < b < len(self.text))})


@dataclass(frozen=True, eq=False)
class Question:
    """A question on one document; `spans` are the (start, end) of answers that count as right, best first."""

    document: Document
    text: str
    spans: tuple[tuple[int, int], ...]
    whole: bool = False
    """The words do not say which document is meant ("What is the governing law?"), so never ask it of another."""
    narrow: bool = False
    """The words only make sense beside the answer's own sentence ("Who are they?")."""


@dataclass(frozen=True, eq=False)
class Entry:
    """One question with the very text it is asked of: an entry of the files."""

    source: str
    subject: str
    context: str
    question: str
    answers: tuple[tuple[int, str], ...]

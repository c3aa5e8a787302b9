"""Long texts with several questions each: whole documents, windows of them, and passages put together."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .items import Document, Entry, Question
from .text import n_tokens


@dataclass(frozen=True)
class Part:
    """Characters low..high of a document."""

    document: Document
    low: int
    high: int

    @property
    def text(self) -> str:
        return self.document.text[self.low : self.high]


class Book:
    """A text of parts, and what it answers."""

    def __init__(self, parts: Sequence[Part], *, joint: str = "\n\n") -> None:
        self.parts = parts
        self.text = ""
        self._starts = []
        for part in parts:
            self.text += joint if self.text else ""
            self._starts.append(len(self.text))
            self.text += part.text
        self._lower = self.text.lower()

    def answers(self, question: Question) -> tuple[tuple[int, str], ...]:
        """Where the answers stand in the text."""
        return tuple(
            (a - part.low + start, question.document.text[a:b])
            for part, start in zip(self.parts, self._starts, strict=True)
            if part.document is question.document
            for a, b in question.spans
            if part.low <= a and b <= part.high
        )

    def holds_part_of(self, question: Question) -> bool:
        """Whether an answer stands in it, whole or cut, or the words of one do."""
        texts = [question.document.text[a:b].lower() for a, b in question.spans]
        return any(text in self._lower for text in texts if len(text) > 2) or any(
            part.document is question.document and a < part.high and b > part.low
            for part in self.parts
            for a, b in question.spans
        )

    def entry(self, question: Question, answers: tuple[tuple[int, str], ...] = (), *, asked: str = "") -> Entry:
        document = question.document
        return Entry(document.source, document.subject, self.text, asked or question.text, answers)


def stretches(document: Document, *, room: int, rng: random.Random) -> list[Part]:
    """The whole document in parts of about `room` tokens, cut between sentences; the first cut is at a random place."""
    stops = [*document.breaks[1:], len(document.text)]
    parts: list[Part] = []
    low, size, limit = 0, 0, room
    if n_tokens(document.text) > room:
        limit = rng.randint(room // 3, room)
    before = 0
    for stop in stops:
        more = n_tokens(document.text[before:stop])
        if size and size + more > limit:
            parts.append(Part(document, low, before))
            low, size, limit = before, 0, room
        size += more
        before = stop
    parts.append(Part(document, low, len(document.text)))
    return [part for part in parts if n_tokens(part.text) <= 1.15 * room]


def gathered(seed: Document, others: Iterable[Document], *, room: int, rng: random.Random) -> Book:
    """Whole short documents about like things, in any order, until there are about `room` tokens."""
    parts = [Part(seed, 0, len(seed.text))]
    left = room - n_tokens(seed.text)
    texts = {seed.text}
    for other in others:
        size = n_tokens(other.text)
        if size <= left and other.text not in texts:
            parts.append(Part(other, 0, len(other.text)))
            texts.add(other.text)
            left -= size
        if left < 60:
            break
    rng.shuffle(parts)
    return Book(parts)


def planted(novel: Document, needle: Part, *, room: int, rng: random.Random) -> Book | None:
    """A passage between two sentences of a stretch of a novel."""
    parts = stretches(novel, room=room, rng=rng)
    around = rng.choice(parts)
    cuts = [b for b in novel.breaks if around.low < b < around.high]
    if not cuts:
        return None
    at = rng.choice(cuts)
    return Book([Part(novel, around.low, at), needle, Part(novel, at, around.high)], joint=" ")

"""Texts cut and put together around an answer, or without it."""

import bisect
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from .items import Document, Entry, Question
from .text import content_words, n_tokens

LONG_SENTENCE = 120  # a shorter one is never cut, whatever the room


def crop(document: Document, start: int, end: int, *, room: int, rng: random.Random) -> tuple[int, int]:
    """A stretch of sentences, of about `room` tokens, with [start, end) in it at a place left to chance."""
    breaks = document.breaks
    first = bisect.bisect_right(breaks, start) - 1
    last = bisect.bisect_left(breaks, end)  # the sentence after the answer
    stops = [*breaks, len(document.text)]

    def size(i: int) -> int:
        return n_tokens(document.text[stops[i] : stops[i + 1]])

    own = sum(size(i) for i in range(first, last))
    left_of_room = room - own
    if own > max(room, LONG_SENTENCE):
        return _crop_words(document.text, stops[first], stops[last], start, end, room=room, rng=rng)
    leaning = rng.random()  # how much of the rest stands before the answer
    for side, share in ((-1, leaning), (1, 1 - leaning), (-1, 1.0)):
        room_here = share * left_of_room if share < 1 and side < 0 else left_of_room
        while room_here > 0:
            if (side < 0 and first == 0) or (side > 0 and last == len(breaks)):
                break
            more = size(first - 1 if side < 0 else last)
            if more > room_here:
                break
            first, last = (first - 1, last) if side < 0 else (first, last + 1)
            room_here -= more
            left_of_room -= more
    return trim_white(document.text, stops[first], stops[last])


def _crop_words(
    text: str, low: int, high: int, start: int, end: int, *, room: int, rng: random.Random
) -> tuple[int, int]:
    """The same when one sentence alone is too long: cut between words."""
    before = [m.start() for m in re.finditer(r"\S+", text[low:start])]
    after = [m.end() for m in re.finditer(r"\S+", text[end:high])]
    words = max(0, int((room - n_tokens(text[start:end])) / 1.35))
    n_before = min(len(before), int(words * rng.random()))
    n_after = min(len(after), words - n_before)
    a = low + before[-n_before] if n_before else start
    b = end + after[n_after - 1] if n_after else end
    return trim_white(text, a, b)


def trim_white(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def with_crop(question: Question, *, room: int, rng: random.Random) -> Entry:
    document = question.document
    start, end = question.spans[0]
    low, high = crop(document, start, end, room=room, rng=rng)
    answers = tuple((a - low, document.text[a:b]) for a, b in question.spans if low <= a and b <= high)
    return Entry(document.source, document.subject, document.text[low:high], question.text, answers)


def answer_texts(question: Question) -> list[str]:
    return [question.document.text[a:b] for a, b in question.spans]


def without_answer(question: Question, pool: "Pool", *, room: int, rng: random.Random, near: bool) -> Entry | None:
    """The question with a passage that does not hold its answer: of the same subject, or of another."""
    document = question.document
    taboo = [t.lower() for t in answer_texts(question)]
    for _ in range(12):
        other = document if near and len(document.text) > 1500 else pool.neighbour(question, rng=rng)
        if other is not document and question.whole:
            # "What is the governing law?" is answered by any contract that has one
            return _elsewhere(question, document, taboo, room=room, rng=rng)
        entry = _elsewhere(question, other, taboo, room=room, rng=rng)
        if entry is not None:
            return entry
    return None


def _elsewhere(
    question: Question, document: Document, taboo: Sequence[str], *, room: int, rng: random.Random
) -> Entry | None:
    place = rng.choice(document.breaks)
    low, high = crop(document, place, min(place + 1, len(document.text)), room=room, rng=rng)
    text = document.text[low:high]
    if n_tokens(text) < min(room, 40) * 0.6 or any(t in text.lower() for t in taboo):
        return None
    if document is question.document and any(a < high and b > low for a, b in question.spans):
        return None
    return Entry(document.source, document.subject, text, question.text, ())


class Pool:
    """All documents of a source, to draw others of a like subject from."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = list(documents)
        self.words = {id(d): content_words(d.text[:3000]) for d in self.documents}
        counts = Counter(w for words in self.words.values() for w in words)
        self.weight = {w: math.log(len(self.documents) / n) for w, n in counts.items()}

    def like(self, words: set[str], *, besides: Document, n: int, rng: random.Random) -> list[Document]:
        """The `n` documents that share most with some words, out of a sample."""
        sample = rng.sample(self.documents, min(120, len(self.documents)))
        sample = [d for d in sample if d is not besides and d.text != besides.text]
        sample.sort(key=lambda d: -math.fsum(self.weight[w] for w in words & self.words[id(d)]))
        return sample[:n]

    def neighbour(self, question: Question, *, rng: random.Random) -> Document:
        near = self.like(content_words(question.text), besides=question.document, n=4, rng=rng)
        return rng.choice(near) if near else question.document


class Places:
    """All sentences of a set by their rare words, to find the passage nearest to a question that is not its own."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._places = [(d, a) for d in documents for a in d.breaks]
        stops = [(d, b) for d in documents for b in [*d.breaks[1:], len(d.text)]]
        self._words = [content_words(d.text[a:b]) for (d, a), (_, b) in zip(self._places, stops, strict=True)]
        by_word: dict[str, list[int]] = defaultdict(list)
        for i, words in enumerate(self._words):
            for word in words:
                by_word[word].append(i)
        most = max(20, len(self._places) // 50)
        self._by_word = {word: places for word, places in by_word.items() if len(places) <= most}
        self._weight = {word: math.log(len(self._places) / len(places)) for word, places in by_word.items()}

    def nearest(self, question: Question, *, n: int) -> list[tuple[Document, int]]:
        """The `n` places that share most with the question's words."""
        scores: Counter[int] = Counter()
        for word in sorted(content_words(question.text)):
            for i in self._by_word.get(word, ()):
                scores[i] += self._weight[word]
        found = []
        for i, _ in scores.most_common(6 * n):
            document, place = self._places[i]
            if document is question.document or (document.text != question.document.text and not question.whole):
                found.append((document, place))
        return found[:n]


def nearest_without_answer(question: Question, places: Places, *, room: int, rng: random.Random) -> Entry | None:
    """The question with the passage that is most like it, besides those that answer it."""
    taboo = [text.lower() for text in answer_texts(question)]
    near = places.nearest(question, n=5)
    rng.shuffle(near)
    for document, place in near:
        low, high = crop(document, place, min(place + 1, len(document.text)), room=room, rng=rng)
        text = document.text[low:high]
        if any(t in text.lower() for t in taboo) or len(text) < 60:
            continue
        if document is question.document and any(a < high and b > low for a, b in question.spans):
            continue
        return Entry(question.document.source, question.document.subject, text, question.text, ())
    return None

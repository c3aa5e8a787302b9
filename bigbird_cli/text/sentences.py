"""Where sentences of a text begin and end, by its punctuation."""

import re
from typing import NamedTuple

_AROUND = 240
"""Characters shown on either side of an answer at most, when its sentence is longer."""

_SENTENCE_END = re.compile(
    r"""[.!?…]["'”’»)\]]*\s+(?=["'“‘«(\[]*[A-Z0-9À-Þ])|[ \t]*(?:\r?\n|\r)[ \t]*(?:\r?\n|\r)\s*|[。！？]"""
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|Prof|Capt|Col|Gen|Lt|Rev|Sr|Jr|No|vs|cf|e\.g|i\.e|c|ca|approx))\.$"
)


class Excerpt(NamedTuple):
    """The characters start..stop of a text; `cut_before` and `cut_after` say that its sentence goes on there."""

    start: int
    stop: int
    cut_before: bool
    cut_after: bool


def sentences(text: str) -> list[tuple[int, int]]:
    """Find the sentences of a text: start and end of each, in reading order, without the white space around them."""
    found, start = [], 0
    for match in _SENTENCE_END.finditer(text):
        if not _ABBREVIATION.search(text, max(0, match.start() - 8), match.start() + 1):
            found.append((start, match.end()))
            start = match.end()
    trimmed = []
    for first, stop in [*found, (start, len(text))]:
        covered = text[first:stop]
        if covered.strip():
            trimmed.append((stop - len(covered.lstrip()), first + len(covered.rstrip())))
    return trimmed


def sentence_around(text: str, start: int, end: int) -> Excerpt:
    """Find the sentence (or sentences) that hold text[start:end], at most _AROUND characters more on either side."""
    low, high = max(0, start - _AROUND), min(len(text), end + _AROUND)
    first, last = low, high
    for match in _SENTENCE_END.finditer(text, low, high):
        if _ABBREVIATION.search(text, max(0, match.start() - 8), match.start() + 1):
            continue
        if match.end() <= start:
            first = match.end()
        elif match.start() >= end - 1:  # an answer may take the full stop with it
            last = max(end, match.start() + len(match[0].rstrip()))
            break
    cut_before, cut_after = first == low > 0, last == high < len(text)
    while cut_before and first < start and not text[first - 1].isspace():  # no half words
        first += 1
    while cut_after and last > end and not text[last].isspace():
        last -= 1
    return Excerpt(first, last, cut_before, cut_after)

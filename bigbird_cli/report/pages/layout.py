"""A document's text as a page shows it: paragraphs, cut into pieces where something begins or ends."""

import re
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import NamedTuple

from bigbird_cli.text.formats.paged import Section

LONGEST_BLOCK = 20_000
"""Characters of a block at most: a browser lays a block out at once."""

_CHUNK = 3_000
"""Characters from which a chunk is full: a browser lays out the chunks that are in sight."""

_WRAPPED = range(45, 101)
"""Characters of the lines of a paragraph that its author, or a program, wrapped by hand."""

_SPACE = re.compile(r"\s+")
_NEARBY = 40
"""Characters in which the next word is looked for."""

_NUMBER = 12
"""Characters of the number of a section at most, such as "12.3.4 "."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)?")


class Mark(NamedTuple):
    """Characters start..end that belong to something; it may overlap others.

    Attributes:
        key: number of what it belongs to, in its document.
        style: names of its looks, with spaces between.
        score: its probability in percent.
    """

    start: int
    end: int
    key: int
    style: str
    score: int


class Point(NamedTuple):
    """Something that stands before the character at an offset: a page's beginning, or where windows meet."""

    offset: int
    kind: str
    label: str


class Piece(NamedTuple):
    """A run of characters in which nothing begins or ends.

    Attributes:
        points: what stands before it.
        marks: what it belongs to.
        begins: keys of those that begin with it.
    """

    text: str
    points: tuple[Point, ...]
    marks: tuple[Mark, ...]
    begins: tuple[int, ...]


class Block(NamedTuple):
    """A paragraph, or a part of a long one.

    Attributes:
        start: offset of its first character.
        kind: "prose", whose line breaks are none of the author's; "lines", whose are; "heading".
        section: number of the section that begins with it.
        pieces: its text, whole and as it is.
    """

    start: int
    kind: str
    section: int | None
    pieces: list[Piece]


def lay_out(
    text: str, *, sections: Sequence[Section], marks: Sequence[Mark], points: Sequence[Point]
) -> Iterator[list[Block]]:
    """Lay a text out in chunks of blocks; nothing of it is left out but the white space between paragraphs.

    Args:
        text: the document's.
        sections: the document's.
        marks: in any order.
        points: in any order.
    """
    cutter = _Cutter(text, marks, points)
    chunk: list[Block] = []
    size = n_sections = 0
    for start, end in _blocks(text, [section.start for section in sections]):
        section = None
        while n_sections < len(sections) and sections[n_sections].start < end:
            section = n_sections
            n_sections += 1
        is_heading = section is not None and _is_heading(text[start:end], sections[section].title)
        kind = "heading" if is_heading else "prose" if _is_prose(text[start:end]) else "lines"
        chunk.append(Block(start, kind, section, list(cutter.pieces(start, end))))
        size += end - start
        if size >= _CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def gaps(spans: Sequence[tuple[int, int]], length: int) -> Iterator[tuple[int, int]]:
    """What no span covers of so many characters; spans are in the order of their starts."""
    reached = 0
    for start, end in chain(spans, [(length, length)]):
        if start > reached:
            yield reached, start
        reached = max(reached, end)


def handovers(spans: Sequence[tuple[int, int]], text: str) -> list[int]:
    """Where each window takes over from the one before: at a word's beginning, in the middle of what they share."""
    return [_next_word(text, (start + end) // 2) if start < end else start for (_, end), (start, _) in pairwise(spans)]


def _next_word(text: str, offset: int) -> int:
    """The beginning of the next word, if there is one nearby."""
    space = _SPACE.search(text, offset, offset + _NEARBY)
    return space.end() if space else offset


def _blocks(text: str, cuts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Characters of each paragraph, without the blank lines around it, cut where one of the cuts is inside."""
    start = end = None
    n_cuts = 0
    for line in _LINE.finditer(text):
        first, last = line.start(), line.start() + len(line[0].rstrip())
        is_cut = False
        while n_cuts < len(cuts) and cuts[n_cuts] < line.end():
            is_cut |= cuts[n_cuts] >= first
            n_cuts += 1
        if start is not None and end is not None and (first == last or is_cut or last - start > LONGEST_BLOCK):
            yield from _parts(text, start, end)
            start = None
        if first < last:
            start, end = first if start is None else start, last
    if start is not None and end is not None:
        yield from _parts(text, start, end)


def _parts(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A block in parts that are no longer than they may be, cut behind a space if there is one."""
    while end - start > LONGEST_BLOCK:
        cut = text.rfind(" ", start + 1, start + LONGEST_BLOCK) + 1 or start + LONGEST_BLOCK
        yield start, cut
        start = cut
    yield start, end


def _is_heading(block: str, title: str) -> bool:
    """Whether a block is a section's title, with a number before it or without."""
    on_one_line = " ".join(block.split())
    return on_one_line.endswith(title) and len(on_one_line) <= len(title) + _NUMBER


def _is_prose(block: str) -> bool:
    """Whether the line breaks of a block, if it has any, are there for its width alone."""
    lines = block.splitlines()
    *full, last = lines
    is_wrapped = "\t" not in block and len(last) < _WRAPPED.stop and all(len(line) in _WRAPPED for line in full)
    return len(lines) == 1 or is_wrapped


class _Cutter:
    """Cuts blocks, which come in their order, into pieces."""

    def __init__(self, text: str, marks: Sequence[Mark], points: Sequence[Point]) -> None:
        self._text = text
        self._marks, self._points = deque(sorted(marks)), deque(sorted(points))
        ends = chain.from_iterable((mark.start, mark.end) for mark in marks)
        self._cuts = sorted({*ends, *(point.offset for point in points)})
        self._open: list[Mark] = []

    def pieces(self, start: int, end: int) -> Iterator[Piece]:
        """Cut the block start..end."""
        inside = self._cuts[bisect_right(self._cuts, start) : bisect_left(self._cuts, end)]
        for first, stop in zip([start, *inside], [*inside, end], strict=True):
            begins = []
            while self._marks and self._marks[0].start < stop:
                begins.append(self._marks.popleft())
            points = []
            while self._points and self._points[0].offset < stop:
                points.append(self._points.popleft())
            self._open = sorted((mark for mark in [*self._open, *begins] if mark.end > first), key=_key)
            keys = tuple(mark.key for mark in begins if mark.end > first)
            yield Piece(self._text[first:stop], tuple(points), tuple(self._open), keys)


def _key(mark: Mark) -> int:
    return mark.key

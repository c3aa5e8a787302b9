"""The order in which the lines of a page are read."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import mean, median

_FEWEST_LINES = 3
"""Lines of a column, at least."""

_FEWEST_ROWS = 5
"""Lines that are cut by the same gap, at least, to be the lines of two columns."""


_MOST_COLUMNS = 20
_MOST_LINES = 10_000
"""Of a page whose lines are put in order; beyond, as of maps and drawings, they stay as they are drawn."""

_TOLERANCE = 3.0
"""Points by which the lines of a column may begin before it, or go on beyond it."""


@dataclass(frozen=True)
class Line:
    """A line of a page.

    Attributes:
        segments: text, left and right of its parts, between wide gaps.
        bottom: of its letters.
        top: of its letters.
        turn: degrees by which it is turned; its measures are those that it has when turned back.
        hyphen: whether a hyphen follows that may be there for the line's end alone.
    """

    segments: tuple[tuple[str, float, float], ...]
    bottom: float
    top: float
    turn: int = 0
    hyphen: bool = False

    @cached_property
    def text(self) -> str:
        return "\t".join(text for text, _, _ in self.segments)

    @property
    def left(self) -> float:
        return self.segments[0][1]

    @property
    def right(self) -> float:
        return self.segments[-1][2]

    @property
    def size(self) -> float:
        return self.top - self.bottom


def mean_size(lines: Iterable[Line]) -> float:
    """The size of most letters."""
    sizes = Counter[float]()
    for line in lines:
        sizes[round(line.size, 1)] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def reading_order(lines: Sequence[Line]) -> list[Line]:
    """Put the lines of a page into the order in which they are read.

    A page mostly draws its text in that order; it is kept where the lines only go down, or up to the right, as columns
    do. Elsewhere, and where a gap cuts the lines of two columns of prose, columns are read from left to right, between
    the lines that go across. Lines that are turned otherwise than most come last.
    """
    if not lines or len(lines) > _MOST_LINES:
        return list(lines)
    turns = Counter[int]()
    for line in lines:
        turns[line.turn] += len(line.text)
    most = turns.most_common(1)[0][0]
    upright = [line for line in lines if line.turn == most]
    others = [line for line in lines if line.turn != most]
    parted = _parted(upright)
    if parted is not None:
        upright = _by_columns(parted)
    elif _jumps(upright):
        upright = _by_columns(upright)
    return upright + others


def _jumps(lines: Sequence[Line]) -> bool:
    """Whether a line stands higher than the one before it, and not in a column to its right."""
    rights: list[float] = []
    for last, line in pairwise(lines):
        rights.append(last.right)
        is_higher = line.bottom > last.bottom + 0.5 * last.size
        if is_higher and line.left < median(rights[-_FEWEST_ROWS:]) - last.size:
            return True
    return False


def _parted(lines: Sequence[Line]) -> list[Line] | None:
    """The lines cut at the gap between two columns of prose; None where there is none, as in a table."""
    cut = [line for line in lines if len(line.segments) > 1]
    if len(cut) < _FEWEST_ROWS or len(cut) < 0.3 * len(lines):
        return None
    pieces = [Line((segment,), line.bottom, line.top, line.turn) for line in lines for segment in line.segments]
    gutter = _gutter(pieces)
    if gutter is None:
        return None
    for side in (
        [piece for piece in pieces if piece.right <= gutter + _TOLERANCE],
        [piece for piece in pieces if piece.left >= gutter],
    ):
        widths = [piece.right - piece.left for piece in side]
        if mean(len(piece.text.split()) for piece in side) < 4 or median(widths) < 0.7 * max(widths):
            return None
    parted: list[Line] = []
    for line in lines:
        halves = (
            tuple(segment for segment in line.segments if segment[2] <= gutter + _TOLERANCE),
            tuple(segment for segment in line.segments if segment[1] >= gutter),
        )
        if sum(map(len, halves)) < len(line.segments):
            parted.append(line)
            continue
        parted.extend(
            Line(half, line.bottom, line.top, line.turn, line.hyphen and half is halves[-1]) for half in halves if half
        )
    return parted


def _by_columns(lines: Sequence[Line], *, depth: int = 0) -> list[Line]:
    """Columns from left to right, from top to bottom, between the lines that go across."""
    gutter = _gutter(lines) if depth < _MOST_COLUMNS else None
    if gutter is None:
        return _downwards(lines)
    ordered: list[Line] = []
    left: list[Line] = []
    right: list[Line] = []
    for line in _downwards(lines):
        if line.right <= gutter + _TOLERANCE:
            left.append(line)
        elif line.left >= gutter:
            right.append(line)
        else:
            ordered += [*_by_columns(left, depth=depth + 1), *_by_columns(right, depth=depth + 1), line]
            left, right = [], []
    return ordered + _by_columns(left, depth=depth + 1) + _by_columns(right, depth=depth + 1)


def _downwards(lines: Sequence[Line]) -> list[Line]:
    """From top to bottom; those on a level from left to right."""
    by_height = sorted(lines, key=lambda line: -line.bottom)
    ordered: list[Line] = []
    level: list[Line] = []
    for line in by_height:
        if level and level[0].bottom - line.bottom > 0.3 * level[0].size:
            ordered += sorted(level, key=lambda line: line.left)
            level = []
        level.append(line)
    return ordered + sorted(level, key=lambda line: line.left)


def _gutter(lines: Sequence[Line]) -> float | None:
    """Where a column begins beside another; None where none does."""
    begins = Counter(round(line.left) for line in lines)
    best: tuple[int, float] | None = None
    for left, n in begins.most_common(_MOST_COLUMNS):
        if n < _FEWEST_LINES:
            continue
        gutter = left - _TOLERANCE
        before = [line for line in lines if line.right <= gutter + _TOLERANCE]
        after = [line for line in lines if line.left >= gutter]
        across = len(lines) - len(before) - len(after)
        if min(len(before), len(after)) < _FEWEST_LINES or across > 0.4 * len(lines):
            continue
        if _overlap(before, after) < 0.3 or mean(len(line.text) for line in before) < 12:
            continue
        if best is None or across < best[0]:
            best = across, gutter
    return None if best is None else best[1]


def _overlap(before: Sequence[Line], after: Sequence[Line]) -> float:
    """The share of the lower of two columns' heights in which both stand."""
    top = min(max(line.top for line in before), max(line.top for line in after))
    bottom = max(min(line.bottom for line in before), min(line.bottom for line in after))
    heights = [max(line.top for line in side) - min(line.bottom for line in side) for side in (before, after)]
    return (top - bottom) / max(1.0, min(heights))

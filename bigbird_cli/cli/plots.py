"""Small plots of characters: a line of blocks, and a curve of braille dots over several lines."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

BLOCKS = "▁▂▃▄▅▆▇█"

_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Of a braille character, bits by column and row."""
_BRAILLE = 0x2800

_MOST = 512
"""Points that a curve keeps at most: more than a terminal shows."""


class Curve:
    """A curve that goes on, and keeps a few hundred points: where there are more, two become their mean."""

    def __init__(self) -> None:
        self.points: list[float] = []
        self._each = 1  # values that a point is the mean of
        self._waiting: list[float] = []

    def add(self, value: float) -> None:
        """Take the next value."""
        self._waiting.append(value)
        if len(self._waiting) < self._each:
            return
        self.points = [*self.points, sum(self._waiting) / self._each]
        self._waiting = []
        if len(self.points) == _MOST:
            self.points = [(a + b) / 2 for a, b in zip(self.points[::2], self.points[1::2], strict=True)]
            self._each *= 2

    @property
    def smoothed(self) -> list[float]:
        """The points as moving means, each over about a tenth of those that there are."""
        points = self.points
        weight = 2 / (1 + max(1.0, len(points) / 10))
        smooth = points[:1]
        for point in points[1:]:
            smooth.append(smooth[-1] + weight * (point - smooth[-1]))
        return smooth


def sparkline(values: Sequence[float], width: int) -> str:
    """Values as blocks, a character each; of more than fit, the means of neighbours."""
    return "".join(BLOCKS[round(height * (len(BLOCKS) - 1))] for height in _heights(_fitted(values, width)))


def plot(values: Sequence[float], *, width: int, height: int) -> list[str]:
    """Values as a curve of dots, two a character across and four up, over the whole width."""
    n_columns, n_rows = 2 * width, 4 * height
    cells = [[_BRAILLE] * width for _ in range(height)]
    last: int | None = None
    for x, level in enumerate(_heights(_stretched(values, n_columns))):
        y = round((1 - level) * (n_rows - 1))
        reached = y if last is None or abs(y - last) < 2 else last + (1 if y > last else -1)  # no gap in a steep curve
        for dot in range(min(y, reached), max(y, reached) + 1):
            cells[dot // 4][x // 2] |= _DOTS[x % 2][dot % 4]
        last = y
    return ["".join(map(chr, row)) for row in cells]


def _heights(values: Sequence[float]) -> Iterator[float]:
    """Values between the least of them, 0, and the greatest, 1; all alike are in the middle."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    return ((value - low) / (high - low) if high > low else 0.5 for value in values)


def _fitted(values: Sequence[float], n: int) -> list[float]:
    """At most n values."""
    if len(values) <= n:
        return list(values)
    edges = [i * len(values) // n for i in range(n + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]


def _stretched(values: Sequence[float], n: int) -> list[float]:
    """Exactly n values, with straight lines between few."""
    if not values or len(values) >= n:
        return _fitted(values, n)
    places = [i * (len(values) - 1) / (n - 1) for i in range(n)]
    before = [min(int(place), len(values) - 2) if len(values) > 1 else 0 for place in places]
    after = [min(i + 1, len(values) - 1) for i in before]
    return [
        values[a] + (place - a) * (values[b] - values[a]) for place, a, b in zip(places, before, after, strict=True)
    ]

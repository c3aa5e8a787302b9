"""Where things stand in a page's drawings: curves, bars with their intervals, reliability."""

from collections.abc import Sequence
from typing import NamedTuple

from bigbird_cli.api.recipes.runs import Point

WIDTH, HEIGHT = 320, 120
"""Of a curve's drawing, in units of its own."""

MOST_POINTS = 400
"""Points of a curve that are drawn; of more, every n-th."""


NAMES = {
    "lr": "learning rate",
    "grad_norm": "norm of the gradient",
    "memory_mb": "memory, MB",
    "seconds_per_step": "seconds a step",
    "tokens_per_second": "tokens a second",
}
"""What curves are called where their own names say too little."""


class Spot(NamedTuple):
    """A point of a drawing, and what to say of it."""

    x: float
    y: float
    said: str


class Line(NamedTuple):
    """A line of a drawing: its points as SVG writes them, one by one, and its last value; empty where there are none.

    Attributes:
        of: the number of the run that it tells of, from 0.
    """

    of: int
    line: str
    spots: list[Spot]
    last: str


class Curve(NamedTuple):
    """What one or several runs measured, as it is drawn.

    Attributes:
        name: what is measured.
        lines: one for each run that measured it.
        low, high: of all values, to read.
        steps: the first step and the last.
    """

    name: str
    lines: list[Line]
    low: str
    high: str
    steps: tuple[str, str]


def curve(name: str, runs: Sequence[Sequence[Point]], *, called: Sequence[str] = ()) -> Curve:
    """Lay curves of one measure out on the same axes; there is one point at least.

    Args:
        name: what is measured.
        runs: the points of each run; none where it measured nothing.
        called: what each run is called where there are several.
    """
    shown = {of: _thinned(points) for of, points in enumerate(runs) if points}
    values = [point["value"] for points in shown.values() for point in points]
    steps = [point["step"] for points in shown.values() for point in points]
    low, high, first, last = min(values), max(values), min(steps), max(steps)
    lines = []
    for of, points in shown.items():
        whose = f"{called[of]}, " if called else ""
        spots = [
            Spot(
                round(WIDTH * _share(point["step"], first, last), 1),
                round(HEIGHT * (1 - _share(point["value"], low, high)), 1),
                f"{whose}step {point['step']:,}: {number(point['value'])}",
            )
            for point in points
        ]
        line = " ".join(f"{spot.x},{spot.y}" for spot in spots)
        lines.append(Line(of, line, spots, number(points[-1]["value"])))
    return Curve(
        name=NAMES.get(name, name.replace("_", " ")),
        lines=lines,
        low=number(low),
        high=number(high),
        steps=(f"{first:,}", f"{last:,}"),
    )


def _thinned(points: Sequence[Point]) -> list[Point]:
    every = -(-len(points) // MOST_POINTS)
    return [*points[:-1:every], points[-1]]


def number(value: float) -> str:
    """A number to read."""
    if value and abs(value) < 0.01:
        return f"{value:.1e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _share(value: float, low: float, high: float) -> float:
    return 0.5 if high == low else (value - low) / (high - low)

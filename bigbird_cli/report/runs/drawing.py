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


class Curve(NamedTuple):
    """A curve as it is drawn.

    Attributes:
        name: what is measured.
        line: its points as SVG writes them.
        spots: its points one by one.
        low, high: of its values, to read.
        last: its last value.
        steps: its first step and its last.
    """

    name: str
    line: str
    spots: list[Spot]
    low: str
    high: str
    last: str
    steps: tuple[str, str]


def curve(name: str, points: Sequence[Point]) -> Curve:
    """Lay a curve out; there is one point at least."""
    every = -(-len(points) // MOST_POINTS)
    shown = [*points[:-1:every], points[-1]]
    values, steps = [point["value"] for point in shown], [point["step"] for point in shown]
    low, high = min(values), max(values)
    spots = [
        Spot(
            round(WIDTH * _share(point["step"], steps[0], steps[-1]), 1),
            round(HEIGHT * (1 - _share(point["value"], low, high)), 1),
            f"step {point['step']:,}: {number(point['value'])}",
        )
        for point in shown
    ]
    return Curve(
        name=NAMES.get(name, name.replace("_", " ")),
        line=" ".join(f"{spot.x},{spot.y}" for spot in spots),
        spots=spots,
        low=number(low),
        high=number(high),
        last=number(values[-1]),
        steps=(f"{steps[0]:,}", f"{steps[-1]:,}"),
    )


def number(value: float) -> str:
    """A number to read."""
    if value and abs(value) < 0.01:
        return f"{value:.1e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _share(value: float, low: float, high: float) -> float:
    return 0.5 if high == low else (value - low) / (high - low)

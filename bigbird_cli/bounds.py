"""How large a number may be that a file, a recipe or an option gives.

Every bound lies beyond what any model or run has, and far below where sizes of arrays, their products or the 64 bits of
a library overflow. What lies outside is a slip or an attack, to be refused before anything of that size is made.
"""

import os
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Bounds:
    """The least and the most that a number may be. `value in bounds` is false for not-a-number, and for no number."""

    least: float
    most: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.least <= value <= self.most

    def __str__(self) -> str:
        return f"between {self.least:,} and {self.most:,}"


COUNT: Final = Bounds(1, 10**9)
"""Steps, examples, windows or tokens of a batch, megabytes of a sample."""

AMOUNT: Final = Bounds(0, 1e9)
"""Epochs, seconds, minutes, a norm: a finite number."""

TOKENS: Final = Bounds(1, 2**24)
"""Tokens of one model input: positions, windows, blocks."""

VOCABULARY: Final = Bounds(1, 10**7)
"""Tokens of a vocabulary."""

TOKEN_ID: Final = Bounds(0, VOCABULARY.most - 1)
"""A token's number in its vocabulary."""

LABELS: Final = Bounds(1, 10**5)
"""Classes of a classifier."""

WIDTH: Final = Bounds(1, 2**20)
"""Numbers in a vector: hidden states, feed-forward layers."""

COLUMN: Final = Bounds(0, 10_000)
"""A column of a table."""

LAYERS: Final = Bounds(1, 1000)
"""Encoder blocks."""

THREADS: Final = Bounds(1, max(64, 4 * (os.cpu_count() or 1)))
"""Threads of the processor: more than it has cores gain nothing, and far more end the process in the midst."""

TOGETHER: Final = Bounds(1, 100_000)
"""Windows read at once, or answers to give: each takes memory."""

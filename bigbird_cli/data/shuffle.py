"""An order that differs from the file's, for what is too large to be held."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def shuffled(items: Iterable[T], *, buffer: int, rng: np.random.Generator) -> Iterator[T]:
    """Give items in a random order, holding `buffer` of them: one of those is drawn, and the next item replaces it.

    An item comes at most `buffer` - 1 positions before its own; a buffer as large as the data gives every order alike.

    Args:
        items: read as they are needed.
        buffer: items held at a time; 1 keeps the order.
        rng: draws the order; the same state and the same items give the same one.
    """
    if buffer < 1:
        raise ValueError(f"buffer must be positive, not {buffer}")
    held: list[T] = []
    for item in items:
        if len(held) < buffer:
            held.append(item)
            continue
        index = int(rng.integers(buffer))
        yield held[index]
        held[index] = item
    yield from (held[index] for index in rng.permutation(len(held)))

"""A long document as overlapping windows of tokens, and which window answers for which span."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple


class Window(NamedTuple):
    """A run of a document's tokens, from `start` up to but not including `stop`."""

    start: int
    stop: int


def windows(n_tokens: int, *, capacity: int, overlap: int) -> list[Window]:
    """Cut a document into the fewest windows of equal size that overlap enough.

    Every token lies in at least one window and every run of at most overlap + 1 tokens lies whole in one. The windows
    are no longer than needed: a document just over `capacity` is read as two halves, not as one full window and a
    rest, so that reading costs little more than the document is long and no window is short of context.

    Args:
        n_tokens: length of the document in tokens.
        capacity: most tokens a window may hold.
        overlap: tokens that neighbouring windows share at least.

    Returns:
        Windows of one size in reading order; a single (0, 0) for an empty document.

    Raises:
        ValueError: a number is negative, or the overlap fills the whole capacity.
    """
    if n_tokens < 0 or overlap < 0:
        raise ValueError(f"n_tokens {n_tokens} and overlap {overlap} cannot be negative")
    if overlap >= capacity:
        raise ValueError(f"overlap {overlap} leaves nothing new in windows of {capacity} tokens; it must be smaller")
    if n_tokens <= capacity:
        return [Window(0, n_tokens)]
    n_windows = -(-(n_tokens - overlap) // (capacity - overlap))
    size = -(-(n_tokens + (n_windows - 1) * overlap) // n_windows)
    spare = n_tokens - size
    starts = [k * spare // (n_windows - 1) for k in range(n_windows)]
    return [Window(start, start + size) for start in starts]


def owned_sums(spans: Sequence[Window]) -> list[range]:
    """Give each window the spans that it reads with the most context, so that each span counts once.

    A span of tokens first..last (both included) stands in several windows where they overlap. It belongs to the window
    whose middle is nearest to its own, the earlier one in a tie. For windows of one size that is the window in which
    the span is farthest from an edge; when a span fits in any window, it fits in this one.

    Args:
        spans: windows of one size in reading order, as `windows` gives them.

    Returns:
        A range for each window: it owns the spans with `first + last in range`. The ranges split all sums.
    """
    bounds = [0]
    for this, following in pairwise(spans):
        # a window's middle is (start + stop - 1) / 2, a span's (first + last) / 2: all of them doubled here
        bounds.append((this.start + this.stop + following.start + following.stop - 2) // 2 + 1)
    bounds.append(2 * spans[-1].stop)
    return [range(low, high) for low, high in pairwise(bounds)]


def n_covered(spans: Sequence[Window]) -> int:
    """How many distinct tokens windows in reading order hold."""
    covered = reached = 0
    for window in spans:
        covered += max(0, window.stop - max(window.start, reached))
        reached = max(reached, window.stop)
    return covered

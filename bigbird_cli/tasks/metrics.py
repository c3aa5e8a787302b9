"""What the scores of several tasks count: documents by their length, errors where windows meet."""

from collections.abc import Sequence

import numpy as np

LENGTH_BUCKETS = (512, 1024, 2048, 4096)
"""Document lengths, in tokens, up to which scores are given apart."""


def stands_at_seam(start: int, end: int, seams: Sequence[tuple[int, int]]) -> bool:
    """Whether characters start..end hold what stands beside a seam, where one window takes over from another.

    Args:
        start, end: of a span; the end is not in it.
        seams: for each seam, where what was read last before it ends, and where what follows begins.
    """
    return any(start <= after and end >= before for before, after in seams)


def length_groups(n_tokens: Sequence[int]) -> list[tuple[str, list[int]]]:
    """Sort documents by length: the name of each group that is not empty, as "to_512_tokens", and who is in it.

    There are no groups where all documents would be in one.
    """
    bucket = np.searchsorted(LENGTH_BUCKETS, n_tokens, side="left")
    names = [f"to_{limit}_tokens" for limit in LENGTH_BUCKETS] + [f"over_{LENGTH_BUCKETS[-1]}_tokens"]
    groups = [(names[k], np.flatnonzero(bucket == k).tolist()) for k in np.unique(bucket).tolist()]
    return groups if len(groups) > 1 else []

"""Parts of the training data that are not learnt from: whole documents, drawn by the seed, of each label its share."""

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from bigbird_cli.errors import DataError
from bigbird_cli.messages import counted


@dataclass(frozen=True)
class Parts:
    """Which documents were drawn for dev and for test, by their numbers; see `number_of`."""

    seed: int
    dev: frozenset[int] = frozenset()
    test: frozenset[int] = frozenset()

    def is_learnt(self, document: str) -> bool:
        """Whether a document is in neither."""
        if not self.dev and not self.test:
            return True
        number = number_of(document, self.seed)
        return number not in self.dev and number not in self.test


def number_of(document: str, seed: int) -> int:
    """A number of 63 bits for a document, another one for another seed."""
    digest = blake2b(document.encode("utf-8", "surrogatepass"), digest_size=8, salt=seed.to_bytes(8, "little"))
    return int.from_bytes(digest.digest(), "little") >> 1


def draw_parts(
    examples: Iterable[Any],
    document_of: Callable[[Any], tuple[str, Any]],
    *,
    dev: float,
    test: float,
    seed: int,
) -> Parts:
    """Draw documents.

    Sorted by label, and drawn at random within each, every n-th document is taken: so each part has of each label what
    the whole has. What is held of a document is a number and its label.

    Args:
        examples: all of them, in any order; a document with several is drawn once, by its first label.
        document_of: the task's.
        dev, test: the share of each, 0 to 0.5.
        seed: of the run.

    Raises:
        DataError: there are too few documents for the parts.
    """
    numbers, labels = array("q"), array("q")
    known: dict[Any, int] = {}
    for example in examples:
        document, label = document_of(example)
        numbers.append(number_of(document, seed))
        labels.append(known.setdefault(label, len(known)))
    places = {number: place for place, number in enumerate(known[label] for label in sorted(known))}
    ids, firsts = np.unique(np.frombuffer(numbers, dtype=np.int64), return_index=True)
    n_parts = 1 + (dev > 0) + (test > 0)
    if len(ids) < n_parts:
        raise DataError(
            f"{counted(len(ids), 'document')} cannot be shared out among {n_parts} parts",
            fix="give more documents, or name other files in data.dev and data.test",
        )
    ranks = np.array([places[labels[first]] for first in firsts.tolist()])
    left = ids[np.lexsort((ids, ranks))]
    drawn: list[frozenset[int]] = []
    for share in (dev, test):
        n_taken = min(max(1, round(share * len(ids))), len(left) - 1) if share else 0
        taken = ((np.arange(n_taken) + 0.5) * len(left) / max(1, n_taken)).astype(int)
        drawn.append(frozenset(left[taken].tolist()))
        left = np.delete(left, taken)
    return Parts(seed, *drawn)

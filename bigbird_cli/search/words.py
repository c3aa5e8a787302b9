"""BM25 over passages of token numbers: which of them hold the words of a question, the rare ones above all.

Source: Robertson and Zaragoza, 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", section 3; computed by
bm25s (Lù, 2024, arXiv:2407.03618). Tokens are a model's own, so pieces of words stand for what a stemmer would find.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import count

import numpy as np

SATURATION, LENGTH_SHARE = 1.2, 0.75
"""BM25's k1 and b."""


class WordIndex:
    """Passages that questions are compared with.

    Args:
        passages: one or more, token numbers (n,) each.
    """

    def __init__(self, passages: Sequence[np.ndarray]) -> None:
        self._n_passages = len(passages)
        self._vocabulary = np.unique(np.concatenate(passages))
        if not len(self._vocabulary):
            return
        from bm25s import BM25  # type: ignore[import-untyped]
        from bm25s.tokenization import Tokenized  # type: ignore[import-untyped]

        ids = [np.searchsorted(self._vocabulary, passage) for passage in passages]
        self._index = BM25(method="lucene", k1=SATURATION, b=LENGTH_SHARE, auto_compile=False)
        self._index.index(
            Tokenized(ids=ids, vocab={i: i for i in range(len(self._vocabulary))}),
            create_empty_token=False,
            show_progress=False,
        )

    def scores(self, question: np.ndarray) -> np.ndarray:
        """How like a question, token numbers (m,), each passage is: (n passages,), 0 where they share no token."""
        known = np.intersect1d(question, self._vocabulary)
        if not len(known):
            return np.zeros(self._n_passages, dtype=np.float32)
        found: np.ndarray = self._index.get_scores_from_ids(np.searchsorted(self._vocabulary, known))
        return found


def bm25(question: Sequence[str], passages: Sequence[Sequence[str]]) -> np.ndarray:
    """How like a question passages are, all of them words: (n passages,); see `WordIndex`."""
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    index = WordIndex([np.array([numbers[word] for word in passage], dtype=np.int32) for passage in passages])
    return index.scores(np.array([numbers[word] for word in question], dtype=np.int32))

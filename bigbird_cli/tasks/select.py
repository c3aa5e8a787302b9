"""Sentence selection: which sentences of a document support a question or a statement best.

Each sentence is a model input of its own, `[CLS] sentence [SEP]`; one that does not fit is read in parts. A sentence
encoder, which needs no training for it, gives the likeness of meaning: the cosine of the sentence's embedding with the
query's. BM25 (Robertson and Zaragoza, 2009) gives the likeness of words, which finds names and numbers that an encoder
blurs. Both are scaled and added, and one softmax over the sentences gives each its share: the probability that it is
the one that supports the query, if one does.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, NamedTuple, Self

import numpy as np

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import DataError
from bigbird_cli.messages import counted
from bigbird_cli.search.words import bm25
from bigbird_cli.tasks.base import Feature, finite_output
from bigbird_cli.tasks.windowed import Coverage, Gatherer, ReadingTask, pack, settings_for
from bigbird_cli.text.documents import EncodedDocument
from bigbird_cli.text.sentences import sentences
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer
from bigbird_cli.text.windows import Window, windows

_WORD = re.compile(r"\w+")


class Sentence(NamedTuple):
    """Characters start..end of a document, and the share of its sentences' support."""

    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, eq=False)
class Selection:
    """The sentences of a document that was read, the best supporting first.

    Attributes:
        id: the example's.
        sentences: the best ones; scores of all sentences of the document add up to 1.
        coverage: how much of the document was read.
    """

    id: str
    sentences: tuple[Sentence, ...]
    coverage: Coverage


class SentenceSelection(ReadingTask):
    """Choose the sentences of a document that support a query best."""

    head: ClassVar[str] = "embedding"

    cosine_scale: ClassVar[float] = 14.0
    """What a cosine is multiplied with. It and the next are fitted to 420 questions of SQuAD on whole articles."""

    word_scale: ClassVar[float] = 1.034
    """What BM25 is multiplied with."""

    @classmethod
    def for_model(cls, config: BigBirdConfig) -> Self:
        """The task of a sentence encoder."""
        return cls(**settings_for(config, most=256, parts=8))

    def plan(self, document: EncodedDocument, n_second: int = 0) -> list[Window]:
        """Plan a window for each sentence of a document that has tokens."""
        del n_second
        starts = [start for start, _ in sentences(document.text)]
        bounds = [0, *np.searchsorted(document.tokens.starts, starts[1:]).tolist(), len(document)]
        plan = []
        for first, stop in pairwise(bounds):
            if first < stop:
                parts = windows(stop - first, capacity=self.capacity(), overlap=0)
                plan += [Window(first + part.start, first + part.stop) for part in parts]
        return plan

    def query_feature(self, query: str, tokenizer: Tokenizer) -> Feature:
        """Put together the model input of a query.

        Raises:
            DataError: it is empty, or longer than a window.
        """
        ids = tokenizer.encode(query, newline="space").ids
        if not 0 < len(ids) <= self.capacity():
            raise DataError(
                f"the query {query[:60]!r} has {counted(len(ids), 'token')}; it must have 1 to {self.capacity()}",
                fix="ask in a sentence",
            )
        ids, types = pack(tokenizer, ids)
        return Feature(ids=ids, types=types, labels={}, example=-1, name=query)

    def decoder_for(
        self, names: Sequence[str], query: str, embedding: np.ndarray, *, n_best: int
    ) -> "SelectionDecoder":
        """Open a decoder for documents of these names, all asked the query whose embedding is given."""
        return SelectionDecoder(self, names, query, embedding, n_best=n_best)


class SelectionDecoder:
    """Compares the sentences of documents with a query."""

    def __init__(
        self, task: SentenceSelection, names: Sequence[str], query: str, embedding: np.ndarray, *, n_best: int
    ) -> None:
        self._task, self._query, self._embedding, self._n_best = task, query, embedding, n_best
        self._gathered: Gatherer[float] = Gatherer(names)

    def add(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> None:
        """Take the embedding (D,) of a sentence.

        Raises:
            ModelError: a coordinate is not a finite number.
        """
        embedding = finite_output(outputs, "embedding", where=self._gathered.where(feature))
        self._gathered.add(feature, float(embedding @ self._embedding))

    def prediction(self, example: int) -> Selection:
        """Give the best sentences of one document, of those that were added."""
        gathered = self._gathered[example]
        text = gathered.document.text
        spans = sentences(text)
        starts = [start for start, _ in spans]
        cosines: dict[int, float] = {}
        for window, cosine in gathered.values.items():
            start, _ = gathered.document.span(window.start, window.start)
            number = max(0, bisect_right(starts, start) - 1)
            cosines[number] = max(cosine, cosines.get(number, -1.0))
        read = sorted(cosines)
        words = bm25(words_of(self._query), [words_of(text[slice(*spans[number])]) for number in read])
        logits = self._task.cosine_scale * np.array([cosines[n] for n in read]) + self._task.word_scale * words
        weights = np.exp(logits - logits.max())
        scores = weights / weights.sum()
        best = np.argsort(-scores, kind="stable")[: self._n_best].tolist()
        chosen = [(*spans[read[i]], float(scores[i])) for i in best]
        return Selection(
            id=self._gathered.names[example],
            sentences=tuple(Sentence(text[start:end], start, end, score) for start, end, score in chosen),
            coverage=gathered.coverage,
        )


def words_of(text: str) -> list[str]:
    """The words of a text by which it is compared with others."""
    return _WORD.findall(text.casefold())

"""Which windows of a document are read for a question, where only some are: the choice behind `read`.

Two cheap first stages rank windows: BM25 by the words that they share with the question, and a sentence encoder by what
their sentences mean.
"""

from collections.abc import Sequence
from typing import Final, get_args

import numpy as np

from bigbird_cli.api.options import choice
from bigbird_cli.api.reading.reader import ReadingOptions
from bigbird_cli.api.reading.reading import Choose
from bigbird_cli.api.reading.requests import Request
from bigbird_cli.api.reading.sentences import SentenceEncoder
from bigbird_cli.choices import SkimBy
from bigbird_cli.errors import UsageError
from bigbird_cli.search.ranking import best, fused
from bigbird_cli.search.words import WordIndex
from bigbird_cli.text.documents import EncodedDocument
from bigbird_cli.text.windows import Window

SKIM_WINDOW: Final = 384
"""Tokens of a window, at most, where only some are read: the shorter, the more places to choose among."""


def choosing(n: int, *, by: SkimBy, options: ReadingOptions) -> Choose:
    """Choose the n windows of a document that are likeliest to hold the answer; all of a document that has no more.

    Args:
        n: windows.
        by: the first stage that ranks them.
        options: of the call.

    Raises:
        UsageError: n is none, or there is no such stage, or a document is not to be read in windows.
    """
    if n < 1:
        raise UsageError(f"{n} is too few", where="skim", fix="give 1 or more")
    if options.get("on_long", "window") != "window":
        raise UsageError("windows are chosen among all of a document", where="on_long", fix="leave it out, or skim")
    by = choice(by, get_args(SkimBy), "skim_by")
    encoder = SentenceEncoder(options)

    def choose(
        request: Request, document: EncodedDocument, question: np.ndarray | None, plan: list[Window]
    ) -> list[Window]:
        if len(plan) <= n or question is None or request.second is None:
            return plan
        scores = []
        if by != "sentences":
            scores.append(word_scores(document, plan, question))
        if by != "bm25":
            scores.append(sentence_scores(document, plan, request.second, encoder))
        return [plan[i] for i in best(fused(scores), n)]

    return choose


def word_scores(document: EncodedDocument, plan: Sequence[Window], question: np.ndarray) -> np.ndarray:
    """How well the words of windows fit a question, by its ids (n,): (windows,)."""
    return WordIndex([document.tokens.ids[start:stop] for start, stop in plan]).scores(question)


def sentence_scores(
    document: EncodedDocument, plan: Sequence[Window], question: str, encoder: SentenceEncoder
) -> np.ndarray:
    """How well the sentences of windows fit a question: (windows,)."""
    starts, ends = document.tokens.starts, document.tokens.ends
    spans = np.array([(starts[window.start], ends[window.stop - 1]) for window in plan])
    return encoder.sentences(document).scores(encoder.question(question), spans)

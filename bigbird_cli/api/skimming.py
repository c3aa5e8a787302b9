"""Which windows of a document are read for a question, where only some are: the choice behind `read`."""

from collections.abc import Sequence

import numpy as np

from bigbird_cli.api.reading import Choose
from bigbird_cli.api.requests import Request
from bigbird_cli.errors import UsageError
from bigbird_cli.search.ranking import best
from bigbird_cli.search.words import WordIndex
from bigbird_cli.text.documents import EncodedDocument
from bigbird_cli.text.windows import Window


def choosing(n: int) -> Choose:
    """Choose the n windows of a document that are likeliest to hold the answer; all of a document that has no more.

    Raises:
        UsageError: n is none.
    """
    if n < 1:
        raise UsageError(f"{n} is too few", where="skim", fix="give 1 or more")

    def choose(
        request: Request, document: EncodedDocument, question: np.ndarray | None, plan: list[Window]
    ) -> list[Window]:
        del request
        if len(plan) <= n or question is None:
            return plan
        return [plan[i] for i in best(word_scores(document, plan, question), n)]

    return choose


def word_scores(document: EncodedDocument, plan: Sequence[Window], question: np.ndarray) -> np.ndarray:
    """How well the words of windows fit a question: (n windows,)."""
    return WordIndex([document.tokens.ids[start:stop] for start, stop in plan]).scores(question)

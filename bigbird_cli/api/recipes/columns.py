"""What the columns of tables are called, and whether the first line of one names them."""

import re
from collections import Counter
from collections.abc import Sequence

from bigbird_cli.tasks.ner.rows import ENTITIES_COLUMNS, TAGS_COLUMNS, WORDS_COLUMNS

TEXT_NAMES = (
    *("text", "document", "content", "contents", "body", "article", "abstract", "review", "sentence", "comment"),
    *("message", "tweet", "post", "description", "summary", "sequence", "query", "utterance", "question", "title"),
)
LABEL_NAMES = (
    *("label", "labels", "gold_label", "class", "category", "categories", "sentiment", "topic", "topics", "target"),
    *("intent", "tag", "tags", "genre", "stars", "rating", "score", "polarity", "y", "answer", "type", "status"),
)
"""What columns of texts and of labels are usually called, the likelier first."""

PAIRS = (
    *(("text", "pair"), ("premise", "hypothesis"), ("sentence1", "sentence2"), ("sentence_1", "sentence_2")),
    *(("sentence_a", "sentence_b"), ("text_a", "text_b"), ("text1", "text2"), ("question1", "question2")),
    *(("question", "sentence"), ("context", "hypothesis"), ("claim", "evidence"), ("query", "passage")),
)
"""Columns of two texts that have one label."""

MOST_BLANKS = 6
"""A column's name has no more words."""

_SEVERAL_WORDS = 3
_USUAL = frozenset(
    (
        *TEXT_NAMES,
        *LABEL_NAMES,
        *WORDS_COLUMNS,
        *TAGS_COLUMNS,
        *ENTITIES_COLUMNS,
        *(name for both in PAIRS for name in both),
    )
)


def why_no_names(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str | None:
    """What shows that the first line of a table is a row of it rather than names; None where nothing does.

    Args:
        names: the first line.
        rows: some lines below it, with a value for each name.
    """
    below = [row for row in rows if list(row) != list(names)]  # tables that were joined repeat their names
    for column, name in enumerate(names):
        if name.count(" ") > MOST_BLANKS:
            return f"it holds {name[:40]!r}..."
        values = Counter(row[column] for row in below)
        if values[name] and name.strip() and name.lower() not in _USUAL:  # a text may well have the word "word"
            return f"{name[:40]!r} stands below it too, in the same column"
        ends = Counter(value[-1:] for value in values.elements())
        if " " in name and name[-1] in ".!?" and ends[name[-1]] > len(below) / 2:
            return f"{name[:40]!r} is a sentence, as those below it"
    numbers = [name for name in names if is_number(name)]
    if numbers and list(names) != [str(number) for number in range(len(names))]:  # as pandas numbers columns
        return f"{numbers[0]!r} is a number"
    words = {word for name in names for word in re.findall(r"[a-z]+\d*", name.lower())}
    longest = max(names, key=lambda name: len(name.split()))
    if len(longest.split()) >= _SEVERAL_WORDS and not words & _USUAL:
        return f"{longest[:40]!r} is no usual name"
    return None


def is_number(word: str) -> bool:
    """Whether a word is a number, with a point or a comma."""
    return re.fullmatch(r"[-+]?[0-9]+([.,][0-9]+)?", word.strip()) is not None

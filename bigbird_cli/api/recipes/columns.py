"""What the columns of rows are called and hold, and whether the first line of a table names them."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bigbird_cli.data.rows import is_empty
from bigbird_cli.files.json import parse_json
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
    *(("passage", "question"), ("context", "question")),
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


_MARKS = ({"0", "1"}, {"true", "false"}, {"0.0", "1.0"})


@dataclass(frozen=True)
class Columns:
    """Columns and the values of the first rows."""

    values: Mapping[str, Sequence[Any]]

    def named(self, *names: str) -> str | None:
        """The first column that is called so, however it is capitalised."""
        lowered = {name.lower().lstrip("\ufeff"): name for name in reversed(list(self.values))}
        return next((lowered[name] for name in names if name in lowered), None)

    def filled(self, column: str) -> list[Any]:
        return [value for value in self.values[column] if not is_empty(value)]

    def is_of(self, column: str | None, kind: type | tuple[type, ...]) -> bool:
        """Whether a column is there and holds values of this kind, but for a few that are mistakes."""
        filled = self.filled(column) if column is not None else []
        n_of_kind = sum(isinstance(value, kind) for value in filled)
        return n_of_kind > 0 and n_of_kind >= 0.9 * len(filled)

    def marks(self) -> list[str]:
        """The columns that hold 0 or 1, both of them: whether something is so."""
        return [name for name in self.values if {str(value).lower() for value in self.filled(name)} in _MARKS]

    def strings(self, column: str) -> list[str]:
        return [value for value in self.values[column] if isinstance(value, str) and value.strip()]

    def text(self, *, without: str | None = None) -> str | None:
        """The column of texts: one that is called so, else that of the longest."""
        sizes = {
            name: sum(map(len, self.strings(name)))
            for name in self.values
            if name != without
            and self.is_of(name, str)
            and any(" " in value or len(value) > 40 for value in self.strings(name))
        }
        usual = self.named(*(name for name in TEXT_NAMES if self.named(name) in sizes))
        return usual or max(sizes, key=lambda name: sizes[name], default=None)


def as_lists(values: Sequence[Any]) -> list[list[Any]]:
    """The lists of a column, which CSV writes as JSON; none where it holds something else."""
    found = []
    for value in values:
        if isinstance(value, str) and value.lstrip().startswith("["):
            try:
                value = parse_json(value)
            except (ValueError, RecursionError):
                return []
        if not isinstance(value, list):
            return []
        found.append(value)
    return found


def are_texts(lists: Sequence[Any]) -> bool:
    """Whether these are lists of strings, of which one at least is not empty."""
    return any(lists) and all(isinstance(value, str) for each in lists if isinstance(each, list) for value in each)

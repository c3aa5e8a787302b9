"""A text's words by one rule, and the units that a model can tell apart: words, or words that share a token.

The rule looks at the raw text alone, so that any document is read as the training data was, however that was split.
"""

import re
import unicodedata
from dataclasses import dataclass
from itertools import chain

import numpy as np

from bigbird_cli.text.documents import EncodedDocument


class _Classes(dict[int, str]):
    """Code point -> one letter for what it is in a word; filled as code points turn up."""

    def __missing__(self, code: int) -> str:
        category = unicodedata.category(chr(code))
        if code == 0x200D:
            found = "j"  # the joiner: what comes after it belongs to what comes before
        elif 0x1F1E6 <= code <= 0x1F1FF:
            found = "r"  # two of these letters are a flag
        elif 0x1F3FB <= code <= 0x1F3FF:
            found = "c"  # the colour of the emoji before it
        elif 0xE0020 <= code <= 0xE007F:
            found = "t"  # unseen letters that make the flag before them a region's
        elif code == 0x200B:
            found = " "  # a space without width; its category is that of formats
        elif category == "Cf":
            found = "f"  # formats: seen by nobody, part of the word that they stand in
        elif category[0] in "ZC":
            found = " "
        elif category[0] in "LN":
            found = "a"
        else:
            found = "m" if category[0] == "M" else "x"
        self[code] = found
        return found


_CLASSES = _Classes()
_WORD = re.compile("[am]+(?:[fj]+[am]+)*|(?:rr|[rxc])[mct]*(?:j[rx][mct]*)*")


_SPACE = re.compile(r"\s")


def words_of(text: str) -> np.ndarray:
    """Find the words: runs of letters, digits and marks; any other visible character is one by itself.

    Combining marks stay with the character that they stand on, and an emoji of several characters is one.

    Returns:
        int32 (n, 2), start and end of each word in code points, in reading order.
    """
    spans = (match.span() for match in _WORD.finditer(text.translate(_CLASSES)))
    return np.fromiter(chain.from_iterable(spans), dtype=np.int32).reshape(-1, 2)


@dataclass(frozen=True, eq=False)
class Units:
    """The n units of a document, in reading order: what a model gives one tag each.

    Attributes:
        starts: int32 (n,), first code point of each.
        ends: int32 (n,), the code point after its last.
        tokens: int32 (n,), its first token: the one whose output is the unit's.
    """

    starts: np.ndarray
    ends: np.ndarray
    tokens: np.ndarray

    def __len__(self) -> int:
        return len(self.tokens)

    def touched(self, start: int, end: int) -> tuple[int, int]:
        """The units first..stop (not included) that share a character with start..end."""
        first = int(np.searchsorted(self.ends, start, side="right"))
        return first, max(first, int(np.searchsorted(self.starts, end, side="left")))

    def align(self, start: int, end: int) -> bool:
        """Whether a unit begins at start, and one ends at end: whether a model can find exactly these characters."""
        first, stop = self.touched(start, end)
        return first < stop and (int(self.starts[first]), int(self.ends[stop - 1])) == (start, end)


def units_of(document: EncodedDocument) -> Units:
    """Find a document's units; a word of which no token reads a character is none."""
    parts = []
    begin, character, n_at_once = 0, 0, _TOKENS_AT_ONCE
    while begin < len(document):
        stop = begin + n_at_once
        part = _units(document, character, slice(begin, stop))
        if stop < len(document) and len(part):
            # what follows may belong to the last unit, and to none before it
            if part.tokens[-1] == begin:
                n_at_once *= 2
                continue
            stop, character = int(part.tokens[-1]), int(part.starts[-1])
            part = Units(starts=part.starts[:-1], ends=part.ends[:-1], tokens=part.tokens[:-1])
        parts.append(part)
        begin = stop
    return Units(
        **{
            name: np.concatenate([getattr(part, name) for part in parts] or [np.empty(0, dtype=np.int32)])
            for name in ("starts", "ends", "tokens")
        }
    )


def paragraphs_of(text: str, units: Units) -> np.ndarray:
    """Find the units that begin a paragraph, the text's first aside: those that come first after a blank line.

    Returns:
        int64, ascending.
    """
    blanks = [found.end() for found in _BLANK_LINE.finditer(text)]
    begun: np.ndarray = np.unique(np.searchsorted(units.starts, blanks))
    return begun[(begun > 0) & (begun < len(units))]


_BLANK_LINE = re.compile(r"\n\s*\n")

_TOKENS_AT_ONCE = 1 << 16
"""Tokens whose units are found at once: all that it takes would fill several times a long document's memory."""


_LONG_WORD = 1 << 16


def _units(document: EncodedDocument, character: int, some: slice) -> Units:
    """The units of some of a document's tokens; before `character`, where a word begins, there are none of theirs."""
    starts, ends = document.tokens.starts[some], document.tokens.ends[some]
    last_character = len(document.text)
    if some.stop < len(document):  # up to a space: a longer word is found whole with the tokens that follow
        around = int(ends[-1])
        space = _SPACE.search(document.text, around, around + _LONG_WORD)
        last_character = space.start() if space else around + _LONG_WORD
    words = words_of(document.text[character:last_character]) + np.int32(character)
    tokens = np.flatnonzero(ends > starts)
    first = np.searchsorted(words[:, 1], starts[tokens], side="right")
    last = np.searchsorted(words[:, 0], ends[tokens], side="left") - 1
    on_words = first <= last
    tokens, first, last = tokens[on_words], first[on_words], last[on_words]

    joins = np.zeros(len(words) + 1, dtype=np.int64)  # +1 where a token reaches over the gap behind a word, -1 behind
    np.add.at(joins, first, 1)
    np.add.at(joins, last, -1)
    apart = np.cumsum(joins[:-1]) == 0  # (n words,): no token reads both this word and the next
    unit_of_word = np.concatenate([[0], np.cumsum(apart)])[: len(words)]
    read, carriers = np.unique(unit_of_word[first], return_index=True)
    return Units(
        starts=words[np.searchsorted(unit_of_word, read, side="left"), 0],
        ends=words[np.searchsorted(unit_of_word, read, side="right") - 1, 1],
        tokens=(some.start + tokens[carriers]).astype(np.int32),
    )

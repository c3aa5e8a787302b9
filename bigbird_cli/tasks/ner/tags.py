"""Tags of units <-> spans of units, the likeliest legal tags, and strict span scores.

A tag is O (also written o, 0, - and _), or a mark and a type, as in B-LOC. Four schemes write the same spans:

    iob2    B begins every span, I goes on
    iob1    I begins and goes on; B only where a span of the same type ends right before
    bioes   B begins, I goes on, E ends, S is a span of one unit (also written BILOU, BMES, BMEWO)
    plain   the type alone; neighbours of one type are one span

Any sequence is read, legal or not, by the one rule of the CoNLL shared tasks' conlleval script: a span begins where a
tag is marked B or S, where the unit before is O or marked E or S, and where the type changes. That reads all four.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

Scheme = Literal["iob2", "bioes", "iob1", "plain"]

OUTSIDE = "O"
BARE_TYPE = "ENTITY"
"""The type of tags that are a mark alone."""

_OUTSIDE = frozenset({OUTSIDE, "o", "0", "-", "_"})
"""How files write that a unit is in no span."""

_MARKS = {"B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S", "M": "I", "W": "S", "b": "B", "i": "I"}

_UNUSUAL = re.compile(r"[BIESLU][_:].+|[BIESLU]-|[A-Z]{2,}-[BIESLU]|(?P<lower>[eslu]-.+)")


class Tag(NamedTuple):
    """A tag's mark, one of O, B, I, E and S, and its type; `marked` is False for a type that stands alone."""

    mark: str
    type: str
    marked: bool = True


class TagSpan(NamedTuple):
    """Units `first` up to but not including `stop`, of one type."""

    type: str
    first: int
    stop: int


@lru_cache(maxsize=1024)
def read_tag(tag: str) -> Tag:
    """Take a tag apart: "B-LOC" and "b-LOC" are B of LOC, "LOC" goes on with LOC, "B" is B of ENTITY."""
    if tag in _OUTSIDE:
        return Tag(OUTSIDE, "")
    mark, dash, type_ = tag.partition("-")
    if dash and type_ and mark in _MARKS:
        return Tag(_MARKS[mark], type_)
    if tag in ("B", "I"):
        return Tag(tag, BARE_TYPE)
    return Tag("I", tag, marked=False)


def unusual_tag(tags: Iterable[str]) -> str | None:
    """A tag whose mark stands where nobody looks for it, as in B_PER, B:PER, PER-B, B- and s-per beside b-per; or None.

    Read as types they would teach every word to be a name.
    """
    tags = sorted(set(tags))
    has_lower_marks = any(tag.startswith(("b-", "i-")) for tag in tags)
    for tag in tags:
        match = _UNUSUAL.fullmatch(tag)
        if match is not None and (has_lower_marks or match["lower"] is None):
            return tag
    return None


def _begins(tag: Tag, before: Tag) -> bool:
    """Whether a span begins with a tag that is not O."""
    return tag.mark in "BS" or before.mark in "OES" or tag.type != before.type


def spans_of(tags: Iterable[str]) -> list[TagSpan]:
    """Read the spans of a sequence as conlleval does; they share no unit and stand in reading order."""
    spans: list[TagSpan] = []
    before = Tag(OUTSIDE, "")
    for i, tag in enumerate(map(read_tag, tags)):
        if tag.mark != OUTSIDE:
            first = i if _begins(tag, before) else spans.pop().first
            spans.append(TagSpan(tag.type, first, i + 1))
        before = tag
    return spans


def tags_of(spans: Iterable[TagSpan], n: int, scheme: Scheme) -> list[str]:
    """Write spans, in reading order and without a unit in common, as n tags; `spans_of` reads them again.

    Plain tags cannot tell two neighbours of one type apart.
    """
    tags = [OUTSIDE] * n
    before = TagSpan("", 0, 0)
    for span in spans:
        type_, first, stop = span
        if first < before.stop or stop > n or first >= stop:
            raise ValueError(f"{span} does not stand behind {before}, or not within {n} units")
        marks = ["I"] * (stop - first)
        if scheme == "iob2" or (scheme == "iob1" and (before.type, before.stop) == (type_, first)):
            marks[0] = "B"
        elif scheme == "bioes":
            marks[0], marks[-1] = "B", "E"
            if len(marks) == 1:
                marks[0] = "S"
        tags[first:stop] = [type_ if scheme == "plain" else f"{mark}-{type_}" for mark in marks]
        before = span
    return tags


def tag_names(types: Iterable[str], scheme: Scheme) -> tuple[str, ...]:
    """All tags of these types: O first, then each type's in turn."""
    if scheme == "plain":
        return (OUTSIDE, *types)
    return (OUTSIDE, *(f"{mark}-{type_}" for type_ in types for mark in ("BIES" if scheme == "bioes" else "BI")))


@dataclass
class TagHabits:
    """What a file's tag sequences have shown so far, from which their scheme is found."""

    n_tags: int = 0  # those that are not O
    n_bare: int = 0  # types that stand alone
    n_closed: int = 0  # marked E or S
    n_begun_inside: int = 0  # marked I where a span begins
    n_begun_freely: int = 0  # marked B where I would have begun a span as well
    n_broken: int = 0  # where BIOES is not followed

    def add(self, tags: Sequence[str]) -> None:
        """Take in one sequence."""
        before = Tag(OUTSIDE, "")
        for tag in [*map(read_tag, tags), Tag(OUTSIDE, "")]:
            self.n_broken += not _bioes(before, tag)
            if tag.mark != OUTSIDE:
                begun = before.mark in "OES" or tag.type != before.type
                self.n_tags += 1
                self.n_bare += not tag.marked
                self.n_closed += tag.mark in "ES"
                self.n_begun_inside += tag.mark == "I" and begun
                self.n_begun_freely += tag.mark == "B" and begun
            before = tag

    @property
    def scheme(self) -> Scheme:
        """The scheme that the sequences most likely were written in."""
        if self.n_closed:
            return "bioes"
        if self.n_tags and self.n_bare == self.n_tags:
            return "plain"
        return "iob1" if self.n_begun_inside and not self.n_begun_freely else "iob2"

    @property
    def n_illegal(self) -> int:
        """How often the scheme was not followed."""
        illegal = {"bioes": self.n_broken, "iob2": self.n_begun_inside, "iob1": self.n_bare, "plain": 0}
        return illegal[self.scheme]


def scheme_of_names(names: Sequence[str]) -> Scheme:
    """How to read the outputs of a model of which only the tags' names are known.

    IOB1 and IOB2 have the same tags; "iob1" reads both, and whatever else has no legal order of its own.
    """
    tags = [read_tag(name) for name in names]
    if not any(tag.marked for tag in tags if tag.mark != OUTSIDE):
        return "plain"
    kinds = {(tag.mark, tag.type) for tag in tags}
    whole = {(mark, tag.type) for tag in tags if tag.mark != OUTSIDE for mark in "BIES"} | {(OUTSIDE, "")}
    return "bioes" if kinds == whole else "iob1"


@dataclass(frozen=True, eq=False)
class Legal:
    """Which of L tags may open a sequence (L,), follow each other (L before, L after), and close one (L,)."""

    first: np.ndarray
    follows: np.ndarray
    last: np.ndarray


def legal_tags(names: Sequence[str], scheme: Scheme) -> Legal:
    """What a scheme allows among these tags; IOB1 and plain tags allow any order."""
    tags = [read_tag(name) for name in names]
    outside = Tag(OUTSIDE, "")
    rule = {"iob2": _iob2, "bioes": _bioes}.get(scheme, _any)
    return Legal(
        first=np.array([rule(outside, tag) for tag in tags]),
        follows=np.array([[rule(before, tag) for tag in tags] for before in tags]),
        last=np.array([rule(tag, outside) for tag in tags]),
    )


def _iob2(before: Tag, tag: Tag) -> bool:
    return tag.mark != "I" or (before.mark in "BI" and before.type == tag.type)


def _bioes(before: Tag, tag: Tag) -> bool:
    if before.mark in "BI":
        return tag.mark in "IE" and tag.type == before.type
    return tag.mark in "OBS"


def _any(before: Tag, tag: Tag) -> bool:
    del before, tag
    return True


def likeliest_tags(log_probs: np.ndarray, legal: Legal) -> np.ndarray:
    """Find the legal sequence of the highest summed log-probability (Viterbi, 1967).

    Args:
        log_probs: float (n, L), log-probability of each tag at each unit; -inf where there is none.
        legal: what may follow what; some sequence must be legal at every length.

    Returns:
        int64 (n,), indices of tags; the lower index in a tie.
    """
    decoder = TagDecoder(legal)
    return np.concatenate([decoder.add(log_probs), decoder.finish()])


class TagDecoder:
    """Finds what `likeliest_tags` finds, in parts, as soon as they are settled; it keeps only what may still change.

    Each tag that the last unit may have is the end of one best sequence. Going back, these sequences soon become one.
    """

    def __init__(self, legal: Legal) -> None:
        self._legal = legal
        self._costs_LL = np.where(legal.follows, 0.0, -np.inf)
        self._best_L: np.ndarray | None = None  # of the sequences that end in each tag
        self._came_from: list[np.ndarray] = []  # (n, L) of units that are not settled; of the first it says nothing
        self._n_looked_at = 0

    def add(self, log_probs: np.ndarray) -> np.ndarray:
        """Take the log-probabilities (n, L) of the next units; returns int64 tags of the units that are now settled."""
        if not len(log_probs):
            return np.empty(0, dtype=np.int64)
        came_from = np.zeros(log_probs.shape, dtype=np.int32)
        best_L, first = self._best_L, 0
        if best_L is None:
            best_L, first = log_probs[0] + np.where(self._legal.first, 0.0, -np.inf), 1
        for i in range(first, len(log_probs)):
            reached_LL = best_L[:, None] + self._costs_LL
            came_from[i] = reached_LL.argmax(axis=0)
            best_L = reached_LL.max(axis=0) + log_probs[i]
        self._best_L = best_L
        self._came_from.append(came_from)
        n_open = sum(map(len, self._came_from))
        if n_open < 2 * self._n_looked_at:
            return np.empty(0, dtype=np.int64)
        settled = self._settle(np.flatnonzero(best_L > -np.inf))
        self._n_looked_at = n_open - len(settled)
        return settled

    def finish(self) -> np.ndarray:
        """Close the sequence; returns int64 tags of the units that are left."""
        if self._best_L is None:
            return np.empty(0, dtype=np.int64)
        last = int((self._best_L + np.where(self._legal.last, 0.0, -np.inf)).argmax())
        came_from = np.concatenate(self._came_from)
        self._came_from = []
        return _followed_back(came_from, last)

    def _settle(self, ends: np.ndarray) -> np.ndarray:
        """The tags before the unit at which all sequences that end in `ends` have become one."""
        came_from = np.concatenate(self._came_from)
        self._came_from = [came_from]
        for i in range(len(came_from) - 1, 0, -1):
            ends = np.unique(came_from[i][ends])
            if len(ends) == 1:
                self._came_from = [came_from[i:].copy()]
                return _followed_back(came_from[:i], int(ends[0]))
        return np.empty(0, dtype=np.int64)


def _followed_back(came_from: np.ndarray, last: int) -> np.ndarray:
    """The tags of the sequence that ends in `last`: int64 (n,), where came_from (n, L) says what stands before each."""
    path = np.empty(len(came_from), dtype=np.int64)
    path[-1] = last
    for i in range(len(path) - 1, 0, -1):
        path[i - 1] = came_from[i, path[i]]
    return path


@dataclass(frozen=True)
class SpanCounts:
    """Spans that should be found, that were found, and that were found rightly: same characters, same type."""

    gold: int = 0
    predicted: int = 0
    right: int = 0

    def __add__(self, other: "SpanCounts") -> "SpanCounts":
        return SpanCounts(self.gold + other.gold, self.predicted + other.predicted, self.right + other.right)

    @property
    def precision(self) -> float:
        """Share of the predicted spans that are right, in percent; 0 where there are none, as conlleval has it."""
        return 100.0 * self.right / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Share of the gold spans that were found, in percent; 0 where there are none."""
        return 100.0 * self.right / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall, in percent."""
        return 200.0 * self.right / (self.gold + self.predicted) if self.right else 0.0


def count_spans(
    gold: Iterable[tuple[str, int, int]], predicted: Iterable[tuple[str, int, int]]
) -> dict[str, SpanCounts]:
    """Compare the spans (type, start, end) of one text, by type; a span counts once however often it is given."""
    gold, predicted = set(gold), set(predicted)
    counts: dict[str, SpanCounts] = {}
    for span in gold | predicted:
        one = SpanCounts(gold=span in gold, predicted=span in predicted, right=span in gold and span in predicted)
        counts[span[0]] = counts.get(span[0], SpanCounts()) + one
    return counts

"""What one window says of every answer: a span of tokens, or several spans that say the same.

A model scores where an answer begins and where it ends, each for itself. Of a fact that a window states k times it
therefore sees k beginnings and k ends, each of a k-th of the odds, and k * k pairs of them: a k-th of the odds is left
for the k spans that are a mention each, and the rest goes to pairs of one mention's beginning and another's end. Each
such pair says the same answer, so all of them count for it; none of them is a span to show.

    an answer's odds    the sum over its mentions' beginnings, times the sum over their ends
    joined spans        what holds an end and behind it, in another sentence or with the same first token, a beginning
                        that are as good as its own, or nearly: no answer at all

Odds are relative to "no answer". Shape letters: S tokens of the window, W tokens of an answer at most.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

ARTICLES = re.compile(r"\b(?:a|an|the)\b")

JOINED = 2.0
"""How much worse, as a log of odds, a beginning and an end inside a span may be and still make it a joined one.

Of qa-mini on what is kept of policyqa, qed and fairytaleqa to choose models by: where the answer's sentence was put in
twice, the joined spans that came out best had a pair at most 1.3 worse in them (10 of 230); of 189 right answers 14
hold such a pair, at least 1.9 worse, and all but one 2.07 or more."""

RARELY = float(np.log(100.0))
"""A mention's log odds may be so much below those of the answer's best one."""

_CELLS = 1 << 20


class Candidate(NamedTuple):
    """A span by its first and last token; the order of candidates is best, earliest, shortest first."""

    cost: float  # minus its log odds, so that a plain sort puts the best first
    first: int
    last: int


@dataclass(frozen=True)
class Answer:
    """All spans of one text.

    Attributes:
        key: the text, as far as it matters.
        odds: log of the answer's odds in this window.
        mentions: the spans that this window answers for, best first, those hardly likely left out.
    """

    key: str
    odds: float
    mentions: tuple[Candidate, ...]

    def moved(self, n_tokens: int) -> "Answer":
        """The answer with its mentions so many tokens further on."""
        moved = (Candidate(cost, first + n_tokens, last + n_tokens) for cost, first, last in self.mentions)
        return Answer(self.key, self.odds, tuple(moved))


class WindowScores:
    """Every span of a window that is at most `max_tokens` long and owned by it, joined ones aside.

    Args:
        starts: float64 (S,), log odds of a span's first token; -inf where none may begin.
        ends: float64 (S,), log odds of a span's last token; -inf where none may end.
        ids: int (S,), the tokens.
        ends_sentence: bool (S,), whether a sentence ends with a token.
        max_tokens: tokens of a span at most.
        owned: the sums first + last that count, see `text.windows.owned_sums`.
        length_penalty: what a span's log odds lose, times the log of its number of tokens.
    """

    def __init__(
        self,
        starts: np.ndarray,
        ends: np.ndarray,
        ids: np.ndarray,
        *,
        ends_sentence: np.ndarray,
        max_tokens: int,
        owned: range,
        length_penalty: float = 0.0,
    ) -> None:
        self.starts, self.ends, self.ids = starts, ends, ids
        self._width = min(max_tokens, len(starts))
        self._penalties = length_penalty * np.log(np.arange(1, self._width + 1))
        self._owned = owned
        beyond = np.full(max(0, self._width - 1), -np.inf)
        self._padded_starts, self._padded_ends = np.append(starts, beyond), np.append(ends, beyond)
        nothing = np.zeros(len(beyond), dtype=bool)
        self._padded_ids, self._ends_sentence = np.append(ids, nothing), np.append(ends_sentence, nothing)
        rows = np.arange(len(starts))
        at_once = max(1, _CELLS // max(1, self._width))  # bounds the memory when answers may be long
        self._parts = [rows[low : low + at_once] for low in range(0, len(rows), at_once)]
        self._kept = self.scores(self._parts[0]) if len(self._parts) == 1 else None

    def scores(self, first: np.ndarray) -> np.ndarray:
        """Log odds (len(first), W) of spans of 1 to W tokens that begin at `first` (n,); -inf for those left out."""
        last = first[:, None] + np.arange(self._width)
        starts, ends = self._padded_starts[last], self._padded_ends[last]
        scores: np.ndarray = starts[:, :1] + ends - self._penalties
        offset = np.arange(self._width)
        near = (starts >= starts[:, :1] - JOINED) & (offset > 0)
        ids = self._padded_ids[last]
        again = np.maximum.accumulate(np.where(near & (ids == ids[:, :1]), offset, 0), axis=1)
        ended = np.maximum.accumulate(np.where(self._ends_sentence[last], offset + 1, 0), axis=1)
        ended = np.pad(ended[:, :-1], ((0, 0), (1, 0)))  # of the sentences before a token: where the last one ended
        behind = np.maximum.accumulate(np.where(near, ended, 0), axis=1)
        parts = np.maximum(again, behind)  # in how many tokens from its first a joined span's first mention must end
        best_ends = np.maximum.accumulate(ends, axis=1)
        before = np.take_along_axis(best_ends, np.maximum(parts - 1, 0), axis=1)
        joined = (parts > 0) & (before >= ends - JOINED)
        sums = first[:, None] + last
        scores[joined | (sums < self._owned.start) | (sums >= self._owned.stop)] = -np.inf
        return scores

    def odds(self) -> float:
        """Log of the summed odds of all spans; -inf if there are none."""
        total = -np.inf
        for scores in self._all():
            top = scores.max()
            if top > -np.inf:
                total = np.logaddexp(total, top + np.log(np.exp(scores - top).sum()))
        return float(total)

    def best(self, taken: np.ndarray) -> Candidate | None:
        """The best span that holds none of the tokens that are taken, bool (S,); a tie to the earlier and shorter."""
        n_taken = np.append(0, np.cumsum(taken))
        found: Candidate | None = None
        for rows, scores in zip(self._parts, self._all(), strict=True):
            stops = np.minimum(rows[:, None] + np.arange(self._width) + 1, len(taken))
            free = np.where(n_taken[stops] == n_taken[rows][:, None], scores, -np.inf)
            row, column = np.unravel_index(int(free.argmax()), free.shape)
            if free[row, column] > -np.inf:
                first = int(rows[row])
                candidate = Candidate(-float(free[row, column]), first, first + int(column))
                found = candidate if found is None else min(found, candidate)
        return found

    def penalty(self, first: int, last: int) -> float:
        """What a span loses for its length."""
        return float(self._penalties[last - first])

    def is_owned(self, first: int, last: int) -> bool:
        """Whether the window answers for a span."""
        return first + last in self._owned

    def _all(self) -> Iterable[np.ndarray]:
        return [self._kept] if self._kept is not None else map(self.scores, self._parts)


def best_answers(scores: WindowScores, *, n_best: int, key_of: Callable[[int, int], str]) -> tuple[float, list[Answer]]:
    """Weigh the answers of a window.

    Args:
        scores: of its spans. Where the tokens of an answer stand again, it is mentioned again.
        n_best: how many answers to give; two spans of different answers share no token.
        key_of: what spans that say the same have in common, by a span's first and last token.

    Returns:
        The log of the summed odds of all spans and of all pairs of an answer's beginnings and ends (-inf if there are
        none), and the best answers, best first.
    """
    taken = np.zeros(len(scores.ids), dtype=bool)
    mentions: dict[str, list[Candidate]] = {}
    for _ in range(n_best):
        best = scores.best(taken)
        if best is None:
            break
        key = key_of(best.first, best.last)
        found = [m for m in _mentions(scores, best, taken) if key_of(m.first, m.last) == key]
        mentions.setdefault(key, []).extend(found)
        for _, first, last in found:
            taken[first : last + 1] = True
    total = scores.odds()
    answers: list[Answer] = []
    for key, spans in mentions.items():
        odds, uncounted = _odds(scores, spans)
        total = float(np.logaddexp(total, uncounted))
        own = sorted(span for span in spans if scores.is_owned(span.first, span.last))
        answers.append(Answer(key, odds, tuple(own)))
    return total, sorted(answers, key=_best_first)


def together(answers: Iterable[Answer]) -> list[Answer]:
    """The answers of several windows as answers of the document, best first: their odds add up."""
    by_key: dict[str, list[Answer]] = {}
    for answer in answers:
        by_key.setdefault(answer.key, []).append(answer)
    merged = []
    for key, parts in by_key.items():
        mentions = sorted(mention for part in parts for mention in part.mentions)
        likely = tuple(mention for mention in mentions if mention.cost <= mentions[0].cost + RARELY)
        merged.append(Answer(key, _sum(np.array([part.odds for part in parts])), likely))
    return sorted(merged, key=_best_first)


def _best_first(answer: Answer) -> tuple[float, Candidate]:
    return -answer.odds, answer.mentions[0]


def answer_key(text: str) -> str:
    """What spans have in common that say the same: SQuAD's normalised text, but with the marks of numbers.

    "The fee" is "fee", and "40 euros." is "40 euros"; but -18 is not 18, and 4.75% is not 475.
    """
    return " ".join(ARTICLES.sub(" ", _NOTHING.sub("", text.lower())).split()) or text


_NOTHING = re.compile(r"""["'()\[\]{}<>`*_~|\\]|[!#$&+,\-./:;=?@^](?!\d)""")


def _mentions(scores: WindowScores, best: Candidate, taken: np.ndarray) -> list[Candidate]:
    """The spans of a span's tokens, itself among them, that are not much less likely and hold no taken token."""
    length = best.last - best.first + 1
    runs = np.lib.stride_tricks.sliding_window_view(scores.ids, length)
    firsts = np.flatnonzero((runs == scores.ids[best.first : best.last + 1]).all(axis=1))
    found = [best]
    free = ~taken
    free[best.first : best.last + 1] = False
    for first in firsts.tolist():
        cost = scores.penalty(best.first, best.last) - float(scores.starts[first] + scores.ends[first + length - 1])
        if cost <= best.cost + RARELY and free[first : first + length].all():
            found.append(Candidate(cost, first, first + length - 1))
            free[first : first + length] = False
    return found


def _odds(scores: WindowScores, spans: Sequence[Candidate]) -> tuple[float, float]:
    """The log odds of an answer, and of those pairs among them that are no span of `scores`.

    A pair belongs to the window that answers for its beginning's mention, and is as long as the likeliest mention: what
    lies between the two is no part of the answer.
    """
    penalty = scores.penalty(spans[0].first, spans[0].last)
    firsts = np.unique([span.first for span in spans if scores.is_owned(span.first, span.last)])
    lasts = np.unique([span.last for span in spans])
    odds = _sum(scores.starts[firsts]) + _sum(scores.ends[lasts]) - penalty
    counted = scores.scores(firsts)
    length = lasts - firsts[:, None]
    inside = (length >= 0) & (length < counted.shape[1])
    is_counted = inside & (np.take_along_axis(counted, np.where(inside, length, 0), axis=1) > -np.inf)
    pairs = scores.starts[firsts][:, None] + scores.ends[lasts] - penalty
    return odds, _sum(pairs[~is_counted])


def _sum(values: np.ndarray) -> float:
    """The log of a sum, of the logs of its terms."""
    return float(np.logaddexp.reduce(values, axis=None)) if values.size else -np.inf

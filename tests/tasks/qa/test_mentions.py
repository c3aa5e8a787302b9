"""An answer counts with all its mentions, and no two of them are joined into one span."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bigbird_cli.tasks.qa import mentions
from bigbird_cli.tasks.qa.mentions import JOINED, Answer, Candidate, WindowScores, answer_key, best_answers, together

ODD = 2.5  # a log of odds that is "as good" beside 4, and not beside 5


def slow_spans(
    starts: np.ndarray,
    ends: np.ndarray,
    ids: list[int],
    stops: list[bool],
    max_tokens: int,
    owned: range,
    length_penalty: float,
) -> list[Candidate]:
    """Every span that counts, best first: each pair of tokens is looked at, and each way to split it."""
    found = []
    for first, last in product(range(len(ids)), repeat=2):
        if not (0 <= last - first < max_tokens and first + last in owned and np.isfinite(starts[first] + ends[last])):
            continue
        is_joined = any(
            starts[begin] >= starts[first] - JOINED
            and ends[end] >= ends[last] - JOINED
            and (ids[begin] == ids[first] or any(stops[end:begin]))
            for end in range(first, last)
            for begin in range(end + 1, last + 1)
        )
        if not is_joined:
            cost = length_penalty * math.log(last - first + 1) - (starts[first] + ends[last])
            found.append(Candidate(cost, first, last))
    return sorted(found)


@st.composite
def windows(draw: st.DrawFn) -> dict[str, object]:
    n = draw(st.integers(0, 16))
    values = st.lists(st.sampled_from([-np.inf, *np.arange(-3, 4.0)]), min_size=n, max_size=n)  # few values: many ties
    low = draw(st.integers(0, 2 * n + 1))
    return {
        "starts": np.array(draw(values), dtype=float),
        "ends": np.array(draw(values), dtype=float),
        "ids": draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)),
        "stops": draw(st.lists(st.booleans(), min_size=n, max_size=n)),
        "max_tokens": draw(st.integers(1, 20)),
        "owned": range(low, draw(st.integers(low, 2 * n + 2))),
        "length_penalty": draw(st.sampled_from([0.0, 0.0, 1.0, 2.5])),
    }


def scores_of(window: dict[str, object]) -> WindowScores:
    return WindowScores(
        window["starts"],  # type: ignore[arg-type]
        window["ends"],  # type: ignore[arg-type]
        np.array(window["ids"], dtype=np.int32),
        ends_sentence=np.array(window["stops"], dtype=bool),
        max_tokens=window["max_tokens"],  # type: ignore[arg-type]
        owned=window["owned"],  # type: ignore[arg-type]
        length_penalty=window["length_penalty"],  # type: ignore[arg-type]
    )


@settings(deadline=None, max_examples=200)
@given(windows(), st.integers(1, 4))
def test_the_best_spans_and_their_sum_are_those_of_brute_force(window: dict[str, object], n_best: int) -> None:
    every = slow_spans(**window)  # type: ignore[arg-type]
    scores = scores_of(window)
    assert scores.odds() == pytest.approx(math.log(sum(math.exp(-c.cost) for c in every)) if every else -np.inf)
    taken = np.zeros(len(scores.ids), dtype=bool)
    for _ in range(n_best):
        free = [span for span in every if not taken[span.first : span.last + 1].any()]
        best = scores.best(taken)
        assert (best is None) is (not free)
        if best is not None:
            assert (best.first, best.last) == (free[0].first, free[0].last)
            assert best.cost == pytest.approx(free[0].cost)
        if best is not None:
            taken[best.first : best.last + 1] = True


def test_spans_longer_than_a_chunk_are_found_too(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    starts, ends = rng.normal(size=(2, 300))
    window = {"starts": starts, "ends": ends, "ids": range(300), "stops": [False] * 300}
    window |= {"max_tokens": 200, "owned": range(600), "length_penalty": 0.0}
    whole = scores_of(window)
    monkeypatch.setattr(mentions, "_CELLS", 1000)
    parts = scores_of(window)
    nothing = np.zeros(300, dtype=bool)
    assert parts.best(nothing) == whole.best(nothing)
    assert parts.odds() == pytest.approx(whole.odds())


def stated(n_times: int, *, between: list[int], starts: float, ends: float) -> WindowScores:
    """A window in which the tokens 1 2 stand n times, each with these log odds, and others in between."""
    ids = ([1, 2, *between] * n_times)[: -len(between) or None]
    return WindowScores(
        np.array([starts if token == 1 else -9.0 for token in ids]),
        np.array([ends if token == 2 else -9.0 for token in ids]),
        np.array(ids),
        ends_sentence=np.zeros(len(ids), dtype=bool),
        max_tokens=30,
        owned=range(2 * len(ids)),
    )


@pytest.mark.parametrize("n_times", [1, 2, 3, 12])
def test_a_fact_is_as_sure_however_often_it_is_stated(n_times: int) -> None:
    """A softmax gives each of k mentions a k-th of the odds of the beginnings, and of the ends."""
    scores = stated(n_times, between=[7, 8, 9], starts=5 - math.log(n_times), ends=4 - math.log(n_times))
    total, [best, *_] = best_answers(scores, n_best=3, key_of=lambda first, last: f"{scores.ids[first : last + 1]}")
    assert best.odds == pytest.approx(9)
    assert best.key == "[1 2]"
    assert [(m.first, m.last) for m in best.mentions] == [(5 * k, 5 * k + 1) for k in range(n_times)]
    assert total == pytest.approx(9, abs=0.01)


def test_mentions_that_differ_in_an_article_or_a_full_stop_are_one_answer() -> None:
    words = ["the", "fee", "x", "y", "fee", "."]
    scores = WindowScores(
        np.array([5.0, 0, -9, -9, 4.5, -9]),
        np.array([-9.0, 5, -9, -9, 0, 4.5]),
        np.arange(6),
        ends_sentence=np.zeros(6, dtype=bool),
        max_tokens=3,
        owned=range(12),
    )
    _, [best, *_] = best_answers(scores, n_best=2, key_of=lambda a, b: answer_key(" ".join(words[a : b + 1])))
    assert [(m.first, m.last) for m in best.mentions] == [(0, 1), (4, 5)]
    assert best.odds == pytest.approx(math.log((math.exp(5) + math.exp(4.5)) ** 2))


def test_a_name_that_says_its_word_twice_is_one_mention() -> None:
    """In "Duran Duran" the second word begins nothing and the first one ends nothing."""
    scores = WindowScores(
        np.array([7.46, 2.77]),
        np.array([2.18, 7.86]),
        np.array([1, 1]),
        ends_sentence=np.zeros(2, dtype=bool),
        max_tokens=3,
        owned=range(4),
    )
    _, [best] = best_answers(scores, n_best=3, key_of=lambda a, b: f"{a}-{b}")
    assert best.key == "0-1"


def test_what_differs_from_sentence_to_sentence_is_not_joined() -> None:
    ids = [1, 2, 9, 7, 8, 3, 4]  # "version 2. It is version 3", whose mentions share no token
    window = {
        "starts": np.array([5.0, -9, -9, -9, -9, ODD + 1, -9]),
        "ends": np.array([-9, ODD + 1, -9, -9, -9, -9, 5.0]),
        "ids": ids,
        "max_tokens": 9,
        "owned": range(14),
        "length_penalty": 0.0,
    }
    nothing = np.zeros(7, dtype=bool)
    apart, one_sentence = (scores_of(window | {"stops": [i == at for i in range(7)]}) for at in (2, 99))
    assert one_sentence.best(nothing) == Candidate(-10.0, 0, 6)
    assert apart.best(nothing) == Candidate(-5.0 - ODD - 1, 0, 1)


def test_a_window_answers_for_its_own_mentions_alone() -> None:
    """The mention at the left is another window's; its end still counts for the beginning of this one's."""
    scores = stated(2, between=[7, 8, 9], starts=5.0, ends=4.0)
    scores = WindowScores(
        scores.starts,
        scores.ends,
        scores.ids,
        ends_sentence=np.zeros(7, dtype=bool),
        max_tokens=30,
        owned=range(6, 14),
    )
    total, [best, *_] = best_answers(scores, n_best=1, key_of=lambda a, b: f"{scores.ids[a : b + 1]}")
    assert [(m.first, m.last) for m in best.mentions] == [(5, 6)]
    assert best.odds == pytest.approx(9 + math.log(2))
    assert total == pytest.approx(best.odds, abs=1e-4)


def test_windows_add_up() -> None:
    parts = [Answer("a", 1.0, (Candidate(-1.0, 9, 9),)), Answer("b", 1.5, (Candidate(-1.5, 3, 3),))]
    parts.append(Answer("a", 1.2, (Candidate(-1.2, 1, 1), Candidate(9.0, 5, 5))))
    first, second = together(parts)
    assert (first.key, second.key) == ("a", "b")
    assert first.odds == pytest.approx(math.log(math.exp(1.0) + math.exp(1.2)))
    assert first.mentions == (Candidate(-1.2, 1, 1), Candidate(-1.0, 9, 9))  # best first, the hardly likely one out


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("The fee", "fee", True),
        ("40 euros.", "40 euros", True),
        ("Ada (keeper)", "Ada keeper", True),
        ("-18", "18", False),
        ("4.75%", "4.75", False),
        ("1.5", "15", False),
        ("$40", "40", False),
        ("#7", "7", False),
    ],
)
def test_what_says_the_same_has_one_key(one: str, other: str, are_same: bool) -> None:
    assert (answer_key(one) == answer_key(other)) is are_same


def test_a_text_of_signs_alone_is_its_own_key() -> None:
    assert answer_key("...") == "..."
    assert answer_key("The") == "The"

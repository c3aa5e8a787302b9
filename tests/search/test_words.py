"""Words of a question find the passages that hold them."""

import math

import numpy as np

from bigbird_cli.search.words import LENGTH_SHARE, SATURATION, WordIndex, bm25

PASSAGES = [np.array(ids) for ids in ([5, 5, 9], [7, 900, 3, 3, 3, 3], [9, 900], [1])]


def test_scores_are_those_of_bm25() -> None:
    def score(question: list[int], passage: list[int]) -> float:
        total, mean_length = 0.0, sum(map(len, PASSAGES)) / len(PASSAGES)
        for token in question:
            n_with = sum(token in each for each in PASSAGES)
            rarity = math.log(1 + (len(PASSAGES) - n_with + 0.5) / (n_with + 0.5))
            norm = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * len(passage) / mean_length)
            total += rarity * passage.count(token) / (passage.count(token) + norm)
        return total

    found = WordIndex(PASSAGES).scores(np.array([9, 3]))
    np.testing.assert_allclose(found, [score([9, 3], each.tolist()) for each in PASSAGES], rtol=1e-6)


def test_a_question_of_other_words_is_like_none() -> None:
    assert WordIndex(PASSAGES).scores(np.array([4, 10_000])).tolist() == [0, 0, 0, 0]


def test_a_word_asked_twice_counts_once() -> None:
    index = WordIndex(PASSAGES)
    np.testing.assert_array_equal(index.scores(np.array([3, 9, 3])), index.scores(np.array([9, 3])))


def test_words_are_compared_as_their_numbers_are() -> None:
    passages = [["a", "b"], ["a", "a", "c", "c"], ["d"]]
    numbered = WordIndex([np.array(ids) for ids in ([0, 1], [0, 0, 2, 2], [3])]).scores(np.array([0, 9]))
    np.testing.assert_array_equal(bm25(["a", "a", "x"], passages), numbered)


def test_passages_without_words_are_like_nothing() -> None:
    assert bm25(["a"], [[], []]).tolist() == [0, 0]
    assert bm25([], [["a"], []]).tolist() == [0, 0]

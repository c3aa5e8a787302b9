"""Rankings are joined by ranks alone, and ties go to what stands first."""

import numpy as np

from bigbird_cli.search.ranking import best, fused


def test_what_two_rankings_place_high_comes_before_what_one_places_first() -> None:
    words = np.array([9.0, 8.0, 0.1, 0.2])
    meaning = np.array([0.1, 0.8, 0.9, 0.3])
    assert np.argmax(fused([words, meaning])) == 1


def test_fusion_knows_ranks_alone() -> None:
    a, b = np.array([3.0, 1.0, 2.0]), np.array([0.5, 0.2, 0.9])
    np.testing.assert_array_equal(fused([a, b]), fused([1000 * a, b**3]))


def test_the_best_come_in_their_own_order_and_of_equals_the_first() -> None:
    assert best(np.array([0.0, 2.0, 1.0, 2.0, 1.0]), 3) == [1, 2, 3]
    assert best(np.zeros(5), 2) == [0, 1]
    assert best(np.zeros(2), 9) == [0, 1]

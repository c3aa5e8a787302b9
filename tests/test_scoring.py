"""Intervals and differences of scores that are made of sums; whether probabilities mean what they say."""

import itertools

import numpy as np
import pytest

from bigbird_cli.scoring import (
    Tally,
    calibration_error,
    differences,
    intervals,
    log_loss,
    mean_of,
    reliability,
    share,
)


def accuracy(right: list[int]) -> Tally:
    return Tally(np.array([[1, each] for each in right], dtype=np.float64), {"accuracy": mean_of(1)})


def test_the_interval_of_a_share_is_the_binomial_one() -> None:
    tally = accuracy([1] * 80 + [0] * 20)
    low, high = intervals(tally, n=4000)["accuracy"]
    # the middle 95 % of a binomial of 100 and 0.8 is 72 to 87 or 88
    assert 71 <= low <= 73
    assert 86 <= high <= 88
    assert tally.scores() == {"accuracy": 80.0}


def test_examples_of_one_document_are_drawn_together() -> None:
    right, documents = [1] * 50 + [0] * 50, ["a"] * 50 + ["b"] * 50
    assert intervals(accuracy(right).by(documents))["accuracy"] == (0.0, 100.0)


def test_one_document_has_no_interval() -> None:
    assert intervals(accuracy([1])) == {}


def test_a_seed_gives_the_same_interval_again() -> None:
    tally = accuracy([1, 0, 1, 1, 0, 1, 1])
    assert intervals(tally, seed=3) == intervals(tally, seed=3)


def test_approximate_randomisation_nears_the_exact_one() -> None:
    rng = np.random.default_rng(0)
    counts = [np.column_stack([np.ones(10), rng.integers(0, 5, 10), rng.integers(5, 9, 10)]) for _ in range(2)]
    metrics = {"ratio": lambda sums: share(sums[..., 1], sums[..., 2])}
    a, b = (Tally(each.astype(np.float64), metrics) for each in counts)
    found = differences(a, b)["ratio"]

    def difference(swapped: tuple[bool, ...]) -> float:
        mask = np.array(swapped)[:, None]
        left, right = np.where(mask, counts[1], counts[0]), np.where(mask, counts[0], counts[1])
        return float(100 * (right[:, 1].sum() / right[:, 2].sum() - left[:, 1].sum() / left[:, 2].sum()))

    every = [abs(difference(swapped)) for swapped in itertools.product([False, True], repeat=10)]
    exact = np.mean([each >= abs(difference((False,) * 10)) - 1e-9 for each in every])
    assert found.value == pytest.approx(difference((False,) * 10))
    assert found.p == pytest.approx(exact, abs=0.015)


def test_models_that_say_the_same_do_not_differ() -> None:
    tally = accuracy([1, 0, 1])
    assert differences(tally, tally)["accuracy"] == (0.0, 0.0, 0.0, 1.0)


def test_as_good_models_differ_significantly_as_often_as_p_says() -> None:
    rng = np.random.default_rng(1)
    p_values = []
    for seed in range(400):
        a, b = rng.random((2, 60)) < 0.7
        pair = [accuracy(each.astype(int).tolist()) for each in (a, b)]
        p_values.append(differences(*pair, n_bootstrap=2, n_shuffles=199, seed=seed)["accuracy"].p)
    # 20 of 400 are expected, with a standard deviation of 4.4; ties make it fewer
    assert 4 <= sum(p <= 0.05 for p in p_values) <= 32


def test_the_error_weighs_each_bin_by_what_it_holds() -> None:
    probabilities = np.array([0.95, 0.95, 0.95, 0.95, 0.35, 0.35])
    happened = np.array([True, True, True, False, False, True])
    # (4 * |0.95 - 0.75| + 2 * |0.35 - 0.5|) / 6
    assert calibration_error(probabilities, happened) == pytest.approx(100 * (4 * 0.2 + 2 * 0.15) / 6)
    table = reliability(probabilities, happened)
    assert [(each["low"], each["count"], each["right"]) for each in table["bins"]] == [(0.3, 2, 0.5), (0.9, 4, 0.75)]
    assert table["error"] == calibration_error(probabilities, happened)


def test_a_probability_of_one_stands_in_the_last_bin() -> None:
    table = reliability(np.array([1.0]), np.array([True]))
    assert [(each["low"], each["high"]) for each in table["bins"]] == [(0.9, 1.0)]
    assert table["error"] == 0.0


def test_nothing_is_calibrated() -> None:
    assert reliability(np.array([]), np.array([], dtype=bool))["error"] == 0.0


def test_log_loss_is_that_of_what_is_so() -> None:
    assert log_loss(np.array([0.8, 0.8]), np.array([True, False])) == pytest.approx(-(np.log(0.8) + np.log(0.2)) / 2)
    assert np.isfinite(log_loss(np.array([0.0]), np.array([True])))

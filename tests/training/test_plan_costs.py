"""Costs of steps: a small model that is fitted to a few gives those of others."""

import numpy as np
import pytest

from bigbird_cli.training.plan_costs import Attention, Costs, Trial, fit_costs, non_negative

ATTENTION = Attention(dense_up_to=100)
STEP, PART, TOKEN, PAIR, SPARSE = 0.5, 0.1, 2e-3, 1e-5, 1e-3
BASE, PER_TOKEN, PER_PAIR, PER_SPARSE = 3e8, 4e5, 1e3, 2e5


def trial(*parts: tuple[int, ...], forward: bool = False) -> Trial:
    """A step of a machine whose costs are known."""
    tokens = sum(map(sum, parts))
    pairs = sum(n * n for part in parts for n in part if n <= 100)
    sparse = sum(n for part in parts for n in part if n > 100)
    on_tokens = TOKEN * tokens + PAIR * pairs + SPARSE * sparse
    peak = BASE + max(
        PER_TOKEN * sum(part)
        + PER_PAIR * sum(n * n for n in part if n <= 100)
        + PER_SPARSE * sum(n for n in part if n > 100)
        for part in parts
    )
    seconds = STEP + PART * len(parts) + on_tokens
    return Trial(parts, False, seconds, int(peak), 0.3 * on_tokens if forward else None)


def fitted() -> Costs:
    steps = [trial((10,)), trial(*[(10,)] * 4), trial((100,)), trial((100,) * 8), trial((400,)), trial((400,) * 4)]
    return fit_costs(steps, attention=ATTENTION, n_parameters=1_000)


def test_the_work_of_a_micro_batch_is_counted_by_how_its_rows_attend() -> None:
    assert ATTENTION.works([(10, 100), (101, 20)]).tolist() == [[110, 10_100, 0], [121, 400, 101]]
    assert Attention(dense_up_to=None).works([(200,)]).tolist() == [[200, 40_000, 0]]
    assert Attention(dense_up_to=100, alike=True).works([(10, 101)]).tolist() == [[202, 0, 202]]


@pytest.mark.parametrize("parts", [((37,),), ((50, 60), (70,)), ((1000,) * 4, (90, 900)), ((100,) * 16,)])
def test_steps_that_were_not_taken_are_predicted(parts: tuple[tuple[int, ...], ...]) -> None:
    costs, truth = fitted(), trial(*parts)
    assert costs.seconds(ATTENTION.works(parts)) == pytest.approx(truth.seconds, rel=1e-6)
    # few terms are told from noisy peaks, and too much is said rather than too little
    assert 0.95 < costs.peak_bytes(ATTENTION.works(parts)) / truth.peak_bytes < 1.15


def test_no_step_needs_less_memory_than_the_smallest_that_was_taken() -> None:
    steps = [Trial(((10,),), False, 1.0, 900_000_000), trial((100,) * 8), trial((400,) * 8)]
    costs = fit_costs(steps, attention=ATTENTION, n_parameters=1_000)
    assert steps[1].peak_bytes < steps[0].peak_bytes < steps[2].peak_bytes
    assert costs.peak_bytes(ATTENTION.works([(10,)])) == 900_000_000
    assert costs.peak_bytes(ATTENTION.works([(400,) * 8])) == pytest.approx(steps[2].peak_bytes, rel=1e-6)


def test_the_step_that_needed_the_most_is_not_told_to_need_less() -> None:
    needed = trial((400,) * 8).peak_bytes * 1.2
    steps = [trial((10,)), trial((100,) * 8), trial((400,) * 2), Trial(((400,) * 8,), False, 1.0, int(needed))]
    costs = fit_costs(steps, attention=ATTENTION, n_parameters=1_000)
    assert costs.peak_bytes(ATTENTION.works([(400,) * 8])) == pytest.approx(needed, rel=1e-6)


def test_terms_that_make_a_fit_hardly_better_are_none_where_values_are_noisy() -> None:
    rows, values = np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]]), np.array([1.0, 1.02, 1.04])
    assert non_negative(rows, values, noise=0.05).tolist() == pytest.approx([1.02, 0.0])
    assert non_negative(rows, values).tolist() == pytest.approx([0.98, 0.02])


def test_a_peak_that_an_earlier_step_left_tells_nothing_of_a_later_one() -> None:
    steps = [trial((10,)), trial((400,) * 2), Trial(((500,),), False, 1.0, trial((400,) * 2).peak_bytes)]
    costs = fit_costs(steps, attention=ATTENTION, n_parameters=1_000)
    assert costs.peak_bytes(ATTENTION.works([(400,) * 2])) == pytest.approx(steps[1].peak_bytes, rel=1e-6)


def test_processes_share_micro_batches_and_hold_the_gradients_twice() -> None:
    costs, works = fitted(), ATTENTION.works([(400,), (400,), (100,)])
    alone, most = STEP + PART * 3 + (TOKEN + SPARSE) * 800 + TOKEN * 100 + PAIR * 10_000, STEP + PART + 400 * 3e-3
    assert costs.seconds(works) == pytest.approx(alone, rel=1e-6)
    assert costs.seconds(works, processes=3) == pytest.approx(most, rel=1e-6)
    assert costs.seconds(works, processes=8) == pytest.approx(most, rel=1e-6)  # no more micro-batches than three
    assert costs.peak_bytes(works, processes=2) == costs.peak_bytes(works) + 4_000


def test_reading_takes_the_share_of_learning_that_was_measured() -> None:
    steps = [trial((10,), forward=True), trial((100,) * 8, forward=True), trial((400,) * 4, forward=True)]
    costs = fit_costs(steps, attention=ATTENTION, n_parameters=1_000)
    assert costs.reading_seconds(ATTENTION.works([(400,)])) == pytest.approx(0.3 * 400 * (TOKEN + SPARSE), rel=0.05)
    assert fitted().reading_seconds(ATTENTION.works([(400,)])) == 0  # nobody measured it


def test_no_coefficient_is_negative_and_terms_that_nothing_tells_apart_stay_zero() -> None:
    rows = np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]])
    assert non_negative(rows, np.array([3.0, 2.0, 1.0])).tolist() == pytest.approx([2.0, 0.0])
    twice = np.array([[1.0, 1.0, 2.0], [1.0, 3.0, 6.0]])
    assert non_negative(twice, np.array([3.0, 7.0])).tolist() == pytest.approx([1.0, 2.0, 0.0])

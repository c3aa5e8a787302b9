"""The learning rate over a run."""

from itertools import pairwise
from typing import Any

import pytest

from bigbird_cli.training.schedule import Schedule


def shares(shape: Any, *, n_steps: int = 100, warmup: float = 0.1) -> list[float]:
    return [Schedule(n_steps, warmup, shape).at(step) for step in range(1, n_steps + 1)]


@pytest.mark.parametrize("shape", ["linear", "cosine", "constant"])
@pytest.mark.parametrize("n_steps", [1, 2, 100])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.99])
def test_the_rate_climbs_to_its_peak_and_never_is_zero(shape: str, n_steps: int, warmup: float) -> None:
    rates = shares(shape, n_steps=n_steps, warmup=warmup)
    peak = max(1, round(warmup * n_steps)) - 1
    assert rates[peak] == max(rates) == 1.0
    assert min(rates) > 0
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


def test_the_linear_schedule_falls_in_even_steps() -> None:
    rates = shares("linear", n_steps=100, warmup=0.1)
    assert rates[4] == 0.5
    assert {round(before - after, 12) for before, after in pairwise(rates[9:])} == {round(1 / 91, 12)}


def test_the_cosine_schedule_is_at_half_after_half() -> None:
    assert Schedule(100, 0.0, "cosine").at(51) == pytest.approx(0.5, abs=0.01)


def test_the_constant_schedule_stays() -> None:
    assert shares("constant")[9:] == [1.0] * 91

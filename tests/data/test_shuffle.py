"""A buffer mixes what is too large to be held."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigbird_cli.data.shuffle import shuffled


@given(n=st.integers(0, 40), buffer=st.integers(1, 50), seed=st.integers(0, 9))
def test_every_item_comes_once_and_none_far_too_early(n: int, buffer: int, seed: int) -> None:
    order = list(shuffled(range(n), buffer=buffer, rng=np.random.default_rng(seed)))
    assert sorted(order) == list(range(n))
    assert all(item - place < buffer for place, item in enumerate(order))
    assert order == list(shuffled(iter(range(n)), buffer=buffer, rng=np.random.default_rng(seed)))


def test_no_more_is_read_than_the_buffer_holds() -> None:
    n_read = 0

    def items() -> Iterator[int]:
        nonlocal n_read
        for item in range(1000):
            n_read += 1
            yield item

    order = shuffled(items(), buffer=10, rng=np.random.default_rng(0))
    for given_out in range(1, 100):
        next(order)
        assert n_read == given_out + 10


def test_a_buffer_of_all_gives_every_order_alike() -> None:
    rng = np.random.default_rng(0)
    counts = np.zeros((4, 4))
    for _ in range(4000):
        counts[np.arange(4), list(shuffled(range(4), buffer=4, rng=rng))] += 1
    assert abs(counts - 1000).max() < 150


def test_a_buffer_of_one_keeps_the_order() -> None:
    assert list(shuffled(range(9), buffer=1, rng=np.random.default_rng(0))) == list(range(9))
    with pytest.raises(ValueError, match="buffer must be positive"):
        next(shuffled([1], buffer=0, rng=np.random.default_rng(0)))

"""Batches: every feature once an epoch, mates of like length, and micro-batches within their bounds."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigbird_cli.training.batching import dropout_seed, epoch_batches, micro_batches


def natural_lengths(n_features: int = 5000) -> np.ndarray:
    return np.random.default_rng(0).lognormal(5, 0.6, n_features).astype(int).clip(10, 4096)


@pytest.mark.parametrize("n_features", [1, 7, 8, 801])
def test_every_feature_stands_in_one_batch_of_an_epoch(n_features: int) -> None:
    lengths = natural_lengths(n_features)
    batches = epoch_batches(lengths, batch_size=8, seed=3, epoch=1)
    assert sorted(np.concatenate(batches)) == list(range(n_features))
    assert len(batches) == -(-n_features // 8)
    assert all(len(batch) <= 8 for batch in batches)


def test_an_epoch_is_a_function_of_seed_and_epoch() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return np.concatenate(epoch_batches(natural_lengths(), batch_size=8, seed=seed, epoch=epoch)).tolist()

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(0, 0)), tuple(order(0, 1)), tuple(order(1, 0))}) == 3


def test_epochs_mix_mates_anew() -> None:
    batches = [epoch_batches(natural_lengths(), batch_size=8, seed=0, epoch=epoch) for epoch in (0, 1)]
    mates = [{frozenset(batch.tolist()) for batch in epoch} for epoch in batches]
    assert not mates[0] & mates[1]


def test_numpys_global_generator_is_not_touched() -> None:
    before = np.random.get_state(legacy=False)["state"]["key"].tolist()
    epoch_batches(natural_lengths(), batch_size=8, seed=0, epoch=0)
    assert np.random.get_state(legacy=False)["state"]["key"].tolist() == before


@pytest.mark.parametrize("batch_size", [8, 32])
def test_less_than_a_twentieth_is_padding(batch_size: int) -> None:
    lengths = natural_lengths()
    padded = 0
    for batch in epoch_batches(lengths, batch_size=batch_size, seed=0, epoch=0):
        for part in micro_batches(batch, lengths, micro_batch_size=8, max_tokens=None):
            padded += len(part) * lengths[part].max()
    assert 1 - lengths.sum() / padded < 0.05


@given(
    lengths=st.lists(st.integers(1, 500), min_size=1, max_size=40).map(sorted).map(np.array),
    max_tokens=st.integers(1, 2000),
)
def test_micro_batches_keep_within_their_tokens(lengths: np.ndarray, max_tokens: int) -> None:
    batch = np.arange(len(lengths))
    parts = micro_batches(batch, lengths, micro_batch_size=1, max_tokens=max_tokens)
    assert np.concatenate(parts).tolist() == batch.tolist()
    assert all(len(part) == 1 or len(part) * lengths[part].max() <= max_tokens for part in parts)
    for part, after in pairwise(parts):  # and each is as full as it can be
        assert (len(part) + 1) * lengths[after[0]] > max_tokens


def test_micro_batches_hold_at_most_so_many_features() -> None:
    parts = micro_batches(np.arange(10), np.full(10, 5), micro_batch_size=4, max_tokens=None)
    assert [part.tolist() for part in parts] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_dropout_depends_on_the_pass_alone() -> None:
    seeds = {dropout_seed(seed, step, index) for seed in range(3) for step in range(20) for index in range(5)}
    assert len(seeds) == 300
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert dropout_seed(0, 1, 2) == dropout_seed(0, 1, 2)

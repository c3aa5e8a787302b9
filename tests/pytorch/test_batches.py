"""Batches: every feature once an epoch, mates of like length, and padding that holds nothing."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bigbird_cli.pytorch.batches import collate, epoch_batches, micro_batches, n_targets
from bigbird_cli.tasks.base import Feature


def feature(size: int, **labels: int | np.ndarray) -> Feature:
    ids = np.arange(1, size + 1, dtype=np.int32)
    return Feature(ids=ids, types=(ids > 2).astype(np.int8), labels=labels, example=0)


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


def test_no_generator_of_numpy_or_torch_is_touched() -> None:
    numpy_before, torch_before = np.random.get_state()[1].tolist(), torch.get_rng_state()
    epoch_batches(natural_lengths(), batch_size=8, seed=0, epoch=0)
    assert np.random.get_state()[1].tolist() == numpy_before
    assert torch.equal(torch.get_rng_state(), torch_before)


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
def test_passes_keep_within_their_tokens(lengths: np.ndarray, max_tokens: int) -> None:
    batch = np.arange(len(lengths))
    parts = micro_batches(batch, lengths, micro_batch_size=1, max_tokens=max_tokens)
    assert np.concatenate(parts).tolist() == batch.tolist()
    assert all(len(part) == 1 or len(part) * lengths[part].max() <= max_tokens for part in parts)
    for part, after in pairwise(parts):  # and each is as full as it can be
        assert (len(part) + 1) * lengths[after[0]] > max_tokens


def test_passes_hold_at_most_so_many_features() -> None:
    parts = micro_batches(np.arange(10), np.full(10, 5), micro_batch_size=4, max_tokens=None)
    assert [part.tolist() for part in parts] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_padding_stands_on_the_right_and_is_masked() -> None:
    padded = collate([feature(2, y=1), feature(4, y=3)], pad_id=9, device=torch.device("cpu"))
    assert padded.inputs["input_ids"].tolist() == [[1, 2, 9, 9], [1, 2, 3, 4]]
    assert padded.inputs["token_type_ids"].tolist() == [[0, 0, 0, 0], [0, 0, 1, 1]]
    assert padded.inputs["attention_mask"].tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    assert padded.inputs["y"].tolist() == [1, 3]
    assert (padded.n_tokens, padded.n_padded) == (6, 8)


def test_without_padding_there_is_no_mask() -> None:
    assert "attention_mask" not in collate([feature(3), feature(3)], pad_id=0, device=torch.device("cpu")).inputs


def test_labels_of_tokens_are_padded_with_what_counts_in_no_loss() -> None:
    short, long = feature(2, labels=np.array([5, -100])), feature(3, labels=np.array([-100, 6, 7]))
    padded = collate([short, long], pad_id=0, device=torch.device("cpu"))
    assert padded.inputs["labels"].tolist() == [[5, -100, -100], [-100, 6, 7]]
    assert n_targets([short, long]) == {"labels": 3}


def test_targets_of_whole_features_are_counted_once_each() -> None:
    pair = [feature(2, start_positions=0, end_positions=1), feature(3, start_positions=1, end_positions=2)]
    assert n_targets(pair) == {"start_positions": 2, "end_positions": 2}


def test_labels_are_left_out_when_asked() -> None:
    assert "y" not in collate([feature(2, y=1)], pad_id=0, device=torch.device("cpu"), labels=False).inputs

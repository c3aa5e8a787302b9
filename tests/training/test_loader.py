"""Loaders: a step's features are a function of the recipe and the step's number."""

from collections.abc import Iterator

import numpy as np
import pytest

from bigbird_cli.tasks.base import Feature, FeatureList
from bigbird_cli.training.loader import EpochLoader, StreamLoader


def features(n: int) -> list[Feature]:
    sizes = np.random.default_rng(0).integers(3, 60, n)
    return [
        Feature(np.full(size, number, dtype=np.int32), np.zeros(size, dtype=np.int8), {}, number)
        for number, size in enumerate(sizes)
    ]


def numbers(batch: list[Feature]) -> list[int]:
    return [feature.example for feature in batch]


def epoch_loader(n: int = 50, *, batch_size: int = 8, batch_tokens: int | None = None, seed: int = 0) -> EpochLoader:
    return EpochLoader(
        FeatureList(features(n)), lambda feature, _: feature, seed=seed, batch_size=batch_size,
        batch_tokens=batch_tokens,
    )  # fmt: skip


def stream_loader(n: int = 50, *, buffer: int = 20) -> StreamLoader:
    def read() -> Iterator[Feature]:
        yield from features(n)

    return StreamLoader(read, lambda feature, _: feature, seed=0, batch_size=8, buffer=buffer)


@pytest.mark.parametrize("batch_tokens", [None, 200])
def test_each_epoch_has_every_feature_once_whatever_the_batches(batch_tokens: int | None) -> None:
    loader = epoch_loader(batch_tokens=batch_tokens)
    step = 0
    orders = []
    for epoch in range(3):
        seen: list[int] = []
        while len(seen) < 50:
            step += 1
            batch = loader.batch(step)
            if batch_tokens is not None:
                assert len(batch) * max(map(len, batch)) <= batch_tokens
            seen += numbers(batch)
            assert epoch < loader.epoch(step) <= epoch + 1
        assert sorted(seen) == list(range(50))
        assert loader.epoch(step) == epoch + 1
        orders.append(tuple(seen))
    assert len(set(orders)) == 3


@pytest.mark.parametrize("make", [epoch_loader, stream_loader])
def test_a_step_is_found_again_from_anywhere(make: object) -> None:
    straight = make()  # type: ignore[operator]
    expected = [numbers(straight.batch(step)) for step in range(1, 30)]
    for start in (1, 2, 9, 22):
        fresh = make()  # type: ignore[operator]
        assert [numbers(fresh.batch(step)) for step in range(start, 30)] == expected[start - 1 :]
    assert numbers(straight.batch(3)) == expected[2]  # backwards, too


def test_a_stream_gives_every_feature_once_a_pass_in_another_order() -> None:
    loader = stream_loader(64, buffer=16)
    passes = [
        [number for step in range(8 * k + 1, 8 * k + 9) for number in numbers(loader.batch(step))] for k in (0, 1)
    ]
    assert sorted(passes[0]) == sorted(passes[1]) == list(range(64))
    assert passes[0] != passes[1]
    assert loader.epoch(16) == 1.0


def test_what_is_random_about_a_feature_depends_on_seed_epoch_and_feature_alone() -> None:
    drawn: list[tuple[int, ...]] = []

    def draw(feature: Feature, seed: tuple[int, ...]) -> Feature:
        drawn.append((*seed, feature.example))
        return feature

    loader = EpochLoader(FeatureList(features(20)), draw, seed=7, batch_size=8, batch_tokens=None)
    for step in range(1, 7):
        loader.batch(step)
    assert {(seed, index) for seed, _, index, _ in drawn} == {(7, number) for number in range(20)}
    assert all(index == example for _, _, index, example in drawn)
    assert sorted(epoch for _, epoch, _, _ in drawn) == [0] * 20 + [1] * 20

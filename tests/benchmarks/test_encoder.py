"""The encoder's benchmark runs every contender, and knows what did not fit."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import encoder

    yield encoder
    del sys.modules["encoder"]


ARGS = argparse.Namespace(layers=1, threads=1, dropout=0.0)


@pytest.mark.slow
def test_every_contender_is_measured(bench: ModuleType) -> None:
    pairs = [(contender, "forward") for contender in (*bench.CONTENDERS, *bench.MORE, bench.INT8)]
    for contender, what in [*pairs, (bench.OURS, "step")]:
        found = bench.measure_apart(contender, what, 1024, ARGS)
        assert found is not None
        assert found["seconds"] > 0


def test_what_takes_too_long_or_too_much_did_not_fit(bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "SECONDS", 0.5)
    assert bench.measure_apart(bench.OURS, "forward", 1024, ARGS) is None
    monkeypatch.setattr(bench, "SECONDS", 60)
    assert bench.measure_apart(bench.BOUND, "forward", 1 << 30, ARGS) is None  # terabytes
    with pytest.raises(RuntimeError, match="no-one"):
        bench.measure_apart("no-one", "forward", -1, argparse.Namespace(layers="no-one", threads=1, dropout=0.0))


def test_contenders_are_measured_in_turn_and_compared_within_their_round(bench: ModuleType) -> None:
    ours, theirs = iter([1.0, 10.0, 2.0]), iter([3.0, 20.0, 8.0])
    asked: list[str] = []

    def measure(name: str) -> dict[str, float] | None:
        asked.append(name)
        if name == "large":
            return None
        return {"seconds": next(ours if name == bench.OURS else theirs), "megabytes": 5.0}

    found = bench.in_turn([bench.OURS, "theirs", "large"], measure, rounds=3)
    assert found[bench.OURS] == {"seconds": 2.0, "megabytes": 5.0, "ratio": 1.0}
    assert found["theirs"] == {"seconds": 8.0, "megabytes": 5.0, "ratio": 3.0}
    assert found["large"] is None
    assert asked.count("large") == 1
    assert bench.cells("theirs", found["theirs"]) == "8.00 | 3.00 x | 5"
    assert bench.cells("large", None).startswith("did not fit")


def test_peers_are_measured_with_freed_memory_kept_and_given_back(bench: ModuleType) -> None:
    names = [bench.OURS, bench.BOUND, "theirs"]
    assert bench.in_memory(names, "yes") == names
    assert bench.in_memory(names, "no") == [bench.OURS, bench.BOUND, "theirs" + bench.AS_IT_COMES]
    assert bench.in_memory(names, "both") == [*names, "theirs" + bench.AS_IT_COMES]


def test_the_library_is_told_by_what_ran(bench: ModuleType) -> None:
    x = torch.randn(4, 4)
    assert bench.library(lambda: x @ x) in ("MKL", "torch's BLAS")
    assert bench.library(lambda: torch.ops.mkldnn._linear_pointwise(x, x, None, "none", [], "")) == "oneDNN"

"""The benchmark of mixed lengths draws long and short documents, and measures them."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import mixed

    yield mixed
    for name in ("mixed", "encoder"):
        del sys.modules[name]


def test_documents_are_of_every_magnitude_and_always_the_same(bench: ModuleType) -> None:
    drawn = bench.lengths(64)
    assert drawn == bench.lengths(64)
    assert max(drawn) == 4096
    assert min(drawn) >= 50
    assert 15 < sum(length < 450 for length in drawn) < 49


@pytest.mark.slow
def test_padded_and_one_by_one_are_measured(bench: ModuleType) -> None:
    args = argparse.Namespace(documents=2, threads=1)
    for contender in (bench.OURS, f"{bench.DENSE}, one by one"):
        found = bench.measure_apart(contender, False, args)
        assert found is not None
        assert found["seconds"] > 0

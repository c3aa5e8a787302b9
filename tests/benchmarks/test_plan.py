"""The benchmark of planning holds what costs say against steps that were really taken, of the same batches."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from bigbird_cli.training.plan_costs import Attention, Costs


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import plan

    yield plan
    del sys.modules["plan"]


def test_predictions_are_of_the_batches_that_were_measured(bench: ModuleType) -> None:
    costs = Costs(Attention(None), np.array([1.0, 0, 0.1, 0, 0]), np.array([1e8, 1e6, 0, 0]), 0, n_parameters=1)
    measured = {"seconds": [4.0, 2.0], "peak_bytes": 3e8, "steps": [[[10, 90]], [[10], [10]], [[20], [20]]]}
    assert bench.compare(measured, costs) == pytest.approx((4.0, 3.0, 200.0, 300.0))


def test_a_setting_is_measured_on_the_loaders_batches(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small: dict[str, Any] = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    monkeypatch.setattr(bench, "SMALL", {**bench.SMALL, **small})
    monkeypatch.setattr(bench, "WORDS_PER_DOCUMENT", 600)
    bench.write_data(tmp_path)
    found = bench.measure_here(bench.Case("tiny", 32, 2, False), tmp_path, threads=1)
    assert [[len(part) for part in parts] for parts in found["steps"]] == [[2, 2]] * 3
    assert len(found["seconds"]) == bench.STEPS
    assert found["peak_bytes"] > 0

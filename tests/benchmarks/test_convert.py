"""The conversion benchmark times every format that is written, and its positions table says what it claims."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from bigbird_cli.weights.convert import WRITTEN


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import convert

    tiny = {"vocab_size": 100, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    monkeypatch.setattr(convert, "SHAPE", {**tiny, "num_hidden_layers": 2})
    yield convert
    del sys.modules["convert"]


@pytest.mark.filterwarnings("ignore:.*this is a pickle")
def test_every_format_is_converted_both_ways(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "measure_apart", bench.measure)
    lines = bench.conversions(tmp_path, [tmp_path / "base"])
    named = [line.split("|")[1].strip() for line in lines[2:]]
    ways = {f"safetensors → {name}" for name in WRITTEN} | {f"{name} → safetensors" for name in WRITTEN}
    assert set(named[:-2]) == ways
    assert named[-1] == f"{tmp_path / 'base'} → safetensors"


def test_a_passage_that_is_itself_is_found(bench: ModuleType) -> None:
    home = torch.eye(4)
    assert bench._scores(home, home, torch.arange(4)) == "1.000 | 100%"
    assert bench._scores(home.flip(0), home, torch.arange(4)) == "0.000 | 0%"


def test_bytes_are_counted_of_folders_and_of_checkpoints(bench: ModuleType, tmp_path: Path) -> None:
    for name, size in (("m.index", 3), ("m.data-00000-of-00001", 40), ("other", 500)):
        (tmp_path / name).write_bytes(np.zeros(size, np.uint8).tobytes())
    assert bench.n_bytes(tmp_path) == 543
    assert bench.n_bytes(tmp_path / "m") == 43

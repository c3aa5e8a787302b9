"""The benchmark of hostile files harms files in every way, and tells what becomes of them."""

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bigbird_cli.weights.sources import open_source


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import hostile

    yield hostile
    del sys.modules["hostile"]


def test_damage_is_of_every_kind_and_the_same_each_time(bench: ModuleType) -> None:
    content = bytes(range(256)) * 4
    draws = [bench.damaged(content, range(100), draw) for draw in (random.Random(seed) for seed in range(100))]
    assert draws == [bench.damaged(content, range(100), random.Random(seed)) for seed in range(100)]
    assert {(len(each) > len(content)) - (len(each) < len(content)) for each in draws} == {-1, 0, 1}


def test_what_becomes_of_a_file_is_told(bench: ModuleType, tmp_path: Path) -> None:
    source, [file] = bench.write_model_in("safetensors", tmp_path / "model")
    before = {name: array.copy() for name, array in open_source(source).tensors.items()}
    content = file.read_bytes()
    assert bench.trial(source, before, []) == "as before"
    file.write_bytes(content[:-4] + np.float32(7).tobytes())
    assert bench.trial(source, before, []) == "other numbers"
    file.write_bytes(content[:-4])
    assert bench.trial(source, before, []) == "refused"
    file.write_bytes(content)
    assert bench.trial(source, {**before, "another": before["qa_classifier.qa_outputs.bias"]}, []) == "partial"


@pytest.mark.filterwarnings("ignore:.*this is a pickle")
@pytest.mark.parametrize("format_name", ["safetensors", "bin", "flax", "tensorflow"])
def test_each_format_has_a_model_to_harm(bench: ModuleType, tmp_path: Path, format_name: str) -> None:
    from bigbird_cli.backend import open_backend

    source, files = bench.write_model_in(format_name, tmp_path / "model")
    assert files
    assert open_source(source, door=open_backend).tensors
    for file in files:
        assert set(bench.described_by(format_name, file.read_bytes())) <= set(range(file.stat().st_size))

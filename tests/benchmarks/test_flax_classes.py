"""The Flax classes are measured against the PyTorch ones."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import flax_classes

    yield flax_classes
    del sys.modules["flax_classes"]


def test_padding_and_what_is_masked_from_answers_do_not_count(bench: ModuleType) -> None:
    theirs = np.array([[1.0, 2.0, -1e6, 4.0]])
    mask = np.array([[1, 1, 1, 0]])
    ours = theirs + np.array([[0.0, 0.5, 9.0, 9.0]])
    assert bench._difference(ours, theirs, mask) == 0.5


@pytest.mark.slow
def test_a_class_differs_from_pytorch_s_by_rounding(bench: ModuleType) -> None:
    pytest.importorskip("flax", reason="needs the extra bigbird-cli[jax]")
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
    found = bench.difference("BigBirdForQuestionAnswering", (20, 101), block_size=8, num_random_blocks=2, **small)
    assert 0 < np.max(found) < 1e-5

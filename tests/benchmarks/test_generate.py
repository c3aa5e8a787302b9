"""The generation benchmark times what it says: every contender, each new token by itself."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import generate

    tiny = {"vocab_size": 1000, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32, "block_size": 16}
    monkeypatch.setattr(generate, "SHAPE", {**generate.SHAPE, **tiny, "initializer_range": 0.3})
    monkeypatch.setattr(generate, "PART", 100)
    yield generate
    for name in ("generate", "encoder"):
        del sys.modules[name]


def test_contenders_of_one_attention_give_the_same_tokens(bench: ModuleType) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        weights = bench.build(bench.OURS, n_layers=2, n_tokens=300).state_dict()
    ids = torch.randint(5, 1000, (1, 300), generator=torch.Generator().manual_seed(0))
    given: dict[bool, set[tuple[int, ...]]] = {True: set(), False: set()}
    for contender in bench.CONTENDERS:
        model = bench.build(contender, n_layers=2, n_tokens=300)
        model.load_state_dict(weights, strict=False)
        with torch.inference_mode():
            tokens = tuple(int(token) for token in bench.tokens_of(contender, model, ids, 5))
        given["full attention" in contender].add(tokens)
    assert all(len(ways) == 1 for ways in given.values()), given
    assert given[True] != given[False]


def test_every_contender_is_measured(bench: ModuleType) -> None:
    with torch.random.fork_rng():
        lines = bench.rows(300, rounds=1, one=lambda name: bench.measure(name, n_tokens=300, n_layers=1))
    assert len(lines) == len(bench.CONTENDERS)
    assert lines[0].startswith("| 300 | bigbird-cli | ")
    assert "| 1.00 x |" in lines[0]


def test_nobody_is_asked_for_matrices_that_fit_no_memory(bench: ModuleType) -> None:
    assert bench.contenders(4096) == list(bench.CONTENDERS)
    assert bench.contenders(16384) == [name for name in bench.CONTENDERS if name != bench.QUADRATIC]

"""JAX's engine: it learns what PyTorch's learns, goes on bit for bit, and leaves everything alone that diverged."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flax", reason="needs the extra bigbird-cli[jax]")

from bigbird_cli.backend import Alone, Compute, Engine, EngineState, MicroBatch, StartModel, StepResult, open_backend
from bigbird_cli.errors import RecipeError, UsageError
from bigbird_cli.recipe.schema import FinetuneRecipe
from tests.pytorch.test_objectives import built, feature
from tests.training.runs import CPU, recipe

LENGTHS = [40, 37, 39]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model for answers."""
    folder: Path = tmp_path_factory.mktemp("model")
    built("span", num_hidden_layers=1).save_pretrained(folder)
    return folder


def settings(folder: Path, **changes: Any) -> FinetuneRecipe:
    usual: dict[str, Any] = {"optim__batch_size": 6, "optim__micro_batch_size": 3, "optim__lr": 0.01}
    return recipe(folder, folder, **{**usual, **changes})


def opened(folder: Path, backend: str, compute: Compute = CPU, **changes: Any) -> Engine:
    start = StartModel("span", folder, {"hidden_dropout_prob": changes.pop("dropout", 0.0)})
    return open_backend(backend).open_engine(settings(folder, **changes), start, compute=compute, peers=Alone())


def batch(step: int, lengths: Sequence[int] = LENGTHS) -> list[MicroBatch]:
    """Two micro-batches of as many tokens, that a step learns from."""
    parts = [
        [feature("span", size, 10 * step + number + shift) for number, size in enumerate(lengths)] for shift in (0, 5)
    ]
    return [MicroBatch(part, seed=2**62 + 100 * step + index) for index, part in enumerate(parts)]


def steps(engine: Engine, numbers: Sequence[int]) -> list[StepResult]:
    return [engine.step(batch(step), step=step, share=1.0 / step) for step in numbers]


TOGETHER: dict[str, Any] = {"run__ema": 0.9, "optim__layer_decay": 0.8, "optim__head_lr": 0.02, "optim__clip": 0.5}


@pytest.fixture(scope="module")
def _engine(folder: Path) -> tuple[Engine, EngineState]:
    engine = opened(folder, "jax", dropout=0.1, **TOGETHER)
    return engine, engine.state()


@pytest.fixture
def engine(_engine: tuple[Engine, EngineState]) -> Engine:
    """One for all tests, for its programs, as it was when it was opened."""
    engine, state = _engine
    engine.load(state)
    return engine


def test_another_engine_goes_on_bit_for_bit(engine: Engine) -> None:
    steps(engine, [1, 2])
    state = engine.state()
    kept = {name: array.copy() for name, array in state.arrays.items()}
    first = steps(engine, [3, 4])
    want = engine.state().arrays
    for name, array in state.arrays.items():  # which no later step has written into
        np.testing.assert_array_equal(array, kept[name])
    engine.load(state)
    assert steps(engine, [3, 4]) == first
    for name, array in engine.state().arrays.items():
        np.testing.assert_array_equal(array, want[name], err_msg=name)


def test_a_shape_that_was_met_is_compiled_once(engine: Engine) -> None:
    counts = [result.n_compiled for result in steps(engine, [1, 2, 3])]
    assert counts[0] == counts[2]


def test_dropout_is_the_seeds(engine: Engine) -> None:
    state = engine.state()
    losses = []
    for seed in (1, 1, 2**40 + 1):
        engine.load(state)
        part = MicroBatch(batch(1)[0].features, seed=seed)
        losses.append(engine.step([part], step=1, share=1.0).loss)
    assert losses[0] == losses[1] != losses[2]


def test_what_is_not_finite_changes_nothing_and_is_named(engine: Engine) -> None:
    steps(engine, [1])
    before = engine.state().arrays
    name = "bert.embeddings.word_embeddings.weight"
    broken = engine.weights()[name].copy()
    broken[1] = np.inf
    engine.assign({name: broken})
    assert engine.count_not_finite() == {name: (16, broken.size)}
    fine, other = batch(2)
    hit = other.features[0]
    ids = np.where(np.arange(len(hit)) == 9, 1, hit.ids).astype(np.int32)
    odd = MicroBatch([replace(hit, ids=ids), *other.features[1:]], seed=1)
    result = engine.step([fine, odd], step=2, share=1.0)
    assert (result.diverged, result.not_finite) == (True, (1,))
    assert not np.isfinite(result.loss)
    engine.assign({name: before[f"model.{name}"]})
    for key, array in engine.state().arrays.items():
        if not key.startswith("average."):
            np.testing.assert_array_equal(array, before[key], err_msg=key)


def test_averages_stand_in_for_the_weights_for_a_while(engine: Engine) -> None:
    steps(engine, [1, 2])
    own, arrays = engine.weights(), engine.state().arrays
    with engine.averaged():
        held = engine.weights()
    name = "qa_classifier.qa_outputs.weight"
    np.testing.assert_array_equal(held[name], arrays[f"average.{name}"])
    assert not np.array_equal(held[name], own[name])
    np.testing.assert_array_equal(engine.weights()[name], own[name])


def test_a_state_that_does_not_fit_is_refused_with_the_reason(engine: Engine) -> None:
    state = engine.state()
    assert engine.mismatch(state) is None
    name = "model.qa_classifier.qa_outputs.bias"
    rest = {each: array for each, array in state.arrays.items() if each != name}
    odd: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        (rest, {}, f"it lacks a tensor {name}"),
        ({**state.arrays, "model.more": np.zeros(1)}, {}, "it has a tensor model.more"),
        ({**rest, name: np.zeros(3, np.float32)}, {}, f"{name} is float32 (3,), not float32 (2,)"),
        ({**rest, name: np.full(2, np.nan, np.float32)}, {}, f"{name} is not finite"),
        (state.arrays, {"scaler": {}}, "scaler is of another engine"),
    ]
    for arrays, values, why in odd:
        assert engine.mismatch(EngineState(arrays, values)) == why


WITHOUT_GRADIENT = ("key.bias", "qa_classifier.output.LayerNorm.bias", "qa_outputs.bias")
"""What moves all scores of a softmax alike: of rounding alone Adam makes steps of its full rate."""


@pytest.mark.slow
def test_steps_are_pytorchs(folder: Path) -> None:
    ours, theirs = (opened(folder, backend, **TOGETHER) for backend in ("jax", "pytorch"))
    for mine, other in zip(steps(ours, [1, 2, 3]), steps(theirs, [1, 2, 3]), strict=True):
        assert mine.loss == pytest.approx(other.loss, rel=1e-4)
        assert mine.grad_norm == pytest.approx(other.grad_norm, rel=1e-3)
        assert mine.n_tokens == other.n_tokens
    assert ours.weights().keys() == theirs.weights().keys()
    for name, want in theirs.state().arrays.items():
        if name.startswith(("model.", "average.")) and not name.endswith(WITHOUT_GRADIENT):
            np.testing.assert_allclose(ours.state().arrays[name], want, atol=3e-4, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "how",
    [{"optim__max_tokens_per_micro_batch": 90}, {"run__gradient_checkpointing": True}, {"optim__micro_batch_size": 6}],
)
def test_how_a_batch_is_computed_changes_no_gradient(folder: Path, how: dict[str, Any]) -> None:
    norms = []
    for changes in ({}, how):
        engine = opened(folder, "jax", **changes)
        parts = batch(1, lengths=[9, 40, 61])
        if changes:
            parts = [MicroBatch([each], seed=0) for part in parts for each in part.features]
        norms.append(engine.step(parts, step=1, share=1.0))
    assert norms[0].loss == pytest.approx(norms[1].loss, rel=1e-5)
    assert norms[0].grad_norm == pytest.approx(norms[1].grad_norm, rel=1e-4)


@pytest.mark.slow
def test_half_precision_arithmetic_keeps_whole_weights(folder: Path) -> None:
    engine = opened(folder, "jax", run__precision="bfloat16")
    whole = opened(folder, "jax").step(batch(1), step=1, share=1.0)
    half = engine.step(batch(1), step=1, share=1.0)
    assert half.loss != whole.loss
    assert half.loss == pytest.approx(whole.loss, rel=0.02)
    assert {array.dtype for array in engine.weights().values()} == {np.dtype(np.float32)}


SPREAD = """
import json, sys
from pathlib import Path
from tests.jax.test_engine import opened, steps
engine = opened(Path(sys.argv[1]), "jax", dropout=0.1)
print(json.dumps([engine.device, [[each.loss, each.grad_norm] for each in steps(engine, [1, 2, 3])]]))
"""


@pytest.mark.slow
def test_a_batch_spread_over_devices_teaches_the_same(folder: Path, repository: Path) -> None:
    found = []
    for n in (1, 4):
        flags = f"--xla_force_host_platform_device_count={n} --xla_backend_optimization_level=0"
        done = subprocess.run(
            [sys.executable, "-c", SPREAD, str(folder)],
            env={**os.environ, "XLA_FLAGS": flags},
            cwd=repository,
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(json.loads(done.stdout))
    assert [device for device, _ in found] == ["cpu, jax", "4 x cpu, jax"]
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-4)


def test_float16_is_refused(folder: Path) -> None:
    with pytest.raises(RecipeError, match=r"run\.precision: backend jax does not train in float16"):
        opened(folder, "jax", run__precision="float16")


@pytest.mark.parametrize("device", ["mps", "gpu", "cuda:9"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with (
        pytest.raises(UsageError, match="device: JAX has no device"),
        open_backend("jax").connect(Compute(device), wait=None),
    ):
        pass


def test_several_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="one process"), open_backend("jax").connect(CPU, wait=10.0):
        pass


def test_no_threads_cannot_compute() -> None:
    with (
        pytest.raises(UsageError, match="0 threads cannot compute"),
        open_backend("jax").connect(Compute("cpu", 0), wait=None),
    ):
        pass


@pytest.mark.slow
def test_words_may_be_added_to_the_vocabulary(folder: Path) -> None:
    start = StartModel("span", folder, {}, n_embeddings=53)
    engine = open_backend("jax").open_engine(settings(folder), start, compute=CPU, peers=Alone())
    words = engine.weights()["bert.embeddings.word_embeddings.weight"]
    assert words.shape == (53, 16)
    assert engine.config.vocab_size == 53
    np.testing.assert_allclose(words[50:], np.broadcast_to(words[:50].mean(axis=0), (3, 16)), atol=1e-4)

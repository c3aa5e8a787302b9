"""Prediction in JAX: each feature gets what it gets alone, whatever it is computed with."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("flax", reason="needs the extra bigbird-cli[jax]")

import jax

from bigbird_cli.backend import open_backend
from bigbird_cli.errors import ModelError, ResourceError, UsageError
from bigbird_cli.jax.predict import Predictor, open_predictor
from bigbird_cli.pytorch.predict import open_predictor as open_theirs
from bigbird_cli.tasks.base import Feature
from bigbird_cli.weights.store import open_folder
from tests.pytorch.test_objectives import built, feature

LENGTHS = [5, 60, 17, 30, 40, 29, 64, 8]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("model")
    built("span", num_hidden_layers=1).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def predictor(folder: Path) -> Predictor:
    """One for all tests, for its programs."""
    return open_predictor(open_folder(str(folder)), head="span", device="cpu")


def features(lengths: list[int] = LENGTHS) -> Iterator[Feature]:
    return (feature("span", size, number) for number, size in enumerate(lengths))


@pytest.mark.slow
def test_each_feature_gets_what_pytorch_gives_it_alone(folder: Path, predictor: Predictor) -> None:
    theirs = open_theirs(open_folder(str(folder)), head="span", device="cpu")
    for batch_size in (1, 3, 100):
        got = list(predictor.predict(features(), batch_size=batch_size))
        want = list(theirs.predict(features(), batch_size=1))
        for (given, outputs), (each, wanted) in zip(got, want, strict=True):
            np.testing.assert_array_equal(given.ids, each.ids)
            for name, array in wanted.items():
                assert outputs[name].dtype == np.float32
                np.testing.assert_allclose(outputs[name], array, rtol=1e-5, atol=2e-5)


@pytest.mark.slow
def test_lengths_of_all_kinds_make_few_programs(predictor: Predictor) -> None:
    before = predictor.programs.n_compiled
    for _ in range(2):
        list(predictor.predict(features([*range(4, 65)]), batch_size=1))
    assert predictor.programs.n_compiled - before <= 12


def test_want_of_memory_says_what_to_do(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> None:
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 4398046511104 bytes.")

    monkeypatch.setattr(predictor, "_run", run)
    with pytest.raises(ResourceError, match=r"ran out of memory: Out of memory allocating.*batch_size="):
        list(predictor.predict(features(), batch_size=4))


def test_another_runtime_error_is_not_taken_for_want_of_memory(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: object, **__: object) -> None:
        raise jax.errors.JaxRuntimeError("INTERNAL: shapes do not match")

    monkeypatch.setattr(predictor, "_run", run)
    with pytest.raises(RuntimeError, match="shapes"):
        list(predictor.predict(features(), batch_size=4))


def test_a_head_that_was_never_trained_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="this head was never trained"):
        open_predictor(open_folder(str(folder)), head="document_labels", device="cpu")


def test_eight_bits_are_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="quantize: backend jax does not compute in 8 bits"):
        open_predictor(open_folder(str(folder)), head="span", device="cpu", quantize="int8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("head", "outputs"),
    [
        ("span", {"start_logits", "end_logits", "hidden_states"}),
        ("embedding", {"last_hidden_state", "hidden_states"}),
        ("embedding_labels", {"logits"}),
    ],
)
def test_a_model_in_memory_answers_as_in_pytorch(head: str, outputs: set[str]) -> None:
    model = built(head, num_hidden_layers=1)
    ids = np.random.default_rng(0).integers(4, 50, (2, 45))
    ids[:, 3] = 3
    ours, theirs = (
        open_backend(name).probe(model.config, model.to_tensors(), ids, head=head, where="-")
        for name in ("jax", "pytorch")
    )
    assert ours.keys() == theirs.keys() == outputs
    for name in outputs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5, atol=2e-5, err_msg=name)


def test_the_room_is_looked_into_without_jax(repository: Path) -> None:
    code = "import sys, bigbird_cli.jax; print([name for name in ('jax', 'flax', 'optax') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=repository, check=True)
    assert done.stdout.strip() == "[]"


READ = """
import json, sys
import bigbird_cli as bb
found = bb.answer(sys.argv[2], "who?", model=sys.argv[1], backend=sys.argv[3], device="cpu")
frameworks = [name for name in ("torch", "jax") if name in sys.modules]
print(json.dumps([found["score"], found["receipt"]["device"], frameworks]))
"""


@pytest.mark.slow
def test_each_framework_reads_without_the_other(tiny_qa_model: Path, repository: Path) -> None:
    found = []
    for backend in ("pytorch", "jax"):
        command = [sys.executable, "-c", READ, str(tiny_qa_model), "ada bel cora dov lit the lamp .", backend]
        done = subprocess.run(command, capture_output=True, text=True, cwd=repository, check=False)
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    assert found[0][1:] == ["cpu", ["torch"]]
    assert found[1][1:] == ["cpu, jax", ["jax"]]
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-4)

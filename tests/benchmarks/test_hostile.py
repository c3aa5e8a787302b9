"""The benchmark of hostile inputs harms files in every way, and tells what becomes of them; a sample of it holds."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bigbird_cli.weights.sources import open_source

GROUPS = (
    "configs", "tokenizers", "states", "data", "rows", "documents", "files", "recipes", "options", "streams", "signals",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _importable(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    yield
    for name in [name for name in sys.modules if name.startswith("hostile")]:
        del sys.modules[name]


@pytest.fixture
def weights() -> ModuleType:
    import hostile_weights

    return hostile_weights


@pytest.fixture
def mutations() -> ModuleType:
    import hostile_mutations

    return hostile_mutations


def test_damage_is_of_every_kind_and_the_same_each_time(mutations: ModuleType) -> None:
    content = bytes(range(256)) * 4
    draws = [mutations.damaged(content, range(100), draw) for draw in (random.Random(seed) for seed in range(100))]
    assert draws == [mutations.damaged(content, range(100), random.Random(seed)) for seed in range(100)]
    assert {(len(each) > len(content)) - (len(each) < len(content)) for each in draws} == {-1, 0, 1}


@pytest.mark.parametrize("harm", ["damaged_json", "damaged_yaml", "damaged_text"])
def test_a_harmed_document_is_another_one_and_the_same_each_time(mutations: ModuleType, harm: str) -> None:
    content = json.dumps({"a": [1, {"b": "c"}], "d": None, "text": "lamp"}, indent=1).encode()
    draws = [getattr(mutations, harm)(content, random.Random(seed)) for seed in range(60)]
    assert draws == [getattr(mutations, harm)(content, random.Random(seed)) for seed in range(60)]
    assert len(set(draws)) > 40
    assert sum(json.loads(content) == _parsed(each) for each in draws) < 20


def _parsed(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content


def test_what_becomes_of_a_weight_file_is_told(weights: ModuleType, tmp_path: Path) -> None:
    source, [file] = weights.write_model_in("safetensors", tmp_path / "model")
    before = {name: array.copy() for name, array in open_source(source).tensors.items()}
    content = file.read_bytes()
    assert weights.trial(source, before, []) == "as before"
    file.write_bytes(content[:-4] + np.float32(7).tobytes())
    assert weights.trial(source, before, []) == "other numbers"
    file.write_bytes(content[:-4])
    assert weights.trial(source, before, []) == "refused"
    file.write_bytes(content)
    assert weights.trial(source, {**before, "another": before["qa_classifier.qa_outputs.bias"]}, []) == "partial"


@pytest.mark.filterwarnings("ignore:.*this is a pickle")
@pytest.mark.parametrize("format_name", ["safetensors", "bin", "flax", "tensorflow"])
def test_each_format_has_a_model_to_harm(weights: ModuleType, tmp_path: Path, format_name: str) -> None:
    from bigbird_cli.backend import open_pickles

    source, files = weights.write_model_in(format_name, tmp_path / "model")
    assert files
    assert open_source(source, pickle_io=open_pickles()).tensors
    for file in files:
        assert set(weights.described_by(format_name, file.read_bytes())) <= set(range(file.stat().st_size))


@pytest.mark.parametrize(
    ("code", "said", "name"),
    [
        (0, "", "done"),
        (3, "✗ a.txt  the document is empty\n", "refused"),
        (4, "✗ a model  is broken\n", "wrong code"),
        (1, "✗ an unexpected error: KeyError: 'a'\n", "unexpected error"),
        (1, "Traceback (most recent call last):\n", "traceback"),
        (-6, "", "abort"),
        (None, "", "hang"),
        (3, "✗ " + "a" * 5_000, "flood"),
    ],
)
def test_what_becomes_of_a_command_is_told(code: int | None, said: str, name: str) -> None:
    import hostile_commands

    assert hostile_commands.outcome(code, said, {3}) == name


def test_every_group_is_sampled() -> None:
    import hostile_inputs

    assert set(GROUPS) == set(hostile_inputs.GROUPS)


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_a_sample_of_hostile_inputs_ends_as_it_should(repository: Path, group: str) -> None:
    command: list[str | Path] = [sys.executable, repository / "benchmarks" / "hostile.py", group, "-n", "25", "--show"]
    environment = os.environ | {"PYTHONPATH": str(repository)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

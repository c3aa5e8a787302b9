"""Reading by onnxruntime: the same predictions as PyTorch's, without PyTorch."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bigbird_cli import api
from bigbird_cli.backend import open_backend
from bigbird_cli.errors import ModelError, UsageError
from bigbird_cli.tasks.base import Feature
from bigbird_cli.weights.store import open_folder
from tests.conftest import process_environment

TEXT = "the keeper lit the lamp in 1887 . " * 20


def feature(n_tokens: int, number: int = 0) -> Feature:
    ids = np.random.default_rng(number).integers(5, 150, n_tokens).astype(np.int32)
    ids[min(2, n_tokens - 1)] = 3
    return Feature(ids=ids, types=(np.arange(n_tokens) > 2).astype(np.int8), labels={}, example=number)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_each_feature_gets_what_pytorch_gives_it(tiny_qa_model: Path, batch_size: int) -> None:
    folder = open_folder(tiny_qa_model)
    features = [feature(n, number) for number, n in enumerate((250, 7, 88, 89, 30, 256, 1))]
    found, wanted = (
        [
            outputs
            for _, outputs in open_backend(name)
            .open_predictor(folder, head="span")
            .predict(features, batch_size=batch_size)
        ]
        for name in ("onnx", "pytorch")
    )
    for one, other in zip(found, wanted, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_allclose(one[name], other[name], rtol=0, atol=2e-5)


def test_answers_names_and_labels_are_those_of_pytorch_and_the_receipt_says_who_read(
    tiny_qa_model: Path, tiny_ner_model: Path, tiny_classify_model: Path, tiny_label_model: Path
) -> None:
    calls: list[Callable[[str], Any]] = [
        lambda backend: api.answer(TEXT, "who lit the lamp ?", model=tiny_qa_model, backend=backend),
        lambda backend: api.ner(TEXT, model=tiny_ner_model, backend=backend),
        lambda backend: api.classify(TEXT, model=tiny_classify_model, backend=backend),
        lambda backend: api.classify(TEXT, model=tiny_label_model, labels="lamp,storm", backend=backend),
    ]
    for call in calls:
        one, other = (call(name) for name in ("onnx", "pytorch"))
        assert (one["receipt"].pop("device"), other["receipt"].pop("device")) == ("cpu, onnx", "cpu")
        assert one == _rounded(other)


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return pytest.approx(value, abs=1e-4)
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value


def test_8_bits_are_told_in_the_receipt(tiny_qa_model: Path) -> None:
    answer = api.answer(TEXT, "who lit the lamp ?", model=tiny_qa_model, backend="onnx", quantize="int8")
    assert answer["receipt"]["device"] == "cpu, onnx, int8"


def test_another_device_than_the_processor_is_refused(tiny_qa_model: Path) -> None:
    with pytest.raises(UsageError, match="device: onnx computes on the processor, not on cuda:0"):
        open_backend("onnx").open_predictor(open_folder(tiny_qa_model), head="span", device="cuda:0")


def test_threads_out_of_bounds_are_refused(tiny_qa_model: Path) -> None:
    with pytest.raises(UsageError, match="threads: 0 threads cannot compute"):
        open_backend("onnx").open_predictor(open_folder(tiny_qa_model), head="span", threads=0)


def test_an_input_that_the_model_has_no_vectors_for_is_named(tiny_qa_model: Path) -> None:
    predictor = open_backend("onnx").open_predictor(open_folder(tiny_qa_model), head="span")
    with pytest.raises(ModelError, match="an input of 257 tokens is longer than the model's 256 positions"):
        list(predictor.predict([feature(257)], batch_size=1))
    wrong = feature(9)
    wrong.ids[4] = 160
    with pytest.raises(ModelError, match="input_ids hold 160, but the model's vocab_size is 160"):
        list(predictor.predict([wrong], batch_size=1))


def test_a_head_that_was_never_trained_is_refused(tiny_qa_model: Path) -> None:
    with pytest.raises(ModelError, match="this head was never trained"):
        open_backend("onnx").open_predictor(open_folder(tiny_qa_model), head="token_labels")


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("bigbird_cli.onnx")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UsageError, match=r"onnxruntime is not installed; pip install 'bigbird-cli\[onnx\]'"):
        open_backend("onnx")


WITHOUT_PYTORCH = """
import sys
sys.modules["torch"] = None
from typer.testing import CliRunner
from bigbird_cli.cli import app
for arguments in {commands!r}:
    done = CliRunner().invoke(app, arguments, prog_name="bigbird")
    print(done.stdout)
    print(done.stderr + f"ends with {{done.exit_code}}", file=sys.stderr)
"""


def test_without_pytorch_all_that_reads_works_and_the_rest_says_what_is_missing(
    tiny_qa_model: Path, tiny_ner_model: Path, tiny_label_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "gold.jsonl").write_text(
        '{"context": "ada lit the lamp", "question": "who lit it ?", "answers": [{"text": "ada", "start": 0}]}\n'
    )
    qa = ["qa", "text.txt", "-q", "who ?", "--model", str(tiny_qa_model), "--quiet", "--json"]
    labels = ["--labels", "lamp,storm", "--model", str(tiny_label_model), "--quiet", "--json"]
    commands = [
        ["--version"],
        qa,
        [*qa, "-q", "when ?", "--skim", "2"],
        ["ner", "text.txt", "--model", str(tiny_ner_model), "--quiet", "--json"],
        ["classify", "text.txt", *labels],
        ["tokenize", "text.txt", "--model", str(tiny_qa_model), "--quiet", "--json"],
        ["evaluate", str(tiny_qa_model), "gold.jsonl", "--quiet", "--json"],
        ["convert", str(tiny_qa_model), "graph", "--to", "onnx", "--quiet"],
        [*qa, "--backend", "pytorch"],
        ["finetune", "quickstart-qa"],
        ["convert", "--check", str(tiny_qa_model), "graph"],
        ["convert", str(tiny_qa_model), "pickle", "--to", "bin"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PYTORCH.format(commands=commands)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=process_environment(),
    )
    missing = "✗ PyTorch is not installed\n  pip install torch\nends with 2\n"
    refused = "✗ PyTorch's pickle is read and written by PyTorch alone\n  pip install torch\nends with 4\n"
    assert done.stderr == "ends with 0\n" * 8 + missing * 3 + refused
    assert done.stdout.count('"device": "cpu, onnx"') == 5


def test_reading_imports_neither_pytorch_nor_what_it_does_not_need(tiny_qa_model: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    arguments = ["qa", str(tmp_path / "text.txt"), "-q", "who ?", "--model", str(tiny_qa_model)]
    arguments += ["--device", "cpu", "--quiet"]
    code = f"""
import sys
for name in ("torch", "bm25s", "yaml", "datasets", "pyarrow"):
    sys.modules[name] = None
from bigbird_cli.cli import main
sys.argv[1:] = {arguments!r}
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

"""`bigbird convert`: what it takes, tells and refuses."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file


def test_a_conversion_tells_what_it_found_and_did(invoke: Any, tiny_qa_model: Path, tmp_path: Path) -> None:
    result = invoke("convert", tiny_qa_model, "out", "--max-positions", "300", "--dtype", "float16")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    for words in (
        f"BigBird (BigBirdForQuestionAnswering) in safetensors ({tiny_qa_model})",
        "tensors carried, 0 left out, positions 256 → 300",
        "positions 256 → 300: the source's are repeated",
        "model in out (safetensors)",
    ):
        assert words in result.stderr
    stored = load_file(tmp_path / "out/model.safetensors")
    assert stored["bert.embeddings.position_embeddings.weight"].shape == (300, 16)
    assert {array.dtype for array in stored.values()} == {np.dtype(np.float16)}
    assert json.loads((tmp_path / "out/tokenizer_config.json").read_text())["model_max_length"] == 300


@pytest.mark.parametrize("dtype", [None, "int8"])
def test_a_graph_stands_in_a_model_folder_that_every_backend_opens(
    invoke: Any, tiny_qa_model: Path, tmp_path: Path, dtype: str | None
) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install onnx")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'bigbird-cli[onnx]'")
    of_type = [] if dtype is None else ["--dtype", dtype]
    result = invoke("convert", tiny_qa_model, "out", "--to", "onnx", *of_type)
    assert result.exit_code == 0, result.stderr
    assert re.search(
        r"model\.onnx differs from PyTorch by \S+ at most \(of \S+\), at 1, 7, 8, 87, 89, 256 tok", result.stderr
    )
    assert ("what 8 bits cost: bigbird evaluate out DATA --backend onnx" in result.stderr) == (dtype == "int8")
    onnx.checker.check_model(str(tmp_path / "out/model.onnx"), full_check=True)
    (tmp_path / "a.txt").write_text("the keeper lit the lamp in 1887")
    answers = []
    for backend in ("onnx", "pytorch"):
        asked = ("qa", "a.txt", "-q", "who lit the lamp ?", "--model", "out", "--backend", backend, "--json")
        result = invoke(*asked)
        assert result.exit_code == 0, result.stderr
        answers.append(json.loads(result.stdout)["answer"])
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("--dtype", "float16"), "--dtype  a graph is not written in float16"),
        (("--max-positions", "0"), "--max-positions"),
    ],
)
def test_a_graph_that_cannot_be_made_leaves_nothing(
    invoke: Any, tiny_qa_model: Path, tmp_path: Path, asked: tuple[str, ...], message: str
) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'bigbird-cli[onnx]'")
    result = invoke("convert", tiny_qa_model, "out", "--to", "onnx", *asked)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_the_record_of_a_conversion_has_every_tensor(invoke: Any, tiny_qa_model: Path) -> None:
    result = invoke("convert", tiny_qa_model, "out", "--json", "--quiet")
    assert result.stderr == ""
    record = json.loads(result.stdout)
    assert record["used"].keys() == load_file(tiny_qa_model / "model.safetensors").keys()
    assert record["unused"] == {}
    assert (record["out"], record["format"], record["positions"]) == ("out", "safetensors", 256)
    assert record["config"]["hidden_size"] == 16


def test_inspection_lists_the_tensors_and_writes_nothing(invoke: Any, tiny_qa_model: Path, tmp_path: Path) -> None:
    brief = invoke("convert", "--inspect", tiny_qa_model).stdout.splitlines()
    assert len(brief) < 8
    assert brief[0].endswith("tensors (--verbose lists them)")
    result = invoke("convert", "--inspect", tiny_qa_model, "--verbose")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == brief[0].removesuffix(" (--verbose lists them)")
    stored = load_file(tiny_qa_model / "model.safetensors")
    for words in (
        "bert.embeddings.word_embeddings.weight ",
        "float32   160 x 16",
        f"{len(stored)} tensors",
        f"{sum(array.size for array in stored.values()):,} parameters",
        "BigBird (BigBirdForQuestionAnswering)",
        "2 layers, 16 wide, 2 heads, vocabulary 160, 256 positions, 2 token types",
        "block_sparse: blocks of 8, 3 in the window, 3 random (original)",
    ):
        assert words in result.stdout
    record = json.loads(invoke("convert", "--inspect", tiny_qa_model, "--json").stdout)
    assert [tensor["name"] for tensor in record["tensors"]] == list(stored)
    assert record["model_class"] == "BigBirdForQuestionAnswering"
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_cannot_be_converted_is_listed_all_the_same(invoke: Any, tmp_path: Path) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd/config.json").write_text('{"model_type": "distilbert"}')
    save_file({"some.weight": np.zeros((2, 3), np.float32)}, tmp_path / "odd/model.safetensors")
    result = invoke("convert", "--inspect", "odd", "--verbose")
    assert result.exit_code == 0
    assert "some.weight  float32   2 x 3" in result.stdout
    assert "6 parameters" in result.stdout
    assert "no model that can be converted: odd/config.json: the model is a 'distilbert'" in result.stdout


def test_a_check_tells_the_largest_difference_of_each_output(invoke: Any, tiny_qa_model: Path, tmp_path: Path) -> None:
    invoke("convert", tiny_qa_model, "same")
    result = invoke("convert", "--check", tiny_qa_model, "same")
    assert result.exit_code == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines() if "largest difference" in line]
    assert [(row[0], row[2]) for row in rows] == [
        (n, output) for n in ("48", "128") for output in ("start_logits", "end_logits", "hidden_states")
    ]
    assert {row[5] for row in rows} == {"0.00e+00"}
    assert f"{len(load_file(tmp_path / 'same/model.safetensors'))} tensors are the same" in result.stdout

    tensors = load_file(tmp_path / "same/model.safetensors")
    tensors["qa_classifier.qa_outputs.bias"] += 0.5
    save_file(tensors, tmp_path / "same/model.safetensors")
    record = json.loads(invoke("convert", "--check", tiny_qa_model, "same", "--json").stdout)
    assert record["tensors"]["values"] == {"qa_classifier.qa_outputs.bias": 0.5}
    found = {(row["n_tokens"], row["output"]): row["difference"] for row in record["outputs"]}
    assert found[128, "start_logits"] == pytest.approx(0.5, abs=1e-5)
    assert found[128, "hidden_states"] == 0


def test_a_check_of_other_heads_compares_encoders_with_one_pattern(
    invoke: Any, tiny_qa_model: Path, tmp_path: Path
) -> None:
    invoke("convert", tiny_qa_model, "other", "--block-size", "16")
    tensors = {n: a for n, a in load_file(tmp_path / "other/model.safetensors").items() if n.startswith("bert.")}
    save_file(tensors, tmp_path / "other/model.safetensors")
    result = invoke("convert", "--check", tiny_qa_model, "other")
    assert result.exit_code == 0, result.stderr
    assert "their heads differ, so the encoders are compared" in result.stdout
    assert "B reads with A's block_size" in result.stdout
    assert "only in A: qa_classifier.qa_outputs.bias" in result.stdout
    assert "last_hidden_state         largest difference 0.00e+00" in result.stdout


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["nothing", "out"], 4, "✗ nothing  there is no such folder, the model is not"),
        (["broken", "out"], 4, "✗ broken/model.safetensors  the weights file is broken"),
        (["--inspect", "broken"], 4, "✗ broken/model.safetensors  the weights file is broken"),
        (["--check", "broken", "broken"], 4, "✗ broken/model.safetensors"),
        (["broken"], 2, "✗ there is no OUT\n  name the folder to write"),
        (["--check", "broken"], 2, "✗ there is no OUT\n  name two models"),
        (["--inspect", "--check", "broken"], 2, "exclude each other"),
        (["--inspect", "broken", "out"], 2, "--inspect reads one model"),
        (["broken", "full"], 2, "✗ full  the folder holds files already"),
        (["broken", "full/x"], 2, "✗ full/x  there is a file of that name"),
        (["broken", "out", "--dtype", "float8"], 2, "float8"),
        (["broken", "out", "--positions", "tiled"], 2, "tiled"),
        (["broken", "out", "--max-positions", "0"], 2, "max-positions"),
        (["broken", "out", "--config", "none.json"], 4, "✗ none.json  there is no such file"),
    ],
)
def test_mistakes_end_with_their_code_and_write_nothing(
    args: list[str], code: int, says: str, invoke: Any, tmp_path: Path
) -> None:
    for name in ("broken", "full"):
        (tmp_path / name).mkdir()
    (tmp_path / "broken/config.json").write_text('{"model_type": "big_bird"}')
    (tmp_path / "broken/model.safetensors").write_bytes(b"\xff" * 100)
    (tmp_path / "full/x").write_text("mine")
    result = invoke("convert", *args)
    assert result.exit_code == code, result.stderr
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "out").exists()
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["x"]

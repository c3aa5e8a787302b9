"""`convert(to="onnx")` writes a graph of every kind of model, and runs it beside PyTorch."""

import re
from pathlib import Path

import numpy as np
import pytest

from bigbird_cli import api
from bigbird_cli.onnx.sessions import Session
from tests.onnx.graphs import batch, build, expected

OUTPUTS = {
    "none": {"last_hidden_state", "embedding", "pooler_output"},
    "masked_lm": {"last_hidden_state", "embedding"},
    "embedding": {"last_hidden_state", "embedding"},
    "embedding_labels": {"logits"},
    "document_labels": {"logits"},
    "token_labels": {"logits"},
    "span": {"start_logits", "end_logits"},
    "choices": {"logits"},
}


@pytest.mark.parametrize("head", OUTPUTS)
def test_a_graph_of_every_kind_of_model_is_written_and_compared(head: str, tmp_path: Path) -> None:
    build(head).save_pretrained(tmp_path / "model")
    report = api.convert(tmp_path / "model", tmp_path / "out", to="onnx")
    assert re.fullmatch(
        r"model\.onnx differs from PyTorch by \S+e-0\d at most \(of \S+\), at 1, 3, 4, 43, 45, 128 tokens",
        report.notes[-1],
    )
    assert set(Session(tmp_path / "out/model.onnx").outputs) == OUTPUTS[head]


def test_a_regressions_graph_gives_its_number(tmp_path: Path) -> None:
    model = build("document_labels", num_labels=1, problem_type="regression")
    model.save_pretrained(tmp_path / "model")
    api.convert(tmp_path / "model", tmp_path / "out", to="onnx")
    inputs = batch(70, 44, 9)
    found = Session(tmp_path / "out/model.onnx").run(inputs)["logits"]
    np.testing.assert_allclose(found, expected(model, "document_labels", inputs)["logits"], rtol=0, atol=2e-5)

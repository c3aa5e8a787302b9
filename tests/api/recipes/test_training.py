"""The plain call gives the events of a run."""

import json
from pathlib import Path

import pytest

import bigbird_cli as bb
from bigbird_cli.errors import RecipeError
from bigbird_cli.events import Finished, Started
from tests.api.helpers import SHORT


def test_finetune_gives_the_events_of_a_run(tiny_qa_model: Path, tmp_path: Path) -> None:
    rows = [{"id": str(n), "context": SHORT, "question": "who?", "answers": ["Ada"]} for n in range(2)]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "small.yaml").write_text(
        f"model: {{start: {tiny_qa_model}}}\ntask: {{type: qa, window: 64, overlap: 8, max_answer_tokens: 8}}\n"
        f"data: {{train: {tmp_path / 'train.jsonl'}}}\n"
        "optim: {lr: 1.0e-3, batch_size: 2, micro_batch_size: 2, steps: 5}\n"
    )
    run = tmp_path / "run"
    events = list(bb.finetune(tmp_path / "small.yaml", out=run, overrides=["optim.steps=1"], device="cpu"))
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    assert (events[-1].step, events[-1].run) == (1, run)
    with pytest.raises(RecipeError, match=r"optim\.step"):
        bb.finetune(tmp_path / "small.yaml", overrides=["optim.step=1"])

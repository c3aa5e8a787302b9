"""What run folders tell of their training."""

import json
from pathlib import Path
from typing import Any

import pytest

import bigbird_cli as bb
from bigbird_cli.errors import DataError, ModelError


def write_run(folder: Path, *, n_steps: int = 20, steps: int = 20, diverged: bool = False) -> Path:
    """A run of a question-answering model, evaluated twice, the first time best."""
    folder.mkdir(parents=True)
    about = {"n_steps": n_steps, "lr": 1e-4, "grad_norm": "nan", "tokens_per_second": 100.0, "memory_mb": 50.0}
    events: list[dict[str, Any]] = [
        {"event": "step", "step": step, "loss": 1 / step, **about} for step in range(10, steps + 1, 10)
    ]
    events += [
        {"event": "evaluated", "step": step, "scores": {"f1": f1, "total": 9}, "best": f1 == 70, "metric": "f1"}
        for step, f1 in ((10, 70), (20, 60))
        if step <= steps
    ]
    events += [{"event": "scored", "step": 10, "scores": {"f1": 65.0}, "metric": "f1"}] if steps == n_steps else []
    events += [{"event": "diverged", "step": steps, "problem": "loss"}] if diverged else []
    lines = [json.dumps(event) for event in events]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + '\n{"event": "st')  # the last is torn
    (folder / "task.json").write_text('{"type": "qa"}')
    (folder / "recipe.yaml").write_text("seed: 1\n")
    return folder


def test_a_run_tells_its_best_score_and_its_curves(tmp_path: Path) -> None:
    run = bb.read_run(write_run(tmp_path / "a"))
    assert (run["state"], run["steps"], run["task"]) == ("finished", 20, "qa")
    assert (run["metric"], run["best"], run["best_step"], run["test"]) == ("f1", 70, 10, {"f1": 65.0})
    assert run["curves"]["f1"] == [{"step": 10, "value": 70.0}, {"step": 20, "value": 60.0}]
    assert run["curves"]["grad_norm"] == []  # no number
    assert run["recipe"] == "seed: 1\n"


def test_runs_are_found_below_a_folder_in_order_with_how_far_they_came(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "b", steps=10)
    write_run(tmp_path / "runs" / "set" / "a", diverged=True)
    (tmp_path / "runs" / "empty").mkdir()
    found = bb.list_runs(tmp_path / "runs")
    assert [(Path(run["run"]).name, run["state"]) for run in found] == [("b", "unfinished"), ("a", "diverged")]
    assert "curves" not in found[0]


def test_a_run_tells_how_it_ended(tmp_path: Path) -> None:
    assert bb.read_run(write_run(tmp_path / "a", diverged=True))["problem"] == "loss"
    early = write_run(tmp_path / "b", n_steps=90)
    with (early / "metrics.jsonl").open("a") as file:
        file.write('\n{"event": "finished", "step": 20, "seconds": 7.0, "stopped_early": true}\n')
    run = bb.read_run(early)
    assert (run["state"], run["seconds"], run["stopped_early"]) == ("finished", 7.0, True)


def test_a_run_tells_the_settings_that_differ_from_the_defaults(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a")
    assert bb.read_run(run)["settings"] == {}  # its recipe is none of this version
    recipe = (
        "model: {start: qa-mini}\ntask: {type: mlm, window: 64}\ndata: {train: texts}\noptim: {lr: 1e-4, clip: 1.0}\n"
    )
    (run / "recipe.yaml").write_text(recipe)
    assert bb.read_run(run)["settings"] == {"task.window": "64", "optim.lr": "0.0001"}


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no run folder"):
        bb.read_run(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        bb.list_runs(tmp_path / "none")

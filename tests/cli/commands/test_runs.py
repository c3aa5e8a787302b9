"""`bigbird runs`: a line a run."""

import json
from pathlib import Path
from typing import Any


def write_run(folder: Path) -> None:
    folder.mkdir(parents=True)
    events = [
        {"event": "step", "step": 10, "n_steps": 20, "loss": 0.5, "tokens_per_second": 100.0, "memory_mb": 50.0},
        {"event": "evaluated", "step": 10, "scores": {"f1": 70.0}, "best": True, "metric": "f1"},
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))


def test_a_pipe_gets_a_line_for_each_run(invoke: Any) -> None:
    write_run(Path("runs/a"))
    result = invoke("runs")
    assert result.exit_code == 0, result.stderr
    assert "runs/a" in result.stdout
    assert "10 of 20" in result.stdout
    assert "70.00" in result.stdout
    assert json.loads(invoke("runs", "--json").stdout)["best"] == 70


def test_no_runs_are_none(invoke: Any, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    result = invoke("runs")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no runs in runs" in result.stderr
    assert invoke("runs", "none").exit_code == 3

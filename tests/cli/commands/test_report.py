"""`bigbird report`: a page, and a summary in the terminal."""

import json
from pathlib import Path
from typing import Any

import pytest

RECIPE = """
task: {{type: classify}}
model: {{start: classify-mini}}
data: {{train: a.csv}}
optim: {{lr: {lr}}}
"""


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two runs with their recipes."""
    monkeypatch.chdir(tmp_path)
    folders = [Path("runs/a"), Path("runs/b")]
    for folder, lr in zip(folders, (1e-4, 2e-4), strict=True):
        folder.mkdir(parents=True)
        (folder / "recipe.yaml").write_text(RECIPE.format(lr=lr))
        measured = {"n_steps": 20, "tokens_per_second": 100.0, "memory_mb": 5.0}
        events: list[dict[str, Any]] = [{"event": "step", "step": n, "loss": 5000 * lr, **measured} for n in (10, 20)]
        scores = {"total": 4, "accuracy": 1e6 * lr}
        events.append({"event": "evaluated", "step": 20, "scores": scores, "best": True, "metric": "accuracy"})
        (folder / "metrics.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return folders


def test_runs_stand_beside_each_other(invoke: Any, runs: list[Path]) -> None:
    result = invoke("report", *runs)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == "written to report.html\n"
    shown = [" ".join(line.split()) for line in result.stdout.splitlines()]
    for line in ("A runs/a finished 20", "B runs/b finished 20", "settings that differ", "optim.lr 0.0001 0.0002"):
        assert line in shown
    assert shown.index("accuracy 100 200") < shown.index("total 4 4")
    assert "loss A ▅▅ 0.5 0.5" in shown
    assert Path("report.html").read_text().count("<polyline") == 8


def test_runs_beside_each_other_are_data(invoke: Any, runs: list[Path]) -> None:
    told = json.loads(invoke("report", *runs, "--json", "--out", "both.html").stdout)
    assert told["settings"] == {"optim.lr": ["0.0001", "0.0002"]}
    assert told["scores"]["accuracy"] == [100.0, 200.0]
    assert [run["run"] for run in told["runs"]] == ["runs/a", "runs/b"]
    assert Path("both.html").is_file()
    assert json.loads(invoke("report", runs[0], "--json").stdout)["best"] == 100.0


def test_settings_of_a_recipe_that_cannot_be_read_do_not_differ(invoke: Any, runs: list[Path]) -> None:
    (runs[1] / "recipe.yaml").write_text("task: {type: of_tomorrow}\n")
    assert json.loads(invoke("report", *runs, "--json").stdout)["settings"] == {}


def test_evaluations_stand_beside_each_other(invoke: Any, tiny_classify_model: Path) -> None:
    Path("colours.csv").write_text("text,label\nthe sea,blue\nthe lamp,red\n")
    told = json.loads(invoke("evaluate", tiny_classify_model, "colours.csv", "--json").stdout)
    Path("a.json").write_text(json.dumps(told))
    Path("b.json").write_text(json.dumps({**told, "model": "other", "learnt": 1}))
    result = invoke("report", "a.json", "b.json", "-o", "both.html")
    assert result.exit_code == 0, result.stderr
    shown = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "! B was trained on 1 of 2 documents: its scores say how well it remembers" in shown
    assert (
        next(line for line in shown if line.startswith("accuracy")).split()[1:]
        == [f"{told['scores']['accuracy']:.4g}"] * 2
    )
    assert "2 evaluations side by side" in Path("both.html").read_text()


@pytest.mark.parametrize(
    ("about", "said", "code"),
    [
        (["runs/a", "scores.json"], "✗ scores.json  this is an evaluation, and runs/a a run", 2),
        (["runs/a", "runs/a/"], "✗ runs/a/  this is named twice", 2),
        ([f"runs/{n}" for n in range(9)], "9 cannot stand beside each other", 2),
        (["runs/a", "runs/none"], "this is no run folder", 4),
    ],
)
@pytest.mark.usefixtures("runs")
def test_what_cannot_stand_beside_each_other_is_refused(invoke: Any, about: list[str], said: str, code: int) -> None:
    Path("scores.json").write_text("{}")
    result = invoke("report", *about)
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr
    assert not Path("report.html").exists()


def test_a_run_gets_a_page_and_small_plots(invoke: Any) -> None:
    folder = Path("runs/a")
    folder.mkdir(parents=True)
    events = [
        {"event": "step", "step": 10 * n, "n_steps": 80, "loss": 9.0 - n, "tokens_per_second": 100.0, "memory_mb": 5.0}
        for n in range(1, 9)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    result = invoke("report", folder)
    assert result.exit_code == 0, result.stderr
    assert "█▇▆▅▄▃▂▁" in result.stdout
    assert "written to runs/a/report.html" in result.stderr
    assert "<polyline" in (folder / "report.html").read_text()


def test_an_evaluation_gets_a_page(invoke: Any, tiny_classify_model: Path) -> None:
    Path("colours.csv").write_text("text,label\nthe sea,blue\nthe lamp,red\n")
    Path("scores.json").write_text(invoke("evaluate", tiny_classify_model, "colours.csv", "--json").stdout)
    result = invoke("report", "scores.json", "--quiet", "-o", "page.html")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    assert "Confusion matrix" in Path("page.html").read_text()


def test_what_is_no_run_and_no_evaluation_is_refused(invoke: Any) -> None:
    Path("a.json").write_text('{"scores": {}}')
    assert (result := invoke("report", "a.json")).exit_code == 3
    assert "is missing" in result.stderr
    assert invoke("report", ".").exit_code == 4

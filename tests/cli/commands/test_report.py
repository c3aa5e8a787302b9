"""`bigbird report`: a page, and a summary in the terminal."""

import json
from pathlib import Path
from typing import Any


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

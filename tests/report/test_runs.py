"""Pages about runs and evaluations hold what they were made of, as text, and nothing that runs."""

import re
from pathlib import Path
from typing import Any

import pytest

from bigbird_cli.api.gold.evaluating import Evaluation
from bigbird_cli.api.recipes.runs import RunCurves
from bigbird_cli.errors import UsageError
from bigbird_cli.report.runs.drawing import HEIGHT, MOST_POINTS, WIDTH, curve, number
from bigbird_cli.report.runs.page import evaluation_html, run_html
from bigbird_cli.report.runs.write import write_page

RUN: RunCurves = {
    "run": "runs/<a>",
    "task": "qa",
    "state": "finished",
    "steps": 20,
    "n_steps": 20,
    "metric": "f1",
    "best": 70.0,
    "best_step": 10,
    "scores": {"f1": 70.0},
    "curves": {"loss": [{"step": 10, "value": 2.0}, {"step": 20, "value": 1.0}], "lr": []},
    "recipe": "seed: 1 # <script>",
    "settings": {"seed": "<b>1</b>"},
}
EVALUATION: Evaluation = {
    "model": "m",
    "data": "<d>",
    "task": "classify",
    "metric": "accuracy",
    "examples": 3,
    "documents": 3,
    "tokens": 30,
    "scores": {"accuracy": 66.7},
    "intervals": {"accuracy": (10.0, 90.0)},
    "by_length": [
        {"name": "to 512 tokens", "examples": 3, "metric": "accuracy", "score": 66.7, "low": None, "high": None}
    ],
    "by_position": [],
    "by_name": {
        "labels": [{"name": "<b>", "precision": 1.0, "recall": 2.0, "f1": 3.0, "total": 4, "predicted": 5}],
    },
    "confusion": {"labels": ["<b>", "c"], "counts": [[1, 1], [0, 0]]},
    "calibration": {
        "label": {
            "count": 3,
            "error": 12.3,
            "confidence": 0.5,
            "right": 0.6,
            "bins": [{"low": 0.4, "high": 0.5, "count": 3, "confidence": 0.5, "right": 0.6}],
        }
    },
    "mistakes": [{"id": "a", "score": 0.9, "gold": "<i>", "predicted": "c", "text": "<u>"}],
}


@pytest.mark.parametrize("page", [run_html(RUN), evaluation_html(EVALUATION)], ids=["run", "evaluation"])
def test_a_page_shows_text_as_text_and_fetches_nothing(page: str) -> None:
    assert not re.search(r"<(a|b|d|i|u|script)>", page)
    assert not re.search(r"(src|href)=", page)
    assert "default-src 'none'" in page


def test_a_run_has_a_curve_for_all_that_was_measured() -> None:
    page = run_html(RUN)
    assert page.count("<polyline") == 1
    assert "step 20: 1" in page
    assert "seed: 1 # &lt;script&gt;" in page
    assert "&lt;b&gt;1&lt;/b&gt;" in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "unfinished"}, "goes on with <code>bigbird finetune runs/&lt;a&gt;</code>"),
        ({"state": "unfinished", "task": "mlm"}, "<code>bigbird pretrain"),
        ({"state": "unfinished", "n_steps": 0, "curves": {}}, "No step has been logged yet"),
        ({"state": "diverged", "problem": "the loss was nan at step 20"}, "the loss was nan at step 20"),
        ({"stopped_early": True}, "had not become better"),
    ],
)
def test_a_run_that_did_not_reach_its_end_says_why_and_what_to_do(changes: Any, said: str) -> None:
    run: Any = {**RUN, **changes}
    assert said in run_html(run)
    assert said not in run_html(RUN)


def test_an_evaluation_has_its_tables_and_its_mistakes_in_their_text() -> None:
    page = evaluation_html(EVALUATION)
    for said in ("Confusion matrix", "Calibration of the label", "Expected error 12.3 %", "&lt;u&gt;"):
        assert said in page


def test_a_curve_fills_its_drawing_and_keeps_its_ends() -> None:
    drawn = curve("loss", [{"step": step, "value": float(step)} for step in range(1, 2000)])
    assert len(drawn.spots) <= MOST_POINTS + 1
    assert (drawn.spots[0][:2], drawn.spots[-1][:2]) == ((0, HEIGHT), (WIDTH, 0))
    assert curve("loss", [{"step": 1, "value": 3.0}]).line == f"{WIDTH / 2},{HEIGHT / 2}"


@pytest.mark.parametrize(
    ("value", "said"), [(0.0, "0"), (3e-5, "3.0e-05"), (1234.5, "1,234"), (0.5, "0.5"), (71.234, "71.23")]
)
def test_numbers_are_short(value: float, said: str) -> None:
    assert number(value) == said


def test_a_page_is_written_where_a_folder_is(tmp_path: Path) -> None:
    assert write_page(tmp_path / "a.html", "page").read_text() == "page"
    with pytest.raises(UsageError, match="is not there"):
        write_page(tmp_path / "none" / "a.html", "page")

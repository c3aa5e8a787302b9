"""Pages about runs and evaluations hold what they were made of, as text, and nothing that runs."""

import re
from pathlib import Path
from typing import Any

import pytest

from bigbird_cli.api.beside import EvaluationsBeside, RunsBeside, evaluations_beside
from bigbird_cli.api.gold.evaluating import Evaluation
from bigbird_cli.api.recipes.runs import RunCurves
from bigbird_cli.errors import UsageError
from bigbird_cli.report.runs.drawing import HEIGHT, MOST_POINTS, WIDTH, curve, number
from bigbird_cli.report.runs.page import beside_html, evaluation_html, run_html
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


OTHER: RunCurves = {
    **RUN,
    "run": "runs/b",
    "curves": {"loss": [{"step": 20, "value": 3.0}, {"step": 40, "value": 1.5}], "f1": [{"step": 40, "value": 9.0}]},
}
RUNS: RunsBeside = {
    "runs": [RUN, OTHER],
    "settings": {"optim.lr": ["<b>1</b>", None]},
    "scores": {"f1": [70.0, None]},
    "test": {},
    "curves": {"loss": [RUN["curves"]["loss"], OTHER["curves"]["loss"]], "f1": [[], OTHER["curves"]["f1"]]},
}
EVALUATIONS: EvaluationsBeside = evaluations_beside([EVALUATION, {**EVALUATION, "model": "<a>", "learnt": 2}])


@pytest.mark.parametrize(
    "page",
    [run_html(RUN), evaluation_html(EVALUATION), beside_html(RUNS), beside_html(EVALUATIONS)],
    ids=["run", "evaluation", "runs", "evaluations"],
)
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


def test_scores_of_types_stand_a_type_a_row() -> None:
    of_types = {"precision_<T>": 50.0, "recall_<T>": 40.0, "f1_<T>": 44.4, "total_<T>": 7.0, "f1_to_512_tokens": 61.0}
    page = " ".join(run_html({**RUN, "scores": {"f1": 70.0, **of_types}}).split())
    row = "".join(f'<td class="num">{value}</td>' for value in ("50", "40", "44.4", "7"))
    assert f'<tr><th scope="row"><bdi>&lt;T&gt;</bdi></th>{row}</tr>' in page
    assert '<tr><th scope="row">f1 to 512 tokens</th><td class="num">61</td></tr>' in page
    assert "precision &lt;T&gt;" not in page
    assert '<th scope="col" class="num">recall</th>' not in run_html(RUN)


def test_an_evaluation_has_its_tables_and_its_mistakes_in_their_text() -> None:
    page = evaluation_html(EVALUATION)
    for said in ("Confusion matrix", "Calibration of the label", "Expected error 12.3 %", "&lt;u&gt;"):
        assert said in page


def test_an_evaluation_on_what_was_learnt_says_so() -> None:
    said = "was trained on 2 of these documents"
    assert said in evaluation_html({**EVALUATION, "learnt": 2})
    assert said not in evaluation_html(EVALUATION)
    assert "was trained on 2 of the 3 documents" in beside_html(EVALUATIONS)


def test_runs_stand_in_one_drawing_and_what_one_lacks_is_a_dash() -> None:
    page = beside_html(RUNS)
    assert page.count("<figure>") == 2
    assert page.count("<polyline") == 3
    assert "B, step 40: 1.5" in page
    assert "<code>optim.lr</code>" in page
    assert page.count('<span class="dim">–</span>') == 2
    assert "goes on with" not in page


def test_curves_of_several_runs_have_the_same_axes() -> None:
    drawn = curve("loss", RUNS["curves"]["loss"], called="AB")
    assert (drawn.low, drawn.high, drawn.steps) == ("1", "3", ("10", "40"))
    assert [line.line for line in drawn.lines] == [
        f"0.0,{HEIGHT / 2} {round(WIDTH / 3, 1)},{float(HEIGHT)}",
        f"{round(WIDTH / 3, 1)},0.0 {float(WIDTH)},{0.75 * HEIGHT}",
    ]
    only = curve("f1", RUNS["curves"]["f1"], called="AB")
    assert [line.of for line in only.lines] == [1]


def test_a_curve_fills_its_drawing_and_keeps_its_ends() -> None:
    drawn = curve("loss", [[{"step": step, "value": float(step)} for step in range(1, 2000)]]).lines[0]
    assert len(drawn.spots) <= MOST_POINTS + 1
    assert (drawn.spots[0][:2], drawn.spots[-1][:2]) == ((0, HEIGHT), (WIDTH, 0))
    assert curve("loss", [[{"step": 1, "value": 3.0}]]).lines[0].line == f"{WIDTH / 2},{HEIGHT / 2}"


@pytest.mark.parametrize(
    ("value", "said"), [(0.0, "0"), (3e-5, "3.0e-05"), (1234.5, "1,234"), (0.5, "0.5"), (71.234, "71.23")]
)
def test_numbers_are_short(value: float, said: str) -> None:
    assert number(value) == said


def test_a_page_is_written_where_a_folder_is(tmp_path: Path) -> None:
    assert write_page(tmp_path / "a.html", "page").read_text() == "page"
    with pytest.raises(UsageError, match="is not there"):
        write_page(tmp_path / "none" / "a.html", "page")

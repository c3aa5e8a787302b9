"""A page about a run or an evaluation, of its template and style sheet."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from markupsafe import Markup

from bigbird_cli import __version__
from bigbird_cli.api.beside import LETTERS, EvaluationsBeside, RunsBeside
from bigbird_cli.api.gold.evaluating import Evaluation
from bigbird_cli.api.recipes.runs import RunCurves
from bigbird_cli.report.runs.drawing import HEIGHT, WIDTH, curve, number
from bigbird_cli.report.templating import asset, policy_hash, templates

_HERE = __name__.rpartition(".")[0]

MOST_NAMES = 200
"""Labels of a table at most."""

WIDEST_MATRIX = 40
"""Labels of a confusion matrix that is drawn at most."""


def run_html(run: RunCurves) -> str:
    """A page about a training run: its curves, scores and recipe."""
    curves = [curve(name, [points]) for name, points in run["curves"].items() if points]
    scored = {"dev data, best model": run.get("scores", {}), "test data": run.get("test", {})}
    tables = {heading: _by_type(scores) for heading, scores in scored.items() if scores}
    return _render("run.html", title=run["run"], run=run, curves=curves, tables=tables)


TYPE_SCORES = ("precision", "recall", "f1", "total")
"""Of each type of entity, a row."""


def _by_type(scores: Mapping[str, float]) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Scores of the whole, and for each type that has all of TYPE_SCORES these."""
    stems = (name.removeprefix("precision_") for name in scores if name.startswith("precision_"))
    types = [stem for stem in stems if all(f"{name}_{stem}" in scores for name in TYPE_SCORES)]
    rows = {stem: [scores[f"{name}_{stem}"] for name in TYPE_SCORES] for stem in types}
    theirs = {f"{name}_{stem}" for stem in types for name in TYPE_SCORES}
    return {name: value for name, value in scores.items() if name not in theirs}, rows


def beside_html(beside: RunsBeside | EvaluationsBeside) -> str:
    """A page about several runs, or several evaluations, beside each other."""
    if "evaluations" in beside:
        return _render(
            "evaluations.html",
            title=" · ".join(each["model"] for each in beside["evaluations"]),
            beside=beside,
            names={how: dict(islice(rows.items(), MOST_NAMES)) for how, rows in beside["by_name"].items()},
        )
    called = [LETTERS[i] for i in range(len(beside["runs"]))]
    curves = [curve(name, runs, called=called) for name, runs in beside["curves"].items()]
    return _render("runs.html", title=" · ".join(run["run"] for run in beside["runs"]), beside=beside, curves=curves)


def evaluation_html(evaluation: Evaluation) -> str:
    """A page about an evaluation: its scores with their intervals, parts, labels, calibration and surest mistakes."""
    confusion = evaluation.get("confusion")
    matrix = confusion if confusion is not None and len(confusion["labels"]) <= WIDEST_MATRIX else None
    names = {
        how: sorted(rows, key=lambda row: -row["total"])[:MOST_NAMES] for how, rows in evaluation["by_name"].items()
    }
    return _render(
        "evaluation.html",
        title=f"{evaluation['model']} on {evaluation['data']}",
        evaluation=evaluation,
        names=names,
        matrix=matrix,
    )


def _render(template: str, **values: Any) -> str:
    style = asset(_HERE, "report.css")
    environment = templates(_HERE)
    environment.filters["number"] = number
    page = environment.get_template(template)
    return page.render(
        style=Markup(style),
        style_hash=policy_hash(style),
        version=__version__,
        letters=LETTERS,
        type_scores=TYPE_SCORES,
        width=WIDTH,
        height=HEIGHT,
        **values,
    )

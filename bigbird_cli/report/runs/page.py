"""A page about a run or an evaluation, of its template and style sheet."""

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
    return _render("run.html", title=run["run"], run=run, curves=curves)


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
        width=WIDTH,
        height=HEIGHT,
        **values,
    )

"""Runs, or evaluations, drawn beside each other."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from bigbird_cli.api.beside import LETTERS
from bigbird_cli.cli.console import duration
from bigbird_cli.cli.plots import sparkline
from bigbird_cli.cli.scores import HOW, MOST_NAMES, PLOT, Scores, interval
from bigbird_cli.messages import counted, shortened

if TYPE_CHECKING:
    from bigbird_cli.api.beside import EvaluationsBeside, RunsBeside
    from bigbird_cli.api.recipes.runs import RunCurves

_NONE = "–"
_LONGEST_SETTING = 40


def show_runs_beside(beside: "RunsBeside") -> None:
    """Draw what several runs measured, their scores, and the settings in which they differ."""
    draw = Scores()
    runs = beside["runs"]
    draw.table(
        ("", "<run", "?<task", "<", "steps", "?"),
        [(LETTERS[i], shortened(run["run"]), run["task"] or "", *_went(run)) for i, run in enumerate(runs)],
    )
    metric = next((run["metric"] for run in runs if "metric" in run), "")
    _rows(draw, "scores on the dev data, best models", beside["scores"], first=metric)
    _rows(draw, "scores on the test data", beside["test"], first=metric)
    draw.heading("settings that differ" if beside["settings"] else "no setting differs")
    if beside["settings"]:
        columns = ("<", *(f"<{letter}" for letter in LETTERS[: len(runs)]))
        rows = [
            [name, *(_NONE if value is None else shortened(value, most=_LONGEST_SETTING) for value in values)]
            for name, values in beside["settings"].items()
        ]
        draw.table(columns, rows)
    plots = [
        (
            name.replace("_", " ") if not i else "",
            LETTERS[of],
            sparkline([point["value"] for point in points], PLOT),
            f"{points[0]['value']:.4g}",
            f"{points[-1]['value']:.4g}",
        )
        for name, each in beside["curves"].items()
        for i, (of, points) in enumerate((of, points) for of, points in enumerate(each) if points)
    ]
    if plots:
        draw.heading("curves")
        draw.table(("<", "", "<", "first", "last"), plots)


def show_evaluations_beside(beside: "EvaluationsBeside") -> None:
    """Draw the scores of several evaluations."""
    draw = Scores()
    evaluations = beside["evaluations"]
    draw.table(
        ("", "<model", "<data", "?<task", "examples", "?tokens"),
        [
            (
                LETTERS[i],
                *map(shortened, (each["model"], each["data"], each["task"])),
                f"{each['examples']:,}",
                f"{each['tokens']:,}",
            )
            for i, each in enumerate(evaluations)
        ],
    )
    for each, letter in zip(evaluations, LETTERS, strict=False):
        if learnt := each.get("learnt"):
            of = counted(each["documents"], "document")
            draw.out.print(Text(f"! {letter} was trained on {learnt:,} of {of}: its scores say how well it remembers"))
    metric = evaluations[0]["metric"]
    _rows(draw, "scores", beside["scores"], first=metric)
    spans = {
        name.replace("_", " "): [interval(*each["intervals"].get(name, (None, None))) for each in evaluations]
        for name in beside["scores"]
        if any(name in each["intervals"] for each in evaluations)
    }
    if spans:
        draw.heading("95 % intervals")
        draw.table(("<", *LETTERS[: len(evaluations)]), [(name, *each) for name, each in spans.items()])
    _rows(draw, "by length of the document", beside["by_length"])
    _rows(draw, "by position in the document", beside["by_position"])
    for how, names in beside["by_name"].items():
        _rows(draw, f"{HOW[how]}: F1", dict(list(names.items())[:MOST_NAMES]))
    _rows(draw, "expected calibration errors, in percent", beside["calibration"])
    draw.out.print()
    draw.out.print(Text("whether models differ by more than chance: bigbird compare A B DATA", style="dim"))


def _went(run: "RunCurves") -> tuple[Text, str, str]:
    """How far a run came: its state, its steps, and the time that it took once it is over."""
    style = {"finished": "", "unfinished": "yellow", "diverged": "red"}[run["state"]]
    steps = f"{run['steps']:,}" if run["state"] == "finished" else f"{run['steps']:,} of {run['n_steps']:,}"
    return Text(run["state"], style=style), steps, duration(run["seconds"]) if "seconds" in run else ""


def _rows(draw: Scores, title: str, table: Mapping[str, Sequence[float | None]], *, first: str = "") -> None:
    """A row for each score, a column for each run or evaluation."""
    if not table:
        return
    n = max(map(len, table.values()))
    draw.heading(title)
    rows: list[Sequence[str | Text]] = [
        (
            Text(shortened(name.replace("_", " ")), style="bold" if name == first else ""),
            *(_NONE if value is None else f"{value:,.4g}" for value in table[name]),
        )
        for name in table
    ]
    draw.table(("<", *LETTERS[:n]), rows)

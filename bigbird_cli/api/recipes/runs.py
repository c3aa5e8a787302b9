"""`bigbird runs` and `bigbird report` as plain Python calls: what run folders tell of their training."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from bigbird_cli.errors import DataError, ModelError, RecipeError
from bigbird_cli.files.json import read_jsonl
from bigbird_cli.files.names import METRICS, RECIPE, TASK
from bigbird_cli.files.paths import local_path
from bigbird_cli.files.streams import file_errors

if TYPE_CHECKING:
    from bigbird_cli.recipe.schema import Recipe

DEEPEST = 3
"""Folders below each other in which runs are looked for."""


class Point(TypedDict):
    """What was measured at a step."""

    step: int
    value: float


class RunRecord(TypedDict):
    """What a run folder tells."""

    run: str
    task: str | None
    state: str
    """finished, diverged, or unfinished: going on, or stopped."""
    steps: int
    n_steps: int
    metric: NotRequired[str]
    """The score that the best model was chosen by; none without dev data."""
    best: NotRequired[float]
    best_step: NotRequired[int]
    scores: NotRequired[dict[str, float]]
    """Of the best model on the dev data."""
    test: NotRequired[dict[str, float]]
    """Of the best model on the test data."""
    loss: NotRequired[float]
    """The last that was told."""
    tokens_per_second: NotRequired[float]
    """The mean over steps."""
    memory_mb: NotRequired[float]
    seconds: NotRequired[float]
    """Of all steps and evaluations, once it is over."""
    stopped_early: NotRequired[bool]
    """Whether it ended for want of better scores, once it is over."""
    problem: NotRequired[str]
    """Why it diverged."""


class RunCurves(RunRecord):
    """A run folder with all that was measured as it went on."""

    curves: dict[str, list[Point]]
    """loss, lr, grad_norm, tokens_per_second, seconds_per_step, memory_mb, and the score that the best model was chosen
    by."""
    recipe: str
    """The text of its recipe.yaml; empty where it has none."""
    settings: dict[str, str]
    """Its settings that differ from the defaults, as a recipe writes them; none where this version cannot read it."""


CURVES = ("loss", "lr", "grad_norm", "tokens_per_second", "seconds_per_step", "memory_mb")


def list_runs(folder: str | Path = "runs") -> list[RunRecord]:
    """What the run folders below a folder tell, in the order of their names.

    Raises:
        DataError: there is no such folder.
    """
    root = local_path(folder)
    if not root.is_dir():
        raise DataError("there is no such folder", where=str(folder), fix="name the folder that your runs stand in")
    found = []
    for path in sorted(_run_folders(root, DEEPEST)):
        run = _read(path)
        found.append(RunRecord(**{name: value for name, value in run.items() if name in RunRecord.__annotations__}))  # type: ignore[typeddict-item]
    return found


def read_run(path: str | Path) -> RunCurves:
    """What a run folder tells, with its curves.

    Raises:
        ModelError: the folder is not there, or is no run's.
        DataError: its metrics are no JSON.
    """
    run = _read(path)
    recipe = read_recipe(path)
    run["settings"] = {} if recipe is None else _changed(recipe)
    return run


def read_recipe(run: str | Path) -> "Recipe | None":
    """The recipe of a run folder; None where there is none, or it is of another version."""
    from bigbird_cli.recipe import COMMANDS, load_recipe, task_of

    file = local_path(run) / RECIPE
    try:
        return load_recipe(file, COMMANDS["pretrain" if task_of(file) in ("mlm", "causal") else "finetune"])
    except RecipeError:
        return None


def _read(path: str | Path) -> RunCurves:
    """What a run folder tells, but for its settings: to read a recipe takes half a second."""
    folder = local_path(path)
    if not (folder / METRICS).is_file():
        raise ModelError(
            f"this is no run folder: {METRICS} is missing", where=str(path), fix="name the folder that a run made"
        )
    events = list(_events(folder / METRICS))
    steps = [event for event in events if event["event"] == "step"]
    evaluated = [event for event in events if event["event"] == "evaluated"]
    best = next((event for event in reversed(evaluated) if event.get("best")), None)
    last = max((int(event["step"]) for event in events), default=0)
    n_steps = int(steps[-1]["n_steps"]) if steps else last
    diverged = next((event for event in events if event["event"] == "diverged"), None)
    ended = next((event for event in events if event["event"] == "finished"), None)
    recipe = folder / RECIPE
    run: RunCurves = {
        "run": str(path),
        "task": _task(folder),
        "state": "diverged" if diverged is not None else "finished" if ended or last >= n_steps else "unfinished",
        "steps": last,
        "n_steps": n_steps,
        "curves": {name: _curve(steps, name) for name in CURVES},
        "recipe": recipe.read_text(encoding="utf-8") if recipe.is_file() else "",
        "settings": {},
    }
    if diverged is not None:
        run["problem"] = str(diverged["problem"])
    if ended is not None:
        run["seconds"] = float(ended["seconds"])
        run["stopped_early"] = bool(ended["stopped_early"])
    if best is not None:
        metric = str(best["metric"])
        run |= {"metric": metric, "best": best["scores"][metric], "best_step": int(best["step"])}
        run["scores"] = best["scores"]
        run["curves"][metric] = [
            {"step": int(event["step"]), "value": float(event["scores"][metric])} for event in evaluated
        ]
    if scored := [event for event in events if event["event"] == "scored"]:
        run["test"] = scored[-1]["scores"]
    if losses := run["curves"]["loss"]:
        rates = [point["value"] for point in run["curves"]["tokens_per_second"]]
        run |= {"loss": losses[-1]["value"], "tokens_per_second": sum(rates) / len(rates)}
        run["memory_mb"] = max(point["value"] for point in run["curves"]["memory_mb"])
    return run


def _changed(recipe: "Recipe") -> dict[str, str]:
    from bigbird_cli.training.card import changed_settings

    return dict(changed_settings(recipe))


def _run_folders(folder: Path, depth: int) -> Iterator[Path]:
    for below in folder.iterdir():
        if not below.is_dir() or below.name.startswith("."):
            continue
        if (below / METRICS).is_file():
            yield below
        elif depth > 1:
            yield from _run_folders(below, depth - 1)


def _events(file: Path) -> Iterator[dict[str, Any]]:
    """The lines of metrics.jsonl that tell of a step; the last may be torn."""
    with file_errors(file), file.open("rb") as stream:
        for _, row in read_jsonl(stream, str(file), example='{"event": "step", "step": 10, ...}'):
            if (
                not isinstance(row, DataError)
                and isinstance(row.get("event"), str)
                and isinstance(row.get("step"), int)
            ):
                yield row


def _curve(steps: list[dict[str, Any]], name: str) -> list[Point]:
    """What can be drawn: a number that JSON has not stands as a text."""
    values = [(event["step"], event.get(name)) for event in steps]
    return [{"step": step, "value": float(value)} for step, value in values if isinstance(value, int | float)]


def _task(folder: Path) -> str | None:
    """The type of its task; None before its best model is written."""
    file = folder / TASK
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["type"]) if file.is_file() else None
    except (ValueError, KeyError):
        return None

"""`bigbird report` of several as a plain Python call: runs, or evaluations, beside each other."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypedDict, TypeVar, final

from bigbird_cli.api.gold.evaluating import Evaluation, read_evaluation
from bigbird_cli.api.recipes.runs import Point, RunCurves, read_recipe, read_run
from bigbird_cli.errors import UsageError
from bigbird_cli.files.paths import local_path
from bigbird_cli.messages import visible
from bigbird_cli.section import Section

T = TypeVar("T")

MOST: Final = 8
"""Runs or evaluations at most: more curves in one drawing cannot be told apart."""

LETTERS: Final = "ABCDEFGH"
"""What they are called where they stand beside each other."""

_NO_SETTINGS: Final = ("card", "task.labels")


@final
class RunsBeside(TypedDict):
    """Several runs; each list has an item for each of them, None where a run lacks it."""

    runs: list[RunCurves]
    settings: dict[str, list[str | None]]
    """In which their recipes differ, defaults included; of a recipe that this version cannot read nothing is told."""
    scores: dict[str, list[float | None]]
    """Of the best models on the dev data, the score that they were chosen by first."""
    test: dict[str, list[float | None]]
    """Of the best models on the test data."""
    curves: dict[str, list[list[Point]]]


@final
class EvaluationsBeside(TypedDict):
    """Several evaluations; each list has an item for each of them, None where an evaluation lacks it."""

    evaluations: list[Evaluation]
    scores: dict[str, list[float | None]]
    by_length: dict[str, list[float | None]]
    by_position: dict[str, list[float | None]]
    by_name: dict[str, dict[str, list[float | None]]]
    """F1 of each label or type, the most frequent ones first."""
    calibration: dict[str, list[float | None]]
    """Expected calibration errors, in percent."""


def read_beside(paths: Sequence[str | Path]) -> RunsBeside | EvaluationsBeside:
    """What several runs, or several evaluations, tell, and where they differ.

    Args:
        paths: run folders, or files that `bigbird evaluate --json` wrote; two at least.

    Raises:
        UsageError: there are too few or too many, some are runs and others evaluations, or one is named twice.
        ModelError: a folder is not there, or is no run's.
        DataError: a file holds no evaluation, or a run's metrics are no JSON.
    """
    if not 2 <= len(paths) <= MOST:
        raise UsageError(
            f"{len(paths)} cannot stand beside each other", where="report", fix=f"name two, or up to {MOST}"
        )
    files = [local_path(path) for path in paths]
    for number, (path, file) in enumerate(zip(paths, files, strict=True)):
        if file.resolve() in [other.resolve() for other in files[:number]]:
            raise UsageError("this is named twice", where=str(path), fix="name it once")
    are_files = [file.is_file() for file in files]
    if any(are_files) and not all(are_files):
        raise UsageError(
            f"this is an evaluation, and {paths[are_files.index(False)]} a run",
            where=str(paths[are_files.index(True)]),
            fix="name runs alone, or evaluations alone",
        )
    return evaluations_beside(map(read_evaluation, files)) if all(are_files) else runs_beside(paths)


def runs_beside(paths: Iterable[str | Path]) -> RunsBeside:
    """What several runs tell."""
    runs = [read_run(path) for path in paths]
    recipes = [read_recipe(run["run"]) for run in runs]
    told = [None if recipe is None else dict(_settings(recipe)) for recipe in recipes]
    settings = _beside([values or {} for values in told])
    known = [values is not None for values in told]
    metrics = {run["metric"] for run in runs if "metric" in run}
    return {
        "runs": runs,
        "settings": {
            name: values
            for name, values in settings.items()
            if len({value for value, is_known in zip(values, known, strict=True) if is_known}) > 1
        },
        "scores": _scores([run.get("scores", {}) for run in runs], metrics),
        "test": _scores([run.get("test", {}) for run in runs], metrics),
        "curves": {
            name: [points or [] for points in each]
            for name, each in _beside([run["curves"] for run in runs]).items()
            if any(each)
        },
    }


def evaluations_beside(read: Iterable[Evaluation]) -> EvaluationsBeside:
    """What several evaluations tell."""
    evaluations = list(read)
    hows = dict.fromkeys(chain.from_iterable(each["by_name"] for each in evaluations))
    totals = {
        how: {row["name"]: row["total"] for each in evaluations for row in each["by_name"].get(how, [])} for how in hows
    }
    by_name = {
        how: _beside([{row["name"]: row["f1"] for row in each["by_name"].get(how, [])} for each in evaluations])
        for how in hows
    }
    return {
        "evaluations": evaluations,
        "scores": _scores([each["scores"] for each in evaluations], {each["metric"] for each in evaluations}),
        "by_length": _beside([{part["name"]: part["score"] for part in each["by_length"]} for each in evaluations]),
        "by_position": _beside([{part["name"]: part["score"] for part in each["by_position"]} for each in evaluations]),
        "by_name": {
            how: dict(sorted(rows.items(), key=lambda row: -totals[how][row[0]])) for how, rows in by_name.items()
        },
        "calibration": _beside(
            [{what: table["error"] for what, table in each["calibration"].items()} for each in evaluations]
        ),
    }


def _beside(tables: Sequence[Mapping[str, T]]) -> dict[str, list[T | None]]:
    """Rows of the tables under each name that one of them has, in the order in which they come."""
    names = dict.fromkeys(chain.from_iterable(tables))
    return {name: [table.get(name) for table in tables] for name in names}


def _scores(tables: Sequence[Mapping[str, float]], metrics: Container[str]) -> dict[str, list[float | None]]:
    """Scores under their names, those by which models are chosen first."""
    found = _beside(tables)
    return {name: found[name] for name in sorted(found, key=lambda name: name not in metrics)}


def _settings(section: Section, prefix: str = "") -> Iterator[tuple[str, str]]:
    """All settings of a recipe by their names, as a recipe writes them."""
    written: dict[str, Any] = section.model_dump(mode="json")
    for name in type(section).model_fields:
        value, full = getattr(section, name), f"{prefix}{name}"
        if full in _NO_SETTINGS:
            continue
        if isinstance(value, Section):
            yield from _settings(value, f"{full}.")
        elif value is not None:
            said = written[name]
            yield full, visible(", ".join(map(str, said)) if isinstance(said, list) else str(said))

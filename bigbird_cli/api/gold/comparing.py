"""`bigbird compare` as a plain Python call: whether two models differ on the same data, and on which examples."""

from pathlib import Path
from typing import Any, Final, TypedDict, Unpack

import numpy as np

from bigbird_cli.api.gold.gold import GoldOptions, task_of, try_model
from bigbird_cli.api.gold.outcome_files import read_outcomes
from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.files.paths import local_path
from bigbird_cli.messages import counted
from bigbird_cli.scoring import LEVEL, differences
from bigbird_cli.tasks.outcomes import Outcomes
from bigbird_cli.weights.store import open_folder

FILES = (".jsonl", ".json")
"""What a file of predictions is called."""

_KINDS: Final = {
    "qa": ("answer",),
    "ner": ("entities",),
    "classify": ("label", "labels", "number"),
    "multiple_choice": ("label",),
    "zero_shot": ("label",),
}
"""Of predictions that a task gives."""


class ScoreDifference(TypedDict):
    """A score of both models, and how they differ."""

    name: str
    a: float
    b: float
    difference: float
    """B's less A's."""
    low: float
    high: float
    """Where the difference lies for 95 % of samples of as many documents."""
    p: float
    """How often chance alone makes one as large: by approximate randomisation."""
    significant: bool
    """p is 0.05 at most."""


class Change(TypedDict):
    """An example that one of the models gets better than the other."""

    id: str
    gold: str
    a: str
    b: str
    better: str
    """a or b."""
    difference: float
    """How much better b is: of the example's F1, of its being right, or of its error."""


class ComparedModels(TypedDict):
    """How two models differ on the same data."""

    a: str
    b: str
    data: str | None
    examples: int
    documents: int
    scores: list[ScoreDifference]
    better_a: int
    better_b: int
    """Examples that one of them gets better."""
    changes: list[Change]
    """All of them, in the data's order."""


def compare(
    a: str | Path, b: str | Path, data: str | Path | None = None, **options: Unpack[GoldOptions]
) -> ComparedModels:
    """Compare two models on the same data: their scores with significance, and what changed example by example.

    Args:
        a, b: each a model, as of `evaluate`, or a file of predictions that `evaluate` wrote (*.jsonl).
        data: with gold; may be left out where both are files.
        **options: see GoldOptions.

    Raises:
        UsageError: an option has an impossible value, a model is given and no data, or the two are of different tasks.
        DataError: the data or a file cannot be used, or they are not of the same examples.
        ModelError: a model cannot be used.
        ResourceError: memory did not suffice.
    """
    models = [each for each in (a, b) if not _is_file(each)]
    if models and data is None:
        raise UsageError(f"{models[0]} is a model, and there is no data to try it on", where="data", fix="name some")
    _check_tasks(a, b, options)
    left, right = (_outcomes(each, data, options) for each in (a, b))
    _check_same(left, right)
    documents = [record["document"] for record in left.records]
    names = sorted({*left.names(), *right.names()})
    tallies = [each.tally(names).by(documents) for each in (left, right)]
    scores = [tally.scores() for tally in tallies]
    changes = _changes(left, right)
    return {
        "a": str(a),
        "b": str(b),
        "data": None if data is None else str(data),
        "examples": len(documents),
        "documents": len(set(documents)),
        "scores": [
            {
                "name": name,
                "a": scores[0][name],
                "b": scores[1][name],
                "difference": found.value,
                "low": found.low,
                "high": found.high,
                "p": found.p,
                "significant": found.p <= 1 - LEVEL + 1e-12,
            }
            for name, found in differences(*tallies).items()
        ],
        "better_a": sum(change["better"] == "a" for change in changes),
        "better_b": sum(change["better"] == "b" for change in changes),
        "changes": changes,
    }


def _is_file(source: str | Path) -> bool:
    path = local_path(source)
    return path.suffix in FILES and not path.is_dir()


def _check_tasks(a: str | Path, b: str | Path, options: GoldOptions) -> None:
    """UsageError where the two are of different tasks, so that no data is for both."""
    said: list[str] = []
    tasks: list[set[str]] = []  # that each may be of
    for source in (a, b):
        if _is_file(source):
            kind = read_outcomes(local_path(source)).kind
            said.append(f"{source} holds predictions of the kind {kind!r}")
            tasks.append({task for task, kinds in _KINDS.items() if kind in kinds})
        else:
            offline, revision = options.get("offline", False), options.get("revision")
            task = options.get("task") or task_of(open_folder(source, offline=offline, revision=revision))
            said.append(f"{source} is a model for {task}")
            tasks.append({task})
    if not tasks[0] & tasks[1]:
        raise UsageError(
            f"these are of different tasks: {said[0]}, and {said[1]}",
            fix="compare two of one task; what each of these is worth, bigbird evaluate MODEL DATA tells",
        )


def _outcomes(source: str | Path, data: str | Path | None, options: GoldOptions) -> Outcomes[Any]:
    if _is_file(source):
        return read_outcomes(local_path(source))
    return try_model(source, data or "", options).outcomes


def _check_same(a: Outcomes[Any], b: Outcomes[Any]) -> None:
    """DataError unless both are of the same examples, with the same gold."""
    if a.kind != b.kind:
        raise DataError(
            f"the predictions of one are of the kind {a.kind!r}, of the other {b.kind!r}",
            fix="compare two of one task",
        )
    ids = [[record["id"] for record in each.records] for each in (a, b)]
    if ids[0] != ids[1]:
        at = next((i for i, pair in enumerate(zip(*ids, strict=False)) if pair[0] != pair[1]), min(map(len, ids)))
        raise DataError(
            f"the predictions are of {len(ids[0]):,} and of {counted(len(ids[1]), 'example')}, which differ from"
            f" example {at + 1:,} on",
            fix="evaluate both on the same data",
        )


def _changes(a: Outcomes[Any], b: Outcomes[Any]) -> list[Change]:
    moved = b.quality() - a.quality()
    return [
        {
            "id": a.records[i]["id"],
            "gold": a.gold(a.records[i]),
            "a": a.predicted(a.records[i]),
            "b": b.predicted(b.records[i]),
            "better": "b" if moved[i] > 0 else "a",
            "difference": float(moved[i]),
        }
        for i in np.flatnonzero(moved).tolist()
    ]

"""`bigbird calibrate` as a plain Python call: fit what a model's scores mean, and store it with the model."""

import json
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NotRequired, TypedDict, Unpack

import numpy as np

from bigbird_cli.api.gold.gold import GoldOptions, count_learnt, open_for_gold, predicted, read_gold, text_of
from bigbird_cli.api.reading.reader import Reader
from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.files.folders import whole_files, whole_folder
from bigbird_cli.files.names import METRICS, TASK
from bigbird_cli.files.paths import is_local, local_path
from bigbird_cli.scoring import Reliability, reliability
from bigbird_cli.tasks.calibration import Calibration, Observed
from bigbird_cli.tasks.classify.calibration import ClassCalibration
from bigbird_cli.tasks.multiple_choice import ChoiceCalibration
from bigbird_cli.tasks.ner.calibration import NERCalibration
from bigbird_cli.tasks.outcomes import first_with
from bigbird_cli.tasks.qa.calibration import LOSS, QACalibration
from bigbird_cli.tasks.zero_shot import ZeroShotCalibration
from bigbird_cli.weights.store import open_folder

N_FOLDS: Final = 2

_CALIBRATIONS: Final[dict[str, Callable[..., Calibration[Any]]]] = {
    "ner": NERCalibration,
    "classify": ClassCalibration,
    "zero_shot": ZeroShotCalibration,
    "multiple_choice": ChoiceCalibration,
}


class Calibrated(TypedDict):
    """What was fitted, and what it does."""

    model: str
    data: list[str]
    out: str | None
    """The folder whose task.json has the settings now; None where nothing was written."""
    task: str
    metric: str
    """The task's main score."""
    examples: int
    documents: int
    settings: dict[str, float]
    """Those that changed."""
    before: dict[str, Reliability]
    after: dict[str, Reliability]
    """With settings that were fitted to the other half of the documents each time."""
    scores_before: dict[str, float]
    scores_after: dict[str, float]
    learnt: NotRequired[int]
    """Of the documents, those that the model was trained on; missing where its folder does not tell."""


def calibrate(
    model: str | Path,
    data: str | Path | Sequence[str | Path],
    *,
    out: str | Path | None = None,
    dry_run: bool = False,
    loss: float = LOSS,
    **options: Unpack[GoldOptions],
) -> Calibrated:
    """Fit the settings that say what a model's scores mean, and store them in its task.json.

    Of qa: length penalty, temperature, scale, bias and window prior of the odds, and the no-answer threshold; of ner
    the temperature, and the least score of an entity; of classify the temperature, and the threshold of several labels;
    of zero_shot scales and biases; of multiple_choice the temperature.

    Args:
        model: as of `evaluate`; where it is not a folder of yours, `out` is needed.
        data: with gold, that taught the model nothing: a warning tells of documents that did, as far as its folder
            knows them; several sets count alike, whatever their sizes.
        out: a new folder for a copy of the model; None writes into the model's own.
        dry_run: write nothing.
        loss: of qa, the points of F1 that refusing may cost the questions with an answer.
        **options: see GoldOptions; settings that are overridden are stored too, columns of the data aside.

    Raises:
        UsageError: an option has an impossible value, or the model is not yours to write into.
        DataError: the data cannot be used.
        ModelError: the model cannot be used, or has no scores to fit.
        ResourceError: memory or disk did not suffice.
    """
    sources = [data] if isinstance(data, str | Path) else list(data)
    target = None if dry_run else _target(model, out)
    reader = open_for_gold(model, options)
    task = reader.task
    calibrations = _CALIBRATIONS | {"qa": partial(QACalibration, loss=loss)}
    make = calibrations.get(task.type)
    if make is None or (task.type == "classify" and task.kind.fixed_names):
        raise UsageError(f"nothing of a model for {_what(task)} can be fitted", where="model", fix="name another")
    sets = [read_gold(reader, source, options) for source in sources]
    learnt = _count_learnt(reader, sources, sets)
    examples = [example for _, each in sets for example in each]
    parts = [number for number, (_, each) in enumerate(sets) for _ in each]
    scorer = sets[0][0].task  # as the task, but where labels are renamed
    observed = Observed(examples, list(predicted(reader, examples)), parts, reader.tokenizer)
    calibration = make(scorer, observed)
    documents = first_with([text_of(example) for example in examples])
    if len(set(documents)) < N_FOLDS:
        raise DataError("there is one document, and two at least are needed", where=str(sources[0]), fix="name more")
    predictions = observed.decoded(scorer)
    held_out = _held_out(calibration, documents)
    before, fitted = scorer.model_dump(), calibration.fitted(range(len(examples))).model_dump()
    settings = {name: value for name, value in fitted.items() if value != before[name]}
    if target is not None:
        kept = [change for change in options.get("overrides", ()) if not _is_of_data(change)]
        stored = open_for_gold(model, {**options, "overrides": kept}).task
        _store(model, target, type(task).model_validate(stored.model_dump() | settings), options)
    calibrated: Calibrated = {
        "model": str(model),
        "data": [str(source) for source in sources],
        "out": None if target is None else str(target),
        "task": task.type,
        "metric": task.main_metric,
        "examples": len(examples),
        "documents": len(set(documents)),
        "settings": settings,
        "before": _reliabilities(scorer, predictions, examples),
        "after": _reliabilities(scorer, held_out, examples),
        "scores_before": dict(scorer.score(predictions, examples)),
        "scores_after": dict(scorer.score(held_out, examples)),
    }
    if learnt is not None:
        calibrated["learnt"] = learnt
    return calibrated


def _count_learnt(
    reader: Reader[Any], sources: Sequence[str | Path], sets: Sequence[tuple[Any, list[Any]]]
) -> int | None:
    so = "it is surer there than of what is new, and what is fitted says too much"
    counts = [
        count_learnt(reader, examples, str(source), so=so) for source, (_, examples) in zip(sources, sets, strict=True)
    ]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _held_out(calibration: Calibration[Any], documents: Sequence[int]) -> list[Any]:
    """Predictions of each document by settings that were fitted to the others' half."""
    numbers = {document: i for i, document in enumerate(dict.fromkeys(documents))}
    fold = np.array([numbers[document] % N_FOLDS for document in documents])
    held_out: list[Any] = [None] * len(documents)
    for k in range(N_FOLDS):
        task = calibration.fitted(np.flatnonzero(fold != k).tolist())
        predictions = calibration.observed.decoded(task)
        for i in np.flatnonzero(fold == k).tolist():
            held_out[i] = predictions[i]
    return held_out


def _reliabilities(task: Any, predictions: Sequence[Any], examples: Sequence[Any]) -> dict[str, Reliability]:
    found = task.outcomes(predictions, examples).confidences()
    return {what: reliability(*each) for what, each in found.items() if len(each[0])}


def _is_of_data(change: str) -> bool:
    """Whether an override says where in the data something stands: that is not the model's affair."""
    return change.partition("=")[0].strip().endswith(("_column", "_separator"))


def _what(task: Any) -> str:
    return "numbers" if task.type == "classify" else task.type.replace("_", " ")


def _target(model: str | Path, out: str | Path | None) -> Path:
    """The folder to write into, before anything is computed."""
    if out is None:
        if not is_local(model):
            raise UsageError(
                f"{model} is not a folder of yours, and is not written into", where="out", fix="name a new folder"
            )
        return local_path(model)
    path = local_path(out)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError("this is there already, and is not written into", where=str(path), fix="name a new folder")
    return path


def _store(model: str | Path, target: Path, task: Any, options: GoldOptions) -> None:
    """Put a task's settings into a model folder: its own, or a new one, which appears whole."""
    folder = open_folder(model, offline=options.get("offline", False), revision=options.get("revision")).path
    content = (json.dumps(task.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n").encode()
    if target.is_dir() and target.samefile(folder):
        with whole_files(target, n_bytes=len(content), last=TASK) as partial_files:
            (partial_files / TASK).write_bytes(content)
        return
    files = [file for file in folder.iterdir() if file.is_file() and not file.name.startswith((".", METRICS))]
    n_bytes = sum(file.stat().st_size for file in files) + len(content)
    with whole_folder(target, n_bytes=n_bytes) as partial_model:
        for file in files:
            shutil.copyfile(file, partial_model / file.name)
        (partial_model / TASK).write_bytes(content)

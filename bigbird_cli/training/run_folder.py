"""What a run keeps in its folder besides checkpoints: the best model, its card, and metrics.jsonl."""

import json
import math
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import BigBirdWarning
from bigbird_cli.events import Finished
from bigbird_cli.files.names import CARD, METRICS, RECIPE, TASK
from bigbird_cli.files.whole import open_plain, replace_file, set_aside
from bigbird_cli.recipe import Recipe, dump_recipe, load_recipe, recipe_changes
from bigbird_cli.tasks.base import Task
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer
from bigbird_cli.training.tensorboard import ScalarWriter
from bigbird_cli.weights.int8 import quantized
from bigbird_cli.weights.store import write_model


class MetricsFile:
    """metrics.jsonl: one JSON object a line, appended as things happen; events for TensorBoard beside it if asked for.

    Args:
        run: the run folder; the file is made when missing. None writes nothing.
        after: lines of later steps are dropped, and that of the run's end: a resumed run writes them again. Where other
            lines are no JSON with a step, the file is kept under another name too.
        tensorboard: write to run/tensorboard too.

    Raises:
        UsageError: TensorBoard is asked for and not installed.
        ResourceError: the file, or the folder for TensorBoard, is a link.
    """

    def __init__(self, run: Path | None, *, after: int, tensorboard: bool = False) -> None:
        self._path = None if run is None else run / METRICS
        self._board: ScalarWriter | None = None
        if run is None or self._path is None:
            return
        steps = [(_step_of(line), line) for line in _lines(self._path) if not _is_end(line)]
        if any(step is None for step, _ in steps):
            aside = set_aside(self._path)
            warnings.warn(
                f"{self._path} holds lines that are no metrics and begins anew without them: see {aside.name}",
                BigBirdWarning,
                stacklevel=2,
            )
        replace_file(self._path, b"".join(line for step, line in steps if step is not None and step <= after))
        if tensorboard:
            self._board = ScalarWriter(run / "tensorboard", after=after)

    def __enter__(self) -> "MetricsFile":
        return self

    def __exit__(self, *_: object) -> None:
        if self._board is not None:
            self._board.close()

    def write(self, kind: str, values: Mapping[str, Any]) -> None:
        """Append a line; a number that JSON cannot hold becomes the text `nan` or `inf`."""
        if self._path is None:
            return
        line = json.dumps({"event": kind, **_finite(values)}, allow_nan=False)
        with os.fdopen(open_plain(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "a", encoding="utf-8") as file:
            file.write(line + "\n")
        if self._board is not None:
            part = "train" if kind == "step" else "dev"
            for name, value in {**values, **values.get("scores", {})}.items():
                if isinstance(value, int | float) and name not in ("step", "n_steps", "best"):
                    self._board.write(f"{part}/{name}", value, step=values["step"])
            self._board.flush()


def write_best_model(
    run: Path,
    *,
    config: BigBirdConfig,
    weights: Mapping[str, np.ndarray],
    tokenizer: Tokenizer,
    recipe: Recipe,
    task: Task,
    card: str,
) -> None:
    """Make the run folder a model folder that holds this model; each file is replaced whole.

    Args:
        run: the run folder.
        config: the model's.
        weights: by transformers' names.
        tokenizer: the model's tokenizer.
        recipe: what it was trained by; `run.save_precision` is the precision written.
        task: the recipe's, with its labels: what task.json says.
        card: what README.md says.
    """
    if recipe.run.save_precision == "int8":
        weights = quantized(weights)
    else:
        dtype = np.dtype(recipe.run.save_precision)
        weights = {name: array.astype(dtype, copy=False) for name, array in weights.items()}
    settings: Any = task
    write_model(
        run,
        config=config,
        tensors=weights,
        tokenizer=tokenizer,
        files={
            TASK: (json.dumps(settings.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n").encode(),
            RECIPE: dump_recipe(recipe).encode(),
            CARD: card.encode(),
        },
    )


def ended(run: Path, recipe: Recipe) -> Finished | None:
    """How a run ended that is over and was made by the same recipe; None where there is no such run in a folder.

    Raises:
        RecipeError: its recipe.yaml is not one of this version.
    """
    last = json.loads(lines[-1]) if (lines := _lines(run / METRICS)) and _is_end(lines[-1]) else None
    if last is None or not (run / RECIPE).is_file():
        return None
    if recipe_changes(load_recipe(run / RECIPE, type(recipe)).model_dump(mode="json"), recipe):
        return None
    return Finished(run=run, **{name: value for name, value in last.items() if name != "event"})


def _is_end(line: bytes) -> bool:
    return line.startswith(b'{"event": "finished"')


def _lines(path: Path) -> list[bytes]:
    """Its whole lines; the last may be torn."""
    if not os.path.lexists(path):
        return []
    with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as file:
        return [line for line in file if line.endswith(b"\n")]


def _step_of(line: bytes) -> int | None:
    try:
        match json.loads(line):
            case {"step": int(step)}:
                return step
    except (ValueError, RecursionError):
        pass
    return None


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    return value

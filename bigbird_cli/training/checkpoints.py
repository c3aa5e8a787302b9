"""What a run's checkpoints hold, and whether it may go on from one."""

import json
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ConfigDict, NonNegativeInt, TypeAdapter, ValidationError

from bigbird_cli.backend import EngineState
from bigbird_cli.errors import BigBirdWarning, ModelError, UsageError
from bigbird_cli.recipe import recipe_changes
from bigbird_cli.training.job import Job
from bigbird_cli.weights.checkpoint import checkpoints_before, read_checkpoint, write_checkpoint

_AS_WRITTEN: Final = ConfigDict(strict=True, extra="forbid")


@dataclass
class LogSums:
    """Sums since the last logged step."""

    __pydantic_config__ = _AS_WRITTEN

    loss: float = 0.0
    n_steps: NonNegativeInt = 0
    n_tokens: NonNegativeInt = 0
    n_padded: NonNegativeInt = 0
    seconds: float = 0.0


@dataclass
class Progress:
    """What a run remembers from step to step, besides what its engine does; a checkpoint's state.json holds it."""

    __pydantic_config__ = _AS_WRITTEN

    step: NonNegativeInt = 0
    evaluated: NonNegativeInt = 0
    """The last step at which the dev set was scored to the end."""
    best_step: int | None = None
    best_scores: dict[str, float] | None = None
    seconds: float = 0.0
    """Of all steps and evaluations, those before a resumption included, and of the fitting of a head before them."""
    stale: NonNegativeInt = 0
    """Evaluations since the best one."""
    window: LogSums = field(default_factory=LogSums)

    def forget_best(self) -> None:
        """Choose the best model anew."""
        self.evaluated, self.stale, self.best_step, self.best_scores = 0, 0, None, None


@dataclass
class _State:
    """What state.json says, besides the engine's values."""

    __pydantic_config__ = _AS_WRITTEN

    progress: Progress
    recipe: dict[str, Any]
    data: dict[str, str]


_STATE: Final = TypeAdapter(_State)
_OWN: Final = ("progress", "recipe", "data")


def save(run: Path, job: Job, progress: Progress) -> Path:
    """Write a checkpoint into a run folder, and remove those that are no longer kept; the checkpoint."""
    state = job.engine.state()
    values = {"progress": asdict(progress), "recipe": job.recipe.model_dump(mode="json"), "data": job.data}
    return write_checkpoint(run, progress.step, state.arrays, values | state.values, keep=job.recipe.run.keep)


def open_checkpoint(path: Path, job: Job, *, or_before: bool) -> tuple[Path, Progress, EngineState]:
    """Read a checkpoint whole, and look through it before any of it is used.

    Args:
        path: the checkpoint.
        job: which has to go on from it.
        or_before: where it is none of this version, take the newest before it that is one, with a warning.

    Returns:
        The checkpoint that was read, how far the run was, and its engine's state.

    Raises:
        UsageError: it belongs to another recipe or other data.
        ModelError: it is not a checkpoint of this version, or does not fit the model.
    """
    try:
        arrays, values = read_checkpoint(path)
        state = _checked(path, {name: values[name] for name in _OWN if name in values}, job)
        _reject_other(path, state, job)
        engine_state = EngineState(arrays, {name: value for name, value in values.items() if name not in _OWN})
        if why := job.engine.mismatch(engine_state):
            raise _no_checkpoint(why, path)
        return path, state.progress, engine_state
    except ModelError as error:
        before = next(checkpoints_before(path), None) if or_before else None
        if before is None:
            raise
        warnings.warn(f"{path} is passed over: {error.problem}", BigBirdWarning, stacklevel=2)
    return open_checkpoint(before, job, or_before=True)


def _checked(path: Path, values: dict[str, Any], job: Job) -> _State:
    try:
        state = _STATE.validate_json(json.dumps(values))  # JSON's own types alone
    except ValidationError as error:
        first = error.errors()[0]
        raise _no_checkpoint(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", path) from None
    written = values["progress"]
    for part, whole in ((written, state.progress), (written.get("window", {}), state.progress.window)):
        if lacking := sorted(asdict(whole).keys() - part.keys()):  # these have defaults, for a new run alone
            raise _no_checkpoint(f"progress lacks {lacking[0]}", path)
    if state.progress.best_scores is not None and job.metric not in state.progress.best_scores:
        raise _no_checkpoint(f"progress.best_scores has no {job.metric}", path)
    return state


def _reject_other(path: Path, state: _State, job: Job) -> None:
    changes = recipe_changes(state.recipe, job.recipe) or [
        f"the {name} is not what it was" for name, key in job.data.items() if state.data.get(name) != key
    ]
    if changes:
        raise UsageError(
            f"this run was started otherwise: {'; '.join(changes)}",
            where=str(path),
            fix="resume with the same recipe and data, or start a new run from its model: --set model.start="
            f"{path.parent.parent} --out FOLDER",
        )


def _no_checkpoint(why: str, path: Path) -> ModelError:
    return ModelError(
        f"it is not a checkpoint of this version: {why}", where=str(path), fix="begin a new run with --out FOLDER"
    )

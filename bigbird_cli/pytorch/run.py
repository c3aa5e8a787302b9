"""The training loop: one for every task, in one process or several.

A run is a function of its recipe. What a step learns from comes from the seed and the step's number (loader.py),
and so does its dropout (stepper.pass_seed); so the step's number is the whole position in the data and the state of
every random generator, and a resumed run goes on bit for bit on the CPU.
"""

import json
import math
import time
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from pydantic import ConfigDict, NonNegativeInt, TypeAdapter, ValidationError
from torch import Tensor

from bigbird_cli.errors import BigBirdWarning, DivergedError, ModelError, UsageError
from bigbird_cli.events import Evaluated, Event, Finished, Saved, Step
from bigbird_cli.files.folders import require_space
from bigbird_cli.pytorch.devices import peak_memory
from bigbird_cli.pytorch.job import Job, evaluate
from bigbird_cli.pytorch.model.choices import adopt, chosen
from bigbird_cli.pytorch.optim import MOMENTS, MovingAverage, load_optimiser_state, lr_factor, optimiser_state
from bigbird_cli.pytorch.run_folder import MetricsFile, write_best_model
from bigbird_cli.pytorch.signals import StopSignals
from bigbird_cli.pytorch.stepper import Stepper
from bigbird_cli.pytorch.world import World
from bigbird_cli.recipe.load import recipe_changes
from bigbird_cli.weights.checkpoint import (
    CHECKPOINTS,
    checkpoints_before,
    read_checkpoint,
    set_aside_lost_run,
    write_checkpoint,
)
from bigbird_cli.weights.store import SMALL_FILES, WEIGHTS

SAME_RESULT = (
    "optim.micro_batch_size ",
    "optim.max_tokens_per_micro_batch ",
    "run.gradient_checkpointing ",
    "run.keep ",
    "run.log_every ",
    "run.save_every ",
    "run.save_minutes ",
    "run.tensorboard ",
    "run.wait ",
    "data.cache ",
    "data.workers ",
)
"""Settings that a resumed run may change: they split the same arithmetic otherwise, or have no part in it."""


_AS_WRITTEN: Final = ConfigDict(strict=True, extra="forbid")


@dataclass
class _Window:
    """Sums since the last logged step."""

    __pydantic_config__ = _AS_WRITTEN

    loss: float = 0.0
    n_steps: NonNegativeInt = 0
    n_tokens: NonNegativeInt = 0
    n_padded: NonNegativeInt = 0
    seconds: float = 0.0


@dataclass
class _Progress:
    """What a run remembers from step to step, besides weights and generators."""

    __pydantic_config__ = _AS_WRITTEN

    step: NonNegativeInt = 0
    evaluated: NonNegativeInt = 0
    """The last step at which the dev set was scored to the end."""
    best_step: int | None = None
    best_scores: dict[str, float] | None = None
    seconds: float = 0.0
    """Of all steps and evaluations, those before a resumption included."""
    stale: NonNegativeInt = 0
    """Evaluations since the best one."""
    window: _Window = field(default_factory=_Window)


@dataclass
class _State:
    """What state.json of a checkpoint says."""

    __pydantic_config__ = _AS_WRITTEN

    progress: _Progress
    recipe: dict[str, Any]
    data: dict[str, str]
    scaler: dict[str, int | float]
    choices: dict[str, str] = field(default_factory=dict)
    """Of the ways to the same numbers, made before: the run goes on by them, as other ways round otherwise."""


_STATE: Final = TypeAdapter(_State)


class Run:
    """A run's state, and the order in which things happen; it is the same in every process, and the first one writes.

    Raises:
        RecipeError: the device cannot do what the recipe asks for.
    """

    def __init__(self, job: Job, out: Path, world: World) -> None:
        self._job = job
        self._out = out
        self._world = world
        self._stepper = Stepper(job, world)
        decay = job.recipe.run.ema
        self._average = None if decay is None else MovingAverage(job.model, decay=decay)
        self._progress = _Progress()
        self._saved: int | None = None
        self._saved_at = time.monotonic()
        self._paces: deque[float] = deque(maxlen=500)
        self._eval_seconds = 0.0

    def steps(self, stop: StopSignals) -> Iterator[Event]:
        """Train from where the run stands to its end.

        Raises:
            ResourceError: the disk has no room for the checkpoints that are to come.
        """
        progress, run = self._progress, self._job.recipe.run
        self._world.of_first(self._require_space)
        if self._saved is None:
            self._world.of_first(lambda: set_aside_lost_run(self._out))
        with self._metrics() as metrics:
            while True:
                step = progress.step
                signal, wanted = self._wishes(stop)
                due = self._is_last(step) or (step % self._eval_every == 0 and (step > 0 or self._is_fitted))
                if due and (progress.evaluated < step or not step) and not signal:
                    with _noting(metrics, step):
                        self._stepper.insist_on_finite_weights(step)
                    yield from self._judge(metrics, stop)
                    signal, also = self._wishes(stop)
                    wanted = wanted or also
                save = due and step > 0
                if run.save_every is not None:
                    save = step > 0 and (step % run.save_every == 0 or self._is_over)
                if (save or wanted or self._is_over or signal) and self._saved != step:
                    with _noting(metrics, step):
                        self._stepper.insist_on_finite_weights(step)
                    yield self._save()
                if signal:
                    stop.obey(signal)
                if self._is_over:
                    break
                event = self._step(metrics)
                if event is not None:
                    metrics.write("step", asdict(event))
                    yield event
        yield Finished(
            step=progress.step,
            best_scores=progress.best_scores,
            run=self._out,
            seconds=progress.seconds,
            metric=None if self._job.dev is None else self._job.metric,
            stopped_early=not self._is_last(progress.step),
        )

    def _wishes(self, stop: StopSignals) -> tuple[int, bool]:
        """The signal to obey that a process has, 0 of none, and whether one wants a checkpoint at this step."""
        minutes = self._job.recipe.run.save_minutes
        late = minutes is not None and time.monotonic() - self._saved_at >= 60 * minutes
        asked = stop.wants_save and self._progress.step > 0
        if asked:
            stop.wants_save = False  # before the others are asked: what comes meanwhile is a wish of the next step
        signal, wanted = self._world.highest([float(stop.caught or 0), float(asked or late)])
        return int(signal), bool(wanted) and self._progress.step > 0

    def _require_space(self) -> None:
        """Look for room for all checkpoints that will stand at a time, and for the best model, each once more."""
        weights = sum(4 * parameter.numel() for parameter in self._job.model.parameters())
        checkpoint = weights * (3 if self._average is None else 4)
        there = sum(file.stat().st_size for file in (self._out / CHECKPOINTS).rglob("*.safetensors"))
        best = weights + SMALL_FILES
        room = (self._job.recipe.run.keep + 1) * checkpoint + 2 * best - there
        require_space(self._out, n_bytes=max(room, checkpoint + best))

    def _metrics(self) -> AbstractContextManager["MetricsFile"]:
        run = self._job.recipe.run
        folder = self._out if self._world.is_first else None
        return MetricsFile(folder, after=self._progress.step, tensorboard=run.tensorboard)

    def load(self, path: Path, *, or_before: bool = False) -> Path:
        """Go on from a checkpoint, which the first process reads for all.

        Where the run folder lacks the best model, as a new one does, the choice of it begins again.

        Args:
            path: the checkpoint.
            or_before: where it is none of this version, take the newest before it that is one, with a warning.

        Returns:
            The checkpoint that was loaded.

        Raises:
            UsageError: it belongs to another recipe or other data.
            ModelError: it is not a checkpoint of this version, or does not fit the model.
        """
        world = self._world
        stored: dict[str, Tensor] = {}

        def read() -> tuple[Path, _State]:
            chosen, arrays, state = self._usable(path, or_before=or_before)
            stored.update({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()})
            return chosen, state

        path, state = world.of_first(read)
        self._restore(world.share(stored), state)
        progress = self._progress
        if not world.of_first((self._out / WEIGHTS).exists):
            if progress.best_scores is not None:
                warnings.warn(
                    f"{self._out} does not hold the best model, of step {progress.best_step}: the best one is chosen"
                    f" among those from step {progress.step} on",
                    BigBirdWarning,
                    stacklevel=2,
                )
            progress.evaluated, progress.stale, progress.best_step, progress.best_scores = 0, 0, None, None
        return path

    def _usable(self, path: Path, *, or_before: bool) -> tuple[Path, dict[str, np.ndarray], _State]:
        """The checkpoint, or one before it, with all that it holds, looked through before any of it is used."""
        try:
            tensors, values = read_checkpoint(path)
            state = self._checked_state(path, values)
            self._refuse_other(path, state)
            self._insist_on_fit(path, tensors)
            return path, tensors, state
        except ModelError as error:
            before = next(checkpoints_before(path), None) if or_before else None
            if before is None:
                raise
            warnings.warn(f"{path} is passed over: {error.problem}", BigBirdWarning, stacklevel=2)
        return self._usable(before, or_before=True)

    def _checked_state(self, path: Path, values: dict[str, Any]) -> _State:
        try:
            state = _STATE.validate_json(json.dumps(values))  # JSON's own types alone
        except ValidationError as error:
            first = error.errors()[0]
            raise _no_checkpoint(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", path) from None
        written = values["progress"]
        for part, whole in ((written, state.progress), (written.get("window", {}), state.progress.window)):
            if lacking := sorted(asdict(whole).keys() - part.keys()):  # these have defaults, for a new run alone
                raise _no_checkpoint(f"progress lacks {lacking[0]}", path)
        if self._stepper.scaler.state_dict().keys() != state.scaler.keys():
            raise _no_checkpoint("scaler is another one", path)
        if state.progress.best_scores is not None and self._job.metric not in state.progress.best_scores:
            raise _no_checkpoint(f"progress.best_scores has no {self._job.metric}", path)
        return state

    def _insist_on_fit(self, path: Path, tensors: dict[str, np.ndarray]) -> None:
        """Compare names, shapes and types with this run's own."""
        own = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in self._tensors().items()}
        for name, parameter in self._job.model.named_parameters():
            if f"optimiser.step.{name}" in tensors:  # one that took no part in the loss has no state
                own[f"optimiser.step.{name}"] = ((), torch.float32)
                own |= {f"optimiser.{key}.{name}": (tuple(parameter.shape), parameter.dtype) for key in MOMENTS}
        if odd := sorted(own.keys() ^ tensors.keys()):
            raise _no_checkpoint(f"it {'lacks' if odd[0] in own else 'has'} a tensor {odd[0]}", path)
        for name, (shape, dtype) in own.items():
            found = tensors[name]
            if found.shape != shape or found.dtype != torch.empty((), dtype=dtype).numpy().dtype:
                raise _no_checkpoint(f"{name} is {found.dtype} {found.shape}, not {dtype} {shape}", path)
            # Adam's mean of squares may overflow, and does no harm then
            if not name.startswith("optimiser.") and not np.isfinite(found).all():
                raise _no_checkpoint(f"{name} is not finite", path)

    def _restore(self, tensors: dict[str, Tensor], state: _State) -> None:
        named: dict[str, dict[str, Tensor]] = {"model": {}, "optimiser": {}, "average": {}}
        for name, tensor in tensors.items():
            room, _, rest = name.partition(".")
            named[room][rest] = tensor
        self._job.model.load_state_dict(named["model"])
        load_optimiser_state(self._stepper.optimiser, self._job.model, named["optimiser"])
        if self._average is not None:
            self._average.load(named["average"])
        self._stepper.scaler.load_state_dict(state.scaler)
        adopt(state.choices)
        self._progress = state.progress
        self._saved = state.progress.step

    def _refuse_other(self, path: Path, state: _State) -> None:
        job = self._job
        changes = [change for change in recipe_changes(state.recipe, job.recipe) if not change.startswith(SAME_RESULT)]
        if not changes:
            changes = [
                f"the {name} is not what it was" for name, key in job.data.items() if state.data.get(name) != key
            ]
        if changes:
            raise UsageError(
                f"this run was started otherwise: {'; '.join(changes)}",
                where=str(path),
                fix="resume with the same recipe and data, or start a new run with --out FOLDER",
            )

    @property
    def _eval_every(self) -> int:
        return self._job.recipe.run.eval_every or self._job.loader.steps_per_epoch or self._job.n_steps

    @property
    def _is_fitted(self) -> bool:
        """Whether the model is of use before the first step."""
        return self._job.head.spec.is_fitted

    def _is_last(self, step: int) -> bool:
        return step >= self._job.n_steps

    @property
    def _is_over(self) -> bool:
        """Whether the last step is taken, or the scores have not risen for too long."""
        patience = self._job.recipe.run.patience
        return self._is_last(self._progress.step) or (patience is not None and self._progress.stale >= patience)

    def _step(self, metrics: MetricsFile) -> Step | None:
        """Take the next step; the event is None between two logged steps."""
        job, progress, optim = self._job, self._progress, self._job.recipe.optim
        started = time.perf_counter()
        step = progress.step + 1
        factor = lr_factor(step, n_steps=job.n_steps, warmup=optim.warmup, schedule=optim.schedule)
        with _noting(metrics, step):
            outcome = self._stepper.take(job.loader.batch(step), lr=optim.lr * factor, step=step)
        if self._average is not None:
            self._average.update(step)
        seconds = time.perf_counter() - started
        progress.step = step
        progress.seconds += seconds
        window = progress.window
        window.loss += outcome.loss
        window.n_steps += 1
        window.n_tokens += outcome.n_tokens
        window.n_padded += outcome.n_padded
        window.seconds += seconds
        self._paces.append(seconds)
        if step % job.recipe.run.log_every and not self._is_last(step):
            return None
        progress.window = _Window()
        return Step(
            step=step,
            n_steps=job.n_steps,
            epoch=job.loader.epoch(step),
            loss=window.loss / window.n_steps,
            lr=optim.lr * factor,
            tokens_per_second=window.n_tokens / window.seconds,
            padding=1 - window.n_tokens / window.n_padded,
            grad_norm=outcome.grad_norm,
            eta_seconds=self._eta(),
            memory_mb=peak_memory(job.device),
        )

    def _eta(self) -> float:
        job, step = self._job, self._progress.step
        left = (job.n_steps - step) * sum(self._paces) / len(self._paces)
        n_evaluations = -(-job.n_steps // self._eval_every) - step // self._eval_every
        return left + n_evaluations * self._eval_seconds

    def _judge(self, metrics: MetricsFile, stop: StopSignals) -> Iterator[Event]:
        """Score the model on the dev set and keep it when it is the best so far; without one, when it is the last."""
        job, progress = self._job, self._progress
        if job.dev is None:
            progress.evaluated = progress.step
            if self._is_last(progress.step):
                with self._averaged():
                    self._keep(None)
            return
        started = time.perf_counter()
        with self._averaged():
            scores = evaluate(job, job.dev, stop, self._world)
            if scores is None:  # interrupted: it is done again after a resumption
                return
            best = self._is_best(scores)
            if best:
                progress.best_step, progress.best_scores = progress.step, scores
                self._keep(scores)
        progress.stale = 0 if best else progress.stale + 1
        progress.evaluated = progress.step
        self._eval_seconds = time.perf_counter() - started
        progress.seconds += self._eval_seconds
        event = Evaluated(step=progress.step, scores=scores, best=best, seconds=self._eval_seconds, metric=job.metric)
        metrics.write("evaluated", asdict(event))
        yield event

    def _is_best(self, scores: dict[str, float]) -> bool:
        metric, best = self._job.metric, self._progress.best_scores
        if not math.isfinite(scores[metric]):
            return False
        if best is None:
            return True
        falls = metric in self._job.task.falling
        return scores[metric] < best[metric] if falls else scores[metric] > best[metric]

    def _averaged(self) -> AbstractContextManager[None]:
        return nullcontext() if self._average is None else self._average.in_place()

    def _keep(self, scores: dict[str, float] | None) -> None:
        job = self._job
        self._world.of_first(
            lambda: write_best_model(
                self._out,
                model=job.model,
                tokenizer=job.tokenizer,
                recipe=job.recipe,
                task=job.task,
                step=self._progress.step,
                n_steps=job.n_steps,
                scores=scores,
            )
        )

    def _save(self) -> Saved:
        path = self._world.of_first(self._write_checkpoint)
        self._saved, self._saved_at = self._progress.step, time.monotonic()
        return Saved(step=self._saved, path=path)

    def _tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds of this run, but for its state."""
        model = self._job.model
        tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
        tensors |= {
            f"optimiser.{name}": tensor for name, tensor in optimiser_state(self._stepper.optimiser, model).items()
        }
        if self._average is not None:
            tensors |= {f"average.{name}": tensor for name, tensor in self._average.averages.items()}
        return tensors

    def _write_checkpoint(self) -> Path:
        job = self._job
        return write_checkpoint(
            self._out,
            self._progress.step,
            {name: tensor.detach().cpu().numpy() for name, tensor in self._tensors().items()},
            {
                "progress": asdict(self._progress),
                "recipe": job.recipe.model_dump(mode="json"),
                "data": job.data,
                "scaler": self._stepper.scaler.state_dict(),
                "choices": chosen(),
            },
            keep=job.recipe.run.keep,
        )


def _no_checkpoint(why: str, path: Path) -> ModelError:
    return ModelError(
        f"it is not a checkpoint of this version: {why}", where=str(path), fix="begin a new run with --out FOLDER"
    )


@contextmanager
def _noting(metrics: MetricsFile, step: int) -> Iterator[None]:
    """Let metrics.jsonl end with what was not finite."""
    try:
        yield
    except DivergedError as error:
        metrics.write("diverged", {"step": step, "problem": error.problem})
        raise

"""The training loop: one for every task and framework, in one process or several.

A run is a function of its recipe. What a step learns from comes from the seed and the step's number (loader.py),
and so does its dropout (batching.dropout_seed); so the step's number is the whole position in the data and the state
of every random generator, and a resumed run goes on bit for bit on the CPU.
"""

import math
import time
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np

from bigbird_cli.backend import EngineState, MicroBatch, Peers, StepResult
from bigbird_cli.errors import BigBirdWarning, DivergedError
from bigbird_cli.events import Doing, Evaluated, Event, Finished, OnDoing, Saved, Scored, Step, Work, ignore
from bigbird_cli.files.folders import require_space
from bigbird_cli.files.names import CARD, WEIGHTS
from bigbird_cli.files.whole import replace_file
from bigbird_cli.recipe.schema import RunSection
from bigbird_cli.training.batching import seeded, split
from bigbird_cli.training.card import CardFacts, model_card
from bigbird_cli.training.checkpoints import LogSums, Progress, open_checkpoint, save
from bigbird_cli.training.evaluation import DevSet, evaluate
from bigbird_cli.training.job import Job
from bigbird_cli.training.run_folder import MetricsFile, write_best_model
from bigbird_cli.training.signals import StopSignals
from bigbird_cli.weights.checkpoint import CHECKPOINTS, prune_checkpoints, set_aside_lost_run
from bigbird_cli.weights.int8 import dequantized
from bigbird_cli.weights.store import SMALL_FILES, read_tensors


class Run:
    """A run's state, and the order in which things happen: the same in every process; that of rank zero writes.

    Args:
        job: what to train.
        out: the run folder.
        peers: the processes of the run.
        on_doing: is called with what the run is about, at every step.
    """

    def __init__(self, job: Job, out: Path, peers: Peers, on_doing: OnDoing = ignore) -> None:
        self._on_doing = on_doing
        self._job = job
        self._engine = job.engine
        self._out = out
        self._peers = peers
        self._schedule = job.schedule
        self._progress = Progress(seconds=job.fit_seconds or 0.0)
        self._began_at: int | None = None
        self._test_scores: dict[str, float] | None = None
        self._saved: int | None = None
        self._saved_at = time.monotonic()
        self._paces: deque[float] = deque(maxlen=500)
        self._eval_seconds = 0.0

    @property
    def step(self) -> int:
        """Steps that were taken."""
        return self._progress.step

    def steps(self, stop: StopSignals) -> Iterator[Event]:
        """Train from where the run stands to its end.

        Raises:
            ResourceError: the disk has no room for the checkpoints that are to come.
            DivergedError: a loss, a gradient or a weight was not finite.
        """
        progress, run = self._progress, self._job.recipe.run
        self._peers.on_rank_zero(self._require_space)
        if self._saved is None:
            self._peers.on_rank_zero(lambda: set_aside_lost_run(self._out))
        with self._metrics() as metrics:
            while True:
                step = progress.step
                signal, save_requested = self._requests(stop)
                due = self._is_last(step) or (step % self.eval_every == 0 and (step > 0 or self._starts_fitted))
                if due and (progress.evaluated < step or not step) and not signal:
                    self._reject_not_finite_weights(metrics)
                    yield from self._evaluate(metrics, stop)
                    signal, also = self._requests(stop)
                    save_requested = save_requested or also
                save_due = due and step > 0
                if run.save_every is not None:
                    save_due = step > 0 and (step % run.save_every == 0 or self._is_over)
                if (save_due or save_requested or self._is_over or signal) and self._saved != step:
                    self._reject_not_finite_weights(metrics)
                    yield self._save()
                if signal:
                    stop.raise_for(signal)
                if self._is_over:
                    break
                event = self._step(metrics)
                if event is not None:
                    metrics.write("step", asdict(event))
                    yield event
            yield from self._test(metrics, stop)
            self._peers.on_rank_zero(self._end)
            finished = Finished(
                step=progress.step,
                best_scores=progress.best_scores,
                run=self._out,
                seconds=progress.seconds,
                metric=None if self._job.dev is None else self._job.metric,
                stopped_early=not self._is_last(progress.step),
            )
            metrics.write("finished", {name: value for name, value in asdict(finished).items() if name != "run"})
        yield finished

    def load(self, path: Path, *, or_before: bool = False) -> Path:
        """Go on from a checkpoint, which the process of rank zero reads for all.

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
        peers, read = self._peers, EngineState({}, {})

        def open_it() -> tuple[Path, Progress, dict[str, object]]:
            chosen, progress, state = open_checkpoint(path, self._job, or_before=or_before)
            read.arrays.update(state.arrays)
            return chosen, progress, state.values

        path, progress, values = peers.on_rank_zero(open_it)
        self._engine.load(EngineState(peers.broadcast(read.arrays), values))
        self._progress, self._saved, self._began_at = progress, progress.step, progress.step
        if not peers.on_rank_zero((self._out / WEIGHTS).exists):
            if progress.best_scores is not None:
                warnings.warn(
                    f"{self._out} does not hold the best model, of step {progress.best_step}: the best one is chosen"
                    f" among those from step {progress.step} on",
                    BigBirdWarning,
                    stacklevel=2,
                )
            progress.forget_best()
        return path

    def _requests(self, stop: StopSignals) -> tuple[int, bool]:
        """The signal to stop that a process has, 0 of none, and whether one asks for a checkpoint at this step."""
        minutes = self._job.recipe.run.save_minutes
        late = minutes is not None and time.monotonic() - self._saved_at >= 60 * minutes
        asked = stop.save_requested and self._progress.step > 0
        if asked:
            stop.save_requested = False  # before the others are asked: what comes meanwhile is for the next step
        signal, wanted = self._peers.all_reduce([float(stop.caught or 0), float(asked or late)], "max")
        return int(signal), bool(wanted) and self._progress.step > 0

    def _require_space(self) -> None:
        """Look for room for all that the run folder will hold, besides what stands there."""
        whole, least = needed_bytes(self._job.recipe.run, self._job.engine.n_parameters)
        there = sum(file.stat().st_size for file in (self._out / CHECKPOINTS).rglob("*.safetensors"))
        require_space(self._out, n_bytes=max(whole - there, least))

    def _metrics(self) -> MetricsFile:
        folder = self._out if self._peers.is_rank_zero else None
        return MetricsFile(folder, after=self._progress.step, tensorboard=self._job.recipe.run.tensorboard)

    @property
    def eval_every(self) -> int:
        """Steps between two evaluations."""
        return self._job.recipe.run.eval_every or self._job.loader.steps_per_epoch or self._job.n_steps

    @property
    def _starts_fitted(self) -> bool:
        """Whether the model is of use before the first step."""
        return self._job.task.head_fit is not None

    def _is_last(self, step: int) -> bool:
        return step >= self._job.n_steps

    @property
    def _is_over(self) -> bool:
        """Whether the last step is taken, or the scores have not become better for too long."""
        patience = self._job.recipe.run.patience
        return self._is_last(self._progress.step) or (patience is not None and self._progress.stale >= patience)

    def _step(self, metrics: MetricsFile) -> Step | None:
        """Take the next step; the event is None between two logged steps."""
        job, progress = self._job, self._progress
        started = time.perf_counter()
        step = progress.step + 1
        parts = split(job.loader.batch(step), job.recipe.optim, at_least=self._peers.size)
        batch, share = seeded(parts, seed=job.recipe.seed, step=step), self._schedule.at(step)
        result = self._engine.step(batch, step=step, share=share)
        with _noting(metrics, step):
            reject_diverged(result, batch, step)
        seconds = time.perf_counter() - started
        progress.step = step
        progress.seconds += seconds
        sums = progress.window
        sums.loss += result.loss
        sums.n_steps += 1
        sums.n_tokens += result.n_tokens
        sums.n_padded += result.n_padded
        sums.seconds += seconds
        self._paces.append(seconds)
        self._on_doing(Doing("training", step, job.n_steps, loss=result.loss))
        if step % job.recipe.run.log_every and not self._is_last(step):
            return None
        progress.window = LogSums()
        return Step(
            step=step,
            n_steps=job.n_steps,
            epoch=job.loader.epoch(step),
            loss=sums.loss / sums.n_steps,
            lr=job.recipe.optim.lr * share,
            tokens_per_second=sums.n_tokens / sums.seconds,
            padding=1 - sums.n_tokens / sums.n_padded,
            grad_norm=result.grad_norm,
            eta_seconds=self._eta(),
            memory_mb=self._engine.peak_memory(),
            n_compiled=result.n_compiled,
            seconds_per_step=sums.seconds / sums.n_steps,
        )

    def _eta(self) -> float:
        job, step = self._job, self._progress.step
        left = (job.n_steps - step) * sum(self._paces) / len(self._paces)
        n_evaluations = -(-job.n_steps // self.eval_every) - step // self.eval_every
        return left + n_evaluations * self._eval_seconds

    def _evaluate(self, metrics: MetricsFile, stop: StopSignals) -> Iterator[Event]:
        """Score the model on the dev set and keep it when it is the best so far; without one, when it is the last."""
        job, progress = self._job, self._progress
        if job.dev is None:
            progress.evaluated = progress.step
            if self._is_last(progress.step):
                with self._engine.averaged():
                    self._keep_best()
            return
        started = time.perf_counter()
        with self._engine.averaged():
            scores = self._scores(job.dev, "evaluating", stop)
            if scores is None:  # interrupted: it is done again after a resumption
                return
            best = self._is_best(scores)
            if best:
                progress.best_step, progress.best_scores = progress.step, scores
                self._keep_best()
        progress.stale = 0 if best else progress.stale + 1
        progress.evaluated = progress.step
        self._eval_seconds = time.perf_counter() - started
        progress.seconds += self._eval_seconds
        event = Evaluated(step=progress.step, scores=scores, best=best, seconds=self._eval_seconds, metric=job.metric)
        metrics.write("evaluated", asdict(event))
        yield event

    def _test(self, metrics: MetricsFile, stop: StopSignals) -> Iterator[Event]:
        """Score the best model, as the run folder holds it, on the test set."""
        job, progress = self._job, self._progress
        if job.test is None:
            return
        started = time.perf_counter()
        kept: dict[str, np.ndarray] = {}
        self._peers.on_rank_zero(lambda: kept.update(dequantized(read_tensors(self._out), where=str(self._out))))
        self._engine.assign(self._peers.broadcast(kept))
        scores = self._scores(job.test, "testing", stop)
        if scores is None:
            return
        step = progress.step if progress.best_step is None else progress.best_step
        event = Scored(step=step, scores=scores, seconds=time.perf_counter() - started, metric=job.metric)
        metrics.write("scored", asdict(event))
        self._test_scores = scores
        yield event

    def _scores(self, data: DevSet, work: Work, stop: StopSignals) -> dict[str, float] | None:
        def tell(n_done: int) -> None:
            self._on_doing(Doing(work, n_done, len(data.features)))

        tell(0)
        job = self._job
        return evaluate(self._engine, job.task, job.tokenizer, data, stop=stop, peers=self._peers, on_done=tell)

    def _is_best(self, scores: dict[str, float]) -> bool:
        metric, best = self._job.metric, self._progress.best_scores
        if not math.isfinite(scores[metric]):
            return False
        if best is None:
            return True
        lower_is_better = metric in self._job.task.lower_is_better
        return scores[metric] < best[metric] if lower_is_better else scores[metric] > best[metric]

    def _keep_best(self) -> None:
        job = self._job
        self._peers.on_rank_zero(
            lambda: write_best_model(
                self._out,
                config=self._engine.config,
                weights=self._engine.weights(),
                tokenizer=job.tokenizer,
                recipe=job.recipe,
                task=job.task,
                card=self._card(),
            )
        )

    def _card(self) -> str:
        job, progress = self._job, self._progress
        names = getattr(job.task, "labels", None)  # other tasks have none
        facts = CardFacts(
            name=self._out.resolve().name,
            recipe=job.recipe,
            labels=names or (),
            label_counts=job.label_counts,
            base_license=job.base_license,
            n_examples=job.n_examples,
            n_features=job.loader.n_features,
            n_parameters=job.engine.n_parameters,
            device=job.engine.device,
            step=progress.step if progress.best_step is None else progress.best_step,
            n_steps=job.n_steps,
            metric=job.metric,
            scores=progress.best_scores,
            test_scores=self._test_scores,
            seconds=progress.seconds,
            memory_mb=job.engine.peak_memory(),
        )
        return model_card(facts)

    def _end(self) -> None:
        """Leave a folder of the model, what made it and what is known of it; checkpoints as the recipe says."""
        if self._progress.step != self._began_at:  # else somebody may have written into the card meanwhile
            replace_file(self._out / CARD, self._card().encode())
        prune_checkpoints(self._out, keep=self._job.recipe.run.keep_after)

    def _save(self) -> Saved:
        self._on_doing(Doing("saving"))
        path = self._peers.on_rank_zero(lambda: save(self._out, self._job, self._progress))
        self._saved, self._saved_at = self._progress.step, time.monotonic()
        return Saved(step=self._saved, path=path)

    def _reject_not_finite_weights(self, metrics: MetricsFile) -> None:
        """Look at the weights before they are scored or kept: a loss need not have met them all."""
        step = self._progress.step
        if names := list(self._engine.count_not_finite()):
            with _noting(metrics, step):
                raise DivergedError(
                    f"after step {step} there are weights that are not finite: {_shortened(names)}",
                    where="training",
                    fix="see whether the start model has them; the last checkpoint and the best model are untouched",
                )


def needed_bytes(run: RunSection, n_parameters: int) -> tuple[int, int]:
    """Bytes of a run folder: with all checkpoints that will stand at a time, and at least.

    A checkpoint and the best model stand there once more while they are written; at least one of each has to.

    Args:
        run: what is kept of it.
        n_parameters: of the model.
    """
    weights = 4 * n_parameters
    checkpoint = weights * (3 if run.ema is None else 4)
    best = weights + SMALL_FILES
    return (run.keep + 1) * checkpoint + 2 * best, checkpoint + best


def reject_diverged(result: StepResult, batch: Sequence[MicroBatch], step: int) -> None:
    """DivergedError, which names the examples, where a loss or the gradient was not finite."""
    if not result.diverged:
        return
    what = f"the loss is {result.loss}" if result.not_finite else f"the gradient's norm is {result.grad_norm}"
    suspects = [batch[index] for index in result.not_finite] or batch
    names = [feature.name or f"number {feature.example}" for part in suspects for feature in part.features]
    raise DivergedError(
        f"{what} at step {step}; the examples were {_shortened(list(dict.fromkeys(names)))}",
        where="training",
        fix="lower optim.lr or lengthen optim.warmup, and look at these examples; "
        "the last checkpoint and the best model are untouched",
    )


def _shortened(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


@contextmanager
def _noting(metrics: MetricsFile, step: int) -> Iterator[None]:
    """Let metrics.jsonl end with what was not finite."""
    try:
        yield
    except DivergedError as error:
        metrics.write("diverged", {"step": step, "problem": error.problem})
        raise

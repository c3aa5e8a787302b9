"""The training loop: one for every task, on one device.

A run is a function of its recipe. The batches of an epoch come from the seed and the epoch (batches.py), dropout from
torch's generator, whose state travels in each checkpoint; so the step's number is the whole position in the data, and
a resumed run goes on bit for bit on the CPU.
"""

import math
import time
import warnings
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bigbird_cli.errors import (
    BigBirdWarning,
    DataError,
    DivergedError,
    ModelError,
    RecipeError,
    UsageError,
    nearest,
)
from bigbird_cli.events import Checked, Evaluated, Event, Finished, Saved, Started, Step
from bigbird_cli.pytorch.batches import collate, epoch_batches, micro_batches, n_targets
from bigbird_cli.pytorch.devices import memory_errors, pick_device, use_threads
from bigbird_cli.pytorch.optim import adamw, load_optimiser_state, lr_factor, optimiser_state
from bigbird_cli.pytorch.predict import Predictor, head_named
from bigbird_cli.pytorch.pretrained import PretrainedModel
from bigbird_cli.pytorch.run_folder import MetricsFile, write_best_model
from bigbird_cli.pytorch.signals import StopSignals
from bigbird_cli.recipe.load import recipe_changes
from bigbird_cli.recipe.schema import FinetuneRecipe
from bigbird_cli.tasks.base import Feature, Features
from bigbird_cli.text.tokenizer import Tokenizer, load_tokenizer
from bigbird_cli.weights.checkpoint import RunLock, read_checkpoint, start_run, write_checkpoint
from bigbird_cli.weights.store import WEIGHTS, open_folder

EVAL_BATCH_SIZE = 32
"""Windows a forward pass in evaluation, within predict's own bound on tokens."""

MEMORY_FIX = "lower optim.micro_batch_size or optim.max_tokens_per_micro_batch, or set run.gradient_checkpointing"

EVALUATION_MEMORY_FIX = "choose a device with more memory with --device, or start from a smaller model"

SAME_RESULT = ("optim.micro_batch_size ", "optim.max_tokens_per_micro_batch ", "run.gradient_checkpointing ")
"""Settings that a resumed run may change: they split the same arithmetic otherwise."""


def train(
    recipe: FinetuneRecipe,
    out: Path,
    *,
    resume: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    offline: bool = False,
) -> Iterator[Event]:
    """Train as the recipe says, into a run folder, and tell what happens.

    The first event is Started, the last Finished. The folder itself holds the best model so far (the last one when
    there is no dev set), `checkpoints/` the state to go on from. SIGINT, SIGTERM or SIGHUP end the run after a
    checkpoint at the next step's end; a second one at once.

    Args:
        recipe: what to train, on what, how.
        out: the run folder.
        resume: `auto` or a checkpoint's path, to go on from there.
        device: `auto`, `cpu`, `cuda:N` or `mps`.
        threads: processor threads; None leaves torch's own choice.
        offline: never ask the network for the start model.

    Raises:
        UsageError: the folder holds a run and `resume` is not given; the run to resume was another.
        RecipeError: a setting does not fit the model or the data.
        DataError: the data cannot be read, or gives nothing to learn from.
        ModelError: the start model or the checkpoint is missing or broken.
        ResourceError: memory or disk did not suffice.
        DivergedError: a loss or a gradient was not finite; no step was taken with it.
    """
    place = pick_device(device)
    use_threads(threads)
    checkpoint = start_run(out, resume)
    with RunLock(out):
        job = _prepare(recipe, place, offline=offline)
        run = _Run(job, out)
        if checkpoint is not None:
            run.load(checkpoint)
        yield Started(
            run=out,
            device=str(place),
            n_parameters=sum(parameter.numel() for parameter in job.model.parameters()),
            n_features=len(job.features),
            n_steps=job.n_steps,
            resumed_from=checkpoint,
        )
        with StopSignals() as stop:
            yield from run.steps(stop)


def check(
    recipe: FinetuneRecipe, *, device: str = "auto", threads: int | None = None, offline: bool = False
) -> Checked:
    """Read everything a recipe names, take one optimiser step on its longest inputs, and write nothing.

    The step is one forward pass wide, so that it needs the memory that training will need at most; its time is
    scaled to a mean optimiser step.

    Raises:
        BigBirdError: as `train`.
    """
    place = pick_device(device)
    use_threads(threads)
    job = _prepare(recipe, place, offline=offline)
    if job.dev is not None:
        _evaluate(job, _dev_set(recipe, job.dev.examples[:2], job.tokenizer), StopSignals())
    longest = np.argsort(job.lengths, kind="stable")[-recipe.optim.batch_size :]
    batch = max(job.split(longest), key=lambda part: len(part) * int(job.lengths[part].max()))
    stepper = _Stepper(job)
    started = time.perf_counter()
    outcome = stepper.take(batch, lr=recipe.optim.lr, step=1)
    seconds = time.perf_counter() - started
    tokens_per_step = float(job.lengths.mean()) * recipe.optim.batch_size
    return Checked(
        n_examples=len(job.examples),
        n_features=len(job.features),
        n_tokens=int(job.lengths.sum()),
        loss=outcome.loss,
        seconds_per_step=seconds * tokens_per_step / outcome.n_tokens,
        n_steps=job.n_steps,
    )


@dataclass(frozen=True, eq=False)
class _DevSet:
    """Examples to judge by."""

    examples: Sequence[Any]
    features: Features


@dataclass(frozen=True, eq=False)
class _Job:
    """Everything that a recipe names, opened."""

    recipe: FinetuneRecipe
    model: PretrainedModel
    tokenizer: Tokenizer
    device: torch.device
    examples: Sequence[Any]
    features: Sequence[Feature]
    lengths: np.ndarray
    dev: "_DevSet | None"

    @property
    def n_batches(self) -> int:
        """Optimiser steps an epoch."""
        return math.ceil(len(self.lengths) / self.recipe.optim.batch_size)

    @property
    def n_steps(self) -> int:
        optim = self.recipe.optim
        return optim.steps if optim.steps is not None else max(1, round(optim.epochs * self.n_batches))

    @property
    def metric(self) -> str:
        return _metric(self.recipe)

    def split(self, batch: np.ndarray) -> list[np.ndarray]:
        """An optimiser batch as forward passes."""
        optim = self.recipe.optim
        return micro_batches(
            batch,
            self.lengths,
            micro_batch_size=optim.micro_batch_size,
            max_tokens=optim.max_tokens_per_micro_batch,
        )


def _prepare(recipe: FinetuneRecipe, device: torch.device, *, offline: bool = False) -> _Job:
    head = head_named(recipe.task.head)
    folder = open_folder(recipe.model.start, offline=offline, revision=recipe.model.revision)
    tokenizer = load_tokenizer(folder.path)

    examples: list[Any] = []
    for path in recipe.data.train:
        examples += recipe.task.read(path, offline=offline)
    examples = examples[: recipe.data.max_examples]
    dev_examples = None
    if recipe.data.dev is not None:
        dev_examples = list(recipe.task.read(recipe.data.dev, offline=offline))[: recipe.data.max_dev_examples]
    for found, where in ((examples, recipe.data.train[0]), (dev_examples, recipe.data.dev)):
        if found is not None and not found:
            raise DataError("there are no examples to read", where=str(where), fix="name a file that holds some")
    features = list(recipe.task.training_features(examples, tokenizer))
    if len(features) == 0:
        raise DataError(
            f"{len(examples)} examples give nothing to learn from", where=str(recipe.data.train[0]), fix="see task"
        )
    dev = _dev_set(recipe, dev_examples, tokenizer) if dev_examples else None
    if dev is not None:
        _check_metric(recipe, dev)

    torch.manual_seed(recipe.seed)  # the head's new weights and dropout
    changes = dict(recipe.model.config)
    for key, value in (
        ("hidden_dropout_prob", recipe.model.dropout),
        ("attention_probs_dropout_prob", recipe.model.attention_dropout),
    ):
        if value is not None:
            changes[key] = value
    with memory_errors(MEMORY_FIX):
        model = head.model.from_pretrained(folder.path, **changes).to(device)
    if recipe.run.gradient_checkpointing:
        model.gradient_checkpointing_enable()
    lengths = np.array([len(feature) for feature in features])
    longest = max(int(each.max()) for each in ([lengths] if dev is None else [lengths, dev.features.lengths]))
    if longest > model.config.max_position_embeddings:
        raise RecipeError(
            f"task.window makes inputs of {longest} tokens; the model has {model.config.max_position_embeddings} "
            "positions",
            where=recipe.model.start,
            fix=f"set task.window to {model.config.max_position_embeddings} or less",
        )
    return _Job(
        recipe=recipe,
        model=model,
        tokenizer=tokenizer,
        device=device,
        examples=examples,
        features=features,
        lengths=lengths,
        dev=dev,
    )


def _dev_set(recipe: FinetuneRecipe, examples: Sequence[Any], tokenizer: Tokenizer) -> _DevSet:
    return _DevSet(examples=examples, features=recipe.task.encode(examples, tokenizer))


def _check_metric(recipe: FinetuneRecipe, dev: _DevSet) -> None:
    """Refuse a metric that these examples will not give, before it costs an epoch."""
    wanted = _metric(recipe)
    names = recipe.task.score_names(dev.examples, dev.features)
    if wanted not in names:
        known = f"it has {', '.join(names)}"
        raise RecipeError(
            f"the task has no score {wanted!r} on this dev data",
            where="run.metric",
            fix=f"did you mean {near!r}? {known}" if (near := nearest(wanted, names)) else known,
        )


def _metric(recipe: FinetuneRecipe) -> str:
    return recipe.run.metric or recipe.task.main_metric


@dataclass(frozen=True)
class _Outcome:
    """Of one optimiser step."""

    loss: float
    grad_norm: float
    n_tokens: int
    n_padded: int


class _Stepper:
    """Takes optimiser steps."""

    def __init__(self, job: _Job) -> None:
        optim = job.recipe.optim
        self._job = job
        self._weights = [weight for weight in job.model.parameters() if weight.requires_grad]
        self.optimiser = adamw(job.model, lr=optim.lr, weight_decay=optim.weight_decay)

    def take(self, batch: np.ndarray, *, lr: float, step: int) -> _Outcome:
        """Learn from a batch of feature indices.

        Raises:
            DivergedError: the loss or the gradient is not finite; weights and optimiser are as before.
            ResourceError: memory did not suffice.
        """
        with memory_errors(MEMORY_FIX):
            return self._take(batch, lr=lr, step=step)

    def _take(self, batch: np.ndarray, *, lr: float, step: int) -> _Outcome:
        job, recipe = self._job, self._job.recipe
        job.model.train()
        parts = job.split(batch)
        features = [[job.features[int(i)] for i in part] for part in parts]
        counts = [n_targets(part) for part in features]
        losses: list[Tensor] = []
        n_tokens = n_padded = 0
        for part, count in zip(features, counts, strict=True):
            padded = collate(part, pad_id=job.model.config.pad_token_id or 0, device=job.device)
            with torch.autocast(job.device.type, torch.bfloat16, enabled=recipe.run.precision == "bfloat16"):
                loss = job.model(**padded.inputs, return_dict=True).loss
            # a mean over this part's targets becomes its share of the mean over the whole batch
            loss = loss * (count / sum(counts))
            loss.backward()
            losses.append(loss.detach())
            n_tokens += padded.n_tokens
            n_padded += padded.n_padded
        norm = nn.utils.clip_grad_norm_(self._weights, recipe.optim.clip)
        *values, grad_norm = torch.stack([*losses, norm]).tolist()  # the only wait for the device in a step
        self._insist_on_finite(values, grad_norm, features, step)
        for group in self.optimiser.param_groups:
            group["lr"] = lr
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return _Outcome(loss=math.fsum(values), grad_norm=grad_norm, n_tokens=n_tokens, n_padded=n_padded)

    def _insist_on_finite(
        self, losses: list[float], grad_norm: float, features: list[list[Feature]], step: int
    ) -> None:
        if math.isfinite(grad_norm) and all(map(math.isfinite, losses)):
            return
        self.optimiser.zero_grad(set_to_none=True)
        guilty = [part for loss, part in zip(losses, features, strict=True) if not math.isfinite(loss)]
        names = list(dict.fromkeys(self._name(feature) for part in guilty or features for feature in part))
        what = f"the loss is {math.fsum(losses)}" if guilty else f"the gradient's norm is {grad_norm}"
        shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        raise DivergedError(
            f"{what} at step {step}; the examples were {shown}",
            where="training",
            fix="lower optim.lr or lengthen optim.warmup, and look at these examples; "
            "the last checkpoint and the best model are untouched",
        )

    def _name(self, feature: Feature) -> str:
        example = self._job.examples[feature.example]
        return str(getattr(example, "id", feature.example))


@dataclass
class _Window:
    """Sums since the last logged step."""

    loss: float = 0.0
    n_steps: int = 0
    n_tokens: int = 0
    n_padded: int = 0
    seconds: float = 0.0


@dataclass
class _Progress:
    """What a run remembers from step to step, besides weights and generators."""

    step: int = 0
    evaluated: int = 0
    """The last step at which the dev set was scored to the end."""
    best_step: int | None = None
    best_scores: dict[str, float] | None = None
    seconds: float = 0.0
    """Of all steps and evaluations, those before a resumption included."""
    window: _Window = field(default_factory=_Window)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "_Progress":
        return cls(**{**values, "window": _Window(**values["window"])})


class _Run:
    """A run's state, and the order in which things happen."""

    def __init__(self, job: _Job, out: Path) -> None:
        self._job = job
        self._out = out
        self._stepper = _Stepper(job)
        self._progress = _Progress()
        self._saved: int | None = None
        self._epoch: tuple[int, list[np.ndarray]] | None = None
        self._paces: deque[float] = deque(maxlen=500)
        self._eval_seconds = 0.0

    def steps(self, stop: StopSignals) -> Iterator[Event]:
        """Train from where the run stands to its end."""
        job, progress, run = self._job, self._progress, self._job.recipe.run
        eval_every = run.eval_every or job.n_batches
        metrics = MetricsFile(self._out / "metrics.jsonl", after=progress.step)
        while True:
            step = progress.step
            due = step > 0 and (step % eval_every == 0 or step == job.n_steps)
            if due and progress.evaluated < step and stop.caught is None:
                yield from self._judge(metrics, stop)
            save = due if run.save_every is None else step > 0 and (step % run.save_every == 0 or step == job.n_steps)
            if (save or stop.caught is not None) and self._saved != step:
                yield self._save()
            stop.obey()
            if step == job.n_steps:
                break
            event = self._step(metrics)
            if event is not None:
                metrics.write("step", asdict(event))
                yield event
        yield Finished(step=progress.step, best_scores=progress.best_scores, run=self._out, seconds=progress.seconds)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint.

        Where the run folder lacks the best model, as a new one does, the choice of it begins again.

        Raises:
            UsageError: it belongs to another recipe or other data.
            ModelError: it does not fit the model.
        """
        job = self._job
        tensors, state = read_checkpoint(path)
        changes = [
            change for change in recipe_changes(state["recipe"], job.recipe) if not change.startswith(SAME_RESULT)
        ]
        if not changes and state["data"] != _fingerprint(job):
            changes = ["the training data is not what it was"]
        if changes:
            raise UsageError(
                f"this run was started otherwise: {'; '.join(changes)}",
                where=str(path),
                fix="resume with the same recipe and data, or start a new run with --out FOLDER",
            )
        named: dict[str, dict[str, Tensor]] = {"model": {}, "optimiser": {}, "rng": {}}
        for name, array in tensors.items():
            room, _, rest = name.partition(".")
            named[room][rest] = torch.from_numpy(np.array(array))
        try:
            job.model.load_state_dict(named["model"])
            load_optimiser_state(self._stepper.optimiser, job.model, named["optimiser"])
        except (RuntimeError, KeyError) as error:
            raise ModelError(f"the checkpoint does not fit the model: {error}", where=str(path)) from error
        torch.set_rng_state(named["rng"]["cpu"])
        if job.device.type == "cuda" and "cuda" in named["rng"]:
            torch.cuda.set_rng_state(named["rng"]["cuda"], job.device)
        progress = self._progress = _Progress.from_dict(state["progress"])
        self._saved = progress.step
        if not (self._out / WEIGHTS).exists():
            if progress.best_scores is not None:
                warnings.warn(
                    f"{self._out} does not hold the best model, of step {progress.best_step}: the best one is chosen"
                    f" among those from step {progress.step} on",
                    BigBirdWarning,
                    stacklevel=2,
                )
            progress.evaluated, progress.best_step, progress.best_scores = 0, None, None

    def _step(self, metrics: MetricsFile) -> Step | None:
        """Take the next step; the event is None between two logged steps."""
        job, progress, optim = self._job, self._progress, self._job.recipe.optim
        started = time.perf_counter()
        step = progress.step + 1
        factor = lr_factor(step, n_steps=job.n_steps, warmup=optim.warmup, schedule=optim.schedule)
        try:
            outcome = self._stepper.take(self._batch(step), lr=optim.lr * factor, step=step)
        except DivergedError as error:
            metrics.write("diverged", {"step": step, "problem": error.problem})
            raise
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
        if step % job.recipe.run.log_every and step != job.n_steps:
            return None
        progress.window = _Window()
        return Step(
            step=step,
            n_steps=job.n_steps,
            epoch=step / job.n_batches,
            loss=window.loss / window.n_steps,
            lr=optim.lr * factor,
            tokens_per_second=window.n_tokens / window.seconds,
            padding=1 - window.n_tokens / window.n_padded,
            grad_norm=outcome.grad_norm,
            eta_seconds=self._eta(),
        )

    def _batch(self, step: int) -> np.ndarray:
        epoch, index = divmod(step - 1, self._job.n_batches)
        if self._epoch is None or self._epoch[0] != epoch:
            recipe = self._job.recipe
            self._epoch = (
                epoch,
                epoch_batches(self._job.lengths, batch_size=recipe.optim.batch_size, seed=recipe.seed, epoch=epoch),
            )
        return self._epoch[1][index]

    def _eta(self) -> float:
        job, step = self._job, self._progress.step
        left = (job.n_steps - step) * sum(self._paces) / len(self._paces)
        eval_every = job.recipe.run.eval_every or job.n_batches
        n_evaluations = -(-job.n_steps // eval_every) - step // eval_every
        return left + n_evaluations * self._eval_seconds

    def _judge(self, metrics: MetricsFile, stop: StopSignals) -> Iterator[Event]:
        """Score the model on the dev set and keep it when it is the best so far; without one, when it is the last."""
        job, progress = self._job, self._progress
        if job.dev is None:
            progress.evaluated = progress.step
            if progress.step == job.n_steps:
                self._keep(None)
            return
        started = time.perf_counter()
        scores = _evaluate(job, job.dev, stop)
        if scores is None:  # interrupted: it is done again after a resumption
            return
        best = progress.best_scores is None or scores[job.metric] > progress.best_scores[job.metric]
        if best:
            progress.best_step, progress.best_scores = progress.step, scores
            self._keep(scores)
        progress.evaluated = progress.step
        self._eval_seconds = time.perf_counter() - started
        progress.seconds += self._eval_seconds
        event = Evaluated(step=progress.step, scores=scores, best=best, seconds=self._eval_seconds)
        metrics.write("evaluated", asdict(event))
        yield event

    def _keep(self, scores: dict[str, float] | None) -> None:
        job = self._job
        write_best_model(
            self._out,
            model=job.model,
            tokenizer=job.tokenizer,
            recipe=job.recipe,
            step=self._progress.step,
            n_steps=job.n_steps,
            scores=scores,
        )

    def _save(self) -> Saved:
        job, step = self._job, self._progress.step
        tensors = {f"model.{name}": tensor for name, tensor in job.model.state_dict().items()}
        tensors |= {
            f"optimiser.{name}": tensor for name, tensor in optimiser_state(self._stepper.optimiser, job.model).items()
        }
        tensors["rng.cpu"] = torch.get_rng_state()
        if job.device.type == "cuda":
            tensors["rng.cuda"] = torch.cuda.get_rng_state(job.device)
        path = write_checkpoint(
            self._out,
            step,
            {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()},
            {
                "progress": asdict(self._progress),
                "recipe": job.recipe.model_dump(mode="json"),
                "data": _fingerprint(job),
            },
            keep=job.recipe.run.keep,
        )
        self._saved = step
        return Saved(step=step, path=path)


def _fingerprint(job: _Job) -> dict[str, int]:
    """Enough of the data to tell that a checkpoint's position still means the same."""
    return {"n_features": len(job.lengths), "lengths": zlib.crc32(job.lengths.astype("<i4").tobytes())}


def _evaluate(job: _Job, dev: _DevSet, stop: StopSignals) -> dict[str, float] | None:
    """Score the model on examples, by the way that `predict` goes; None when a signal came meanwhile."""
    task = job.recipe.task
    decoder = task.decoder(dev.examples, job.tokenizer)
    waiting: deque[Feature] = deque()  # features that were read ahead and have no outputs yet

    def read() -> Iterator[Feature]:
        for feature in dev.features:
            waiting.append(feature)
            yield feature

    predictor = Predictor(job.model, head=task.head, memory_fix=EVALUATION_MEMORY_FIX)
    for outputs in predictor.predict(read(), batch_size=EVAL_BATCH_SIZE):
        decoder.add(waiting.popleft(), outputs)
        if stop.caught is not None:
            return None
    return dict(task.score(decoder.finish(), dev.examples))

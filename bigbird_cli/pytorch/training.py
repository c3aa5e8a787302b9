"""Training and checking a recipe: the two doors of this room to the training loop."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from bigbird_cli.events import Checked, Event, Started
from bigbird_cli.pytorch.devices import keep_memory, pick_device, use_threads
from bigbird_cli.pytorch.job import DevSet, Job, evaluate, open_job
from bigbird_cli.pytorch.loader import EpochLoader
from bigbird_cli.pytorch.run import Run
from bigbird_cli.pytorch.signals import StopSignals
from bigbird_cli.pytorch.stepper import Stepper
from bigbird_cli.pytorch.world import World, open_world, own_device
from bigbird_cli.recipe.schema import Recipe
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.features import default_folder
from bigbird_cli.weights.checkpoint import RunLock, start_run


def train(
    recipe: Recipe,
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
    place = pick_device(own_device(device))
    use_threads(threads)
    keep_memory()
    with StopSignals() as stop, open_world(place, seconds=recipe.run.wait) as world, ExitStack() as held:

        def lock() -> None:
            held.enter_context(RunLock(out))

        checkpoint = world.of_first(lambda: start_run(out, resume))
        world.of_first(lock)
        job = open_job(recipe, place, cache=recipe.data.cache or default_folder(), offline=offline)
        run = Run(job, out, world)
        if checkpoint is not None:
            checkpoint = run.load(checkpoint, or_before=resume == "auto")
        yield Started(
            run=out,
            device=str(place) if world.size == 1 else f"{world.size} x {place.type}",
            n_parameters=sum(parameter.numel() for parameter in job.model.parameters()),
            n_features=job.loader.n_features,
            n_steps=job.n_steps,
            resumed_from=checkpoint,
            new_head=job.new_head if checkpoint is None else None,
        )
        stop.is_preparing = False
        yield from run.steps(stop)


def check(recipe: Recipe, *, device: str = "auto", threads: int | None = None, offline: bool = False) -> Checked:
    """Read everything a recipe names, take one optimiser step on its longest inputs, and leave nothing behind.

    The step is one forward pass wide, so that it needs the memory that training will need at most; its time is
    scaled to a mean optimiser step. Of a stream, only what the first step needs is read.

    Raises:
        BigBirdError: as `train`.
    """
    place = pick_device(device)
    use_threads(threads)
    keep_memory()
    alone = World(0, 1, place)
    with tempfile.TemporaryDirectory(prefix="bigbird-check-") as cache:
        job = open_job(recipe, place, cache=Path(cache), offline=offline)
        if job.dev is not None:
            examples = job.dev.examples[:2]
            evaluate(job, DevSet(examples, job.task.encode(examples, job.tokenizer)), StopSignals(), alone)
        batch, tokens_per_step = _largest_pass(job)
        stepper = Stepper(job, alone)
        started = time.perf_counter()
        outcome = stepper.take(batch, lr=recipe.optim.lr, step=1)
        seconds = time.perf_counter() - started
        n_tokens = int(job.loader.lengths.sum()) if isinstance(job.loader, EpochLoader) else None
    return Checked(
        n_examples=job.n_examples,
        n_features=job.loader.n_features,
        n_tokens=n_tokens,
        loss=outcome.loss,
        seconds_per_step=seconds * tokens_per_step / outcome.n_tokens,
        n_steps=job.n_steps,
    )


def _largest_pass(job: Job) -> tuple[list[Feature], float]:
    """The widest forward pass that training can meet, and the tokens of a mean step."""
    loader, optim = job.loader, job.recipe.optim
    if not isinstance(loader, EpochLoader):
        batch = loader.batch(1)
        return max(job.split(batch), key=_width), float(sum(feature.ids.size for feature in batch))
    n_features = optim.batch_size
    if optim.batch_tokens is not None:
        n_features = max(1, optim.batch_tokens // int(loader.lengths.max()))
    longest = np.argsort(loader.lengths, kind="stable")[-n_features:]
    batch = [loader.ready(int(i), epoch=0) for i in longest]
    per_epoch = float(sum(loader.lengths)) * batch[0].ids.size / len(batch[0])  # choices are several inputs
    return max(job.split(batch), key=_width), per_epoch / (loader.steps_per_epoch or 1)


def _width(part: list[Feature]) -> int:
    return len(part) * max(feature.ids.size for feature in part)

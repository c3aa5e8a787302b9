"""Check a recipe: open what it names, take one step, write a checkpoint and read it, leave nothing behind."""

import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from bigbird_cli.backend import Compute, open_backend
from bigbird_cli.events import Checked
from bigbird_cli.files.folders import free_bytes, require_space
from bigbird_cli.messages import counted
from bigbird_cli.recipe.schema import Recipe
from bigbird_cli.tasks.base import Feature
from bigbird_cli.training.batching import split
from bigbird_cli.training.checkpoints import Progress, open_checkpoint, save
from bigbird_cli.training.evaluation import DevSet, evaluate
from bigbird_cli.training.job import Job, open_job, require_sources
from bigbird_cli.training.loader import EpochLoader
from bigbird_cli.training.measuring import longest_batch, timed_step
from bigbird_cli.training.run import needed_bytes
from bigbird_cli.training.signals import StopSignals


def check(recipe: Recipe, out: Path = Path(), *, compute: Compute = Compute()) -> Checked:  # noqa: B008 - frozen
    """Open everything a recipe names, take one optimiser step on its longest inputs, and leave nothing behind.

    The step is one forward pass wide, so that it needs the memory that training will need at most; its time is
    scaled to a mean optimiser step. Of a stream, only what the first step needs is read. A checkpoint is written, and
    gone on from.

    Args:
        recipe: what to check.
        out: where its run folder will be: what is free there must do for the whole run.
        compute: as of `train`.

    Raises:
        BigBirdError: as `train`.
    """
    require_sources(recipe.data)
    backend = open_backend(recipe.backend)
    with backend.connect(compute, wait=None) as alone, tempfile.TemporaryDirectory(prefix="bigbird-check-") as cache:
        job = open_job(recipe, cache=Path(cache), compute=compute, peers=alone)
        if job.dev is not None:
            examples = job.dev.examples[:2]
            few = DevSet(examples, job.task.encode(examples, job.tokenizer))
            evaluate(job.engine, job.task, job.tokenizer, few, stop=StopSignals(), peers=alone)
        features, tokens_per_step = _largest_micro_batch(job)
        result, seconds = timed_step(job.engine, split(features, recipe.optim), seed=recipe.seed)
        n_tokens = int(job.loader.lengths.sum()) if isinstance(job.loader, EpochLoader) else None
        unknown, changed = _round_trip(job, offline=compute.offline)
        n_prepared = sum(file.stat().st_size for file in Path(cache).rglob("*") if file.is_file())
        checkpoint_bytes = _go_on_from_a_checkpoint(job, Path(cache) / "run")
        disk_bytes = needed_bytes(recipe.run, job.engine.n_parameters)[0] + n_prepared
        require_space(out, n_bytes=disk_bytes)
    return Checked(
        n_examples=job.n_examples,
        n_features=job.loader.n_features,
        n_tokens=n_tokens,
        loss=result.loss,
        seconds_per_step=seconds * tokens_per_step / result.n_tokens,
        n_steps=job.n_steps,
        checkpoint_bytes=checkpoint_bytes,
        disk_bytes=disk_bytes,
        free_bytes=free_bytes(out),
        unknown=unknown,
        changed=changed,
        fit_seconds=job.fit_seconds,
        odd=tuple(_odd_settings(job)),
    )


HIGHEST_LR = 0.01
"""Peak learning rate of AdamW at which nothing that was learnt before stays."""

FEWEST_DEV = 10
"""Examples by which one model is told from the next."""


def _odd_settings(job: Job) -> Iterator[str]:
    optim, run, loader, n_steps = job.recipe.optim, job.recipe.run, job.loader, job.n_steps
    if not n_steps and job.task.head_fit is None:
        random = ", and its new head stays random" if job.new_head else ""
        yield f"optim.steps is 0: the model stays as it starts{random}"
    n_windows = loader.n_features
    if n_windows is not None and optim.batch_tokens is None and n_steps and n_windows < optim.batch_size:
        yield f"optim.batch_size {optim.batch_size} is more than {counted(n_windows, 'window')}: a step learns from all"
    n_evaluations = -(-n_steps // (run.eval_every or loader.steps_per_epoch or n_steps or 1))
    if run.patience is not None and n_evaluations <= run.patience:
        yield f"run.patience {run.patience} is never spent: there are {counted(n_evaluations, 'evaluation')}"
    if n_steps and optim.lr > HIGHEST_LR:
        yield f"optim.lr {optim.lr:g} is far above what AdamW takes, 1e-5 to 1e-3"
    if n_steps and job.dev is not None and len(job.dev.examples) < FEWEST_DEV:
        yield f"the best model is chosen by {counted(len(job.dev.examples), 'example')} of data.dev"


TRIED = 50
"""Texts that go through the tokenizer and back."""


def _round_trip(job: Job, *, offline: bool) -> tuple[float, float]:
    """The share of unknown tokens in some training texts, and of texts that have other tokens the second time."""
    recipe, tokenizer = job.recipe, job.tokenizer
    n_unknown = n_tokens = n_changed = n_texts = 0
    for example in islice(recipe.task.read(recipe.data.train[0], offline=offline), TRIED):
        text = example.text if hasattr(example, "begins") else job.task.document_of(example)[0]
        ids = tokenizer.encode(text).ids
        n_texts += 1
        n_tokens += len(ids)
        n_unknown += int((ids == tokenizer.unk_id).sum()) if tokenizer.unk_id is not None else 0
        n_changed += not np.array_equal(tokenizer.encode(tokenizer.decode(ids.tolist())).ids, ids)
    return n_unknown / max(1, n_tokens), n_changed / max(1, n_texts)


def _go_on_from_a_checkpoint(job: Job, run: Path) -> int:
    """Write a checkpoint, read it, and go on from it; its bytes."""
    run.mkdir()
    path = save(run, job, Progress(step=1))
    read, _, state = open_checkpoint(path, job, or_before=False)
    job.engine.load(state)
    return sum(file.stat().st_size for file in read.iterdir())


def _largest_micro_batch(job: Job) -> tuple[list[Feature], float]:
    """The widest micro-batch that training can meet, and the tokens of a mean step."""
    loader, optim = job.loader, job.recipe.optim
    if not isinstance(loader, EpochLoader):
        batch = loader.batch(1)
        return max(split(batch, optim), key=_width), float(sum(feature.ids.size for feature in batch))
    batch = [loader.ready(int(i), epoch=0) for i in longest_batch(loader.lengths, optim)]
    per_epoch = float(sum(loader.lengths)) * batch[0].ids.size / len(batch[0])  # choices are several inputs
    return max(split(batch, optim), key=_width), per_epoch / (loader.steps_per_epoch or 1)


def _width(part: Sequence[Feature]) -> int:
    return len(part) * max(feature.ids.size for feature in part)

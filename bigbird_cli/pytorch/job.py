"""A recipe with everything it names opened: model, tokenizer, training data, dev data."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bigbird_cli.data.keys import content_key, insist_unchanged, size_key, source_key
from bigbird_cli.errors import BigBirdWarning, DataError, RecipeError, nearest
from bigbird_cli.pytorch.batches import micro_batches, stackable
from bigbird_cli.pytorch.devices import memory_errors
from bigbird_cli.pytorch.fitting import fit_head
from bigbird_cli.pytorch.loader import AheadLoader, EpochLoader, Loader, StreamLoader, drawing
from bigbird_cli.pytorch.model.pretrained import PretrainedModel
from bigbird_cli.pytorch.objectives import Head, head_named
from bigbird_cli.pytorch.predict import LOOK_AHEAD, Predictor
from bigbird_cli.pytorch.run_folder import summary_writer
from bigbird_cli.pytorch.signals import StopSignals
from bigbird_cli.pytorch.start import build_model, open_vocabulary, start_folder
from bigbird_cli.pytorch.world import World
from bigbird_cli.recipe.schema import Recipe
from bigbird_cli.tasks.base import Feature, Features, Task
from bigbird_cli.tasks.features import FeatureFile
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer

EVAL_BATCH_SIZE = 32
"""Windows a forward pass in evaluation, within predict's own bound on tokens."""

MEMORY_FIX = "lower optim.micro_batch_size or optim.max_tokens_per_micro_batch, or set run.gradient_checkpointing"

EVALUATION_MEMORY_FIX = "choose a device with more memory with --device, or start from a smaller model"


@dataclass(frozen=True, eq=False)
class DevSet:
    """Examples to judge by."""

    examples: Sequence[Any]
    features: Features


@dataclass(frozen=True, eq=False)
class Job:
    """Everything that a recipe names, opened.

    Attributes:
        task: the recipe's, with the labels of its training data.
        n_examples: that gave something to learn from; None in a stream.
        data: names of the training data and of the dev data: other data, other names.
    """

    recipe: Recipe
    task: Task
    head: Head
    model: PretrainedModel
    tokenizer: Tokenizer
    device: torch.device
    loader: Loader
    n_examples: int | None
    dev: DevSet | None
    data: dict[str, str]

    @property
    def n_steps(self) -> int:
        """Optimiser steps of the whole run."""
        optim = self.recipe.optim
        if optim.steps is not None:
            return optim.steps
        return max(1, round(optim.epochs * (self.loader.steps_per_epoch or 1)))

    @property
    def new_head(self) -> str | None:
        """What the head is for, where the start model lacks it."""
        if self.recipe.model.start is None or all(
            name.startswith(self.model.prefix) for name in self.model.new_parameters
        ):
            return None
        if self.model.label_parameters:
            return f"{self.model.config.num_labels:,} labels"
        return str(self.recipe.task.type).replace("_", " ")

    @property
    def metric(self) -> str:
        return _metric(self.recipe, self.task)

    def split(self, features: Sequence[Feature], *, at_least: int = 1) -> list[list[Feature]]:
        """An optimiser batch as forward passes, each of features of like length and of as many choices.

        Args:
            features: of the batch.
            at_least: as many passes are made if there are as many features, however many one could hold: one for each
                process. Passes that are split so draw another dropout than in a single process.
        """
        optim = self.recipe.optim
        lengths = np.array([feature.ids.size for feature in features])
        passes = [
            part
            for group in stackable(features)
            for part in micro_batches(
                np.array(sorted(group, key=lengths.__getitem__)),
                lengths,
                micro_batch_size=optim.micro_batch_size,
                max_tokens=optim.max_tokens_per_micro_batch,
            )
        ]
        while len(passes) < at_least and len(largest := max(passes, key=len)) > 1:
            place = next(i for i, part in enumerate(passes) if part is largest)
            passes[place : place + 1] = np.array_split(largest, 2)
        return [[features[int(i)] for i in part] for part in passes]


def open_job(recipe: Recipe, device: torch.device, *, cache: Path, offline: bool = False) -> Job:
    """Open what a recipe names; torch's generator is seeded here, and draws the head's new weights.

    Args:
        recipe: what to train, on what, how.
        device: where the model goes.
        cache: folder for prepared training data.
        offline: never ask the network.

    Raises:
        UsageError: TensorBoard is asked for and not installed.
        RecipeError: a setting does not fit the model or the data.
        DataError: the data cannot be read, or gives nothing to learn from.
        ModelError: the start model is missing or broken.
        ResourceError: memory or disk did not suffice.
    """
    data = recipe.data
    if recipe.run.tensorboard:
        summary_writer()  # before hours of work, not after
    head = head_named(recipe.task.head)
    keys = _source_keys(recipe, offline=offline)  # before anything is read
    with start_folder(recipe.model, offline=offline) as folder:
        tokenizer = open_vocabulary(recipe.model, folder)
        task: Task = recipe.task.fitted(_examples(recipe, offline=offline))
        dev = _dev_set(recipe, task, tokenizer, offline=offline)
        if data.dev is not None:
            insist_unchanged([data.dev], keys["dev data"], offline=offline)
        torch.manual_seed(recipe.seed)  # the head's new weights and dropout
        with memory_errors(MEMORY_FIX):
            model = build_model(recipe.model, folder, head, tokenizer, task.config_changes()).to(device)

        def features() -> Iterator[Feature]:
            return task.training_features(_examples(recipe, offline=offline), tokenizer)

        draw, optim = drawing(task, tokenizer), recipe.optim
        prepared: FeatureFile | None = None
        loader: Loader
        if data.streaming:
            if head.spec.is_fitted:
                raise RecipeError(
                    "a linear classifier is fitted to all examples at once",
                    where="data.streaming",
                    fix="set it to false, or task.classifier to layers",
                )
            loader = StreamLoader(
                features, draw, seed=recipe.seed, batch_size=optim.batch_size, buffer=data.shuffle_buffer
            )
        else:
            settings: dict[str, Any] = {"task": _settings(task), "max_examples": data.max_examples}
            if recipe.model.added_tokens:  # beside the folder's files
                settings["added_tokens"] = list(recipe.model.added_tokens)
            train_key = keys["training data"]
            key = keys["training data"] = content_key(train_key, settings=settings, tokenizer=folder)

            def unchanged_features() -> Iterator[Feature]:
                yield from features()
                insist_unchanged(data.train, train_key, offline=offline)  # else the cache would have a wrong name

            prepared = FeatureFile.cached(key, unchanged_features, folder=cache)
            if not len(prepared):
                raise DataError("the data gives nothing to learn from", where=data.train[0], fix="see task")
            if head.spec.is_fitted:
                fit_head(model, task, prepared)
            loader = EpochLoader(
                prepared,
                draw,
                seed=recipe.seed,
                batch_size=optim.batch_size,
                batch_tokens=optim.batch_tokens,
            )
    if data.workers:
        loader = AheadLoader(loader, workers=data.workers)
    if recipe.run.gradient_checkpointing:
        model.gradient_checkpointing_enable()
    judged = None if dev is None else dev.features
    _check_lengths(recipe, model, [each.lengths for each in (prepared, judged) if each is not None])
    return Job(
        recipe=recipe,
        task=task,
        head=head,
        model=model,
        tokenizer=tokenizer,
        device=device,
        loader=loader,
        n_examples=None if prepared is None else prepared.n_examples,
        dev=dev,
        data=keys,
    )


def evaluate(job: Job, dev: DevSet, stop: StopSignals, world: World) -> dict[str, float] | None:
    """Score the model on examples, by the way that `predict` goes; None when a signal came meanwhile.

    Every process computes its share of the features; the first one scores them all and tells the others.
    """
    decoder = job.task.decoder(dev.examples, job.tokenizer) if world.is_first else None
    predictor = Predictor(job.model, head=job.task.head, memory_fix=EVALUATION_MEMORY_FIX)
    features = iter(dev.features)
    while ahead := list(islice(features, LOOK_AHEAD * EVAL_BATCH_SIZE * world.size)):
        share = ahead[world.rank :: world.size]
        predicted = predictor.predict(share, batch_size=EVAL_BATCH_SIZE, stop=lambda: stop.caught is not None)
        shares = world.gathered([outputs for _, outputs in predicted])
        if world.highest([float(stop.caught is not None)])[0]:
            return None
        if decoder is not None:
            for i, feature in enumerate(ahead):
                decoder.add(feature, shares[i % world.size][i // world.size])
    return world.of_first(lambda: dict(job.task.score(decoder.finish(), dev.examples)) if decoder else {})


def _examples(recipe: Recipe, *, offline: bool) -> Iterator[Any]:
    """The training examples, one after the other."""

    def all_of_them() -> Iterator[Any]:
        for source in recipe.data.train:
            found = False
            for example in recipe.task.read(source, offline=offline):
                found = True
                yield example
            if not found:
                raise _nothing_in(source)

    return islice(all_of_them(), recipe.data.max_examples)


def _dev_set(recipe: Recipe, task: Task, tokenizer: Tokenizer, *, offline: bool) -> DevSet | None:
    if recipe.data.dev is None:
        if recipe.run.patience is not None:
            raise RecipeError("run.patience needs data.dev", where="run.patience", fix="name a dev set, or remove it")
        return None
    examples = list(islice(task.read(recipe.data.dev, offline=offline), recipe.data.max_dev_examples))
    if not examples:
        raise _nothing_in(recipe.data.dev)
    dev = DevSet(examples=examples, features=task.encode(examples, tokenizer))
    _check_metric(recipe, task, dev)
    return dev


def _source_keys(recipe: Recipe, *, offline: bool) -> dict[str, str]:
    """Names of what the data holds now; a stream, too large to be read for a name, is known by its files' sizes."""
    data = recipe.data
    return {
        "training data": size_key(data.train) if data.streaming else source_key(data.train, offline=offline),
        "dev data": "" if data.dev is None else source_key([data.dev], offline=offline),
    }


def _nothing_in(source: str) -> DataError:
    return DataError("there are no examples to read", where=source, fix="name a file that holds some")


def _check_metric(recipe: Recipe, task: Task, dev: DevSet) -> None:
    """Refuse a metric that these examples will not give, before it costs an epoch."""
    wanted = _metric(recipe, task)
    names = task.score_names(dev.examples, dev.features)
    if wanted not in names:
        known = f"it has {', '.join(names)}"
        raise RecipeError(
            f"the task has no score {wanted!r} on this dev data",
            where="run.metric",
            fix=f"did you mean {near!r}? {known}" if (near := nearest(wanted, names)) else known,
        )


def _check_lengths(recipe: Recipe, model: PretrainedModel, lengths: Iterable[np.ndarray]) -> None:
    longest = max((int(each.max()) for each in lengths if len(each)), default=0)
    limit = model.config.max_position_embeddings
    if longest > limit:
        raise RecipeError(
            f"task.window makes inputs of {longest} tokens; the model has {limit} positions",
            where=recipe.model.start or "model.config",
            fix=f"set task.window to {limit} or less",
        )
    window = getattr(recipe.task, "window", limit)
    if recipe.data.streaming and window > limit:
        warnings.warn(
            BigBirdWarning(
                f"task.window is {window}, and the model has {limit} positions: a longer input will stop it"
            ),
            stacklevel=2,
        )


def _metric(recipe: Recipe, task: Task) -> str:
    return recipe.run.metric or task.main_metric


def _settings(task: Any) -> dict[str, Any]:
    settings: dict[str, Any] = task.model_dump(mode="json")
    return settings

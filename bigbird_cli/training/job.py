"""A recipe with everything it names opened: model, tokenizer, training data, dev data."""

import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from bigbird_cli.backend import Compute, Engine, Peers, StartModel, open_backend
from bigbird_cli.bigbird.heads import HEADS
from bigbird_cli.data.hub import is_hub
from bigbird_cli.data.keys import check_unchanged, content_key, size_key, source_key
from bigbird_cli.errors import BigBirdWarning, DataError, ModelError, RecipeError, nearest
from bigbird_cli.events import Doing, OnDoing, ignore
from bigbird_cli.files.streams import file_errors
from bigbird_cli.messages import counted
from bigbird_cli.recipe.schema import DataSection, Optim, Recipe, share_of
from bigbird_cli.tasks.base import Feature, Task
from bigbird_cli.tasks.features import FeatureFile
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer
from bigbird_cli.training.card import license_of
from bigbird_cli.training.evaluation import DevSet
from bigbird_cli.training.fitting import fit_head
from bigbird_cli.training.learnt import Learnt, read_learnt
from bigbird_cli.training.loader import AheadLoader, EpochLoader, Loader, StreamLoader, preparing
from bigbird_cli.training.parts import Parts, draw_parts, number_of
from bigbird_cli.training.schedule import Schedule
from bigbird_cli.training.start import open_vocabulary, start_folder, start_model
from bigbird_cli.training.tensorboard import require_tensorboard
from bigbird_cli.weights.store import check_vocabulary, find_folder


@dataclass(frozen=True, eq=False)
class Job:
    """Everything that a recipe names, opened.

    Attributes:
        task: the recipe's, with the labels of its training data.
        new_head: what the head is for, where the start model lacks it.
        fit_seconds: what it took to fit the head to the training data; None where it is not fitted.
        n_examples: that gave something to learn from; None in a stream.
        data: names of the training data and of the dev data: other data, other names.
        learnt: reads which documents are learnt from, here and before by the start model; None where that would read
            a stream or the network once more, or the task has no gold to be evaluated by.
        label_counts: of each label, how often the data has it; empty where the recipe names the labels.
        base_license: what the start model's card says of its licence.
    """

    recipe: Recipe
    task: Task
    engine: Engine
    tokenizer: Tokenizer
    loader: Loader
    new_head: str | None
    fit_seconds: float | None
    n_examples: int | None
    dev: DevSet | None
    test: DevSet | None
    data: dict[str, str]
    learnt: Callable[[], Learnt] | None
    label_counts: Mapping[str, int]
    base_license: str | None

    @property
    def n_steps(self) -> int:
        """Optimiser steps of the whole run."""
        return n_steps(self.recipe.optim, self.loader.steps_per_epoch or 1)

    @property
    def schedule(self) -> Schedule:
        """Of the learning rate."""
        return Schedule(self.n_steps, self.recipe.optim.warmup, self.recipe.optim.schedule)

    @property
    def metric(self) -> str:
        """The score that the best model is chosen by."""
        return _metric(self.recipe, self.task)


@dataclass(frozen=True, eq=False)
class Examples:
    """A recipe's tokenizer and data, opened.

    Attributes:
        task: the recipe's, with the labels of its training data.
        read: reads the training examples, without those that are kept for dev and test.
        keys: names of the training data and of the dev data.
        label_counts: as of `Job`.
    """

    task: Task
    tokenizer: Tokenizer
    read: Callable[[], Iterator[Any]]
    dev: DevSet | None
    test: DevSet | None
    keys: dict[str, str]
    label_counts: Mapping[str, int]


def n_steps(optim: Optim, steps_per_epoch: float) -> int:
    """Optimiser steps of a whole run."""
    return optim.steps if optim.steps is not None else max(1, round(optim.epochs * steps_per_epoch))


def open_job(recipe: Recipe, *, cache: Path, compute: Compute, peers: Peers, on_doing: OnDoing = ignore) -> Job:
    """Open what a recipe names.

    Args:
        recipe: what to train, on what, how.
        cache: folder for prepared training data.
        compute: where the model goes, and whether the network may be asked.
        peers: the processes of the run.
        on_doing: is called with what takes its time.

    Raises:
        UsageError: TensorBoard is asked for and not installed.
        RecipeError: a setting does not fit the model or the data.
        DataError: the data cannot be read, or gives nothing to learn from.
        ModelError: the start model is missing or broken.
        ResourceError: memory or disk did not suffice.
    """
    offline = compute.offline
    if recipe.run.tensorboard:
        require_tensorboard()  # before hours of work, not after
    with start_folder(recipe.model, offline=offline) as folder:
        on_doing(Doing("looking through the data"))
        opened = open_examples(recipe, folder, offline=offline)
        task, tokenizer = opened.task, opened.tokenizer
        before = None if recipe.model.start is None else read_learnt(folder)
        on_doing(Doing("opening the model"))
        start = start_model(recipe.model, folder, head=task.head, tokenizer=tokenizer, changes=task.config_updates())
        engine = _open_engine(recipe, start, tokenizer, compute=compute, peers=peers)
        prepared, keys, fit_seconds = None, opened.keys, None
        if not recipe.data.streaming:
            prepared, key = prepare(recipe, opened, folder, cache=cache, offline=offline, on_doing=on_doing)
            keys = {**keys, "training data": key}
            if task.head_fit is not None:
                started = time.perf_counter()
                fit_head(engine, task.head_fit, prepared, peers, on_doing)
                fit_seconds = time.perf_counter() - started
    loader = _open_loader(recipe, task, tokenizer, prepared, opened.read)
    evaluated = [each.features for each in (opened.dev, opened.test) if each is not None]
    _check_lengths(recipe, engine, [each.lengths for each in (prepared, *evaluated) if each is not None])
    new_head = None
    if recipe.model.start is not None and engine.head_is_new:
        has_labels = bool(HEADS[task.head].label_parameters)
        new_head = counted(engine.config.num_labels or 0, "label") if has_labels else task.type.replace("_", " ")
    return Job(
        recipe=recipe,
        task=task,
        engine=engine,
        tokenizer=tokenizer,
        loader=loader,
        new_head=new_head,
        fit_seconds=fit_seconds,
        n_examples=None if prepared is None else prepared.n_examples,
        dev=opened.dev,
        test=opened.test,
        data=keys,
        learnt=_learnt(recipe, opened.read, before),
        label_counts=opened.label_counts,
        base_license=_base_license(recipe, offline=offline),
    )


def open_examples(recipe: Recipe, folder: Path, *, offline: bool) -> Examples:
    """Open what a recipe names but for the model: its tokenizer and its data.

    Args:
        recipe: what to train, on what.
        folder: of the start model, or of a new one's vocabulary.
        offline: never ask the network.

    Raises:
        BigBirdError: as of `open_job`.
    """
    data = recipe.data
    keys = _source_keys(recipe, offline=offline)  # before anything is read
    tokenizer = open_vocabulary(recipe.model, folder)
    parts = _parts(recipe, offline=offline)
    # a label whose only document is not learnt from is still one that the model may be asked for
    known = _examples(recipe, Parts(recipe.seed), offline=offline, most=None if any(data.shares) else data.max_examples)
    counts: Counter[str] = Counter()
    task: Task = recipe.task.fit_labels(_counting(known, recipe.task, counts))
    if data.streaming and task.head_fit is not None:
        raise RecipeError(
            "a linear classifier is fitted to all examples at once",
            where="data.streaming",
            fix="set it to false, or task.classifier to layers",
        )
    dev = _dev_set(recipe, task, tokenizer, parts, offline=offline)
    if data.dev is not None and not share_of(data.dev):
        check_unchanged([data.dev], keys["dev data"], offline=offline)
    test = None
    if data.test is not None:
        examples = list(_evaluated(recipe, data.test, parts.test, offline=offline))
        test = DevSet(examples=examples, features=task.encode(examples, tokenizer))
    read = partial(_examples, recipe, parts, offline=offline, most=data.max_examples)
    return Examples(task=task, tokenizer=tokenizer, read=read, dev=dev, test=test, keys=keys, label_counts=counts)


def prepare(
    recipe: Recipe, opened: Examples, folder: Path, *, cache: Path, offline: bool, on_doing: OnDoing = ignore
) -> tuple[FeatureFile, str]:
    """The training features on disk, made where the cache lacks them, and their name.

    Args:
        recipe: that says how.
        opened: its data.
        folder: as of `open_examples`.
        cache: where features are kept.
        offline: never ask the network.
        on_doing: is called at each feature that is made.

    Raises:
        BigBirdError: as of `open_job`.
    """
    task, tokenizer, source = opened.task, opened.tokenizer, opened.keys["training data"]
    key = _features_key(recipe, task, folder, source=source)
    prepared = _prepared(
        recipe, task, tokenizer, key, source, opened.read, cache=cache, offline=offline, on_doing=on_doing
    )
    return prepared, key


def _learnt(recipe: Recipe, read: Callable[[], Iterator[Any]], before: Learnt | None) -> Callable[[], Learnt] | None:
    if recipe.data.streaming or any(map(is_hub, recipe.data.train)) or recipe.task.type in ("mlm", "causal"):
        return None
    document_of = recipe.task.document_of
    return lambda: Learnt.of(document_of(example)[0] for example in read()).with_(before)


def _counting(examples: Iterable[Any], task: Task, counts: Counter[str]) -> Iterator[Any]:
    """Examples as they go by, with their labels counted."""
    for example in examples:
        counts.update(task.labels_of(example))
        yield example


def _base_license(recipe: Recipe, *, offline: bool) -> str | None:
    start, revision = recipe.model.start, recipe.model.revision
    return None if start is None else license_of(find_folder(start, offline=offline, revision=revision))


def require_sources(data: DataSection) -> None:
    """DataError for a file or folder that is not there."""
    for source in (*data.train, data.dev, data.test):
        if source is not None and not is_hub(source) and share_of(source) is None:
            path = Path(source)
            with file_errors(path):
                path.stat()


def _open_engine(recipe: Recipe, start: StartModel, tokenizer: Tokenizer, *, compute: Compute, peers: Peers) -> Engine:
    """Open the model, and look at all its weights once: one that is not finite would seem the data's fault later."""
    backend = open_backend(recipe.backend)
    if recipe.model.start is None:
        try:
            return backend.open_engine(recipe, start, compute=compute, peers=peers)
        except ModelError as error:
            raise RecipeError(error.problem, where="model.config", fix=error.fix) from None
    engine = backend.open_engine(recipe, start, compute=compute, peers=peers)
    for name, (n_odd, n_numbers) in engine.count_not_finite().items():
        raise ModelError(
            f"{n_odd:,} of the {n_numbers:,} numbers of {name} are not finite",
            where=recipe.model.start,
            fix="fetch the model again, or start from another",
        )
    check_vocabulary(tokenizer.vocab_size, engine.config.vocab_size, where=recipe.model.start)
    return engine


def _features_key(recipe: Recipe, task: Task, folder: Path, *, source: str) -> str:
    """The name of what the task makes of training data whose own name is `source`, by the tokenizer in a folder."""
    settings: dict[str, Any] = {"task": _settings(task), "max_examples": recipe.data.max_examples}
    if any(recipe.data.shares):
        settings["parts"] = [*recipe.data.shares, recipe.seed]
    if recipe.model.added_tokens:  # beside the folder's files
        settings["added_tokens"] = list(recipe.model.added_tokens)
    return content_key(source, settings=settings, tokenizer=folder)


def _prepared(
    recipe: Recipe,
    task: Task,
    tokenizer: Tokenizer,
    key: str,
    source: str,
    read: Callable[[], Iterator[Any]],
    *,
    cache: Path,
    offline: bool,
    on_doing: OnDoing,
) -> FeatureFile:
    """The training features on disk, made where the cache lacks them."""
    train = recipe.data.train

    def unchanged_features() -> Iterator[Feature]:
        for number, feature in enumerate(task.training_features(read(), tokenizer), 1):
            on_doing(Doing("preparing the data", number))
            yield feature
        check_unchanged(train, source, offline=offline)  # else the cache would have a wrong name

    prepared = FeatureFile.cached(key, unchanged_features, folder=cache)
    if not len(prepared):
        raise DataError("the data gives nothing to learn from", where=train[0], fix="see task")
    return prepared


def _open_loader(
    recipe: Recipe, task: Task, tokenizer: Tokenizer, prepared: FeatureFile | None, read: Callable[[], Iterator[Any]]
) -> Loader:
    data, optim = recipe.data, recipe.optim
    prepare = preparing(task, tokenizer)
    loader: Loader
    if prepared is None:
        loader = StreamLoader(
            lambda: task.training_features(read(), tokenizer),
            prepare,
            seed=recipe.seed,
            batch_size=optim.batch_size,
            buffer=data.shuffle_buffer,
        )
    else:
        loader = EpochLoader(
            prepared, prepare, seed=recipe.seed, batch_size=optim.batch_size, batch_tokens=optim.batch_tokens
        )
    return AheadLoader(loader, workers=data.workers) if data.workers else loader


def _examples(recipe: Recipe, parts: Parts, *, offline: bool, most: int | None) -> Iterator[Any]:
    """The training examples, one after the other, without those that are kept for dev and test."""

    def all_of_them() -> Iterator[Any]:
        for source in recipe.data.train:
            found = False
            for example in recipe.task.read(source, offline=offline):
                found = True
                if parts.is_learnt(recipe.task.document_of(example)[0]):
                    yield example
            if not found:
                raise _nothing_in(source)

    return islice(all_of_them(), most)


def _parts(recipe: Recipe, *, offline: bool) -> Parts:
    """The documents that are kept for dev and test; none where other data is named."""
    dev, test = recipe.data.shares
    if not dev and not test:
        return Parts(recipe.seed)
    examples = _examples(recipe, Parts(recipe.seed), offline=offline, most=None)
    try:
        return draw_parts(examples, recipe.task.document_of, dev=dev, test=test, seed=recipe.seed)
    except DataError as error:
        raise DataError(error.problem, where=error.where or ", ".join(recipe.data.train), fix=error.fix) from None


def _evaluated(recipe: Recipe, source: str, drawn: frozenset[int], *, offline: bool) -> Iterator[Any]:
    """The examples of a source; where it is a share, those of the training documents that were drawn."""
    if share_of(source) is None:
        yield from recipe.task.read(source, offline=offline)
        return
    for example in _examples(recipe, Parts(recipe.seed), offline=offline, most=None):
        if number_of(recipe.task.document_of(example)[0], recipe.seed) in drawn:
            yield example


def _dev_set(recipe: Recipe, task: Task, tokenizer: Tokenizer, parts: Parts, *, offline: bool) -> DevSet | None:
    if recipe.data.dev is None:
        if recipe.run.patience is not None:
            raise RecipeError("run.patience needs data.dev", where="run.patience", fix="name a dev set, or remove it")
        return None
    found = _evaluated(recipe, recipe.data.dev, parts.dev, offline=offline)
    examples = list(islice(found, recipe.data.max_dev_examples))
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
        # a share is another where the training data or the recipe is
        "dev data": "" if data.dev is None or share_of(data.dev) else source_key([data.dev], offline=offline),
    }


def _nothing_in(source: str) -> DataError:
    return DataError("there are no examples to read", where=source, fix="name a file that holds some")


def _check_metric(recipe: Recipe, task: Task, dev: DevSet) -> None:
    """Reject a metric that these examples will not give, before it costs an epoch."""
    wanted = _metric(recipe, task)
    names = task.score_names(dev.examples, dev.features)
    if wanted not in names:
        known = f"it has {', '.join(names)}"
        raise RecipeError(
            f"the task has no score {wanted!r} on this dev data",
            where="run.metric",
            fix=f"did you mean {near!r}? {known}" if (near := nearest(wanted, names)) else known,
        )


def _check_lengths(recipe: Recipe, engine: Engine, lengths: Iterable[np.ndarray]) -> None:
    longest = max((int(each.max()) for each in lengths if len(each)), default=0)
    limit = engine.config.max_position_embeddings
    if longest > limit:
        raise RecipeError(
            f"task.window makes inputs of {longest} tokens; the model has {limit} positions",
            where="task.window",
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

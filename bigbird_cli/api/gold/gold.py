"""A model on data with gold: the task that it was trained for, opened, and what it predicts of the data."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypedDict, get_args

import numpy as np

from bigbird_cli.api.gold.renaming import renamed
from bigbird_cli.api.options import choice
from bigbird_cli.api.reading.reader import Reader, ReadingOptions, T, open_reader
from bigbird_cli.bigbird.heads import head_of_class
from bigbird_cli.choices import Quantize, ScoredTaskName
from bigbird_cli.data.hub import is_hub
from bigbird_cli.errors import BigBirdWarning, DataError, ModelError, RecipeError, UsageError
from bigbird_cli.events import WindowRead
from bigbird_cli.files.names import RECIPE
from bigbird_cli.files.paths import empty_path
from bigbird_cli.messages import counted
from bigbird_cli.recipe import load_recipe
from bigbird_cli.recipe.overrides import override_value
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.classify.task import Classification
from bigbird_cli.tasks.multiple_choice import MultipleChoice
from bigbird_cli.tasks.ner.task import NamedEntities
from bigbird_cli.tasks.outcomes import Outcomes
from bigbird_cli.tasks.qa.task import QuestionAnswering
from bigbird_cli.tasks.zero_shot import ZeroShot
from bigbird_cli.training.learnt import read_learnt
from bigbird_cli.weights.store import ModelFolder, open_folder

ScoredTask = QuestionAnswering | NamedEntities | Classification | MultipleChoice | ZeroShot

TASKS: Final[dict[str, type[ScoredTask]]] = {
    "qa": QuestionAnswering,
    "ner": NamedEntities,
    "classify": Classification,
    "multiple_choice": MultipleChoice,
    "zero_shot": ZeroShot,
}

_TASK_OF_HEAD: Final = {
    "span": "qa",
    "token_labels": "ner",
    "document_labels": "classify",
    "embedding_labels": "classify",
    "choices": "multiple_choice",
}


class GoldOptions(TypedDict, total=False):
    """What calls take that try a model on data with gold."""

    task: ScoredTaskName | None
    """The model's task; by default what its folder says: the one that it was trained for, or its head."""
    overrides: Sequence[str]
    """The task's settings to change, each "task.setting=value", such as the columns of the data; a later one wins."""
    rename: Mapping[str, str]
    """What the model calls labels of the gold that are named otherwise; "" for one that it has not. See `renamed`."""
    limit: int | None
    """Examples to take, the first ones; None for all."""
    batch_size: int
    """As in ReadingOptions, like the rest."""
    backend: str
    device: str
    threads: int | None
    quantize: Quantize | None
    offline: bool
    revision: str | None
    on_progress: Any


@dataclass(frozen=True, eq=False)
class Tried:
    """A model on data.

    Attributes:
        examples: with their gold.
        predictions: of the model, in the examples' order.
        outcomes: both side by side.
        n_learnt: of their documents, those that the model has learnt from; None where nothing tells.
    """

    reader: Reader[Any]
    examples: list[Any]
    predictions: list[Any]
    outcomes: Outcomes[Any]
    n_learnt: int | None

    def scores(self) -> dict[str, float]:
        """The task's own scores, and those that outcomes give besides."""
        return self.outcomes.tally().scores() | dict(self.reader.task.score(self.predictions, self.examples))


def try_model(model: str | Path, data: str | Path, options: GoldOptions) -> Tried:
    """Open a model, read data with gold, and predict it; a warning tells of documents that it has learnt from.

    Raises:
        UsageError: an option has an impossible value.
        DataError: the data cannot be used, or names a label that the model has not.
        ModelError: the model cannot be used, or has no task of these.
        ResourceError: memory did not suffice.
    """
    reader = open_for_gold(model, options)
    reader, examples = read_gold(reader, data, options)
    n_learnt = count_learnt(
        reader,
        examples,
        str(data),
        so="what it scores there says how well it remembers, not how well it reads what is new",
    )
    decoder = reader.task.decoder(examples, reader.tokenizer)
    for feature, outputs in predicted(reader, examples):
        decoder.add(feature, outputs)
    predictions = decoder.finish()
    return Tried(reader, examples, predictions, reader.task.outcomes(predictions, examples), n_learnt)


def count_learnt(reader: Reader[Any], examples: Sequence[Any], data: str, *, so: str) -> int | None:
    """Count the documents of examples that a model has learnt from, and warn of them.

    Args:
        reader, examples: the model, and what it is tried on.
        data: where the examples are from.
        so: what follows for what is measured on them.

    Returns:
        None where nothing tells what it has learnt from.
    """
    folder = reader.opened.folder.path
    documents = {reader.task.document_of(example)[0] for example in examples}
    learnt = read_learnt(folder)
    if learnt is not None:
        count = learnt.count(documents)
    elif _is_training_data(data, folder):
        count = len(documents)
    else:
        return None
    if count:
        warnings.warn(
            BigBirdWarning(
                f"{data}: the model was trained on {count:,} of {counted(len(documents), 'document')}: {so}"
            ),
            stacklevel=4,
        )
    return count


def _is_training_data(data: str, folder: Path) -> bool:
    """Whether a run's recipe names this as what it trained on."""
    recipe = folder / RECIPE
    if not recipe.is_file():
        return False
    try:
        sources = load_recipe(recipe).data.train
    except RecipeError:  # of another version, which its model outlives
        return False
    return data in sources or (not is_hub(data) and Path(data).resolve() in {Path(each).resolve() for each in sources})


def open_for_gold(model: str | Path, options: GoldOptions) -> Reader[Any]:
    """Open a model for its task, with the settings that are overridden; errors are those of `try_model`."""
    if unknown := options.keys() - GoldOptions.__annotations__.keys():
        raise TypeError(f"there is no option {min(unknown)!r}")
    given = options.get("task")
    if given is not None:
        choice(given, get_args(ScoredTaskName), "task")
    folder = open_folder(model, offline=options.get("offline", False), revision=options.get("revision"))
    kind = TASKS[given or task_of(folder)]
    reading: ReadingOptions = {  # type: ignore[assignment]
        name: value for name, value in options.items() if name in ReadingOptions.__annotations__
    }
    settings = _settings(options.get("overrides", ()))
    reading |= {name: settings.pop(name) for name in ("window", "overlap") if name in settings}  # type: ignore[typeddict-item]
    what = kind.model_fields["type"].default.replace("_", " ")
    return open_reader(kind, model, what=what, options=reading, **settings)


def task_of(folder: ModelFolder) -> str:
    """The name of the task that a model is for.

    Raises:
        ModelError: it is for none that has gold.
    """
    architectures = folder.config.architectures or [""]
    found = _TASK_OF_HEAD.get(head_of_class(architectures[0]) or "") if folder.task is None else folder.task.get("type")
    if found not in TASKS:
        what = f"was trained for {found!r}" if found else f"has no head for a task ({architectures[0] or 'no class'})"
        raise ModelError(
            f"the model {what}, and none of {', '.join(TASKS)}",
            where=str(folder.path),
            fix="name a model that was fine-tuned",
        )
    return str(found)


def read_gold(reader: Reader[Any], data: str | Path, options: GoldOptions) -> tuple[Reader[Any], list[Any]]:
    """Read examples with their gold, and what scores them; DataError where there are none."""
    if not str(data):
        raise empty_path()
    limit = options.get("limit")
    if limit is not None and limit < 1:
        raise UsageError(f"{limit} is too few", where="limit", fix="give 1 or more")
    examples = list(islice(reader.task.read(data, offline=options.get("offline", False)), limit))
    if names := options.get("rename"):
        task, examples = renamed(reader.task, examples, names)
        reader = replace(reader, task=task)
    if not examples:
        raise DataError("there is nothing to evaluate on", where=str(data), fix="name data with rows in it")
    return reader, examples


def text_of(example: Any) -> str:
    """The text of an example's document."""
    return str(example.context if hasattr(example, "context") else example.text)


def predicted(reader: Reader[T], examples: Sequence[Any]) -> Iterator[tuple[Feature, dict[str, np.ndarray]]]:
    """Predict all windows of examples, telling how far it has come."""
    task: Any = reader.task
    features = task.encode(examples, reader.tokenizer)
    n_tokens = 0
    predicting = reader.predictor.predict(features, batch_size=reader.batch_size)
    for n_done, (feature, outputs) in enumerate(predicting, start=1):
        n_tokens += len(feature)
        reader.on_progress(WindowRead(feature.name, 1, 1, n_done, len(features), n_tokens))
        yield feature, outputs


def _settings(overrides: Sequence[str]) -> dict[str, Any]:
    """The task's settings that overrides change."""
    settings = {}
    for change in overrides:
        path, equals, value = change.partition("=")
        section, _, name = path.strip().partition(".")
        if not equals or section != "task" or not name or "." in name:
            raise UsageError(f"{change!r} is no change to the task", where="overrides", fix="write task.setting=value")
        settings[name] = override_value(value.strip(), f"--set {change}")
    return settings

"""`bigbird pretrain` and `bigbird finetune` as plain Python calls."""

from collections.abc import Iterator
from pathlib import Path
from typing import Unpack

from bigbird_cli.api.recipes.naming import Named, RecipeOptions, open_named
from bigbird_cli.events import Event, OnDoing, ignore
from bigbird_cli.training.train import train


class TrainingOptions(RecipeOptions, total=False):
    """How a recipe is trained."""

    resume: str | None
    """"auto" to go on from the run's newest checkpoint, or the path of one."""
    on_doing: OnDoing
    """Is called with what the run is about, at every step; it must be quick."""


def finetune(recipe: str | Path, **options: Unpack[TrainingOptions]) -> Iterator[Event]:
    """Train a task's head, and the encoder under it, as a recipe says.

    The run goes on as its events are asked for: `for event in finetune("recipes/squad.yaml"): ...`

    Args:
        recipe: a recipe file, or the name of a shipped one; data (a file, a folder, hub:NAME), for which a recipe is
            written as `init` does; or a run folder, which is gone on with.
        **options: see TrainingOptions.

    Raises:
        RecipeError: the recipe is missing or wrong; at once, and everything below as the events come.
        BigBirdError: data, model, device or run folder cannot be used, memory or disk did not suffice, or the loss is
            no longer finite.
    """
    return _train("finetune", recipe, **options)


def pretrain(recipe: str | Path, **options: Unpack[TrainingOptions]) -> Iterator[Event]:
    """Train a language model on texts, as a recipe says; arguments, events and errors as of `finetune`."""
    return _train("pretrain", recipe, **options)


def _train(
    command: str,
    recipe: str | Path,
    *,
    resume: str | None = None,
    on_doing: OnDoing = ignore,
    **options: Unpack[RecipeOptions],
) -> Iterator[Event]:
    named = open_named(recipe, command, **options)
    if named.goes_on:
        resume = resume or "auto"
    events = train(named.recipe, named.out, resume=resume, compute=named.compute, on_doing=on_doing)
    return _placed(named, events)


def _placed(named: Named, events: Iterator[Event]) -> Iterator[Event]:
    with named.places.named():
        yield from events

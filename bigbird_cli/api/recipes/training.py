"""`bigbird pretrain` and `bigbird finetune` as plain Python calls."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypedDict, Unpack

from bigbird_cli.api.recipes.naming import OnChange, OnDraft, open_named
from bigbird_cli.backend import Compute
from bigbird_cli.events import Event, OnDoing, ignore
from bigbird_cli.files.paths import local_path
from bigbird_cli.training.train import train


class ComputeOptions(TypedDict, total=False):
    """Where to compute, and whether the network may be asked: the fields of `Compute`."""

    device: str
    threads: int | None
    offline: bool


class TrainingOptions(ComputeOptions, total=False):
    """How a recipe is trained; see `finetune`."""

    overrides: Sequence[str]
    on_change: OnChange | None
    on_draft: OnDraft | None
    out: str | Path | None
    resume: str | None
    on_doing: OnDoing


def finetune(recipe: str | Path, **options: Unpack[TrainingOptions]) -> Iterator[Event]:
    """Train a task's head, and the encoder under it, as a recipe says.

    The run goes on as its events are asked for: `for event in finetune("recipes/squad.yaml"): ...`

    Args:
        recipe: a recipe file, or the name of a shipped one; data (a file, a folder, hub:NAME), for which a recipe is
            written as `init` does; or a run folder, which is gone on with.
        out: the run folder; runs/<name of recipe or data> by default.
        overrides: settings to change, each "section.setting=value"; a later one wins.
        on_change: is called with what each of them changes, such as "optim.lr 0.0001 → 3e-05".
        on_draft: is called with the recipe that is written for data.
        resume: "auto" to go on from the run's newest checkpoint, or the path of one.
        on_doing: is called with what the run is about, at every step; it must be quick.
        device: auto, cpu, cuda:N or mps.
        threads: processor threads; None leaves the framework's choice.
        offline: never ask the network.

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
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    on_change: OnChange | None = None,
    on_draft: OnDraft | None = None,
    resume: str | None = None,
    on_doing: OnDoing = ignore,
    **compute: Unpack[ComputeOptions],
) -> Iterator[Event]:
    offline = compute.get("offline", False)
    named = open_named(recipe, command, overrides, on_change=on_change, on_draft=on_draft, offline=offline)
    if named.is_run and out is None:
        resume = resume or "auto"
    folder = named.out if out is None else local_path(out)
    return train(named.recipe, folder, resume=resume, compute=Compute(**compute), on_doing=on_doing)

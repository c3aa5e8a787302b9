"""`bigbird pretrain` and `bigbird finetune` as plain Python calls."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from bigbird_cli.api.options import known
from bigbird_cli.backend import open_backend
from bigbird_cli.events import Checked, Event
from bigbird_cli.files.paths import local_path
from bigbird_cli.recipe import COMMANDS, Recipe, load_recipe


def finetune(
    recipe: str | Path,
    *,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    resume: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    offline: bool = False,
) -> Iterator[Event]:
    """Train a task's head, and the encoder under it, as a recipe says.

    The run goes on as its events are asked for: `for event in finetune("recipes/squad.yaml"): ...`

    Args:
        recipe: a recipe file, or the name of a shipped one.
        out: the run folder; runs/<recipe name> by default.
        overrides: settings to change, each "section.setting=value"; a later one wins.
        resume: "auto" to go on from the run's newest checkpoint, or the path of one.
        device: auto, cpu, cuda:N or mps.
        threads: processor threads; None leaves the framework's choice.
        offline: never ask the network.

    Raises:
        RecipeError: the recipe is missing or wrong; at once, and everything below as the events come.
        BigBirdError: data, model, device or run folder cannot be used, memory or disk did not suffice, or the loss is
            no longer finite.
    """
    return _train("finetune", recipe, out, overrides, resume, device, threads, offline)


def pretrain(
    recipe: str | Path,
    *,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    resume: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    offline: bool = False,
) -> Iterator[Event]:
    """Train a language model on texts, as a recipe says; arguments, events and errors as of `finetune`."""
    return _train("pretrain", recipe, out, overrides, resume, device, threads, offline)


def check(
    recipe: str | Path,
    *,
    command: str = "finetune",
    overrides: Sequence[str] = (),
    device: str = "auto",
    threads: int | None = None,
    offline: bool = False,
) -> Checked:
    """Check recipe, data and one optimiser step, and write nothing.

    Args:
        recipe: as of `finetune`, like what is not named here.
        command: whose recipe it is, finetune or pretrain.
    """
    settings = _recipe(command, recipe, overrides)
    return open_backend(settings.backend).check(settings, device=device, threads=threads, offline=offline)


def _train(
    command: str,
    recipe: str | Path,
    out: str | Path | None,
    overrides: Sequence[str],
    resume: str | None,
    device: str,
    threads: int | None,
    offline: bool,
) -> Iterator[Event]:
    settings = _recipe(command, recipe, overrides)
    folder = Path("runs", Path(recipe).stem) if out is None else local_path(out)
    backend = open_backend(settings.backend)
    return backend.train(settings, folder, resume=resume, device=device, threads=threads, offline=offline)


def _recipe(command: str, recipe: str | Path, overrides: Sequence[str]) -> Recipe:
    known(command, list(COMMANDS), "command")
    return load_recipe(recipe, COMMANDS[command], overrides)

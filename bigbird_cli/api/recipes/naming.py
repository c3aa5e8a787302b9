"""What may stand where a recipe is named: a recipe's file or name, data, or the folder of a run."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from bigbird_cli.api.recipes.drafting import Draft, init
from bigbird_cli.backend import Compute
from bigbird_cli.data.hub import is_hub
from bigbird_cli.errors import BigBirdWarning, UsageError
from bigbird_cli.files.names import RECIPE
from bigbird_cli.files.paths import local_path
from bigbird_cli.recipe import COMMANDS, Places, Recipe, load_placed, task_of

OnChange = Callable[[str], None]
OnDraft = Callable[[Draft], None]


class RecipeOptions(TypedDict, total=False):
    """What calls take that are given a recipe."""

    overrides: Sequence[str]
    """Settings to change, each "section.setting=value"; a later one wins."""
    on_change: OnChange | None
    """Is called with what each of them changes, such as "optim.lr 0.0001 → 3e-05"."""
    on_draft: OnDraft | None
    """Is called with the recipe that is written for data."""
    out: str | Path | None
    """The run folder; runs/<name of recipe or data> by default, or the run's that was named."""
    device: str
    """auto, cpu, cuda:N or mps."""
    threads: int | None
    """Processor threads; None leaves the framework's choice."""
    offline: bool
    """Never ask the network."""


@dataclass(frozen=True)
class Named:
    """A recipe, and the run that is meant.

    Attributes:
        places: the recipe with what was changed, and where its settings stand.
        out: the run folder.
        compute: where.
        goes_on: the folder of a run was named, and no other one to write into.
    """

    places: Places
    out: Path
    compute: Compute
    goes_on: bool

    @property
    def recipe(self) -> Recipe:
        """With what was changed."""
        return self.places.recipe


def open_named(
    name: str | Path,
    command: str | None = None,
    *,
    overrides: Sequence[str] = (),
    on_change: OnChange | None = None,
    on_draft: OnDraft | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    offline: bool = False,
) -> Named:
    """Load the recipe that is meant; options as of `RecipeOptions`.

    Args:
        name: a recipe's file, or the name of one that ships; the folder of a run, whose recipe is meant; or data (a
            file, a folder, hub:NAME), for which a recipe is written as `init` does.
        command: finetune or pretrain; None for what the recipe's task says.

    Raises:
        RecipeError: the recipe is missing or wrong.
        UsageError: the name is empty; or the data is for the other command, or for none.
        DataError: the data cannot be read.
    """
    path = local_path(name)
    is_run = path.is_dir() and (path / RECIPE).is_file()
    if is_run:
        places, folder = _load(path / RECIPE, command, overrides, on_change), path
    elif not _is_data(name):
        places, folder = _load(name, command, overrides, on_change), Path("runs", path.stem)
        for unused in places.unused():  # a run's own recipe, above, names every setting
            warnings.warn(BigBirdWarning(unused), stacklevel=4)
    else:
        draft = _drafted(name, command, offline=offline)
        if on_draft is not None:
            on_draft(draft)
        kind, text = COMMANDS[draft.command], draft.text.encode()
        places = load_placed(f"{draft.name}.yaml", kind, overrides, on_change=on_change, text=text)
        folder = Path("runs", draft.name)
    return Named(
        places,
        folder if out is None else local_path(out),
        Compute(device, threads, offline),
        goes_on=is_run and out is None,
    )


def _drafted(data: str | Path, command: str | None, *, offline: bool) -> Draft:
    draft = init(data, offline=offline)
    if command not in (None, draft.command):
        raise UsageError(
            f"this is data to {draft.command} on, for the task {draft.seen.task['type']}",
            where=str(data),
            fix=f"bigbird {draft.command} {data}",
        )
    if draft.vocabulary is not None and not draft.vocabulary.exists():
        raise UsageError(
            "sequences need a vocabulary of their own, which is learnt first",
            where=str(data),
            fix=f"bigbird init {data} learns it and writes a recipe",
        )
    return draft


def _is_data(name: str | Path) -> bool:
    path = Path(name)
    return is_hub(name) or path.is_dir() or (path.is_file() and path.suffix.lower() not in (".yaml", ".yml"))


def _load(name: str | Path, command: str | None, overrides: Sequence[str], on_change: OnChange | None) -> Places:
    if command is None:
        command = "pretrain" if task_of(name, overrides) in ("mlm", "causal") else "finetune"
    return load_placed(name, COMMANDS[command], overrides, on_change=on_change)

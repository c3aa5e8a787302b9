"""What may stand where a recipe is named: a recipe's file or name, data, or the folder of a run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bigbird_cli.api.recipes.drafting import Draft, init
from bigbird_cli.data.hub import is_hub
from bigbird_cli.errors import UsageError
from bigbird_cli.files.names import RECIPE
from bigbird_cli.files.paths import local_path
from bigbird_cli.recipe import COMMANDS, Recipe, load_recipe, task_of

OnChange = Callable[[str], None]
OnDraft = Callable[[Draft], None]


@dataclass(frozen=True)
class Named:
    """A recipe, and the run that is meant.

    Attributes:
        recipe: with what was changed.
        out: the run folder where no other is named.
        is_run: the folder of a run was named, which is to be gone on with.
    """

    recipe: Recipe
    out: Path
    is_run: bool = False


def open_named(
    name: str | Path,
    command: str | None = None,
    overrides: Sequence[str] = (),
    *,
    on_change: OnChange | None = None,
    on_draft: OnDraft | None = None,
    offline: bool = False,
) -> Named:
    """Load the recipe that is meant.

    Args:
        name: a recipe's file, or the name of one that ships; the folder of a run, whose recipe is meant; or data (a
            file, a folder, hub:NAME), for which a recipe is written as `init` does.
        command: finetune or pretrain; None for what the recipe's task says.
        overrides: as of `load_recipe`, like on_change.
        on_draft: is called with the recipe that is written for data.
        offline: never ask the network.

    Raises:
        RecipeError: the recipe is missing or wrong.
        UsageError: the name is empty; or the data is for the other command, or for none.
        DataError: the data cannot be read.
    """
    path = local_path(name)
    if path.is_dir() and (path / RECIPE).is_file():
        return Named(_load(path / RECIPE, command, overrides, on_change), path, is_run=True)
    if not _is_data(name):
        return Named(_load(name, command, overrides, on_change), Path("runs", path.stem))
    draft = init(name, offline=offline)
    if command not in (None, draft.command):
        raise UsageError(
            f"this is data to {draft.command} on, for the task {draft.seen.task['type']}",
            where=str(name),
            fix=f"bigbird {draft.command} {name}",
        )
    if on_draft is not None:
        on_draft(draft)
    recipe = load_recipe(
        f"{draft.name}.yaml", COMMANDS[draft.command], overrides, on_change=on_change, text=draft.text.encode()
    )
    return Named(recipe, Path("runs", draft.name))


def _is_data(name: str | Path) -> bool:
    path = Path(name)
    return is_hub(name) or path.is_dir() or (path.is_file() and path.suffix.lower() not in (".yaml", ".yml"))


def _load(name: str | Path, command: str | None, overrides: Sequence[str], on_change: OnChange | None) -> Recipe:
    if command is None:
        command = "pretrain" if task_of(name, overrides) in ("mlm", "causal") else "finetune"
    return load_recipe(name, COMMANDS[command], overrides, on_change=on_change)

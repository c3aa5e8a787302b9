"""`bigbird plan` as a plain Python call: what a recipe would cost on this machine, before it does."""

from collections.abc import Callable, Sequence
from pathlib import Path

from bigbird_cli.api.recipes.naming import OnChange, OnDraft, open_named
from bigbird_cli.backend import Compute
from bigbird_cli.files.paths import local_path
from bigbird_cli.training.plan import Plan
from bigbird_cli.training.plan import plan as plan_recipe
from bigbird_cli.training.plan_costs import Trial


def plan(
    recipe: str | Path,
    *,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    on_trial: Callable[[Trial], None] | None = None,
    on_change: OnChange | None = None,
    on_draft: OnDraft | None = None,
    device: str = "auto",
    threads: int | None = None,
    offline: bool = False,
) -> Plan:
    """Measure a recipe's data and this machine, and tell what training would cost; write nothing.

    A few real steps are taken, in processes of their own; the time and the memory of all settings follow from them.

    Args:
        recipe: a recipe file, or the name of a shipped one; a run folder; or data, for which a recipe is written as
            `init` does.
        out: where the run folder will be, whose disk is looked at; runs/<recipe name> by default.
        overrides: settings to change, each "section.setting=value"; a later one wins.
        on_trial: is called with each step that was taken.
        on_change: is called with what each override changes.
        on_draft: is called with the recipe that is written for data.
        device: auto, cpu, cuda:N or mps.
        threads: processor threads; None leaves the framework's choice.
        offline: never ask the network.

    Raises:
        RecipeError: the recipe is missing or wrong.
        ResourceError: memory did not suffice for the smallest step.
        BigBirdError: as of `finetune`.
    """
    named = open_named(recipe, None, overrides, on_change=on_change, on_draft=on_draft, offline=offline)
    folder = named.out if out is None else local_path(out)
    return plan_recipe(named.recipe, folder, compute=Compute(device, threads, offline), on_trial=on_trial)

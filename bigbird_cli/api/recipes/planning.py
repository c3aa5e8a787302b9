"""`bigbird plan` as a plain Python call: what a recipe would cost on this machine, before it does."""

from collections.abc import Callable
from pathlib import Path
from typing import Unpack

from bigbird_cli.api.recipes.naming import RecipeOptions, open_named
from bigbird_cli.training.plan import Plan
from bigbird_cli.training.plan import plan as plan_recipe
from bigbird_cli.training.plan_costs import Trial


def plan(
    recipe: str | Path, *, on_trial: Callable[[Trial], None] | None = None, **options: Unpack[RecipeOptions]
) -> Plan:
    """Measure a recipe's data and this machine, and tell what training would cost; write nothing.

    A few real steps are taken, in processes of their own; the time and the memory of all settings follow from them.

    Args:
        recipe: as of `check`.
        on_trial: is called with each step that was taken.
        **options: see RecipeOptions; of the run folder, the disk is looked at.

    Raises:
        RecipeError: the recipe is missing or wrong.
        ResourceError: memory did not suffice for the smallest step.
        BigBirdError: as of `finetune`.
    """
    named = open_named(recipe, **options)
    with named.places.named():
        return plan_recipe(named.recipe, named.out, compute=named.compute, on_trial=on_trial)

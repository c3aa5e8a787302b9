"""What a YAML recipe may say, and how it is read."""

from bigbird_cli.recipe.load import (
    dump_recipe,
    find_recipe,
    load_placed,
    load_recipe,
    parse_labels,
    recipe_changes,
    task_of,
)
from bigbird_cli.recipe.places import Places
from bigbird_cli.recipe.schema import (
    COMMANDS,
    DataSection,
    FinetuneRecipe,
    ModelSection,
    Optim,
    PretrainRecipe,
    Recipe,
    RunSection,
    recipe_schema,
)
from bigbird_cli.recipe.shipped import shipped_recipes

__all__ = [
    "COMMANDS",
    "DataSection",
    "FinetuneRecipe",
    "ModelSection",
    "Optim",
    "Places",
    "PretrainRecipe",
    "Recipe",
    "RunSection",
    "dump_recipe",
    "find_recipe",
    "load_placed",
    "load_recipe",
    "parse_labels",
    "recipe_changes",
    "recipe_schema",
    "shipped_recipes",
    "task_of",
]

"""What a YAML recipe may say, and how it is read."""

from bigbird_cli.recipe.load import (
    dump_recipe,
    find_recipe,
    load_recipe,
    parse_labels,
    recipe_changes,
    shipped_recipes,
)
from bigbird_cli.recipe.schema import (
    COMMANDS,
    DataSection,
    FinetuneRecipe,
    ModelSection,
    Optim,
    PretrainRecipe,
    Recipe,
    RunSection,
)

__all__ = [
    "COMMANDS",
    "DataSection",
    "FinetuneRecipe",
    "ModelSection",
    "Optim",
    "PretrainRecipe",
    "Recipe",
    "RunSection",
    "dump_recipe",
    "find_recipe",
    "load_recipe",
    "parse_labels",
    "recipe_changes",
    "shipped_recipes",
]

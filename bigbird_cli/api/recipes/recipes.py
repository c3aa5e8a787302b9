"""`bigbird recipes` as plain Python calls: the recipes that come with the program, and copies of them."""

import json
from pathlib import Path

from bigbird_cli.errors import UsageError
from bigbird_cli.files.paths import local_path
from bigbird_cli.files.whole import replace_file
from bigbird_cli.recipe import find_recipe, recipe_schema, shipped_recipes
from bigbird_cli.recipe.shipped import SCHEMA, ShippedRecipe, listed, scripts_of


def recipes() -> list[ShippedRecipe]:
    """The recipes that come with the program."""
    return list(listed())


def show_recipe(name: str) -> str:
    """The text of a recipe that comes with the program, or of a file.

    Raises:
        RecipeError: there is none.
    """
    return find_recipe(name).read_text(encoding="utf-8")


def schema() -> str:
    """The JSON schema of recipes, as text."""
    return json.dumps(recipe_schema(), indent=1, ensure_ascii=False) + "\n"


def copy_recipe(name: str, folder: str | Path = "recipes") -> list[Path]:
    """Copy a recipe that comes with the program, the scripts that make its data, and the schema that it names.

    The commands in its remarks run where `recipes` is the folder.

    Returns:
        The files that were written, the recipe first; what is there already as it would be is not.

    Raises:
        RecipeError: there is no such recipe.
        UsageError: another file stands where one would be written.
    """
    recipe, out = find_recipe(name), local_path(folder)
    if recipe not in shipped_recipes().values():
        raise UsageError("this is a file of your own", where=name, fix="name a recipe that `bigbird recipes` lists")
    names = [Path(recipe.name), *scripts_of(recipe)]
    wanted = {out / file: (recipe.parent / file).read_bytes() for file in names}
    wanted[out / SCHEMA] = schema().encode()
    new = [path for path, data in wanted.items() if not path.exists() or path.read_bytes() != data]
    for path in new:
        if path.exists():
            raise UsageError("another file stands here", where=str(path), fix="name another folder with --out")
    for path in new:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, wanted[path])
    return new

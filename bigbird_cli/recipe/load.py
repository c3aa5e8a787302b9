"""Recipes: files and names in, checked settings out, and back."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from bigbird_cli.errors import RecipeError, nearest
from bigbird_cli.files.names import RECIPE
from bigbird_cli.recipe.explain import explain, sections_of
from bigbird_cli.recipe.overrides import override
from bigbird_cli.recipe.places import Places
from bigbird_cli.recipe.schema import FinetuneRecipe, FreeOnResume, Recipe
from bigbird_cli.recipe.shipped import shipped_recipes
from bigbird_cli.recipe.yaml12 import Text, dump, parse, value_of
from bigbird_cli.section import Section

_LONGEST = 1 << 20


def load_recipe(
    path: str | Path,
    kind: type[Recipe] = FinetuneRecipe,
    overrides: Sequence[str] = (),
    *,
    on_change: Callable[[str], None] | None = None,
    text: bytes | None = None,
) -> Recipe:
    """Read a recipe, change what the overrides say, and check it whole.

    Args:
        path: a YAML file, or the name of a shipped recipe, as `find_recipe` takes it.
        kind: the schema.
        overrides: `section.setting=value`, the value written as in YAML; a later one wins.
        on_change: is called with what each override changes, such as `optim.lr 0.0001 → 3e-05`.
        text: the recipe's, where there is no file yet that `path` names.

    Raises:
        RecipeError: the file is missing or is not YAML, or settings are unknown, missing or out of range. All
            wrong settings are in one error, each with file:line:column or its override.
    """
    return load_placed(path, kind, overrides, on_change=on_change, text=text).recipe


def load_placed(
    path: str | Path,
    kind: type[Recipe] = FinetuneRecipe,
    overrides: Sequence[str] = (),
    *,
    on_change: Callable[[str], None] | None = None,
    text: bytes | None = None,
) -> Places:
    """As `load_recipe`, with where each setting stands."""
    read = _read(path) if text is None else parse(text, str(path))
    for change in overrides:
        changed = override(read, change, kind)
        if on_change is not None:
            on_change(changed)
    try:
        # JSON's strict mode: a path may be a string and a tuple a list, but no string is a number and no number a truth
        recipe = kind.model_validate_json(json.dumps(read.values), strict=True)
    except ValidationError as error:
        raise explain(error, read, kind) from None
    if read.problems:
        raise explain(None, read, kind)
    return Places(recipe, read, is_file=text is None)


def task_of(path: str | Path, overrides: Sequence[str] = ()) -> str | None:
    """What a recipe's task is called, right or wrong; None where it does not say.

    Raises:
        RecipeError: the file is missing or is not YAML.
    """
    text = _read(path)
    for change in overrides:
        if change.partition("=")[0].strip() == "task.type":
            override(text, change, FinetuneRecipe)
    section = text.values.get("task")
    return str(section["type"]) if isinstance(section, dict) and "type" in section else None


def _read(path: str | Path) -> Text:
    """The text of a recipe, by its path or its name."""
    file = find_recipe(path)
    try:
        with file.open("rb") as stream:
            data = stream.read(_LONGEST + 1)
    except OSError as error:
        raise RecipeError(f"the recipe cannot be read: {error.strerror}", where=str(path)) from error
    if len(data) > _LONGEST:
        raise RecipeError(f"the file is longer than {_LONGEST:,} bytes, and no recipe", where=str(path))
    return parse(data, str(path) if Path(path) == file else str(file))


def parse_labels(source: str, name: str) -> dict[str, str]:
    """Read labels from YAML: a list of names, or a mapping of names to descriptions, which may be empty.

    Args:
        source: the YAML text.
        name: of its file, for errors.

    Raises:
        RecipeError: it is no YAML, or neither of the two.
    """
    values = value_of(source, name)
    values = [] if values is None else values
    if isinstance(values, list):
        values = {value: None for value in values if not isinstance(value, list | dict)} if values else {}
    if not isinstance(values, dict) or not all(isinstance(value, str | None) for value in values.values()):
        raise RecipeError(
            "labels are a list of names, or a mapping of names to descriptions",
            where=name,
            fix="write «- invoice», or «invoice: a demand for payment»",
        )
    return {str(label): description or "" for label, description in values.items()}


def find_recipe(name: str | Path) -> Path:
    """The file of a recipe: a path that exists, else a shipped recipe's name, such as `squad`.

    Raises:
        RecipeError: there is neither.
    """
    if not str(name):
        raise RecipeError("the recipe's name is empty", fix="name a .yaml file, or a shipped recipe")
    path = Path(name)
    if path.is_dir():
        is_run = (path / RECIPE).is_file()
        way = f"to go on with its run, name {path / 'recipe.yaml'} with --out {path} --resume auto"
        raise RecipeError(
            "this is a folder, not a recipe", where=str(name), fix=way if is_run else "name a .yaml file in it"
        )
    if path.exists():
        return path
    shipped = shipped_recipes()
    word = path.name.removesuffix(".yaml").removesuffix(".yml")
    if path.name == str(name) and word in shipped:
        return shipped[word]
    beside = [str(path.with_name(each.name)) for each in path.parent.iterdir()] if path.parent.is_dir() else []
    if path.suffix.lower() not in ("", ".yaml", ".yml"):  # data was meant
        near = nearest(str(path), beside)
        raise RecipeError("there is no such file", where=str(name), fix=f"did you mean «{near}»?" if near else None)
    if not shipped:
        fix = None
    elif word in shipped:
        fix = f"to use the shipped recipe, write its name alone: {word}"
    else:
        words = sorted(word.lower().replace("_", "-").split("-"))
        turned = next((name for name in shipped if sorted(name.split("-")) == words), None)
        near = turned or nearest(word, shipped) or nearest(str(path), beside)
        fix = (f"did you mean «{near}»? " if near else "") + "bigbird recipes lists those that ship"
    raise RecipeError("there is no such recipe file", where=str(name), fix=fix)


def dump_recipe(recipe: Section) -> str:
    """A recipe as YAML text that `load_recipe` reads as the same recipe, without what is None by default."""
    return dump(_written(recipe))


def _written(section: Section) -> dict[str, Any]:
    values = section.model_dump(mode="json")
    for name, field in type(section).model_fields.items():
        below = getattr(section, name)
        if isinstance(below, Section):
            values[name] = _written(below)
        elif below is None and field.default is None:
            del values[name]
    return values


def recipe_changes(before: Mapping[str, Any], recipe: Section) -> list[str]:
    """What a recipe changes against one stored as `model_dump(mode="json")`, in ways that change a run.

    A setting that the stored one lacks, since it was written before there was one, had its default.

    Returns:
        `optim.lr 2e-05 → 3e-05` and the like; empty when a run of the one may be continued with the other.
    """
    old, new = dict(_leaves(dict(before))), dict(_leaves(recipe.model_dump(mode="json")))
    free, usual = set(free_settings(type(recipe))), set(_usual(recipe))
    names = [name for name in {**old, **new} if name not in free and (name in old or name not in usual)]
    return [f"{name} {old.get(name)} → {new.get(name)}" for name in names if old.get(name) != new.get(name)]


def _usual(section: Section, prefix: str = "") -> Iterator[str]:
    """The settings that have their default."""
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _usual(value, f"{prefix}{name}.")
        elif field.default_factory is None and value == field.default:
            yield prefix + name


def free_settings(kind: type[BaseModel]) -> Iterator[str]:
    """The settings of a recipe, or of a section of it, that are marked FreeOnResume."""
    for name, field in kind.model_fields.items():
        if any(isinstance(mark, FreeOnResume) for mark in field.metadata):
            yield name
        for section in sections_of(field.annotation):
            yield from (f"{name}.{below}" for below in free_settings(section))


def _leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _leaves(below, f"{prefix}.{key}" if prefix else str(key))
    elif value != {}:
        yield prefix, value

"""`--set section.setting=value`: a change to a recipe's plain values."""

import json
from typing import Any

from pydantic import BaseModel

from bigbird_cli.errors import RecipeError
from bigbird_cli.recipe.explain import fields_at
from bigbird_cli.recipe.yaml12 import MOST_NESTED, Text, plain_scalar, too_deep, value_of


def override(text: Text, change: str, kind: type[BaseModel]) -> str:
    """Change a setting in place; errors about it will name the override. What was changed, in words.

    Args:
        text: the recipe.
        change: `section.setting=value`, the value written as in YAML.
        kind: the recipe's schema.

    Raises:
        RecipeError: it is written otherwise, or names a whole section.
    """
    where = f"--set {change}"
    path, equals, value = change.partition("=")
    keys = tuple(path.strip().split("."))
    if not equals or not all(keys):
        raise RecipeError("a change is written section.setting=value", where=where, fix="e.g. --set optim.lr=3e-5")
    if len(keys) > MOST_NESTED:
        raise too_deep(where)
    section = text.values
    for depth, key in enumerate(keys[:-1], 1):
        below = section.setdefault(key, {})
        if below is None:
            below = section[key] = {}
        if not isinstance(below, dict):
            raise RecipeError(f"{'.'.join(keys[:depth])} is a value, not a section", where=where)
        text.keys.setdefault(keys[:depth], where)
        section = below
    known = fields_at(kind, keys)
    if known is not None:  # a whole section would be replaced unseen
        fix = f"set one of {', '.join(known)}"
        raise RecipeError(f"{path} is a section", where=where, fix=fix)
    before = section.get(keys[-1], _UNSET)
    section[keys[-1]] = override_value(value.strip(), where)
    for positions in (text.keys, text.at):
        for location in [location for location in positions if location[: len(keys)] == keys]:
            del positions[location]
        positions[keys] = where
    return f"{path.strip()} {_written(before)} → {_written(section[keys[-1]])}"


_UNSET = object()


def _written(value: Any) -> str:
    return "(not set)" if value is _UNSET else json.dumps(value, ensure_ascii=False).strip('"')


def override_value(value: str, where: str) -> Any:
    """What the value of an override says: a plain scalar unless it is bracketed or quoted."""
    if value[:1] not in ("[", "{", '"', "'"):
        return plain_scalar(value, where)
    try:
        return value_of(value, "")
    except RecipeError as error:
        raise RecipeError(error.problem, where=where, fix=error.fix) from None

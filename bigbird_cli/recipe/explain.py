"""pydantic's errors about a recipe, in our words: position, value and remedy."""

import json
import re
import types
import typing
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bigbird_cli.errors import RecipeError, nearest
from bigbird_cli.recipe.foreign import FOREIGN
from bigbird_cli.recipe.schema import COMMANDS
from bigbird_cli.recipe.yaml12 import Location, Text
from bigbird_cli.section import wanted


def explain(error: ValidationError | None, text: Text, kind: type[BaseModel]) -> RecipeError:
    """One error for all wrong settings, each with file:line:column or its override.

    Args:
        error: pydantic's; None where the text alone is wrong.
        text: the recipe that it is about.
        kind: the recipe's schema.
    """
    errors = error.errors(include_url=False) if error is not None else []
    # a default that depends on other settings is not made when one of them is wrong, which has an error of its own
    errors = [one for one in errors if one["type"] != "default_factory_not_called"]
    meant = {_meant_by(one, kind) for one in errors if one["type"] == "extra_forbidden"}
    found = [
        _explain_one(one, text, kind)
        for one in errors
        if one["type"] != "missing" or _without_tags(tuple(one["loc"]), kind) not in meant  # it is there, misspelt
    ]
    found += text.problems
    if len(found) == 1:
        return found[0]
    found.sort(key=lambda one: [int(number) for number in re.findall(r":(\d+)", one.where or "")[-2:]] or [10**9])
    return RecipeError(f"{len(found)} settings are wrong:", where=text.name, details=[str(one) for one in found])


def _explain_one(error: ErrorDetails, text: Text, kind: type[BaseModel]) -> RecipeError:
    tagged = tuple(error["loc"])
    location = _without_tags(tagged, kind)
    name = ".".join(str(part) for part in location)
    parent = ".".join(str(part) for part in location[:-1]) or "a recipe"
    value = error.get("input")
    if error["type"] == "extra_forbidden":
        names = fields_at(kind, tagged[:-1]) or []
        fix = f"{_meant(str(location[-1]), names, kind)}It has {', '.join(names)}"
        return RecipeError(f"{parent} has no setting «{location[-1]}»", where=text.where(location, key=True), fix=fix)
    if error["type"] == "missing":
        around = text.where(location[:-1], key=True)
        if within := fields_at(kind, tagged):
            fix = f"add «{location[-1]}:» with {', '.join(within)}"
            return RecipeError(f"the section {name} is missing", where=around, fix=fix)
        return RecipeError(f"the setting {name} is missing", where=around, fix=f"add it, or --set {name}=VALUE")
    where = text.where(location)
    if error["type"] == "value_error":  # a validator of ours, which names the values
        message = error["msg"].removeprefix("Value error, ")
        about, its_value = location, value
        if location and isinstance(value, dict):
            named = (word for word in re.findall(r"\w+", message) if word in value and (*location, word) in text.keys)
            if word := next(named, None):
                about, its_value = (*location, word), value[word]
        is_told = not isinstance(its_value, dict) and str(its_value) in message
        return RecipeError(
            f"{name}: {message}" if name and not message.startswith(f"{name}.") else message,
            where=text.where(about, key=not is_told),
        )
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return _wrong_tag(error, text, location, kind)
    known = fields_at(kind, tagged)
    if known is not None:
        remedy = "remove it, or give it settings" if value is None else None
        return RecipeError(f"{name} is a section with {', '.join(known)}, not {_shown(value)}", where=where, fix=remedy)
    return RecipeError(f"{name} is {_shown(value)}; it must be {wanted(error)}", where=where, fix=_hint(error, value))


def _meant_by(error: ErrorDetails, kind: type[BaseModel]) -> Location | None:
    """The setting that one of an unknown name most likely stands for."""
    *section, word = error["loc"]
    if ours := FOREIGN.get(str(word).lower().replace("-", "_")):
        return tuple(ours.partition(":")[0].split("."))
    near = nearest(str(word), fields_at(kind, tuple(section)) or [])
    return None if near is None else (*_without_tags(tuple(section), kind), near)


def _meant(word: str, names: list[str], kind: type[BaseModel]) -> str:
    """What a setting that is none was meant to be: another tool's word, one of the section's, or one of another."""
    ours = FOREIGN.get(word.lower().replace("-", "_"))
    if ours is not None:
        return f"here it is called {ours}. "
    if near := nearest(word, names):
        return f"did you mean «{near}»? "
    for section in kind.model_fields:
        if word in (fields_at(kind, (section,)) or []):
            return f"it stands in {section}: {section}.{word}. "
    return ""


def _wrong_tag(error: ErrorDetails, text: Text, location: Location, kind: type[BaseModel]) -> RecipeError:
    """A section's field `type`, which names its kind, is missing or names none."""
    section, context = ".".join(map(str, location)), error.get("ctx", {})
    if error["type"] == "union_tag_not_found":
        around = text.where(location, key=True)
        strange = [str(key) for key in error["input"] or {} if key not in (fields_at(kind, location) or [])]
        if wrong := nearest("type", strange):
            where = text.where((*location, wrong), key=True)
            return RecipeError(f"{section} has no setting «{wrong}»", where=where, fix="did you mean «type»?")
        return RecipeError(f"the setting {section}.type is missing", where=around, fix="add it, such as «type: qa»")
    tag, known = str(context.get("tag")), re.findall(r"'([^']*)'", str(context.get("expected_tags", "")))
    for command, other in COMMANDS.items():
        if tag in map(_tag, sections_of(other.model_fields["task"].annotation)):
            where = text.where((*location, "type"))
            return RecipeError(f"{tag} is no task of this command", where=where, fix=f"train it with bigbird {command}")
    near = nearest(tag, known)
    fix = (f"did you mean «{near}»? " if near else "") + f"It may be {', '.join(known)}"
    return RecipeError(f"{section}.type is {_shown(tag)}", where=text.where((*location, "type")), fix=fix)


_QUOTES = {"string_type": "put it in quotes", "path_type": "put it in quotes"}


def _hint(error: ErrorDetails, value: object) -> str | None:
    if error["type"] == "literal_error" and isinstance(value, str):
        near = nearest(value, re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", ""))))
        return f"did you mean «{near}»?" if near else None
    if isinstance(value, str) and error["type"] in ("int_type", "float_type"):
        example = "3e-5 or 0.1" if error["type"] == "float_type" else "8"
        return "write the number without quotes" if _is_number(value) else f"write digits, such as {example}"
    return _QUOTES.get(error["type"]) if isinstance(value, int | float) else None


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def fields_at(kind: type[BaseModel], location: Location) -> list[str] | None:
    """The names that a section has, or None where no section stands; of all its kinds where no tag names one."""
    sections = [kind]
    for part in location:
        if len(sections) > 1 and any(_tag(section) == part for section in sections):
            sections = [section for section in sections if _tag(section) == part]
            continue
        fields = [section.model_fields[str(part)] for section in sections if str(part) in section.model_fields]
        sections = [below for field in fields for below in sections_of(field.annotation)]
    return list(dict.fromkeys(name for section in sections for name in section.model_fields)) if sections else None


def sections_of(annotation: Any) -> list[type[BaseModel]]:
    """The kinds of section that a field may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        return [section for part in typing.get_args(annotation) for section in sections_of(part)]
    return []


def _tag(section: type[BaseModel]) -> Any:
    """What a section's field `type` says, by which kinds of section are distinguished."""
    return section.model_fields["type"].default if "type" in section.model_fields else None


def _without_tags(location: Location, kind: type[BaseModel]) -> Location:
    """A location in the text: pydantic names a section's kind behind the section, the text does not."""
    field = kind.model_fields.get(str(location[0])) if location else None
    kinds = sections_of(field.annotation) if field is not None else []
    return location[:1] + location[2:] if len(kinds) > 1 and len(location) > 1 else location

"""What recipes may say, setting by setting, as plain records: their JSON schema told in words."""

from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

from bigbird_cli.errors import UsageError, nearest
from bigbird_cli.recipe import recipe_schema
from bigbird_cli.recipe.foreign import FOREIGN

MOST = 10_000
"""Bounds from here on keep numbers sane, and are no news to anybody."""

_KINDS = {"boolean": "true or false", "object": "a table of names and values", "string": "text"}


class SettingRecord(TypedDict):
    """A setting of recipes."""

    name: str
    """As --set takes it, such as optim.lr."""
    tasks: list[str]
    """Those that have it; empty where it is no task's."""
    takes: str
    """What it may be, in words."""
    needed: bool
    """Whether a recipe must say it."""
    default: Any
    """Where it need not; None too where that follows from other settings."""
    about: str


def recipe_settings(name: str | None = None) -> list[SettingRecord]:
    """All settings of recipes, or some of them, in the order of the schema.

    Args:
        name: a setting, as optim.lr or lr; a section, as optim; or a task, as qa, for the settings that it has.

    Raises:
        UsageError: there is none of this name.
    """
    found = list(_settings())
    if name is None:
        return found
    words = {word for each in found for word in (each["name"], *each["name"].split("."), *each["tasks"])}
    if name not in words:
        near = FOREIGN.get(name.lower().replace("-", "_")) or nearest(name, sorted(words))
        raise UsageError(
            f"recipes have no setting, section or task «{name}»",
            fix=f"did you mean {near}?" if near else "see bigbird recipes settings",
        )
    return [each for each in found if name in (each["name"], *each["name"].split("."), *each["tasks"])]


def _settings() -> Iterator[SettingRecord]:
    schema = recipe_schema()
    for name, field in schema["properties"].items():
        if name == "task":
            yield from _of_tasks(field["discriminator"]["mapping"], schema)
        elif "$ref" in field:
            section = _section(field["$ref"], schema)
            yield from (_record(f"{name}.{key}", below, section) for key, below in section["properties"].items())
        else:
            yield _record(name, field, schema)


def _of_tasks(kinds: Mapping[str, str], schema: Mapping[str, Any]) -> Iterator[SettingRecord]:
    """The settings of all tasks; one that is the same in several stands once."""
    yield {
        "name": "task.type",
        "tasks": list(kinds),
        "takes": ", ".join(kinds),
        "needed": True,
        "default": None,
        "about": "What is learnt.",
    }
    records: list[SettingRecord] = []
    for task, reference in kinds.items():
        section = _section(reference, schema)
        for key, field in section["properties"].items():
            record = _record(f"task.{key}", field, section)
            known = next((each for each in records if {**each, "tasks": []} == record), None)
            if known is None:
                records.append(known := record)
            known["tasks"].append(task)
    yield from (each for each in records if each["name"] != "task.type")


def _section(reference: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema["$defs"][reference.rpartition("/")[2]]
    return found


def _record(name: str, field: Mapping[str, Any], section: Mapping[str, Any]) -> SettingRecord:
    return {
        "name": name,
        "tasks": [],
        "takes": _takes(field),
        "needed": name.rpartition(".")[2] in section.get("required", ()),
        "default": field.get("default"),
        "about": " ".join(field.get("description", "").split()),
    }


def _takes(field: Mapping[str, Any]) -> str:
    """What a field of a JSON schema may be, in words."""
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_takes(each) for each in field["anyOf"] if each.get("type") != "null"))
    if "enum" in field:
        return ", ".join(field["enum"])
    if field.get("type") == "array":
        return f"a list of {'texts' if field.get('items', {}).get('type') == 'string' else 'values'}"
    if field.get("type") in ("integer", "number"):
        number = "a whole number" if field["type"] == "integer" else "a number"
        return ", ".join([number, *_bounds(field)])
    return "a path" if field.get("format") == "path" else _KINDS.get(field.get("type", ""), "any value")


def _bounds(field: Mapping[str, Any]) -> Iterator[str]:
    for name, said in (
        ("minimum", "{:g} or more"),
        ("exclusiveMinimum", "above {:g}"),
        ("maximum", "{:g} at most"),
        ("exclusiveMaximum", "below {:g}"),
    ):
        if abs(bound := field.get(name, MOST)) < MOST:
            yield said.format(bound)

"""Recipes: YAML text in, checked settings out; every mistake with its place.

YAML is read by the core schema of YAML 1.2: `2e-5` is a float, `no` a string, `010` ten, `1:30` a string, and there
are no dates, anchors, merges or tags of Python objects.
"""

import json
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bigbird_cli.errors import RecipeError, nearest
from bigbird_cli.recipe.schema import FinetuneRecipe, PretrainRecipe, Recipe
from bigbird_cli.section import Section, wanted

FREE_ON_RESUME = frozenset({"run.keep", "run.log_every", "run.save_every"})
"""Settings that change no step of a run, so that a resumed run may have others."""

_PACKAGE = Path(__file__).resolve().parent.parent
_LONGEST = 1 << 20
_SHIPPED = (_PACKAGE / "recipes", _PACKAGE.parent / "recipes")  # in the wheel; in the repository

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_CORE_SCHEMA = [  # https://yaml.org/spec/1.2.2/#1032-tag-resolution: tag, pattern, first characters
    ("null", re.compile(r"(?:null|Null|NULL|~|)\Z"), ["n", "N", "~", ""]),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")),
    ("int", re.compile(rf"(?:{_INT.pattern})\Z"), list("-+0123456789")),
    (
        "float",
        re.compile(
            r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
        ),
        list("-+.0123456789"),
    ),
]
_TAG = "tag:yaml.org,2002:"
_ResolverTable = dict[str, list[tuple[str, re.Pattern[str]]]]


def _core_resolvers() -> _ResolverTable:
    table: _ResolverTable = {}
    for name, pattern, firsts in _CORE_SCHEMA:
        for first in firsts:
            table.setdefault(first, []).append((_TAG + name, pattern))
    return table


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2; only its composing half is used."""

    yaml_implicit_resolvers = _core_resolvers()

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()
        if getattr(event, "anchor", None) is not None:  # an alias has one too
            raise yaml.MarkedYAMLError(
                problem=f"the anchor or alias «{event.anchor}» is not read in a recipe: write the value itself",
                problem_mark=event.start_mark,
            )
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    """Quotes every string that YAML 1.1 or 1.2 would take for something else."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way to say it
        first: _core_resolvers().get(first, []) + yaml.SafeDumper.yaml_implicit_resolvers.get(first, [])
        for first in {*_core_resolvers(), *yaml.SafeDumper.yaml_implicit_resolvers}
    }

    def represent_str(self, text: str) -> yaml.ScalarNode:
        # in single quotes PyYAML writes U+0085 in a way that it reads as a space
        return self.represent_scalar("tag:yaml.org,2002:str", text, style='"' if "\x85" in text else None)


_Dumper.add_representer(str, _Dumper.represent_str)


Place = tuple[str | int, ...]
"""Where a value stands in a recipe: keys and list indices from the top."""


@dataclass
class _Text:
    """A recipe as plain values, with the file position of each key and of each value."""

    values: dict[str, Any]
    keys: dict[Place, str]
    at: dict[Place, str]
    name: str

    def where(self, place: Place, *, key: bool = False) -> str:
        """The position of a value (or its key), or of the nearest thing around it that the text has."""
        if key and place in self.keys:
            return self.keys[place]
        if place in self.at:
            return self.at[place]
        for length in range(len(place) - 1, 0, -1):
            if place[:length] in self.keys:
                return self.keys[place[:length]]
        return self.at.get((), f"{self.name}:1:1")


COMMANDS: dict[str, type[Recipe]] = {"pretrain": PretrainRecipe, "finetune": FinetuneRecipe}
"""What each training command takes."""


def load_recipe(path: str | Path, kind: type[Recipe] = FinetuneRecipe, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe, change what the overrides say, and check it whole.

    Args:
        path: a YAML file, or the name of a shipped recipe, as `find_recipe` takes it.
        kind: the schema.
        overrides: `section.setting=value`, the value written as in YAML; a later one wins.

    Raises:
        RecipeError: the file is missing or is not YAML, or settings are unknown, missing or out of range. All
            wrong settings are in one error, each with file:line:column or its override.
    """
    file = find_recipe(path)
    try:
        with file.open("rb") as stream:
            data = stream.read(_LONGEST + 1)
    except OSError as error:
        raise RecipeError(f"the recipe cannot be read: {error.strerror}", where=str(path)) from error
    if len(data) > _LONGEST:
        raise RecipeError(f"the file is longer than {_LONGEST:,} bytes, and no recipe", where=str(path))
    name = str(path) if Path(path) == file else str(file)
    text = _parse(data, name)
    for override in overrides:
        _override(text, override, kind)
    try:
        # JSON's strict mode: a path may be a string and a tuple a list, but no string is a number and no number a truth
        return kind.model_validate_json(json.dumps(text.values), strict=True)
    except ValidationError as error:
        raise _explained(error, text, kind) from None


def parse_labels(source: str, name: str) -> dict[str, str]:
    """Read labels from YAML: a list of names, or a mapping of names to descriptions, which may be empty.

    Args:
        source: the YAML text.
        name: of its file, for errors.

    Raises:
        RecipeError: it is no YAML, or neither of the two.
    """
    node = _compose(source, name)
    values = [] if node is None else _build(node, (), _Text(values={}, keys={}, at={}, name=name))
    if isinstance(values, list):
        values = {value: None for value in values if not isinstance(value, list | dict)} if values else {}
    if not isinstance(values, dict) or not all(isinstance(value, str | None) for value in values.values()):
        raise RecipeError(
            "labels are a list of names, or a mapping of names to descriptions",
            where=name,
            fix="write «- invoice», or «invoice: a demand for payment»",
        )
    return {str(label): description or "" for label, description in values.items()}


DATA = re.compile(r"\.(csv|tsv|jsonl|ndjson|parquet|arrow|conll|txt|xlsx?)(\.(gz|bz2|xz|zip))?$", re.IGNORECASE)
"""Names of files that no recipe has."""


def find_recipe(name: str | Path) -> Path:
    """The file of a recipe: a path that exists, else a shipped recipe's name, such as `squad`.

    Raises:
        RecipeError: there is neither.
    """
    if not str(name):
        raise RecipeError("the recipe's name is empty", fix="name a .yaml file, or a shipped recipe")
    path = Path(name)
    if path.is_dir():
        is_run = (path / "recipe.yaml").is_file()
        way = f"to go on with its run, name {path / 'recipe.yaml'} with --out {path} --resume auto"
        raise RecipeError(
            "this is a folder, not a recipe", where=str(name), fix=way if is_run else "name a .yaml file in it"
        )
    if path.exists() and DATA.search(path.name):
        raise RecipeError(
            "this is data, and a recipe is to be named, which says what to train on it",
            where=str(name),
            fix=f"take a shipped recipe (such as classify-imdb) with --set data.train={path}, or write one",
        )
    if path.exists():
        return path
    shipped = shipped_recipes()
    word = path.name.removesuffix(".yaml").removesuffix(".yml")
    if path.name == str(name) and word in shipped:
        return shipped[word]
    if not shipped:
        fix = None
    elif word in shipped:
        fix = f"to use the shipped recipe, write its name alone: {word}"
    else:
        near = nearest(word, shipped)
        fix = (f"did you mean «{near}»? " if near else "") + "Shipped recipes are " + ", ".join(shipped)
    raise RecipeError("there is no such recipe file", where=str(name), fix=fix)


def shipped_recipes() -> dict[str, Path]:
    """The recipes that come with the program, by name."""
    for folder in _SHIPPED:
        files = sorted(folder.glob("*.yaml"))
        if files:
            return {file.stem: file for file in files}
    return {}


def dump_recipe(recipe: Section) -> str:
    """A recipe as YAML text that `load_recipe` reads as the same recipe, without what is None by default."""
    return yaml.dump(_told(recipe), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def _told(section: Section) -> dict[str, Any]:
    values = section.model_dump(mode="json")
    for name, field in type(section).model_fields.items():
        below = getattr(section, name)
        if isinstance(below, Section):
            values[name] = _told(below)
        elif below is None and field.default is None:
            del values[name]
    return values


def recipe_changes(before: Mapping[str, Any], recipe: Section) -> list[str]:
    """What a recipe changes against one stored as `model_dump(mode="json")`, in ways that change a run.

    Returns:
        `optim.lr 2e-05 → 3e-05` and the like; empty when a run of the one may be continued with the other.
    """
    old, new = dict(_leaves(dict(before))), dict(_leaves(recipe.model_dump(mode="json")))
    names = [name for name in {**old, **new} if name not in FREE_ON_RESUME]
    return [f"{name} {old.get(name)} → {new.get(name)}" for name in names if old.get(name) != new.get(name)]


def _leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _leaves(below, f"{prefix}.{key}" if prefix else str(key))
    elif value != {}:
        yield prefix, value


# YAML text -> values and positions


def _parse(data: bytes, name: str) -> _Text:
    try:
        source = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "ignore")
        where = _place_after(before, name)
        raise RecipeError(f"byte {error.start} is not UTF-8", where=where, fix="save the recipe as UTF-8") from None
    text = _Text(values={}, keys={}, at={}, name=name)
    node = _compose(source, name)
    if node is None:
        return text
    if not isinstance(node, yaml.MappingNode):
        raise RecipeError("a recipe is a mapping of sections, such as «optim:»", where=_position(name, node.start_mark))
    text.values = _build(node, (), text)
    return text


def _compose(source: str, name: str) -> yaml.Node | None:
    try:
        loader = _Loader(source)
    except yaml.reader.ReaderError as error:
        raise _bad_character(error, source, name) from None
    try:
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or "this is not YAML"
        fix = None
        if mark and re.match(r"[ \t]*\t", source.split("\n")[mark.line] if mark.line < source.count("\n") + 1 else ""):
            problem, fix = "a tab stands in the indentation", "indent with spaces"
        elif error.context and "anchor" not in problem:
            problem = f"{problem} ({error.context})"
        raise RecipeError(problem, where=_position(name, mark), fix=fix) from None
    except yaml.reader.ReaderError as error:
        raise _bad_character(error, source, name) from None
    except RecursionError:
        raise _too_deep(_position(name, loader.get_mark())) from None
    except (ValueError, OverflowError) as error:  # an escape beyond Unicode
        raise RecipeError(f"this is not YAML ({error})", where=_position(name, loader.get_mark())) from None
    finally:
        loader.dispose()


def _bad_character(error: yaml.reader.ReaderError, source: str, name: str) -> RecipeError:
    character = error.character if isinstance(error.character, int) else ord(error.character)
    where = _place_after(source[: error.position], name)
    return RecipeError(f"the character U+{character:04X} may not stand in YAML", where=where)


def _place_after(before: str, name: str) -> str:
    """The position behind the text that stands before it."""
    return f"{name}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


MOST_NESTED = 50
"""Levels of settings, far more than any recipe has."""


def _too_deep(where: str) -> RecipeError:
    return RecipeError("the recipe is nested too deeply", where=where, fix=f"nest {MOST_NESTED} levels at most")


def _build(node: yaml.Node, place: Place, text: _Text) -> Any:
    where = text.at[place] = _position(text.name, node.start_mark)
    if len(place) > MOST_NESTED:
        raise _too_deep(where)
    if not isinstance(node, yaml.ScalarNode) and node.tag not in (_TAG + "map", _TAG + "seq"):
        raise _foreign_tag(node, where)
    if isinstance(node, yaml.MappingNode):
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key_where = _position(text.name, key_node.start_mark)
            if not isinstance(key_node, yaml.ScalarNode):
                raise RecipeError("a setting's name must be a word", where=key_where)
            key = _text_of(key_node.value, key_where)
            if key in values:
                first = text.keys[(*place, key)].rpartition(":")[0].rpartition(":")[2]
                raise RecipeError(
                    f"«{key}» stands here twice; first in line {first}", where=key_where, fix="remove one of the two"
                )
            text.keys[(*place, key)] = key_where
            values[key] = _build(value_node, (*place, key), text)
        return values
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*place, i), text) for i, item in enumerate(node.value)]
    return _scalar(node, where)


def _scalar(node: yaml.Node, where: str) -> Any:
    tag, value = node.tag.removeprefix(_TAG), str(node.value)
    try:
        if tag == "str":
            return _text_of(value, where)
        if tag == "null":
            return None
        if tag == "bool":
            return {"true": True, "false": False}[value.lower()]
        if tag == "int" and _INT.fullmatch(value):
            base = {"0o": 8, "0x": 16}.get(value[:2], 10)
            return _fitting(int(value, base))
        if tag == "float":
            return float(re.sub(r"\.(inf|nan)\Z", r"\1", value.lower()))
    except (KeyError, ValueError):
        raise RecipeError(f"{value!r} is no {_TAG_WORDS.get(tag, tag)}", where=where) from None
    raise _foreign_tag(node, where)


def _text_of(value: str, where: str) -> str:
    r"""A text; RecipeError where it holds what no path and no file may: half a character ("\ud800") or U+0000."""
    if "\0" in value or not value.isascii():
        for character in value:
            if character == "\0" or "\ud800" <= character <= "\udfff":
                problem = f"the character U+{ord(character):04X} may not stand in a recipe"
                raise RecipeError(problem, where=where, fix="take it out")
    return value


def _fitting(number: int) -> int:
    """A whole number that can be written out again; ValueError for one so long that Python refuses to."""
    str(number)
    return number


_TAG_WORDS = {"bool": "true or false", "int": "whole number that fits", "float": "number"}


def _foreign_tag(node: yaml.Node, where: str) -> RecipeError:
    return RecipeError(f"the tag «{node.tag}» may not stand in a recipe", where=where, fix="write the plain value")


def _position(name: str, mark: Any) -> str:
    return f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name


# --set section.setting=value


def _override(text: _Text, override: str, kind: type[BaseModel]) -> None:
    where = f"--set {override}"
    path, equals, value = override.partition("=")
    keys = tuple(path.strip().split("."))
    if not equals or not all(keys):
        raise RecipeError("a change is written section.setting=value", where=where, fix="e.g. --set optim.lr=3e-5")
    if len(keys) > MOST_NESTED:
        raise _too_deep(where)
    section = text.values
    for depth, key in enumerate(keys[:-1], 1):
        below = section.setdefault(key, {})
        if below is None:
            below = section[key] = {}
        if not isinstance(below, dict):
            raise RecipeError(f"{'.'.join(keys[:depth])} is a value, not a section", where=where)
        text.keys.setdefault(keys[:depth], where)
        section = below
    known = _fields(kind, keys)
    if known is not None:  # a whole section would be replaced unseen
        fix = f"set one of {', '.join(known)}"
        raise RecipeError(f"{path} is a section", where=where, fix=fix)
    section[keys[-1]] = _override_value(value.strip(), where)
    for places in (text.keys, text.at):
        for place in [place for place in places if place[: len(keys)] == keys]:
            del places[place]
        places[keys] = where


def _override_value(value: str, where: str) -> Any:
    if value[:1] not in ("[", "{", '"', "'"):  # plain: a colon or a hash in it is part of the word
        tag = _Loader("").resolve(yaml.ScalarNode, value, (True, False))
        return _scalar(yaml.ScalarNode(tag, value), where)
    try:
        node = _compose(value, "")
        return None if node is None else _build(node, (), _Text({}, {}, {}, ""))
    except RecipeError as error:
        raise RecipeError(error.problem, where=where, fix=error.fix) from None


# pydantic's errors -> ours


def _explained(error: ValidationError, text: _Text, kind: type[BaseModel]) -> RecipeError:
    errors = error.errors(include_url=False)
    # a default that depends on other settings is not made when one of them is wrong, which is told already
    found = [_explain(one, text, kind) for one in errors if one["type"] != "default_factory_not_called"]
    if len(found) == 1:
        return found[0]
    found.sort(key=lambda one: [int(number) for number in re.findall(r":(\d+)", one.where or "")[-2:]] or [10**9])
    return RecipeError(f"{len(found)} settings are wrong:", where=text.name, details=[str(one) for one in found])


def _explain(error: ErrorDetails, text: _Text, kind: type[BaseModel]) -> RecipeError:
    tagged = tuple(error["loc"])
    place = _without_tags(tagged, kind)
    name = ".".join(str(part) for part in place)
    parent = ".".join(str(part) for part in place[:-1]) or "a recipe"
    value = error.get("input")
    if error["type"] == "extra_forbidden":
        names = _fields(kind, tagged[:-1]) or []
        near = nearest(str(place[-1]), names)
        told = (f"did you mean «{near}»? " if near else "") + f"It has {', '.join(names)}"
        return RecipeError(f"{parent} has no setting «{place[-1]}»", where=text.where(place, key=True), fix=told)
    if error["type"] == "missing":
        around = text.where(place[:-1], key=True)
        if within := _fields(kind, tagged):
            told = f"add «{place[-1]}:» with {', '.join(within)}"
            return RecipeError(f"the section {name} is missing", where=around, fix=told)
        return RecipeError(f"the setting {name} is missing", where=around, fix=f"add it, or --set {name}=VALUE")
    where = text.where(place)
    if error["type"] == "value_error":  # a validator of ours, which names the values
        told = error["msg"].removeprefix("Value error, ")
        return RecipeError(
            f"{name}: {told}" if name and not told.startswith(f"{name}.") else told, where=text.where(place, key=True)
        )
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return _wrong_tag(error, text, place)
    known = _fields(kind, tagged)
    if known is not None:
        fix = "remove it, or give it settings" if value is None else None
        return RecipeError(f"{name} is a section with {', '.join(known)}, not {_shown(value)}", where=where, fix=fix)
    return RecipeError(f"{name} is {_shown(value)}; it must be {wanted(error)}", where=where, fix=_hint(error, value))


def _wrong_tag(error: ErrorDetails, text: _Text, place: Place) -> RecipeError:
    """A section's field `type`, which tells its kind, is missing or names none."""
    section, context = ".".join(map(str, place)), error.get("ctx", {})
    if error["type"] == "union_tag_not_found":
        around = text.where(place, key=True)
        return RecipeError(f"the setting {section}.type is missing", where=around, fix="add it, such as «type: qa»")
    tag, known = str(context.get("tag")), re.findall(r"'([^']*)'", str(context.get("expected_tags", "")))
    for command, other in COMMANDS.items():
        if tag in map(_tag, _sections_of(other.model_fields["task"].annotation)):
            where = text.where((*place, "type"))
            return RecipeError(f"{tag} is no task of this command", where=where, fix=f"train it with bigbird {command}")
    near = nearest(tag, known)
    told = (f"did you mean «{near}»? " if near else "") + f"It may be {', '.join(known)}"
    return RecipeError(f"{section}.type is {_shown(tag)}", where=text.where((*place, "type")), fix=told)


_QUOTES = {"string_type": "put it in quotes", "path_type": "put it in quotes"}


def _hint(error: ErrorDetails, value: object) -> str | None:
    if error["type"] == "literal_error" and isinstance(value, str):
        near = nearest(value, re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", ""))))
        return f"did you mean «{near}»?" if near else None
    if isinstance(value, str) and error["type"] in ("int_type", "float_type") and _is_number(value):
        return "write the number without quotes"
    return _QUOTES.get(error["type"]) if isinstance(value, int | float) else None


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _fields(kind: type[BaseModel], place: Place) -> list[str] | None:
    """The names that a section has, or None where no section stands; of all its kinds where no tag names one."""
    sections = [kind]
    for part in place:
        if len(sections) > 1 and any(_tag(section) == part for section in sections):
            sections = [section for section in sections if _tag(section) == part]
            continue
        fields = [section.model_fields[str(part)] for section in sections if str(part) in section.model_fields]
        sections = [below for field in fields for below in _sections_of(field.annotation)]
    return list(dict.fromkeys(name for section in sections for name in section.model_fields)) if sections else None


def _sections_of(annotation: Any) -> list[type[BaseModel]]:
    """The kinds of section that a field may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        return [section for part in typing.get_args(annotation) for section in _sections_of(part)]
    return []


def _tag(section: type[BaseModel]) -> Any:
    """What a section's field `type` says, by which one kind of section is told from another."""
    return section.model_fields["type"].default if "type" in section.model_fields else None


def _without_tags(place: Place, kind: type[BaseModel]) -> Place:
    """A place in the text: pydantic names a section's kind behind the section, the text does not."""
    field = kind.model_fields.get(str(place[0])) if place else None
    kinds = _sections_of(field.annotation) if field is not None else []
    return place[:1] + place[2:] if len(kinds) > 1 and len(place) > 1 else place

"""YAML text -> plain values with their positions, and back.

YAML is read by the core schema of YAML 1.2: `2e-5` is a float, `no` a string, `010` ten, `1:30` a string, and there
are no dates, anchors, merges or tags of Python objects.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from bigbird_cli.errors import RecipeError

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
        event = yaml.SafeLoader.peek_event(self)
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


Location = tuple[str | int, ...]
"""Keys and list indices from the top of a recipe to a value."""


@dataclass
class Text:
    """A recipe as plain values, with the file position of each key and of each value."""

    values: dict[str, Any]
    keys: dict[Location, str]
    at: dict[Location, str]
    name: str
    problems: list[RecipeError] = field(default_factory=list)
    """What is wrong with the text besides its values: names that stand twice."""

    def where(self, location: Location, *, key: bool = False) -> str:
        """The position of a value (or its key), or of the nearest thing around it that the text has."""
        if key and location in self.keys:
            return self.keys[location]
        if location in self.at:
            return self.at[location]
        if location and isinstance(location[-1], int) and location[:-1] in self.at:
            return self.at[location[:-1]]  # one value, where a list may stand
        for length in range(len(location) - 1, 0, -1):
            if location[:length] in self.keys:
                return self.keys[location[:length]]
        return self.at.get((), f"{self.name}:1:1")


def parse(data: bytes, name: str) -> Text:
    """Read a recipe's file.

    Args:
        data: its bytes.
        name: of the file, for errors.

    Raises:
        RecipeError: it is no mapping in YAML; the error says where.
    """
    try:
        source = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "ignore")
        where = _position_after(before, name)
        raise RecipeError(f"byte {error.start} is not UTF-8", where=where, fix="save the recipe as UTF-8") from None
    text = Text(values={}, keys={}, at={}, name=name)
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
        problem, fix = _said_of(error, source.split("\n"), mark)
        raise RecipeError(problem, where=_position(name, mark), fix=fix) from None
    except yaml.reader.ReaderError as error:
        raise _bad_character(error, source, name) from None
    except RecursionError:
        raise too_deep(_position(name, loader.get_mark())) from None
    except (ValueError, OverflowError) as error:  # an escape beyond Unicode
        raise RecipeError(f"this is not YAML ({error})", where=_position(name, loader.get_mark())) from None
    finally:
        loader.dispose()


def _said_of(error: yaml.MarkedYAMLError, lines: list[str], mark: yaml.Mark | None) -> tuple[str, str | None]:
    """What is wrong where PyYAML stopped, and what to do."""
    problem = error.problem or "this is not YAML"
    if "anchor" in problem:
        return problem, None
    at = mark.line if mark else 0
    line, above = (lines[i] if 0 <= i < len(lines) else "" for i in (at, at - 1))
    if re.match(r"[ \t]*\t", line):
        return "a tab stands in the indentation", "indent with spaces"
    is_below = len(line) - len(line.lstrip()) > len(above) - len(above.lstrip()) or line.lstrip().startswith("- ")
    if is_below and re.search(r":\s+[^\s#]", above):
        return (
            f"this line stands below «{above.strip()}», which has a value of its own",
            "remove that value, or indent this line as far as that one",
        )
    context = f" ({error.context})" if error.context else ""
    return f"{problem}{context}", "correct this line or the one before it: «name: value», indented as its neighbours"


def _bad_character(error: yaml.reader.ReaderError, source: str, name: str) -> RecipeError:
    character = error.character if isinstance(error.character, int) else ord(error.character)
    where = _position_after(source[: error.position], name)
    return RecipeError(f"the character U+{character:04X} may not stand in YAML", where=where)


def _position_after(before: str, name: str) -> str:
    """The position behind the text that stands before it."""
    return f"{name}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


MOST_NESTED = 50
"""Levels of settings, far more than any recipe has."""


def too_deep(where: str) -> RecipeError:
    return RecipeError("the recipe is nested too deeply", where=where, fix=f"nest {MOST_NESTED} levels at most")


def _build(node: yaml.Node, location: Location, text: Text) -> Any:
    where = text.at[location] = _position(text.name, node.start_mark)
    if len(location) > MOST_NESTED:
        raise too_deep(where)
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
                first = text.keys[(*location, key)].rpartition(":")[0].rpartition(":")[2]
                problem = f"«{key}» stands here twice; first in line {first}"
                text.problems.append(RecipeError(problem, where=key_where, fix="remove one of the two"))
                continue
            text.keys[(*location, key)] = key_where
            values[key] = _build(value_node, (*location, key), text)
        return values
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*location, i), text) for i, item in enumerate(node.value)]
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


def plain_scalar(value: str, where: str) -> Any:
    """What a word without quotes and brackets says: a colon or a hash in it is part of the word."""
    matching = (tag for tag, pattern, firsts in _CORE_SCHEMA if value[:1] in firsts and pattern.match(value))
    return _scalar(yaml.ScalarNode(_TAG + next(matching, "str"), value), where)


def value_of(source: str, name: str) -> Any:
    """The plain value of a YAML text; RecipeError where it is none."""
    node = _compose(source, name)
    text = Text(values={}, keys={}, at={}, name=name)
    value = None if node is None else _build(node, (), text)
    if text.problems:
        raise text.problems[0]
    return value


def dump(values: Any) -> str:
    """Plain values as YAML text that any version reads as the same values."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)

"""Options that several calls take, checked alike, and errors about settings in the words of a call."""

import re
import warnings
from collections.abc import Sequence
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from bigbird_cli.bounds import Bounds
from bigbird_cli.choices import Newline
from bigbird_cli.errors import DataError, UsageError, nearest
from bigbird_cli.section import complaint

C = TypeVar("C")


def newline_of(newline: str | None) -> Newline | None:
    """A tokenizer's rule for line breaks; None for the one that its vocabulary wants."""
    return None if newline is None else choice(newline, get_args(Newline), "newline")


def choice(value: str, names: Sequence[C], where: str) -> C:
    """The one of these names that a value is; UsageError with the nearest where it is none of them."""
    for name in names:
        if name == value:
            return name
    near = nearest(str(value), map(str, names))
    hint = f"did you mean {near}?" if near else f"use one of {', '.join(map(str, names))}"
    raise UsageError(f"there is no {value!r}", where=where, fix=hint)


def column_of(options: Any) -> str | None:
    """The column that options of a call name, taken out of them; `text_column` was its name, for one release more."""
    if "text_column" in options:
        warnings.warn(
            DeprecationWarning("text_column is called column; the former name goes with the next release"), stacklevel=4
        )
    former: str | None = options.pop("text_column", None)
    column: str | None = options.pop("column", None)
    return column or former


def within(value: float, bounds: Bounds, where: str) -> None:
    """UsageError for a number that is out of bounds."""
    if value not in bounds:
        raise UsageError(f"{value} is out of bounds", where=where, fix=f"give a number {bounds}")


def to_usage_error(error: ValidationError) -> UsageError:
    """What to say of a task's setting that cannot be: the argument, what is wrong, and what to do."""
    first = error.errors(include_url=False)[0]
    setting = ".".join(map(str, first["loc"]))
    message = complaint(error).removeprefix(f"{setting}: ").replace(f"{setting} is ", "it is ", 1)
    problem, _, fix = message.partition("; ") if first["type"] == "value_error" else (message, "", "")
    named = None if setting else _SETTING.match(problem)  # a rule about several settings begins with the offending one
    return UsageError(
        as_arguments(problem[named.end() :].lstrip() if named else problem),
        where=setting or (named[1] if named else None),
        fix=as_arguments(fix) or None,
    )


def data_error(error: DataError, *, where: str) -> DataError:
    """A task's error about a document, in the words of a call; `where` it is, unless it says so itself."""
    return DataError(as_arguments(error.problem), where=error.where or where, fix=as_arguments(error.fix or "") or None)


_SETTING = re.compile(r"\btask\.(\w+)(?: (?=\d))?")
"""How recipes call a task's setting, and so its errors: `task.window`, before its value `task.window 17`."""


def as_arguments(text: str) -> str:
    """Words about a task's settings with the names of a call's arguments."""
    return _SETTING.sub(r"\1=", text)

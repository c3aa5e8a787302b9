"""Options that several calls take, checked alike."""

import re
from collections.abc import Sequence
from typing import Literal

from pydantic import ValidationError

from bigbird_cli.bounds import Bounds
from bigbird_cli.errors import UsageError, nearest
from bigbird_cli.section import complaint
from bigbird_cli.text.tokenizers.tokenizer import NEWLINE_RULES, Newline

OnLong = Literal["window", "error", "truncate"]


ON_LONG: tuple[OnLong, ...] = ("window", "error", "truncate")


def newline_of(newline: str | None) -> Newline | None:
    """A tokenizer's rule for line breaks; None for the one that its vocabulary wants."""
    return None if newline is None else NEWLINE_RULES[known(newline, NEWLINE_RULES, "newline")]


def known(value: str, names: Sequence[str], where: str) -> int:
    """The place of a value among those that there are; UsageError with the nearest where it is none of them."""
    if value not in names:
        near = nearest(str(value), names)
        hint = f"did you mean {near}?" if near else f"use one of {', '.join(names)}"
        raise UsageError(f"there is no {value!r}", where=where, fix=hint)
    return list(names).index(value)


def within(value: float, bounds: Bounds, where: str) -> None:
    """UsageError for a number that is out of bounds."""
    if value not in bounds:
        raise UsageError(f"{value} is out of bounds", where=where, fix=f"give a number {bounds}")


def usage_error(error: ValidationError) -> UsageError:
    """What to say of a task's setting that cannot be."""
    place = ".".join(map(str, error.errors(include_url=False)[0]["loc"])) or None
    return UsageError(
        as_arguments(complaint(error).removeprefix(f"{place}: ").replace(f"{place} is ", "it is ", 1)), where=place
    )


def as_arguments(text: str) -> str:
    """Words about a task's settings, which recipes call `task.window`, with the names of a call's arguments."""
    return re.sub(r"\btask\.(\w+)(?: (?=\d))?", r"\1=", text)

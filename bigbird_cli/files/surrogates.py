"""Half characters: lone surrogates, which a JSON escape or a lenient decoder leaves in a text, and no file can hold."""

from collections.abc import Mapping
from typing import Any

from bigbird_cli.errors import DataError

_AT_ONCE = 1 << 20
"""Characters that are looked through at a time, since each piece is copied."""


def check_text(text: str, what: str = "the text", where: str | None = None) -> None:
    r"""Check that a text holds no lone surrogate (JSON's "\ud800"), which stands for no character.

    Args:
        text: any.
        what: what to call it in the error.
        where: where it stands, for the error.

    Raises:
        DataError: it holds one; the error names the first.
    """
    if text.isascii():
        return
    for begin in range(0, len(text), _AT_ONCE):
        try:
            text[begin : begin + _AT_ONCE].encode("utf-8")
        except UnicodeEncodeError as error:
            index = begin + error.start
            line, column = text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)
            raise DataError(
                f"{what} holds half a character, U+{ord(text[index]):04X}, at character {index} (line {line}, column"
                f" {column}), which is half of a surrogate pair",
                where=where,
                fix="write the pair whole; such halves come from a broken JSON escape or a lenient decoder",
            ) from None


def check_values(fields: Mapping[str, Any], where: str) -> None:
    """Check every text among nested values and their names as `check_text` does; errors name the field."""
    waiting: list[tuple[str, Any]] = list(fields.items())
    _check_names(fields, where)
    while waiting:  # a stack, since what is nested deeply may be no error
        name, value = waiting.pop()
        if isinstance(value, str):
            check_text(value, f'"{name}"', where)
        elif isinstance(value, dict):
            _check_names(value, where)
            waiting.extend((f"{name}.{key}", below) for key, below in value.items())
        elif isinstance(value, list):
            waiting.extend((f"{name}[{k}]", below) for k, below in enumerate(value))


def _check_names(fields: Mapping[str, Any], where: str) -> None:
    for name in fields:
        check_text(str(name), "a field's name", where)

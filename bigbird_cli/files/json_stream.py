"""JSON of any size, value by value."""

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from bigbird_cli.errors import DataError
from bigbird_cli.files.json import NUMBER_FIX, json_decoder, json_problem
from bigbird_cli.files.streams import LONGEST

_SPACE = " \t\n\r"
_NEAR = 64
"""Characters at the end of what is held in which an error may only mean that the rest is not there yet."""


class JsonStream:
    """A JSON text of which one value at a time is held.

    Args:
        blocks: the text, in pieces.
        name: what to call it in errors.
        hint: what to write instead, for errors.
    """

    def __init__(self, blocks: Iterator[str], name: str, *, hint: str | None = None) -> None:
        self._blocks = blocks
        self._name = name
        self._hint = hint
        self._decoder = json_decoder()
        self._held = ""
        self._at = 0
        self._ended = False
        self._lines = 0  # line ends before what is held
        self._column = 0  # characters between the last of them and what is held

    def peek(self) -> str:
        """The next character that is no white space, without taking it; "" at the end."""
        while True:
            while self._at < len(self._held) and self._held[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._held):
                return self._held[self._at]
            if not self._more():
                return ""

    def take(self, char: str, otherwise: str) -> None:
        """Take a character that must come next; DataError with the message `otherwise` where another comes."""
        if self.peek() != char:
            self._fail(otherwise, self._at)
        self._at += 1

    def value(self) -> Any:
        """Parse and take the next value; DataError where it is no JSON."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._held, self._at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated string") or error.pos > len(self._held) - _NEAR
                if cut and self._double():
                    continue
                self._fail(json_problem(error), error.pos)
            except ValueError as error:
                raise DataError(str(error), where=self._name, fix=NUMBER_FIX) from None
            except RecursionError:
                raise DataError("this JSON is nested too deeply", where=self._name, fix=self._hint) from None
            is_number = isinstance(value, int | float)
            if is_number and end > len(self._held) - 3 and self._more():  # it may go on: "1e+", and then 5
                continue
            self._at = end
            return value

    def items(self) -> Iterator[Any]:
        """The values of the list that comes next, one after the other."""
        self.take("[", "Expecting value")
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            yield self.value()
            if self.peek() == "]":
                self._at += 1
                return
            self.take(",", "Expecting ',' delimiter")

    def members(self) -> Iterator[str]:
        """The keys of the object that comes next; each key's value must be taken before the next key is asked for."""
        self.take("{", "Expecting value")
        if self.peek() == "}":
            self._at += 1
            return
        while True:
            if self.peek() != '"':
                self._fail("Expecting property name enclosed in double quotes", self._at)
            key = self.value()
            self.take(":", "Expecting ':' delimiter")
            yield key
            if self.peek() == "}":
                self._at += 1
                return
            self.take(",", "Expecting ',' delimiter")

    def end(self) -> None:
        """DataError if anything comes after what was taken."""
        if self.peek():
            self._fail("Extra data", self._at)

    def _double(self) -> bool:
        """Hold twice as much, so that a long value is parsed a few times only; False at the end of the text."""
        wanted = 2 * (len(self._held) - self._at)
        if wanted > 2 * LONGEST:
            self._fail(f"a value goes on beyond {LONGEST // 1_000_000} MB", self._at)
        grown = False
        while len(self._held) - self._at < wanted and self._more():
            grown = True
        return grown

    def _more(self) -> bool:
        block = "" if self._ended else next(self._blocks, "")
        if not block:
            self._ended = True
            return False
        gone = self._held[: self._at]
        line_ends = gone.count("\n")
        self._lines += line_ends
        self._column = len(gone) - gone.rfind("\n") - 1 if line_ends else self._column + len(gone)
        self._held = self._held[self._at :] + block
        self._at = 0
        return True

    def _fail(self, problem: str, at: int) -> NoReturn:
        before = self._held[:at]
        line_ends = before.count("\n")
        column = at - before.rfind("\n") if line_ends else self._column + at + 1
        raise DataError(
            f"this is not JSON: {problem}",
            where=f"{self._name}:{self._lines + line_ends + 1}:{column}",
            fix=self._hint,
        ) from None

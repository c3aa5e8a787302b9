"""Records as lines of JSON that are safe to show: a terminal obeys control characters, a reader should see them."""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bigbird_cli.messages import OBEYED
from bigbird_cli.report.writer import Stream, Writer

if TYPE_CHECKING:
    from bigbird_cli.api import Result

AT_ONCE = 1 << 14
"""Elements of a list that are written at once."""


def to_json(record: object) -> str:
    """One line of JSON that any terminal shows as it is, and any reader of JSON reads back exactly."""
    line = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))
    return OBEYED.sub(_escape_json, line)


def json_parts(record: object) -> Iterator[str]:
    """The line of `to_json` in parts, so that a long list's line does not take many times the list's memory.

    Args:
        record: where it is an object, a value of it may also be an iterator of the list's stretches.
    """
    if not isinstance(record, dict):
        yield to_json(record)
        return
    before = "{"
    for key, value in record.items():
        yield f"{before}{to_json(key)}: "
        before = ", "
        if isinstance(value, list) and len(value) > AT_ONCE:
            value = _stretches(value)
        if not isinstance(value, Iterator):
            yield to_json(value)
            continue
        between = "["
        for stretch in value:
            yield between + to_json(stretch)[1:-1]
            between = ", "
        yield "]" if between == ", " else "[]"
    yield "}" if record else "{}"


def _stretches(values: list[Any]) -> Iterator[list[Any]]:
    for first in range(0, len(values), AT_ONCE):
        yield values[first : first + AT_ONCE]


def _escape_json(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


class JsonLines(Writer["Result[Any, Any]"]):
    """Writes one JSON object a line, flushed as each is ready.

    Args:
        stream: where to; it is left open.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def write(self, result: "Result[Any, Any]") -> None:
        """Write the record of a result."""
        for part in json_parts(result.to_dict()):
            self._stream.write(part)
        self._stream.write("\n")
        self._stream.flush()

    def finish(self) -> None:
        """Do nothing: each line is whole by itself."""


class JsonArray(Writer["Result[Any, Any]"]):
    """Writes one array of JSON objects, each in a line, flushed as it is ready.

    Args:
        stream: where to; it is left open.
        is_begun: records stand there already.
    """

    def __init__(self, stream: Stream, *, is_begun: bool = False) -> None:
        self._stream = stream
        self._before = ",\n" if is_begun else "[\n"

    def write(self, result: "Result[Any, Any]") -> None:
        """Write the record of a result."""
        self._stream.write(self._before)
        for part in json_parts(result.to_dict()):
            self._stream.write(part)
        self._before = ",\n"
        self._stream.flush()

    def finish(self) -> None:
        """End the array; what ends it is no place to go on from, so it is not flushed."""
        self._stream.write("[]\n" if self._before == "[\n" else "\n]\n")

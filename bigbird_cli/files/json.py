"""JSON as it may come from outside: one object, a row a line, or the settings in a file; errors say what and where."""

import base64
import codecs
import json
import math
from collections.abc import Iterable, Iterator
from datetime import date, time
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn

from bigbird_cli.errors import DataError, ModelError
from bigbird_cli.files.file_types import START, check_plain_text
from bigbird_cli.files.paths import cannot_be_read
from bigbird_cli.files.streams import wrong_byte

NUMBER_FIX: Final = "write null where a value is missing, and a number that is an id in quotes"
"""What to do about a number that JSON has not, or that is too large to be one."""

_QA_ROW = '{"context": ..., "question": ...}'


def read_jsonl(
    stream: BinaryIO | Iterable[bytes], name: str, *, example: str = _QA_ROW
) -> Iterator[tuple[int, dict[str, object] | DataError]]:
    """Read JSON lines, one object a line; a bad line becomes an error and the others are read.

    Args:
        stream: binary stream or lines of it.
        name: what to call it in errors.
        example: an object as it should be, for errors.

    Yields:
        The line's number, counted from 1, and its object or a DataError. Empty lines are passed over.
    """
    lines = (line for block in stream for line in block.splitlines())  # of bytes: at \n, \r\n and \r only
    for number, line in enumerate(lines, start=1):
        where = f"{name}:{number}"
        if number == 1:
            try:
                check_plain_text(line[:START], name)
            except DataError as error:  # no line of it is a row
                yield number, error
                return
            line = line.removeprefix(codecs.BOM_UTF8)  # a file's own byte order mark is no part of its first object
        if not line.strip():
            continue
        try:
            yield number, json_object(_line_text(line, where), where, example=example)
        except DataError as error:
            yield number, error


def json_object(text: str, where: str, *, example: str = _QA_ROW) -> dict[str, object]:
    """Parse one JSON object; errors give the example of one.

    Raises:
        DataError: the text is not JSON, not an object, or holds a lone surrogate.
    """
    text = text.rstrip()
    try:
        value = parse_json(text)
    except json.JSONDecodeError as error:
        raise DataError(_not_json(error, text), where=where, fix="write one JSON object a line") from None
    except ValueError as error:
        raise DataError(str(error), where=where, fix=NUMBER_FIX) from None
    except RecursionError:
        raise DataError("this JSON is nested too deeply", where=where) from None
    if not isinstance(value, dict):
        raise DataError(f"this is {json_kind(value)}, not a JSON object", where=where, fix=f"write {example}")
    return value


def read_json_object(path: Path, *, may_be_missing: bool = True) -> dict[str, Any]:
    """A JSON object from a file of a model's settings.

    Args:
        path: the file.
        may_be_missing: whether a file that is not there says as much as an empty object.

    Raises:
        ModelError: it is no file, cannot be read, is not JSON, holds what could not be written again, or is no object.
    """
    if path.exists() and not path.is_file():
        raise ModelError("this is a folder, a pipe or a device, not a file", where=str(path), fix="restore it")
    if may_be_missing and not path.exists():
        return {}
    try:
        content = path.read_text(encoding="utf-8")
        value = parse_settings(content)
    except OSError as error:
        raise cannot_be_read(error, path) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"is not JSON ({error})", where=str(path), fix="fetch the model again") from error
    if not isinstance(value, dict):
        raise ModelError("holds no JSON object", where=str(path), fix="fetch the model again")
    return value


def parse_settings(content: str) -> Any:
    """The value of a JSON text as Python reads it.

    Raises:
        ValueError: it is none, or holds half a character, which no file could take.
    """
    value = json.loads(content)
    if "\\ud" in content or "\\uD" in content:  # of a surrogate pair
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            half = ord(error.object[error.start])
            raise ValueError(f"a text in it holds U+{half:04X}, half of a surrogate pair") from None
    return value


def parse_json(text: str) -> Any:
    """Parse JSON, without the numbers that only Python's own reader takes: what is read can be written again.

    Raises:
        json.JSONDecodeError: the text is not JSON.
        ValueError: a number is NaN or infinite, or has thousands of digits.
        RecursionError: it is nested too deeply.
    """
    return json_decoder().decode(text)


def json_decoder() -> json.JSONDecoder:
    """A decoder with the rules of `parse_json`, for a text that holds more than one value."""
    return json.JSONDecoder(parse_constant=_no_constant, parse_float=_float, parse_int=_int)


def as_json(value: Any) -> Any:
    """A value of a table as JSON can write it: times as ISO 8601 has them, numbers that are none as null, bytes in
    base64, and what else JSON has no form of, such as decimals, as a string."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): as_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    if isinstance(value, date | time):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def json_kind(value: object) -> str:
    """Name a JSON value's kind as its author would."""
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def breaks_off(error: json.JSONDecodeError) -> bool:
    """Whether a text is JSON as far as it goes, and ends too soon."""
    return error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string")


def json_problem(error: json.JSONDecodeError) -> str:
    """What is wrong, without the location, of which Python's own words keep a part: "Invalid control character at"."""
    return error.msg.removesuffix(" at").removesuffix(" starting").rstrip(": ")


def _not_json(error: json.JSONDecodeError, text: str) -> str:
    if not breaks_off(error):
        return f"this is not JSON: {json_problem(error)} at column {error.colno}"
    begun = f", in the string that begins at column {error.colno}" if error.pos < len(text) else ""
    return f"this is not JSON: it breaks off at column {len(text) + 1}{begun}"


def _line_text(line: bytes, where: str) -> str:
    """Decode a line; `where` is its location."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        column = len(line[: error.start].decode("utf-8")) + 1
        raise wrong_byte(error, where, f" at column {column}") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number that JSON has")


def _float(number: str) -> float:
    value = float(number)
    return value if math.isfinite(value) else _too_large(number)


def _int(number: str) -> int:
    try:
        return int(number)
    except ValueError:  # Python reads and writes some thousand digits at most
        _too_large(number)


def _too_large(number: str) -> NoReturn:
    raise ValueError(f"the number {number} is too large")

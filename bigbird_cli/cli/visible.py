"""Text of documents made safe to show: a terminal obeys control characters, a reader should see them."""

import json
import re

# C0 and C1 controls, delete, the line separators, and the marks that reorder what stands beside them
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_OBEYED_IN_JSON = re.compile("[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """The text with white space as single characters of it and every other control character as an escape."""
    return _OBEYED.sub(_escape, text)


def to_json(record: object) -> str:
    """One line of JSON that any terminal shows as it is, and any reader of JSON reads back exactly."""
    line = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))
    return _OBEYED_IN_JSON.sub(_escape_json, line)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in "\t\n\r\v\f\x85\u2028\u2029":
        return " "
    return f"\\x{ord(character):02x}" if ord(character) < 0x100 else f"\\u{ord(character):04x}"


def _escape_json(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"

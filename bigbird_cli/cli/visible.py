"""Text of documents made safe to show: a terminal obeys control characters, a reader should see them."""

import json
import re

from bigbird_cli.messages import shortened as shortened
from bigbird_cli.messages import visible as visible

_OBEYED_IN_JSON = re.compile("[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def to_json(record: object) -> str:
    """One line of JSON that any terminal shows as it is, and any reader of JSON reads back exactly."""
    line = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))
    return _OBEYED_IN_JSON.sub(_escape_json, line)


def _escape_json(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"

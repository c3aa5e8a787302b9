"""JSON lines that are safe to show, whole and in parts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigbird_cli.messages import visible
from bigbird_cli.report import json_lines
from bigbird_cli.report.json_lines import json_parts, to_json


@given(st.text(st.characters(codec=None), max_size=50))
def test_shown_text_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    for shown in (visible(text), to_json({"text": text})):
        assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in shown)
        assert not set(shown) & set("\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
    assert json.loads(to_json({"text": text})) == {"text": text}


@pytest.mark.parametrize(
    "record", [{}, {"a": []}, {"a": [1], "b": [[1, 2]] * 7, "é\x7f": {"c": [1] * 9}}, [1] * 9, "x"]
)
def test_a_line_in_parts_is_the_line(record: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "AT_ONCE", 3)
    assert "".join(json_parts(record)) == to_json(record)


def test_a_list_may_come_in_stretches() -> None:
    assert "".join(json_parts({"a": iter([[1, 2], ["\x7f"]]), "b": iter([])})) == '{"a": [1, 2, "\\u007f"], "b": []}'

"""JSON that comes in pieces is what it is as a whole, wherever the pieces are cut."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigbird_cli.errors import DataError
from bigbird_cli.files import json_stream
from bigbird_cli.files.json_stream import JsonStream

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def pieces(text: str, size: int) -> Iterator[str]:
    return (text[i : i + size] for i in range(0, len(text), size))


@given(values=st.lists(VALUES, max_size=5), size=st.integers(1, 30), indent=st.sampled_from([None, 0, 3]))
def test_items_are_those_of_the_whole_list(values: list[object], size: int, indent: int | None) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=False) + " \n"
    stream = JsonStream(pieces(text, size), "a.json")
    assert list(stream.items()) == values
    stream.end()


@given(values=st.dictionaries(st.text(max_size=5), VALUES, max_size=5), size=st.integers(1, 30))
def test_members_are_those_of_the_whole_object(values: dict[str, object], size: int) -> None:
    stream = JsonStream(pieces(json.dumps(values), size), "a.json")
    assert [(key, stream.value()) for key in stream.members()] == list(values.items())
    stream.end()


@given(size=st.integers(1, 40), data=st.data())
def test_an_error_stands_where_it_stands_in_the_whole(size: int, data: st.DataObject) -> None:
    text = json.dumps([{"lamp": [1.5, "\u00e9\n"], "b": None}, -17, {"c": {}}], indent=1, ensure_ascii=False)
    at = data.draw(st.integers(1, len(text) - 1))
    text = text[:at] + data.draw(st.sampled_from(["", "}", '"', "x", "\n", ","])) + text[at:]
    text = text[: data.draw(st.integers(1, len(text)))]
    try:
        expected: object = json.loads(text)
    except json.JSONDecodeError as error:
        expected = f"a.json:{error.lineno}:{error.colno}"
    stream = JsonStream(pieces(text, size), "a.json")
    try:
        found: object = stream.value()
        stream.end()
    except DataError as error:
        found = error.where
    assert found == expected


def test_a_value_far_longer_than_a_piece_is_parsed_a_few_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    n_blocks = 1000
    stream = JsonStream(pieces(json.dumps(["x" * 100 * n_blocks]), 100), "a.json")
    parsed: list[int] = []
    raw_decode = stream._decoder.raw_decode

    def noting(text: str, at: int) -> tuple[Any, int]:
        parsed.append(len(text))
        return raw_decode(text, at)

    monkeypatch.setattr(stream._decoder, "raw_decode", noting)
    [value] = stream.items()
    assert len(value) == 100 * n_blocks
    assert len(parsed) <= 12


def test_a_value_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "LONGEST", 1000)
    stream = JsonStream(itertools.chain(['["'], itertools.repeat("a" * 100)), "x")
    with pytest.raises(DataError, match="a value goes on beyond"):
        next(stream.items())

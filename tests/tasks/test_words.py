"""Words by one rule on any Unicode, and units that no token crosses."""

import unicodedata
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bigbird_cli.tasks import words
from bigbird_cli.tasks.words import Units, units_of, words_of
from bigbird_cli.text.documents import EncodedDocument
from bigbird_cli.text.tokenizers.tokenizer import Tokens


def document(text: str, spans: list[tuple[int, int]]) -> EncodedDocument:
    starts, ends = np.array(spans, dtype=np.int32).reshape(-1, 2).T
    return EncodedDocument(text=text, tokens=Tokens(np.arange(len(spans), dtype=np.int32), starts, ends), unknown=0)


def plain_units(read: EncodedDocument) -> list[tuple[int, int, int]]:
    """Join words one token after the other, the slow and obvious way."""
    groups = [[start, end, -1] for start, end in words_of(read.text).tolist()]
    for token in range(len(read)):
        start, end = int(read.tokens.starts[token]), int(read.tokens.ends[token])
        touched = [group for group in groups if group[0] < end and start < group[1] and start < end]
        if not touched:
            continue
        carriers = [group[2] for group in touched if group[2] >= 0]
        joined = [touched[0][0], touched[-1][1], min([token, *carriers])]
        at = groups.index(touched[0])
        groups[at : at + len(touched)] = [joined]
    return [(start, end, token) for start, end, token in groups if token >= 0]


def as_rows(units: Units) -> list[tuple[int, int, int]]:
    return list(zip(units.starts.tolist(), units.ends.tolist(), units.tokens.tolist(), strict=True))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ada's lamp, 1820!", ["Ada", "'", "s", "lamp", ",", "1820", "!"]),
        ("a-b_c...", ["a", "-", "b", "_", "c", ".", ".", "."]),
        ("cafe\u0301 Ko\u0308ln", ["cafe\u0301", "Ko\u0308ln"]),
        ("a\r\nb\x00c\u2028d\u00a0e\u3000", ["a", "b", "c", "d", "e"]),
        ("\U0001f600\u2764\ufe0fx", ["\U0001f600", "\u2764\ufe0f", "x"]),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467!", ["\U0001f468\u200d\U0001f469\u200d\U0001f467", "!"]),
        ("\U0001f1f8\U0001f1ea\U0001f1eb", ["\U0001f1f8\U0001f1ea", "\U0001f1eb"]),
        ("\U0001f44d\U0001f3fd?", ["\U0001f44d\U0001f3fd", "?"]),
        ("\U0001f3f4\U000e0067\U000e007f!", ["\U0001f3f4\U000e0067\U000e007f", "!"]),
        ("co\u00adop\u00ad \u200fא", ["co\u00adop", "א"]),
        ("\u0645\u06cc\u200c\u0631\u0648\u0645", ["\u0645\u06cc\u200c\u0631\u0648\u0645"]),
        ("\ufeffada", ["ada"]),
        ("ada\u200bbel", ["ada", "bel"]),
        ("ada\u200dbel", ["ada\u200dbel"]),
        ("\u0301a", ["\u0301a"]),
        ("中文字 ½", ["中文字", "½"]),
        ("", []),
        (" \n\t", []),
    ],
)
def test_words_are_runs_of_letters_digits_and_marks_and_other_characters_alone(text: str, found: list[str]) -> None:
    assert [text[start:end] for start, end in words_of(text).tolist()] == found


@given(st.text(max_size=60))
def test_words_leave_out_nothing_that_can_be_seen(text: str) -> None:
    found = words_of(text).tolist()
    places = [place for start, end in found for place in range(start, end)]
    assert places == sorted(set(places))
    seen = {i for i, letter in enumerate(text) if unicodedata.category(letter)[0] not in "ZC"}
    assert seen <= set(places)
    for start, end in found:
        assert {start, end - 1} & seen, "a word begins or ends with what can be seen"
        assert not text[start:end].isspace()


def test_words_that_share_a_token_are_one_unit() -> None:
    text = "rock'n'roll is  here"
    read = document(text, [(0, 2), (2, 5), (5, 11), (12, 14), (15, 16), (16, 18), (18, 20)])
    units = units_of(read)
    assert [text[a:b] for a, b, _ in as_rows(units)] == ["rock'", "n'roll", "is", "here"]
    assert units.tokens.tolist() == [0, 2, 3, 5]  # the fifth token is white space


@pytest.mark.parametrize("n_at_once", [1, 2, 5, 1 << 18])
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_units_are_those_of_joining_words_one_by_one(
    n_at_once: int, monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    monkeypatch.setattr(words, "_TOKENS_AT_ONCE", n_at_once)
    text = data.draw(st.text(alphabet="ab' .\n\u0301\u200d\U0001f1f8\U0001f44d", max_size=30))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    spans = [(a, data.draw(st.integers(a, b))) for a, b in pairwise(cuts)]
    read = document(text, spans)
    units = units_of(read)
    assert as_rows(units) == plain_units(read)
    assert all(array.dtype == np.int32 for array in (units.starts, units.ends, units.tokens))


def test_a_span_is_aligned_when_units_begin_and_end_with_it() -> None:
    units = units_of(document("ab cd ef", [(0, 1), (1, 2), (3, 8)]))
    assert as_rows(units) == [(0, 2, 0), (3, 8, 2)]
    assert units.align(0, 2)
    assert units.align(0, 8)
    assert not units.align(3, 5)  # ends inside the second unit
    assert not units.align(0, 3)  # ends with a space
    assert not units.align(2, 3)  # holds no unit
    assert units.touched(1, 4) == (0, 2)
    assert units.touched(2, 3) == (1, 1)

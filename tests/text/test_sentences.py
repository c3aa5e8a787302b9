"""The sentence around a span, for whoever shows it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigbird_cli.text.sentences import sentence_around

TEXT = (
    "It was dark. Dr. Ada Lund, who kept the light, signed the lease on 4 May 1911, at 3.30 p.m. in a hurry. "
    "Then she left.\n\nA new paragraph without an end"
)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("dark", "It was dark."),
        ("dark.", "It was dark."),
        ("4 May 1911", TEXT[13:103]),
        ("Dr. Ada Lund", TEXT[13:103]),
        ("she left", "Then she left."),
        ("paragraph", "A new paragraph without an end"),
        ("dark. Dr", TEXT[:103]),
    ],
)
def test_an_answer_is_shown_in_its_sentence(answer: str, sentence: str) -> None:
    start = TEXT.index(answer)
    excerpt = sentence_around(TEXT, start, start + len(answer))
    assert TEXT[excerpt.start : excerpt.stop] == sentence
    assert not excerpt.cut_before
    assert not excerpt.cut_after


def test_a_sentence_without_end_is_cut_between_words() -> None:
    text = "word " * 1000
    excerpt = sentence_around(text, 2500, 2504)
    assert excerpt.cut_before
    assert excerpt.cut_after
    assert excerpt.stop - excerpt.start < 500
    assert text[excerpt.start : excerpt.stop].split() == ["word"] * len(text[excerpt.start : excerpt.stop].split())


@given(st.text(max_size=900), st.data())
def test_the_excerpt_always_holds_the_answer(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    excerpt = sentence_around(text, start, end)
    assert 0 <= excerpt.start <= start <= end <= excerpt.stop <= len(text)

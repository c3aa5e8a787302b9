"""An answer is given with the signs, currencies and units that belong to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigbird_cli.text.spans import says_something, trim, widen


def around(text: str, answer: str) -> str:
    at = text.rindex(answer)
    start, end = widen(text, at, at + len(answer))
    assert start <= at
    assert end >= at + len(answer)
    return text[start:end]


@pytest.mark.parametrize(
    ("text", "answer", "whole"),
    [
        ("It was -18 °C today", "18", "-18 °C"),
        ("It was -18 °C today", "18 °", "-18 °C"),
        ("It was \u221218\u00a0°F.", "18", "\u221218\u00a0°F"),
        ("(\u20135 °C)", "5", "\u20135 °C"),
        ("a rate of 4.75% last year", "4.75", "4.75%"),
        ("a rate of 4.75% last year", "75", "4.75%"),
        ("paid $1,250.50 now", "1,250", "$1,250.50"),
        ("paid $1,250.50 now", "$1", "$1,250.50"),
        ("a loss of -$5 now", "$5", "-$5"),
        ("US$ 5 million", "5 million", "US$ 5 million"),
        ("40€ or more", "40", "40€"),
        ("€ 40 or more", "40", "€ 40"),
        ("Call +47 22 33 44 55.", "47 22 33 44 55", "+47 22 33 44 55"),
        ("(555) 123-4567", "555) 123-4567", "(555) 123-4567"),
        ("≈ 5 km", "5 km", "≈ 5 km"),
        ("±0.5‰ of it", "0.5", "±0.5‰"),
        ("p<0.05 at most", "0.05", "<0.05"),
        ("only .5 of it", "5", ".5"),
        ("as § 5 says", "5", "§ 5"),
        ("issue #7 is", "7", "#7"),
        ("5kg of flour", "5", "5kg"),
        ("at 90km/h.", "90", "90km/h"),
        ("3 m² of felt", "3 m", "3 m²"),
        ("the 1990s", "1990", "1990s"),
        ("18+ only", "18", "18+"),
        ("10° north", "10", "10°"),
        ("written in C++ then", "C", "C++"),
        ("by @ada, who", "ada", "@ada"),
        ("Ada (the keeper) said", "Ada (the keeper", "Ada (the keeper)"),
        ("sold by Lamp Inc. in May", "Lamp Inc", "Lamp Inc."),
        ("at 6 p.m. or later", "6 p.m", "6 p.m."),
    ],
)
def test_what_belongs_to_an_answer_is_given_with_it(text: str, answer: str, whole: str) -> None:
    assert around(text, answer) == whole


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("10-18 years", "18"),
        ("1990 - 2000", "2000"),
        ("pages 3\u20135", "5"),
        ("COVID-19", "19"),
        ("12.05.2021", "2021"),
        ("version 3.2.1", "2"),
        ("2 + 3", "3"),
        ("<b>5</b>", "5"),
        ("a year (1990)", "1990"),
        ("20 € 5 more", "5"),
        ("costs 5 $7", "5"),
        ("ada@example.org", "example"),
        ("no. 5, then", "5"),
        ("lamp", "lamp"),
    ],
)
def test_what_does_not_belong_to_it_is_left(text: str, answer: str) -> None:
    assert around(text, answer) == answer


@given(st.text("a5 -+$%°C().,\u221200", max_size=24), st.data())
def test_no_character_of_the_answer_is_lost_and_no_white_space_comes_to_its_ends(
    text: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    low, high = widen(text, start, end)
    assert 0 <= low <= start
    assert end <= high <= len(text)
    assert text[low:start].lstrip() == text[low:start]
    assert text[end:high].rstrip() == text[end:high]


def test_a_run_of_digits_that_is_no_number_costs_no_more_than_a_number() -> None:
    text = "7," * 50_000
    assert widen(text, 60_000, 60_001) == (60_000, 60_001)
    assert widen("1," + "000," * 8 + "000.50", 4, 5) == (0, 40)


@pytest.mark.parametrize(
    ("text", "answer", "trimmed"),
    [
        ("It holds in England and Wales.", "England and Wales.", "England and Wales"),
        ("It lies in Wales. It rains.", "Wales. ", "Wales"),
        ("the third stage of the Saturn V. It", "Saturn V.", "Saturn V"),
        ("on 8 May 1974, the", "8 May 1974,", "8 May 1974"),
        ("and paid 3.50.", "3.50.", "3.50"),
        ('She said: "in the lamp room."', 'in the lamp room."', "in the lamp room"),
        ('the year "1984", when', '1984"', "1984"),
        ("It burned (for a year).", "for a year).", "for a year"),
        ("The lamp, Ada said", ", Ada", "Ada"),
        ("灯台にあります。", "灯台にあります。", "灯台にあります"),
        ("and so on... Then", "and so on...", "and so on"),
    ],
)
def test_what_belongs_to_the_sentence_is_no_part_of_an_answer(text: str, answer: str, trimmed: str) -> None:
    at = text.index(answer)
    start, end = trim(text, at, at + len(answer))
    assert text[start:end] == trimmed


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("They live in the U.S.", "the U.S."),
        ("It opens at 6 p.m. It", "6 p.m."),
        ("sold by Lamp Inc.", "Lamp Inc."),
        ("signed by Ada King Jr.", "Ada King Jr."),
        ("by Smith et al.", "Smith et al."),
        ("built by Kinfr. works", "Kinfr."),
        ('She said: "Go home."', '"Go home."'),
        ("as shown (see page 3.) here", "(see page 3.)"),
        ("He asked: Who keeps it? Nobody", "Who keeps it?"),
        ("written in .NET then", ".NET"),
        ("at .5 of it", ".5"),
        ('a pipe of 6" and', '6"'),
        ("Ada's", "Ada's"),
        (" ... ", "..."),
    ],
)
def test_what_belongs_to_an_answer_is_not_trimmed(text: str, answer: str) -> None:
    at = text.index(answer)
    assert trim(text, at, at + len(answer)) == (at, at + len(answer))


@given(st.text('a5 .,:;()"“”«»[]é灯', max_size=24), st.data())
def test_a_trimmed_answer_lies_within_and_loses_no_letter(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    low, high = trim(text, start, end)
    assert start <= low <= high <= end
    assert not says_something(text[start:low] + text[high:end])

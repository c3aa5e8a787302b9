"""Mentions of one name: which they are, and that they agree on its type."""

import pytest

from bigbird_cli.tasks.ner.decoding import Entity, consistent
from bigbird_cli.tasks.ner.names import plain_name


def mentions(*found: tuple[str, str, float]) -> list[Entity]:
    return [Entity(type_, 10 * i, 10 * i + len(text), score, text) for i, (text, type_, score) in enumerate(found)]


@pytest.mark.parametrize("text", ["the  Oslo\nOffice", "Oslo office's", "Oslo Office\u2019", "OSLO OFFICE"])
def test_what_stands_beside_a_name_and_its_capitals_are_none_of_it(text: str) -> None:
    assert plain_name(text) == "oslo office"


def test_an_article_alone_is_a_name() -> None:
    assert plain_name("The") == "the"


NAMED = mentions(("Bergen", "GPE", 0.9), ("Bergen", "GPE", 0.9), ("Bergen", "PERSON", 0.5), ("Ada", "PERSON", 0.9))


def test_a_type_seldom_said_of_a_name_gives_way_to_the_one_said_most() -> None:
    agreed = consistent(NAMED, 0.3)
    assert [entity.type for entity in agreed] == ["GPE", "GPE", "GPE", "PERSON"]
    assert [entity._replace(type="") for entity in agreed] == [entity._replace(type="") for entity in NAMED]


def test_a_name_that_is_often_of_two_types_keeps_both() -> None:
    assert consistent(NAMED, 0.25) == NAMED


def test_types_stay_as_they_were_found_unless_asked_for() -> None:
    assert consistent(NAMED, 0.0) == NAMED


def test_mentions_are_of_one_name_whatever_stands_beside_it() -> None:
    found = mentions(("the Storting", "ORG", 0.9), ("Storting's", "ORG", 0.8), ("STORTING", "GPE", 0.4))
    assert [entity.type for entity in consistent(found, 0.5)] == ["ORG", "ORG", "ORG"]

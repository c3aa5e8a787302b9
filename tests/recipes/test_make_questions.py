"""Questions by rule: what the parser said of a sentence becomes a question that needs no other sentence."""

import random
import sys
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "recipes/scripts"))

from make_questions import Asked, chosen, questions_of


class Word(SimpleNamespace):
    """A token as spaCy gives it, as far as the rules look."""

    @property
    def children(self) -> list[Any]:
        return [w for w in self.sentence if w.head is self and w is not self]

    @property
    def subtree(self) -> list[Any]:
        return sorted([self, *(w for child in self.children for w in child.subtree)], key=lambda w: w.i)


def parsed(rows: Iterable[tuple[str, str, str, str, int, str]]) -> Any:
    """A document of one sentence: of each word its text, lemma, fine tag, relation, head and entity type."""
    coarse = {"NNP": "PROPN", "NN": "NOUN", "NNS": "NOUN", "IN": "ADP", "DT": "DET", "CD": "NUM", "PRP": "PRON"}
    sentence: list[Any] = []
    at = 0
    for i, (text, lemma, tag, relation, _, kind) in enumerate(rows):
        word = Word(i=i, idx=at, text=text, text_with_ws=text + " ", lower_=text.lower(), lemma_=lemma, tag_=tag)
        word.pos_ = "PUNCT" if text == "." else "VERB" if tag.startswith("VB") else coarse[tag]
        word.dep_, word.ent_type_, word.sentence = relation, kind, sentence
        word.is_sent_start, word.is_punct, word.is_stop = i == 0, text == ".", tag in ("DT", "IN")
        word.like_num = tag == "CD"
        sentence.append(word)
        at += len(text) + 1
    for word, row in zip(sentence, rows, strict=True):
        word.head = sentence[row[4]]
    return SimpleNamespace(sents=[sentence], text=" ".join(row[0] for row in rows))


FOUNDED = [
    ("Carter", "Carter", "NNP", "nsubj", 1, "PERSON"),
    ("created", "create", "VBD", "ROOT", 1, ""),
    ("the", "the", "DT", "det", 4, ""),
    ("energy", "energy", "NN", "compound", 4, ""),
    ("department", "department", "NN", "dobj", 1, ""),
    ("in", "in", "IN", "prep", 1, ""),
    ("1977", "1977", "CD", "pobj", 5, "DATE"),
    (".", ".", ".", "punct", 1, ""),
]


def asked_of(rows: list[tuple[str, str, str, str, int, str]]) -> dict[str, str]:
    document = parsed(rows)
    found = [one for seed in range(40) for one in questions_of(document, random.Random(seed))]
    return {one.question: document.text[one.start : one.end] for one in found}


def test_each_part_of_a_clause_is_asked_for() -> None:
    asked = asked_of(FOUNDED)
    assert asked["Who created the energy department in 1977?"] == "Carter"
    assert asked["When did Carter create the energy department?"] == "1977"
    assert asked["What did Carter create in 1977?"] == "energy department"


def test_a_clause_that_needs_the_sentence_before_is_passed_over() -> None:
    he = [("He", "he", "PRP", "nsubj", 1, ""), *FOUNDED[1:]]
    assert asked_of(he) == {}


@pytest.mark.parametrize("share", [1.0, 0.0])
def test_a_question_that_is_asked_twice_has_two_answers_and_is_left_out(share: float) -> None:
    asked = [Asked("Who won?", 0, 3), Asked("Who lost?", 5, 8), Asked("who won?", 9, 12)]
    assert chosen(asked, random.Random(0), share=share) == ([asked[1]] if share else [])

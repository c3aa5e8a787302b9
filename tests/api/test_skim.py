"""Skimming reads the windows that a question's words stand in, says so, and keeps offsets and pages right."""

from pathlib import Path

import pytest

import bigbird_cli as bb
from bigbird_cli.api import QAResult, Request, answer_all
from bigbird_cli.errors import UsageError
from bigbird_cli.text.documents import Document
from bigbird_cli.text.formats.paged import Page
from tests.api.helpers import LONG, SHORT, one

FILLER = "the keeper of the north tower lit the lamp by the sea and on it a ship was kept . " * 40
NEEDLE = "cora signed the lease in 1887 . "
BOOK = FILLER + NEEDLE + FILLER
QUESTION = "who signed the lease in 1887?"


def skimmed(text: str, question: str, model: Path, n: int) -> QAResult:
    pages = (Page("i", 0), Page("2", len(FILLER)))
    [result] = answer_all([Request(Document("book", text, pages), question)], model=model, skim=n)
    return result


def test_the_windows_with_the_questions_words_are_read_and_no_others(tiny_qa_model: Path) -> None:
    result = skimmed(BOOK, QUESTION, tiny_qa_model, 1)
    record = result.record()
    receipt = record["receipt"]
    assert receipt["windows"] == 1
    assert receipt["read"] < receipt["tokens"]
    assert receipt["skimmed"] is True
    assert receipt["truncated"] is False
    assert record["start"] is not None
    assert record["end"] is not None
    assert BOOK[record["start"] : record["end"]] == record["answer"]
    assert abs(record["start"] - len(FILLER)) < 1500  # characters of a window
    assert record["page"] == ("2" if record["start"] >= len(FILLER) else "i")


def test_windows_that_are_no_neighbours_are_read_together(tiny_qa_model: Path) -> None:
    text = NEEDLE + FILLER * 2 + NEEDLE
    record = one(text, QUESTION, model=tiny_qa_model, skim=2, top_k=8)
    assert record["receipt"]["windows"] == 2
    assert all(text[found["start"] : found["end"]] == found["answer"] for found in record["answers"])
    assert {found["start"] > len(text) // 2 for found in record["answers"]} == {False, True}


def test_a_document_of_no_more_windows_is_read_whole_and_its_record_is_the_same(tiny_qa_model: Path) -> None:
    for text in (SHORT, LONG):
        assert one(text, "who?", model=tiny_qa_model, skim=50) == one(text, "who?", model=tiny_qa_model)


def test_each_question_has_its_own_windows(tiny_qa_model: Path) -> None:
    text = "ada lit the harbour . " + FILLER + NEEDLE
    first, second = bb.answer(text, ["who lit the harbour?", QUESTION], model=tiny_qa_model, skim=1, top_k=3)
    assert all(found["end"] < len(text) // 2 for found in first["answers"])
    assert all(found["start"] > len(text) // 2 for found in second["answers"])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"skim": 0}, "skim: 0 is too few"),
        ({"skim": 8, "on_long": "truncate"}, "on_long: windows are chosen among all"),
    ],
)
def test_what_cannot_be_skimmed_is_refused(tiny_qa_model: Path, options: dict, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        bb.answer(LONG, "who?", model=tiny_qa_model, **options)

"""Of a document with pages, everything that is found says on which page it begins; of others, nothing does."""

from pathlib import Path
from typing import Any

import pytest

import bigbird_cli as bb
from bigbird_cli.text.documents import Document
from bigbird_cli.text.formats.paged import Page
from tests.api.helpers import SHORT

MIDDLE = SHORT.index(" ", len(SHORT) // 2) + 1
PAGED = Document("a.pdf", SHORT, pages=(Page("iv", 0), Page("5", MIDDLE)), unread=("page 6",))


def found(task: str, document: Document, request: pytest.FixtureRequest) -> tuple[list[Any], dict[str, Any]]:
    """Everything that a task's record locates in a document, and the receipt."""
    record: Any
    if task == "qa":
        record = bb.answer(document, "who?", model=_model("tiny_qa_model", request), top_k=3, no_answer_threshold=1.0)
        return [record, *record["mentions"], *record["answers"]], record["receipt"]
    if task == "ner":
        record = bb.ner(document, model=_model("tiny_ner_model", request))
        return record["entities"], record["receipt"]
    if task == "names":
        record = bb.ner(document, model=_model("tiny_ner_model", request), group=True)
        return [mention for name in record["names"] for mention in name["mentions"]], record["receipt"]
    if task == "labels":
        record = bb.classify(document, labels="sport,art", model=_model("tiny_label_model", request))
        return [record["evidence"]], record["receipt"]
    record = bb.select(document, "who?", model=_model("tiny_label_model", request), top_k=9)
    return record["sentences"], record["receipt"]


def _model(name: str, request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue(name)
    return folder


@pytest.mark.parametrize("task", ["qa", "ner", "names", "labels", "select"])
def test_what_is_found_has_the_page_on_which_it_begins(task: str, request: pytest.FixtureRequest) -> None:
    spans, receipt = found(task, PAGED, request)
    assert spans
    assert [span["page"] for span in spans] == ["iv" if span["start"] < MIDDLE else "5" for span in spans]
    assert receipt["unread"] == ["page 6"]


@pytest.mark.parametrize("task", ["qa", "ner", "names", "labels", "select"])
def test_a_document_without_pages_has_the_same_record_but_for_them(task: str, request: pytest.FixtureRequest) -> None:
    spans, receipt = found(task, Document("a.txt", SHORT), request)
    paged, _ = found(task, PAGED, request)
    assert "unread" not in receipt
    for plain, other in zip(spans, paged, strict=True):
        assert "page" not in plain
        assert (plain["start"], plain["end"]) == (other["start"], other["end"])
        assert plain.get("score") == pytest.approx(other.get("score"))


def test_no_answer_stands_on_no_page(tiny_qa_model: Path) -> None:
    record = bb.answer(PAGED, "who?", model=tiny_qa_model, no_answer_threshold=0.0)
    assert record["answer"] is None
    assert "page" not in record


def test_a_page_begins_with_its_first_character_and_the_first_holds_what_stands_before() -> None:
    document = Document("a.pdf", "abcdef", pages=(Page("1", 1), Page("2", 3)))
    assert [document.page_at(offset) for offset in range(6)] == ["1", "1", "1", "2", "2", "2"]
    assert Document("a.txt", "abc").page_at(0) is None

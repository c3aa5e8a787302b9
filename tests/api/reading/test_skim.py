"""Skimming reads the windows that a question's words stand in, says so, and keeps offsets and pages right."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

import bigbird_cli as bb
from bigbird_cli.api import QARecord, QAResult, Request, answer_all
from bigbird_cli.api.reading import qa as _qa
from bigbird_cli.api.reading import reader
from bigbird_cli.errors import UsageError
from bigbird_cli.events import Embedding, ReadingEvent, Tokenizing
from bigbird_cli.files.cache import SENTENCES
from bigbird_cli.text.documents import Document
from bigbird_cli.text.formats.paged import Page
from bigbird_cli.weights import store
from tests.api.helpers import LONG, SHORT, one

FILLER = "The keeper of the north tower lit the lamp by the sea and on it a ship was kept. " * 40
NEEDLE = "Cora signed the lease in 1887. "
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


def test_windows_that_are_chosen_are_short_unless_one_is_named(
    tiny_qa_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_qa, "SKIM_WINDOW", 64)
    longest = [
        one(BOOK, QUESTION, model=tiny_qa_model, skim=1, **given)["receipt"]["read"] for given in ({}, {"window": 128})
    ]
    assert longest[0] < 64 < longest[1] < 128


def test_each_question_has_its_own_windows(tiny_qa_model: Path) -> None:
    text = "ada lit the harbour . " + FILLER + NEEDLE
    first, second = bb.answer(text, ["who lit the harbour?", QUESTION], model=tiny_qa_model, skim=1, top_k=3)
    assert all(found["end"] < len(text) // 2 for found in first["answers"])
    assert all(found["start"] > len(text) // 2 for found in second["answers"])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"skim": 0}, "skim: 0 is too few"),
        ({"skim": 8, "skim_by": "word"}, "skim_by: there is no 'word'"),
        ({"skim": 8, "on_long": "truncate"}, "on_long: windows are chosen among all"),
    ],
)
def test_what_cannot_be_skimmed_is_refused(tiny_qa_model: Path, options: dict, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        bb.answer(LONG, "who?", model=tiny_qa_model, **options)


@pytest.fixture
def shipped(tmp_path: Path, tiny_label_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The shipped encoder is a tiny one, and the cache is empty."""
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "classify-mini").symlink_to(tiny_label_model)
    monkeypatch.setattr(store, "SHIPPED", tmp_path / "shipped")
    monkeypatch.setenv("BIGBIRD_CACHE", str(tmp_path / "cache"))
    reader._opened.cache_clear()
    yield tmp_path / "cache" / SENTENCES
    reader._opened.cache_clear()  # no other test meets the tiny one under the shipped one's name


def embedded(text: str, model: Path, **options: Any) -> tuple[QARecord, list[Embedding]]:
    """The record of a text whose windows were chosen by their sentences, and what was embedded for it."""
    events: list[ReadingEvent] = []
    record = one(text, QUESTION, model=model, skim=1, skim_by="sentences", on_progress=events.append, **options)
    return record, [event for event in events if isinstance(event, Embedding)]


@pytest.mark.usefixtures("shipped")
def test_a_sentence_that_means_what_is_asked_is_found_by_its_vector(tiny_qa_model: Path) -> None:
    text = FILLER + QUESTION.capitalize() + " " + FILLER
    record, events = embedded(text, tiny_qa_model, top_k=2)
    assert record["receipt"]["windows"] == 1
    assert all(abs(found["start"] - len(FILLER)) < 1500 for found in record["answers"])
    assert events[-1].n_done == events[-1].n_sentences == 81


def test_sentences_are_embedded_once_for_all_questions_and_calls(tiny_qa_model: Path, shipped: Path) -> None:
    first, events = embedded(BOOK, tiny_qa_model)
    assert len(events) == 81
    [file] = shipped.iterdir()
    assert b"lease" not in file.read_bytes()
    again, none = embedded(BOOK, tiny_qa_model)
    assert (again, none) == (first, [])
    both = one(BOOK, QUESTION, model=tiny_qa_model, skim=1, skim_by="both")
    assert both["receipt"]["skimmed"] is True
    assert len(list(shipped.iterdir())) == 1


def test_what_is_kept_and_broken_is_made_again(tiny_qa_model: Path, shipped: Path) -> None:
    first, _ = embedded(BOOK, tiny_qa_model)
    [file] = shipped.iterdir()
    for broken in (b"", file.read_bytes()[:-30], b"x" * 100):
        file.write_bytes(broken)
        again, events = embedded(BOOK, tiny_qa_model)
        assert again == first
        assert len(events) == 81


@pytest.mark.usefixtures("shipped")
def test_another_encoder_has_vectors_of_its_own(tiny_qa_model: Path, tmp_path: Path) -> None:
    embedded(BOOK, tiny_qa_model)
    encoder = tmp_path / "shipped" / "classify-mini"
    copied = shutil.copytree(encoder.resolve(), tmp_path / "other")
    tensors = load_file(copied / "model.safetensors")
    save_file({name: tensor + 1 for name, tensor in tensors.items()}, copied / "model.safetensors", {"format": "pt"})
    encoder.unlink()
    encoder.symlink_to(copied)
    reader._opened.cache_clear()  # as a new process does
    _, events = embedded(BOOK, tiny_qa_model)
    assert len(events) == 81


def test_the_next_call_on_a_document_does_not_tokenise_it_anew(tiny_qa_model: Path) -> None:
    def tokenised(text: str, **options: Any) -> bool:
        events: list[ReadingEvent] = []
        one(text, QUESTION, model=tiny_qa_model, skim=1, on_progress=events.append, **options)
        return any(isinstance(event, Tokenizing) for event in events)

    assert tokenised(BOOK)
    assert not tokenised(BOOK)
    assert tokenised(BOOK, newline="keep")
    assert tokenised(BOOK + NEEDLE, newline="keep")

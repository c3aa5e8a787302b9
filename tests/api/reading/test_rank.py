"""Documents are ranked by a first stage and by reading the best, and records say how many were read."""

import json
from pathlib import Path

import pytest

import bigbird_cli as bb
from bigbird_cli.api import rank_all
from bigbird_cli.errors import UsageError
from bigbird_cli.text.documents import Document
from tests.api.helpers import ask, failed

FILLER = "The keeper lit the lamp by the sea. " * 3
QUESTION = "who signed the lease in 1887?"


def corpus(n: int) -> list[Document]:
    return [
        Document(f"d{i}", FILLER + ("Cora signed the lease in 1887." if i == 3 else f"Ada lit it {i}."))
        for i in range(n)
    ]


def test_the_document_with_the_questions_words_is_read_and_a_record_says_how_many_were(tiny_qa_model: Path) -> None:
    records = bb.rank(corpus(12), QUESTION, model=tiny_qa_model, top_k=2)
    assert [record["rank"] for record in records] == [1, 2]
    assert {record["documents"] for record in records} == {12}
    assert {record["documents_read"] for record in records} == {8}
    for record in records:
        text = corpus(12)[int(record["context"][1:])].text
        assert text[record["start"] : record["end"]] == record["answer"]
        assert record["question"] == QUESTION
    assert json.loads(json.dumps(records)) == records


def test_one_document_to_give_is_chosen_among_four(tiny_qa_model: Path) -> None:
    [record] = bb.rank(corpus(40), QUESTION, model=tiny_qa_model, top_k=1)
    assert record["documents_read"] == 4
    every = bb.rank(corpus(4), QUESTION, model=tiny_qa_model, top_k=9)
    assert sorted(record["context"] for record in every) == ["d0", "d1", "d2", "d3"]


def test_what_cannot_be_read_comes_first_and_is_not_counted(tiny_qa_model: Path) -> None:
    rows = [ask(FILLER, "another question"), failed("no row", name="rows:3", id=3), ask(" ", "?"), None]
    results = list(rank_all(rows, QUESTION, model=tiny_qa_model))
    assert [result.error is None for result in results] == [False, False, True]
    record = results[-1].record()
    assert (record["rank"], record["documents"], record["question"]) == (1, 1, QUESTION)
    assert list(rank_all([], QUESTION, model=tiny_qa_model)) == []


def test_long_documents_are_skimmed(tiny_qa_model: Path) -> None:
    [record] = bb.rank([FILLER * 60], QUESTION, model=tiny_qa_model, skim=2)
    assert record["receipt"]["skimmed"] is True
    assert record["receipt"]["windows"] == 2


def test_what_cannot_be_ranked_is_refused(tiny_qa_model: Path) -> None:
    with pytest.raises(UsageError, match="top_k: 0 is too few"):
        bb.rank(corpus(2), QUESTION, model=tiny_qa_model, top_k=0)
    with pytest.raises(UsageError, match="skim_by: there is no 'meaning'"):
        bb.rank(corpus(2), QUESTION, model=tiny_qa_model, skim_by="meaning")
    with pytest.raises(UsageError, match=r"question: the question '\?\?' has no words|question: beside"):
        bb.rank(corpus(2), "who " * 300, model=tiny_qa_model)

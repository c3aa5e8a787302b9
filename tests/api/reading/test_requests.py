"""A result carries its request, and its prediction or its error."""

import pickle
from pathlib import Path

import pytest

from bigbird_cli.api import Request, answer_all, ner_all
from bigbird_cli.data.rows import Row
from bigbird_cli.errors import DataError
from bigbird_cli.text.documents import Document, FailedDocument
from tests.api.helpers import SHORT, ask, failed


def test_a_result_carries_its_request_with_the_text(tiny_qa_model: Path) -> None:
    row = Row({"context": SHORT, "page": 7}, "rows:1")
    sound, broken = Request(Document("a", SHORT), "who?", 7, row), failed("no row", name="rows:3")
    results = list(answer_all([sound, broken], model=tiny_qa_model))
    assert [result.request for result in results] == [sound, broken]
    span = results[0].prediction.spans[0]
    assert results[0].request.text[span.start : span.end] == span.text
    assert results[0].receipt == results[0].record()["receipt"]
    assert isinstance(broken.document, FailedDocument)
    assert results[1].error is broken.document.error  # as it was raised
    for read in (lambda: results[1].prediction, lambda: results[1].receipt, lambda: results[1].record()):
        with pytest.raises(DataError, match="rows:3: no row"):
            read()


def test_a_result_travels_between_processes(tiny_qa_model: Path) -> None:
    requests = [ask(SHORT, "who?", id=7), failed("no row", name="rows:3")]
    for result in answer_all(requests, model=tiny_qa_model, top_k=2):
        assert pickle.loads(pickle.dumps(result)).to_dict() == result.to_dict()


def test_a_request_without_a_question_or_with_one_too_many_fails_alone(
    tiny_qa_model: Path, tiny_ner_model: Path
) -> None:
    [unasked] = answer_all([Request(Document("a", SHORT))], model=tiny_qa_model)
    assert str(unasked.error).startswith("a: no question is asked")
    [asked] = ner_all([Request(Document("a", SHORT), "who?")], model=tiny_ner_model)
    assert str(asked.error).startswith("a: there is a second text, and one is read")

"""Former names of calls and of what they take."""

from pathlib import Path

import pytest

import bigbird_cli as bb
from bigbird_cli import api
from bigbird_cli.api import Request, answer_all, classify_all, ner_all
from bigbird_cli.errors import DataError
from bigbird_cli.text.documents import Document, FailedDocument
from tests.api.helpers import SHORT


def test_former_names_warn_and_do_as_before(
    tiny_qa_model: Path, tiny_ner_model: Path, tiny_classify_model: Path
) -> None:
    question, text = Request(Document("a", SHORT), "who?", 7), Request(Document("a", SHORT), id=7)
    for now, former, asked, model in (
        (answer_all, "answers", question, tiny_qa_model),
        (ner_all, "entities", text, tiny_ner_model),
        (classify_all, "classes", text, tiny_classify_model),
    ):
        with pytest.warns(DeprecationWarning, match=f"{former} is called {now.__name__}"):
            found = getattr(api, former)([asked], model=model)
        assert list(found) == [result.to_dict() for result in now([asked], model=model)]
    with pytest.warns(DeprecationWarning, match="tokenize_documents is called tokenize_all"):
        [told] = api.tokenize_documents([Document("a", SHORT)], model=tiny_qa_model)
    assert isinstance(told, tuple)
    document, report = told
    assert (document.text, report.pieces) == (SHORT, bb.tokenize(SHORT, model=tiny_qa_model).pieces)


def test_former_items_warn_and_are_requests() -> None:
    with pytest.warns(DeprecationWarning, match=r"QAItem is called Request\(Document"):
        assert api.QAItem(SHORT, "who?", "a", 7) == Request(Document("a", SHORT), "who?", 7)
    with pytest.warns(DeprecationWarning, match="TextItem is called Request"):
        assert api.TextItem(SHORT, "a", 7, "pair") == Request(Document("a", SHORT), "pair", 7)
    error = DataError("no row")
    with pytest.warns(DeprecationWarning, match="FailedItem is called Request"):
        assert api.FailedItem(error, "a", id=7) == Request(FailedDocument("a", error), id=7)
    with pytest.warns(DeprecationWarning, match="RowItem is called Row"):
        assert api.RowItem({"text": SHORT}, "a").fields == {"text": SHORT}

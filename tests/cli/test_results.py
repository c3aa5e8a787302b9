"""What is shown of results."""

import pytest

from bigbird_cli.api import ClassifyResult, NERResult, QAResult, Receipt, Request
from bigbird_cli.cli.results import Answers, Entities, Labels
from bigbird_cli.tasks.classify.decoding import ClassPrediction
from bigbird_cli.tasks.ner.decoding import Entity, NERPrediction
from bigbird_cli.tasks.qa.spans import QAPrediction, Span
from bigbird_cli.text.documents import Document
from bigbird_cli.text.formats.paged import Page
from tests.report.made import COVERAGE, RECEIPT


def asked(*scores: float, text: str = "Ada lit it.", end: int = 3) -> QAResult:
    spans = tuple(Span(text[:end], 0, end, score, ((0, end),)) for score in scores)
    prediction = QAPrediction("a.txt", answer=spans[0], spans=spans, no_answer_score=0.1, coverage=COVERAGE)
    return QAResult(Request(Document("a.txt", text), "Who?"), (prediction, RECEIPT))


@pytest.mark.parametrize(
    ("scores", "says", "says_not"),
    [
        ((0.9,), ["score 0.90"], ["unsure", "runner-up"]),
        ((0.12,), ["unsure, score 0.12"], ["runner-up"]),
        ((0.6, 0.1), ["score 0.60"], ["unsure", "runner-up"]),
        ((0.5, 0.3), ["score 0.50", "runner-up, score 0.30"], ["unsure"]),
    ],
)
def test_a_weak_answer_is_called_unsure_and_a_close_runner_up_stands_beside_it(
    scores: tuple[float, ...], says: list[str], says_not: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Answers().show(asked(*scores))
    shown = capsys.readouterr().out
    assert all(word in shown for word in says)
    assert not any(word in shown for word in says_not)


def test_standard_input_is_called_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    prediction = NERPrediction("-", entities=(), coverage=COVERAGE)
    Entities().show(NERResult(Request(Document("-", "no name")), (prediction, RECEIPT)))
    assert capsys.readouterr().out.startswith("standard input\n")


def test_a_word_of_an_answer_that_is_endless_is_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    Answers().show(asked(0.9, text="x" * 5000, end=5000))
    shown = capsys.readouterr().out
    assert len(shown) < 400
    assert "(5,000 characters)" in shown


def test_names_and_labels_that_are_weak_are_called_unsure(capsys: pytest.CaptureFixture[str]) -> None:
    request = Request(Document("a.txt", "Ada and Bo"))
    entities = (Entity("PER", 0, 3, 0.9, "Ada"), Entity("PER", 8, 10, 0.2, "Bo"))
    Entities().show(NERResult(request, (NERPrediction("a.txt", entities, COVERAGE), RECEIPT)))
    lines = capsys.readouterr().out.splitlines()
    assert [line.endswith("unsure") for line in lines[1:3]] == [False, True]
    for scores, is_unsure in (
        ({"a": 0.9, "b": 0.1}, False),
        ({"a": 0.55, "b": 0.45}, True),
        ({"a": 0.4, "b": 0.1}, True),
    ):
        prediction = ClassPrediction("a.txt", ("a",), None, scores, "mean", COVERAGE)
        Labels().show(ClassifyResult(request, (prediction, RECEIPT)))
        assert ("unsure" in capsys.readouterr().out) == is_unsure


def test_an_answer_is_shown_with_its_page_and_what_was_not_read_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    span = Span("lamp", 4, 8, 0.9, ((4, 8),))
    document = Document("a.pdf", "The lamp was lit.", pages=(Page("iv", 0),))
    unread = [f"page {number}" for number in range(5)]
    receipt: Receipt = {**RECEIPT, "unread": unread}
    prediction = QAPrediction("a", span, (span,), 0.1, COVERAGE)
    Answers().show(QAResult(Request(document, "what?"), (prediction, receipt)))
    shown = capsys.readouterr().out
    assert "page iv, characters 4-8 of a.pdf" in shown
    assert "not read: page 0, page 1, page 2 and 2 more" in shown

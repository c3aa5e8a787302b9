"""Results as rows of CSV and TSV: what stands in which column, and what a spreadsheet makes of it."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bigbird_cli.api import ClassifyResult, Request
from bigbird_cli.errors import BigBirdWarning, DataError
from bigbird_cli.report.cells import csv_line, tsv_line
from bigbird_cli.report.sheets import AnswerList, Answers, Labels, Names, Sheet
from bigbird_cli.report.table import Columns, Table, TextGrid
from bigbird_cli.text.documents import Document, FailedDocument
from bigbird_cli.text.formats.paged import Page
from tests.report.made import RECEIPT, answered, failed, labelled, named, row


def written(sheet: Sheet[Any], results: Sequence[Any], *, bom: bool = False) -> str:
    stream = io.StringIO()
    table = Table(sheet, TextGrid(stream, "csv", bom=bom))
    for result in results:
        table.write(result)
    table.finish()
    return stream.getvalue()


def rows(sheet: Sheet[Any], results: Sequence[Any]) -> list[list[str]]:
    return list(csv.reader(io.StringIO(written(sheet, results), newline="")))


A = Request(Document("a.txt", "Ada kept the lamp of the tower."))
B = Request(Document("b.txt", "Bel lit it."))


def test_answers_are_a_row_a_document_and_a_column_a_question() -> None:
    results = [answered(A, "Who?", "Ada"), answered(A, "What?", "lamp"), answered(B, "Who?", "Bel")]
    results += [
        answered(B, "What?", None),
        failed("c.txt", "it is empty", "Who?"),
        failed("c.txt", "it is empty", "What?"),
    ]
    results[5] = replace(results[5], request=replace(results[5].request, document=results[4].request.document))
    assert rows(Answers(("Who?", "What?")), results) == [
        ["document", "Who?", "What?", "read", "error"],
        ["a.txt", "Ada", "lamp", "all", ""],
        ["b.txt", "Bel", "", "all", ""],
        ["c.txt", "", "", "", "it is empty"],
    ]


def test_a_doubtful_answer_is_marked_unless_its_score_stands_beside_it() -> None:
    results = [answered(A, "Who?", "Ada", 0.5), answered(A, "What?", "lamp", 0.49)]
    assert rows(Answers(("Who?", "What?")), results)[1][1:3] == ["Ada", "lamp (unsure)"]
    header, cells = rows(Answers(("Who?", "What?"), details=True), results)
    assert header[1:7] == ["Who?", "Who? [score]", "Who? [page]", "What?", "What? [score]", "What? [page]"]
    assert cells[1:7] == ["Ada", "0.5", "", "lamp", "0.49", ""]


def test_a_row_of_answers_is_written_as_soon_as_it_is_whole() -> None:
    stream = io.StringIO()
    table = Table(Answers(("Who?", "What?")), TextGrid(stream, "csv"))
    table.write(answered(A, "Who?", "Ada"))
    assert stream.getvalue() == ""
    table.write(answered(A, "What?", "lamp"))
    assert len(stream.getvalue().splitlines()) == 2


def test_a_question_of_the_rows_own_is_told_and_not_taken_for_another() -> None:
    found = rows(Answers(("Who?",)), [answered(A, "Where?", "tower"), answered(B, "Who?", "Bel")])
    assert found[1] == ["a.txt", "", "all", "the row asks 'Where?' itself, which has no column here"]
    assert found[2] == ["b.txt", "Bel", "all", ""]


def test_rows_with_questions_of_their_own_are_a_row_a_question() -> None:
    found = rows(AnswerList(details=True), [answered(A, "Who?", "Ada", 0.4), answered(A, "When?", None)])
    assert found[0] == ["document", "question", "answer", "score", "page", "start", "end", "read", "error"]
    assert found[1] == ["a.txt", "Who?", "Ada", "0.4", "", "0", "3", "all", ""]
    assert found[2][:3] == ["a.txt", "When?", ""]


def test_names_are_a_row_each_and_a_document_without_any_has_one() -> None:
    found = rows(Names(), [named(A, ("Ada", "PERSON"), ("tower", "LOC")), named(B)])
    assert found[0] == ["document", "text", "type", "score", "page", "read", "error"]
    assert [line[:3] for line in found[1:]] == [
        ["a.txt", "Ada", "PERSON"],
        ["a.txt", "tower", "LOC"],
        ["b.txt", "", ""],
    ]
    grouped = rows(Names(group=True), [named(A, ("Ada", "PERSON"), ("Ada", "PERSON"), group=True)])
    assert grouped[1][1:4] == ["Ada", "PERSON", "2"]


def test_labels_have_a_column_each() -> None:
    found = rows(Labels(), [labelled(A, {"law": 0.91234, "sea": 0.08766}), labelled(B, {"law": 0.2, "sea": 0.8})])
    assert found[0] == ["document", "label", "score", "law", "sea", "read", "error"]
    assert found[1][1:5] == ["law", "0.9123", "0.9123", "0.0877"]
    assert found[2][1:5] == ["sea", "0.8", "0.2", "0.8"]


def test_fields_of_rows_are_columns_that_take_no_other_ones_name() -> None:
    given = row("Ada", id=7, year=1820, answer="Bel", tags=["a"], error="x", none=None)
    [header, cells] = rows(AnswerList(), [answered(given, "Who?", "Ada")])
    assert header[:2] == ["document", "id"]
    own = ["year", "answer (input)", "tags", "error (input)", "none", "read", "error"]
    assert header[6:] == own
    assert cells[1] == "7"
    assert cells[6:] == ["1820", "Bel", '["a"]', "x", "", "all", ""]


def test_a_row_that_failed_first_settles_no_columns() -> None:
    found = rows(AnswerList(), [failed("rows.jsonl:1", "no JSON"), answered(row("Ada", id=1, year=3), "Who?", "Ada")])
    assert found[0][-3:] == ["year", "read", "error"]
    assert (found[1][0], found[1][-1]) == ("rows.jsonl:1", "no JSON")
    assert found[2][-3] == "3"


def test_a_field_that_comes_too_late_for_a_column_is_told() -> None:
    results = [answered(row("Ada", id=1), "Who?", "Ada"), answered(row("Adam", id=2, year=3), "Who?", "Ada")]
    with pytest.warns(BigBirdWarning, match="before 'year' came"):
        assert len(rows(AnswerList(), results)[2]) == 8


def test_what_was_not_read_is_told() -> None:
    result = answered(A, "Who?", "Ada")
    cut = replace(result, outcome=(result.prediction, {**RECEIPT, "read": 5, "unread": ["page 3"]}))
    assert rows(Answers(("Who?",)), [cut])[1][2] == "5 of 9 tokens; not read: page 3"


def test_an_answer_has_its_page() -> None:
    paged = Request(Document("a.pdf", A.text, pages=(Page("iv", 0), Page("v", 10))))
    assert rows(AnswerList(), [answered(paged, "What?", "lamp")])[1][4] == "v"


def test_a_table_of_nothing_but_failures_has_a_header() -> None:
    error = DataError("it is empty")
    result = ClassifyResult(Request(FailedDocument("a.txt", error)), error, labels=("law", "sea"))
    assert rows(Labels(), [result]) == [
        ["document", "label", "score", "law", "sea", "read", "error"],
        ["a.txt", "", "", "", "", "", "it is empty"],
    ]
    assert rows(Labels(), []) == [["document", "label", "score", "read", "error"]]


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "-Ada"])
def test_what_a_spreadsheet_would_compute_is_text(text: str) -> None:
    assert csv_line([text]).strip('"\n').startswith("'")


@pytest.mark.parametrize("cell", ["-5", "+3.25", "-1,5", "-2e-7", -0.5, "1=1", "Ada", ""])
def test_numbers_and_other_text_stay_as_they_are(cell: str | float) -> None:
    [[got]] = csv.reader([csv_line([cell, "x"]).removesuffix(",x\n") or '""'])
    assert got == str(cell)


def test_cells_are_quoted_as_rfc_4180_says_and_rows_end_with_one_line_feed() -> None:
    assert csv_line(['a "b"', "c,d", "e\nf", "g\rh", 1.5, None]) == '"a ""b""","c,d","e\nf","g\rh",1.5,\n'
    assert tsv_line(["a\tb", "c\r\nd", "e,f"]) == "a b\tc d\te,f\n"


def test_controls_and_half_characters_are_escaped() -> None:
    assert csv_line(["a\x1b[31m\x00", "\udcff"]) == "a\\x1b[31m\\x00,\\udcff\n"


def test_a_byte_order_mark_comes_first_where_it_is_asked_for() -> None:
    assert written(Names(), [named(B)], bom=True).startswith("\ufeffdocument,")


def test_columns_of_one_name_are_told_apart() -> None:
    columns = Columns(own=("read", "document", "Who?", "Who?", "Who?"), fields=("Who?", "Who?"))
    assert columns.names()[2:-2] == [
        *("read (2)", "document (2)", "Who?", "Who? (2)", "Who? (3)"),
        *("Who? (input)", "Who? (input 2)"),
    ]

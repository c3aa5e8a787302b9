"""The other columns of a row pass through into its record."""

import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import bigbird_cli as bb
from bigbird_cli.api import answer_all, classify_all, ner_all, questions_on, select_all
from bigbird_cli.data.rows import Row

OTHERS = {"party": "Bel", "page": 7, "tags": ["a", None]}


def of_text(call: Callable[..., Any]) -> Callable[[Row], list[dict[str, Any]]]:
    return lambda row: [result.to_dict() for result in call([row])]


def of_question(model: Path) -> Callable[[Row], list[dict[str, Any]]]:
    def answers(row: Row) -> list[dict[str, Any]]:
        context = {"context": row.fields["text"]} | {key: row.fields[key] for key in row.fields if key != "text"}
        requests = questions_on([Row(context, row.where)], ["who?", "when?"])
        return [dict(result.to_dict()) for result in answer_all(requests, model=model)]

    return answers


@pytest.fixture(params=["qa", "ner", "classify", "labels", "select"])
def read(
    request: pytest.FixtureRequest,
    tiny_qa_model: Path,
    tiny_ner_model: Path,
    tiny_classify_model: Path,
    tiny_label_model: Path,
) -> Callable[[Row], list[dict[str, Any]]]:
    """Records of a row with a "text"; with questions, one each."""
    return {
        "qa": of_question(tiny_qa_model),
        "ner": of_text(partial(ner_all, model=tiny_ner_model)),
        "classify": of_text(partial(classify_all, model=tiny_classify_model)),
        "labels": of_text(partial(classify_all, model=tiny_label_model, labels="lamp,sea")),
        "select": of_text(partial(select_all, query="who?", model=tiny_label_model)),
    }[request.param]


def test_columns_that_were_not_used_stand_before_the_receipt(read: Callable[[Row], list[dict[str, Any]]]) -> None:
    for record in read(Row({"text": "ada lit it", "id": 3, **OTHERS}, "rows:1")):
        assert record["fields"] == OTHERS
        assert record["id"] == 3
        assert list(record)[-2:] == ["fields", "receipt"]


def test_a_row_of_nothing_else_has_no_fields(read: Callable[[Row], list[dict[str, Any]]]) -> None:
    for record in read(Row({"text": "ada lit it", "id": 3}, "rows:1")):
        assert "fields" not in record


def test_a_row_that_failed_keeps_its_fields_but_not_its_text(read: Callable[[Row], list[dict[str, Any]]]) -> None:
    [record] = read(Row({"text": " ", **OTHERS}, "rows:1"))
    assert "is empty" in record["error"]["problem"]
    assert record["fields"] == OTHERS
    assert list(record)[-1] == "fields"


def test_questions_and_pairs_are_used(tiny_qa_model: Path, tiny_classify_model: Path) -> None:
    row = Row({"context": "ada lit it", "question": "who?", "party": "Bel"}, "rows:1")
    [answered] = answer_all(questions_on([row], ["when?"]), model=tiny_qa_model)
    assert (answered.request.second, answered.request.fields) == ("who?", {"party": "Bel"})
    [failed] = classify_all([Row({"text": "ada", "pair": "bel", "party": "Bel"}, "rows:1")], model=tiny_classify_model)
    assert failed.error is not None
    assert failed.to_dict()["fields"] == {"party": "Bel"}


def test_what_json_has_no_form_of_is_written_as_text(tiny_ner_model: Path, tmp_path: Path) -> None:
    from pyarrow import Table, parquet

    values = {"day": date(1820, 5, 1), "at": datetime(1820, 5, 1, 12), "price": Decimal("1.50"), "none": float("nan")}
    rows = [{"id": date(1820, 5, 2), "text": "ada lit it", **values, "raw": b"\xff\0", "deep": {"days": [date.min]}}]
    parquet.write_table(Table.from_pylist(rows), tmp_path / "a.parquet")
    [record] = bb.ner(tmp_path / "a.parquet", model=tiny_ner_model)
    assert record["id"] == "1820-05-02"
    assert record["fields"] == json.loads(json.dumps(record["fields"], allow_nan=False))
    assert record["fields"] == {
        "day": "1820-05-01",
        "at": "1820-05-01T12:00:00",
        "price": "1.50",
        "none": None,
        "raw": "/wA=",
        "deep": {"days": ["0001-01-01"]},
    }

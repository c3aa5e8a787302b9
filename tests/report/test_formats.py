"""Results into files by a plain call."""

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import bigbird_cli as bb
from bigbird_cli.api import Request
from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.text.documents import Document
from tests.report.made import answered, named

A = Request(Document("a.txt", "Ada kept the lamp."))
RESULTS = [answered(A, "Who?", "Ada"), answered(A, "What?", "lamp")]


def test_the_name_of_a_file_tells_its_format(tmp_path: Path) -> None:
    records = [result.to_dict() for result in RESULTS]
    assert bb.write_results(iter(RESULTS), tmp_path / "new/a.jsonl") == 2
    assert [json.loads(line) for line in (tmp_path / "new/a.jsonl").read_text().splitlines()] == records
    bb.write_results(RESULTS, tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == records
    bb.write_results(RESULTS, tmp_path / "a.csv", questions=["Who?", "What?"])
    with (tmp_path / "a.csv").open(newline="") as file:
        assert list(csv.reader(file))[1] == ["a.txt", "Ada", "lamp", "all", ""]
    bb.write_results([named(A, ("Ada", "PERSON"))], tmp_path / "a.tsv")
    assert (tmp_path / "a.tsv").read_text().splitlines()[1].split("\t")[:3] == ["a.txt", "Ada", "PERSON"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.json", "a.tsv", "new"]


def test_a_file_that_is_there_is_replaced_only_if_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("mine\n")
    with pytest.raises(UsageError, match="there already"):
        bb.write_results(RESULTS, path)
    assert path.read_text() == "mine\n"
    bb.write_results(RESULTS, path, overwrite=True)
    assert path.read_text().count("\n") == 2


def test_parquet_is_a_table_of_records(tmp_path: Path) -> None:
    bb.write_results(RESULTS, tmp_path / "a.parquet")
    read = pq.read_table(tmp_path / "a.parquet")
    assert [json.loads(record) for record in read["record"].to_pylist()] == [result.to_dict() for result in RESULTS]
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


@pytest.mark.parametrize(("name", "says"), [("a", "name it"), ("a.csvv", "did you mean .*a.csv")])
def test_a_name_that_tells_no_format_is_refused(name: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=says):
        bb.write_results(RESULTS, tmp_path / name)


def test_a_drawing_is_no_file_of_a_call(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="drawn by the command alone"):
        bb.write_results(RESULTS, tmp_path / "a.txt")


def test_no_result_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no result"):
        bb.write_results([], tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []

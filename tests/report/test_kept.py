"""A file in the making: what is whole of it is known, and only the same job goes on with it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bigbird_cli.api import Request
from bigbird_cli.errors import DataError, ResourceError, UsageError
from bigbird_cli.report.cells import TableFormat
from bigbird_cli.report.json_lines import JsonArray, JsonLines
from bigbird_cli.report.kept import Kept, PartialFile, Reached
from bigbird_cli.report.sheets import Answers
from bigbird_cli.report.table import Columns, Table, TextGrid
from bigbird_cli.text.documents import Document
from tests.report.made import RECEIPT, answered

JOB = {"model": "tiny", "--top-k": 1}


def test_what_is_whole_is_kept_and_a_torn_line_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.jsonl"
    first = PartialFile(path, JOB)
    first.coming(0, 1)
    first.write("one\n")
    first.flush()
    first.coming(1, 1)
    first.write("tw")
    first.close()
    assert not path.exists()
    second = PartialFile(path, JOB, resume=True)
    assert (second.reached.number, second.reached.n_requests, second.reached.n_bytes) == (0, 1, 4)
    second.coming(1, 1)
    second.write("two\n")
    second.flush()
    second.finish()
    assert path.read_text() == "one\ntwo\n"
    assert [each.name for each in path.parent.iterdir()] == ["a.jsonl"]


def stopped(path: Path) -> PartialFile:
    """A file of which one result is whole, and its run was stopped."""
    file = PartialFile(path, JOB)
    file.begin_rows(Columns(("answer",), ("year",)))
    for number in range(2):
        file.coming(number, 1)
        file.write("row\n")
        file.flush()
    file.close()
    return file


@pytest.mark.parametrize(
    ("torn", "n_whole"),
    [
        (lambda log: log + b"[2, 1, 1", 2),
        (lambda log: log.removesuffix(b"\n"), 1),
        (lambda log: b"".join(log.splitlines(keepends=True)[:2]), 0),
        (lambda log: log[:9], 0),
        (lambda log: log[:0], 0),
    ],
)
def test_a_log_that_is_torn_holds_up_to_there(torn: Callable[[bytes], bytes], n_whole: int, tmp_path: Path) -> None:
    stopped(tmp_path / "a.csv")
    log = tmp_path / "a.csv.partial.log"
    log.write_bytes(torn(log.read_bytes()))
    again = PartialFile(tmp_path / "a.csv", JOB, resume=True)
    assert again.reached.n_bytes == 4 * n_whole
    assert (again.reached.columns is not None) == (n_whole > 0)
    again.write("more\n")
    again.finish()
    assert (tmp_path / "a.csv").read_text() == "row\n" * n_whole + "more\n"


def test_a_file_that_lost_its_end_goes_on_where_it_is(tmp_path: Path) -> None:
    stopped(tmp_path / "a.csv")
    (tmp_path / "a.csv.partial").write_bytes(b"row\nro")
    file = PartialFile(tmp_path / "a.csv", JOB, resume=True)
    assert file.reached.n_bytes == 4
    file.close()


def test_another_job_does_not_go_on_with_it(tmp_path: Path) -> None:
    stopped(tmp_path / "a.csv")
    with pytest.raises(UsageError, match="begun with --top-k 1, not 3"):
        PartialFile(tmp_path / "a.csv", {**JOB, "--top-k": 3}, resume=True)
    with pytest.raises(UsageError, match=r"a run that was stopped left a\.csv\.partial"):
        PartialFile(tmp_path / "a.csv", JOB)
    assert PartialFile(tmp_path / "a.csv", {}, overwrite=True).reached == Reached()


def test_an_array_that_has_its_end_but_not_its_place_is_ended_once(tmp_path: Path) -> None:
    result = answered(Request(Document("a", "Ada kept the lamp.")), "Who?", "Ada")
    first = PartialFile(tmp_path / "a.json", JOB)
    writer = JsonArray(first)
    writer.write(result)
    writer.finish()
    first.close()  # as where the run is killed before the file is in its place
    second = PartialFile(tmp_path / "a.json", JOB, resume=True)
    Kept(second, JsonArray(second, is_begun=True), number_of=lambda _: 0).finish()
    assert json.loads((tmp_path / "a.json").read_text()) == [result.to_dict()]


def test_a_log_of_something_else_is_told(tmp_path: Path) -> None:
    stopped(tmp_path / "a.csv")
    (tmp_path / "a.csv.partial.log").write_bytes(b"\xff{\n")
    with pytest.raises(DataError, match="not what a run noted"):
        PartialFile(tmp_path / "a.csv", JOB, resume=True)


def test_a_document_that_was_read_in_part_because_the_run_was_stopped_is_not_kept(tmp_path: Path) -> None:
    whole = answered(Request(Document("a", "Ada kept the lamp.")), "Who?", "Ada")
    cut = replace(whole, outcome=(whole.prediction, {**RECEIPT, "read": 5, "truncated": True}))
    for may_be_cut, n_lines in ((False, 1), (True, 2)):
        file = PartialFile(tmp_path / f"{n_lines}.jsonl", JOB)
        kept = Kept(file, JsonLines(file), number_of=lambda _: 0, may_be_cut=may_be_cut)
        kept.write(whole)
        kept.write(cut)
        kept.finish()
        assert len((tmp_path / f"{n_lines}.jsonl").read_text().splitlines()) == n_lines


def test_a_run_is_not_gone_on_with_while_it_writes(tmp_path: Path) -> None:
    running = PartialFile(tmp_path / "a.csv", JOB)
    running.write("row\n")
    running.flush()
    with pytest.raises(UsageError, match="another run is writing it"):
        PartialFile(tmp_path / "a.csv", JOB, resume=True)
    running.finish()
    assert PartialFile(tmp_path / "a.csv", JOB, resume=True).is_whole
    assert (tmp_path / "a.csv").read_text() == "row\n"


def test_two_runs_do_not_write_one_file(tmp_path: Path) -> None:
    one, two = PartialFile(tmp_path / "a.csv", JOB), PartialFile(tmp_path / "a.csv", JOB)
    one.write("row\n")
    with pytest.raises(UsageError, match="another run is writing it"):
        two.write("row\n")
    two.close()
    one.finish()
    assert (tmp_path / "a.csv").read_text() == "row\n"


def test_a_link_in_place_of_the_partial_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "a.csv.partial").symlink_to(tmp_path / "mine")
    file = PartialFile(tmp_path / "a.csv", JOB)
    with pytest.raises(ResourceError, match="which is not written to"):
        file.write("row\n")
    file.close()
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_table_is_noted_at_the_end_of_a_documents_rows_alone(tmp_path: Path) -> None:
    documents = [Document(name, "Ada kept the lamp.") for name in ("a", "b")]
    results = [answered(Request(each), text, "Ada") for each in documents for text in ("Who?", "What?")]
    file = PartialFile(tmp_path / "a.csv", JOB)
    format: TableFormat = "csv"
    table: Table[Any] = Table(Answers(("Who?", "What?")), TextGrid(file, format), on_columns=file.begin_rows)
    kept = Kept(file, table, number_of=lambda request: documents.index(request.document))  # type: ignore[arg-type]
    for result, reached in zip(results, [(0, 0), (0, 2), (0, 2), (1, 2)], strict=True):
        kept.write(result)
        log = tmp_path / "a.csv.partial.log"
        noted = [json.loads(line) for line in log.read_bytes().splitlines()] if log.exists() else []
        positions = [
            (number, n_requests) for number, n_requests, _ in (each for each in noted if isinstance(each, list))
        ]
        assert (positions or [(0, 0)])[-1] == reached
    file.close()

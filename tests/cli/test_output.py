"""Results into files: in which format, whole or not at all, stopped and gone on with, in parts."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bigbird_cli.cli.output import Output
from bigbird_cli.report.kept import Kept
from bigbird_cli.report.parquet import SCHEMA

ROWS = [{"text": f"ada lit the lamp in {1800 + n} .", "id": n, "town": "=dov" if n == 2 else "bel"} for n in range(6)]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Six rows, and two between them that are none."""
    lines = [json.dumps(row) for row in ROWS]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join([*lines[:3], "nonsense", *lines[3:], '{"text": ""}']) + "\n")
    return path


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    folder = tmp_path / "letters"
    (folder / "old").mkdir(parents=True)
    (folder / "a.txt").write_text("ada lit the lamp .")
    (folder / "b.txt").write_text("bel kept the tower in the north .")
    (folder / "old" / "c.txt").write_text("")
    return folder


Stop = Callable[[int], None]


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Stop:
    """Let the next run be stopped after so many results; none for no stop."""
    write = Kept.write

    def set_up(n_results: int | None) -> None:
        n_written = 0

        def stopping(kept: Any, result: Any) -> None:
            nonlocal n_written
            if n_written == n_results:
                kept.file.write('{"torn": ')
                raise KeyboardInterrupt
            n_written += 1
            write(kept, result)

        monkeypatch.setattr(Kept, "write", stopping)

    return set_up


ASKED = ("-q", "who?", "-q", "what is it?")


def test_a_folder_is_a_row_a_document_and_a_column_a_question(
    invoke: Any, tiny_qa_model: Path, letters: Path, tmp_path: Path
) -> None:
    result = invoke("qa", letters, *ASKED, "-m", tiny_qa_model, "--out", "answers.csv")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1].startswith("6 questions on 3 documents: 4 done, 2 failed")
    assert result.stderr.count("the document is empty") == 1
    with (tmp_path / "answers.csv").open(newline="") as file:
        header, *found = csv.reader(file)
    assert header == ["document", "who?", "what is it?", "read", "error"]
    assert [row[0] for row in found] == [str(letters / name) for name in ("a.txt", "b.txt", "old/c.txt")]
    assert found[0][1].removesuffix(" (unsure)") in (letters / "a.txt").read_text()
    assert found[2][1:] == ["", "", "", "the document is empty"]


def test_a_table_on_standard_output_is_data(invoke: Any, tiny_ner_model: Path, rows: Path) -> None:
    result = invoke("ner", rows, "-m", tiny_ner_model, "--format", "csv", "--details")
    header, *found = csv.reader(io.StringIO(result.stdout))
    assert header == [*("document", "id", "text", "type", "score", "page", "start", "end"), "town", "read", "error"]
    first = next(row for row in found if row[1] == "0")
    assert str(ROWS[0]["text"])[int(first[6]) : int(first[7])] == first[2]
    assert next(row for row in found if row[1] == "2")[-3] == "'=dov"


def test_json_is_one_array_and_jsonl_what_json_writes(invoke: Any, tiny_ner_model: Path, rows: Path) -> None:
    lines = invoke("ner", rows, "-m", tiny_ner_model, "--json").stdout
    assert invoke("ner", rows, "-m", tiny_ner_model, "--format", "jsonl").stdout == lines
    array = invoke("ner", rows, "-m", tiny_ner_model, "--format", "json").stdout
    assert json.loads(array) == [json.loads(line) for line in lines.splitlines()]


def test_parquet_has_the_records_of_jsonl(invoke: Any, tiny_ner_model: Path, rows: Path, tmp_path: Path) -> None:
    lines = invoke("ner", rows, "-m", tiny_ner_model, "--json").stdout.splitlines()
    assert invoke("ner", rows, "-m", tiny_ner_model, "--out", "names", "--format", "parquet").exit_code == 1
    read = pq.read_table(tmp_path / "names")
    assert read.schema == SCHEMA
    assert read["record"].to_pylist() == lines
    assert [error is not None for error in read["error"].to_pylist()] == ["error" in json.loads(line) for line in lines]


@pytest.mark.parametrize("out", [(), ("--out", "folder/")])
def test_parquet_is_one_file(invoke: Any, tiny_ner_model: Path, rows: Path, out: tuple[str, ...]) -> None:
    result = invoke("ner", rows, "-m", tiny_ner_model, "--format", "parquet", *out)
    assert result.exit_code == 2
    assert "--out FILE.parquet" in result.stderr


@pytest.mark.parametrize("width", [40, 120])
def test_a_table_for_reading_fits_its_terminal(
    width: int, invoke: Any, tiny_qa_model: Path, letters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.chdir(letters)
    shown = invoke("qa", ".", *ASKED, "-q", "when?", "-m", tiny_qa_model, "--format", "table").stdout.splitlines()
    assert all(len(line) <= width for line in shown)
    assert ("who?" in shown[0]) == (width == 120)
    assert any("what is it?" in line for line in shown)
    assert not any("read" in line for line in shown)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.tsv", "a.txt", "a.parquet"])
def test_a_run_that_is_stopped_anywhere_and_gone_on_with_writes_the_same_file(
    name: str, invoke: Any, tiny_ner_model: Path, rows: Path, stop_after: Stop, tmp_path: Path
) -> None:
    command = ("ner", rows, "-m", tiny_ner_model, "--quiet", "--resume")
    assert invoke(*command, "--out", f"straight/{name}").exit_code == 1
    for n_results in (0, 1, 1, 3):
        stop_after(n_results)
        assert invoke(*command, "--out", name).exit_code == 130
        assert not (tmp_path / name).exists()
    stop_after(99)
    assert invoke(*command, "--out", name).exit_code == 1
    assert (tmp_path / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()
    assert not list(tmp_path.glob("*.partial*"))


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_questions_are_gone_on_with_inside_a_document(
    name: str, invoke: Any, tiny_qa_model: Path, letters: Path, stop_after: Stop, tmp_path: Path
) -> None:
    command = ("qa", letters, *ASKED, "-m", tiny_qa_model, "--quiet", "--resume")
    invoke(*command, "--out", f"straight/{name}")
    for n_results in (1, 2, 1):
        stop_after(n_results)
        assert invoke(*command, "--out", name).exit_code == 130
    stop_after(99)
    assert invoke(*command, "--out", name).exit_code in (1, 3)
    assert (tmp_path / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()


def test_what_is_done_is_not_read_again(
    invoke: Any, tiny_ner_model: Path, letters: Path, stop_after: Stop, tmp_path: Path
) -> None:
    command = ("ner", letters, "-m", tiny_ner_model, "--out", "a.jsonl", "--resume")
    stop_after(1)
    stopped = invoke(*command)
    assert stopped.stderr.splitlines()[-2:] == [
        "a.jsonl.partial has what is done; the same command with --resume goes on",
        "✗ stopped",
    ]
    stop_after(99)
    assert invoke(*command).stderr.splitlines()[-1].startswith("2 documents: 1 done, 1 failed")
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 3
    again = invoke(*command)
    assert (again.exit_code, again.stderr) == (0, "a.jsonl is whole: nothing is left to do\n")


def test_a_run_that_goes_on_counts_the_documents_that_are_left(
    invoke: Any, tiny_qa_model: Path, letters: Path, stop_after: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int | None] = []
    n_documents = Output.n_documents

    def counted(output: Output) -> int | None:
        counts.append(n_documents(output))
        return counts[-1]

    monkeypatch.setattr(Output, "n_documents", counted)
    for n_results in (3, 1, 99):
        stop_after(n_results)
        invoke("qa", letters, *ASKED, "-m", tiny_qa_model, "--out", "a.jsonl", "--resume")
    assert counts == [3, 2, 1]


def test_only_the_same_run_goes_on(invoke: Any, tiny_ner_model: Path, rows: Path, stop_after: Stop) -> None:
    command = ("ner", rows, "-m", tiny_ner_model, "--out", "a.jsonl")
    stop_after(2)
    invoke(*command)
    stop_after(99)
    assert "--resume" in invoke(*command).stderr
    other = invoke(*command, "--resume", "--min-score", "0.5")
    assert other.exit_code == 2
    assert "begun with --min-score none, not 0.5" in other.stderr
    rows.write_text(rows.read_text() + '{"text": "more"}\n')
    changed = invoke(*command, "--resume")
    assert changed.exit_code == 2
    assert "begun with other inputs" in changed.stderr
    assert invoke(*command, "--overwrite").exit_code == 1


@pytest.mark.parametrize("name", ["jsonl", "csv", "tsv"])
@pytest.mark.parametrize("n_parts", [1, 3, 11])
def test_parts_put_together_are_the_whole(
    n_parts: int, name: str, invoke: Any, tiny_ner_model: Path, rows: Path, tmp_path: Path
) -> None:
    command = ("ner", rows, "-m", tiny_ner_model, "--quiet")
    invoke(*command, "--out", f"straight.{name}")
    parts = [f"part-{number}.{name}" for number in range(1, n_parts + 1)]
    for number, part in enumerate(parts, start=1):
        assert invoke(*command, "--out", part, "--shard", f"{number}/{n_parts}").exit_code in (0, 1, 3)
    merged = invoke("merge", f"all.{name}", *reversed(parts))
    assert merged.exit_code == 0, merged.stderr
    assert (tmp_path / f"all.{name}").read_bytes() == (tmp_path / f"straight.{name}").read_bytes()
    if name == "jsonl":
        texts = [(tmp_path / part).read_bytes() for part in parts]
        assert b"".join(texts) == (tmp_path / "straight.jsonl").read_bytes()


def test_files_of_other_parts_are_not_opened(invoke: Any, tiny_ner_model: Path, letters: Path, tmp_path: Path) -> None:
    command = ("ner", letters, "-m", tiny_ner_model, "--out")
    (letters / "b.txt").write_bytes(b"\xff")
    assert invoke(*command, "p1.jsonl", "--shard", "1/3").exit_code == 0
    [record] = map(json.loads, (tmp_path / "p1.jsonl").read_text().splitlines())
    assert record["source"] == str(letters / "a.txt")


def test_a_folder_of_results_has_a_file_a_document(
    invoke: Any, tiny_qa_model: Path, letters: Path, tmp_path: Path
) -> None:
    command = ("qa", letters, *ASKED, "-m", tiny_qa_model, "--quiet", "--out", "out/")
    assert invoke(*command).exit_code == 1
    found = {str(path.relative_to(tmp_path / "out")): path for path in (tmp_path / "out").rglob("[!.]*.json")}
    assert sorted(found) == ["a.txt.json", "b.txt.json", "old/c.txt.json"]
    assert [record["question"] for record in json.loads(found["a.txt.json"].read_text())] == ["who?", "what is it?"]
    assert invoke(*command).exit_code == 2
    found["b.txt.json"].unlink()
    before = found["a.txt.json"].stat().st_mtime_ns
    assert invoke(*command, "--resume").exit_code == 0
    assert found["b.txt.json"].exists()
    assert found["a.txt.json"].stat().st_mtime_ns == before
    other = invoke(*command, "--resume", "--max-answer-tokens", 3)
    assert "begun with --max-answer-tokens none, not 3" in other.stderr


def test_rows_have_a_file_each(invoke: Any, tiny_ner_model: Path, rows: Path, tmp_path: Path) -> None:
    invoke("ner", rows, "-m", tiny_ner_model, "--out", "out/", "--format", "csv", "--quiet")
    names = sorted(path.name for path in (tmp_path / "out").glob("[!.]*"))
    assert names == [f"rows.jsonl-{number}.csv" for number in range(1, 9)]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--out", "rows.jsonl", "--overwrite"), "rows.jsonl is a document to read"),
        (("--out", "link.jsonl", "--overwrite"), "link.jsonl is a document to read"),
        (("--out", "there.csv"), "there already"),
        (("--out", "a.xlsx"), "its name does not tell its format"),
        (("--out", "a.csv", "--resume", "--overwrite"), "--resume  it keeps what --overwrite throws away"),
        (("--resume",), "no file is named to go on with"),
        (("--overwrite",), "no file is named to write"),
        (("--json", "--format", "csv"), "--json is --format jsonl, not csv"),
        (("--bom",), "a byte order mark is for tables"),
        (("--details", "--json"), "only a table leaves details out"),
        (("--shard", "4/3"), "'4/3' is no part"),
        (("--shard", "1", "--json"), "'1' is no part"),
        (("--shard", "1/3"), "parts of the format text cannot be put together"),
        (("--out", "a.csv", "--format", "table"), "this table is for a terminal"),
        (("--out", "a.csv", "--resume", "--html", "a.html"), "a page needs all results"),
        (("--format", "xml"), "--format"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_read(
    given: tuple[str, ...], says: str, invoke: Any, rows: Path, tmp_path: Path
) -> None:
    (tmp_path / "there.csv").write_text("mine")
    (tmp_path / "link.jsonl").symlink_to(rows)
    result = invoke("ner", "rows.jsonl", *given)
    assert result.exit_code == 2
    assert says in result.stderr
    assert (tmp_path / "there.csv").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("given", [("--shard", "1/2", "--json"), ("--out", "a.csv", "--resume")])
def test_standard_input_is_read_from_its_beginning_to_its_end(given: tuple[str, ...], invoke: Any) -> None:
    result = invoke("ner", *given, stdin='{"text": "ada"}\n')
    assert result.exit_code == 2
    assert "write it to a file, and name that" in result.stderr


def test_results_are_not_put_among_the_documents(invoke: Any, letters: Path) -> None:
    for out in (letters / "names.csv", f"{letters}/out/"):
        result = invoke("ner", letters, "--out", out)
        assert result.exit_code == 2
        assert "would stand among the documents" in result.stderr


def test_standard_input_may_be_written_into_a_file(invoke: Any, tiny_ner_model: Path, tmp_path: Path) -> None:
    result = invoke("ner", "-m", tiny_ner_model, "--out", "a.csv", stdin='{"text": "ada lit it", "town": "dov"}\n')
    assert result.exit_code == 0, result.stderr
    assert "town" in (tmp_path / "a.csv").read_text().splitlines()[0]


def test_no_file_is_made_where_nothing_is_read(invoke: Any, tiny_ner_model: Path, tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_text("[]")
    (tmp_path / "none.json").write_text("[]")
    result = invoke("ner", "none.json", "-m", tiny_ner_model, "--out", "a.csv")
    assert result.exit_code == 3
    assert "there is nothing to read" in result.stderr
    assert not list(tmp_path.glob("a.csv*"))


def test_a_mark_for_excel_and_other_column_separators(invoke: Any, tiny_ner_model: Path, rows: Path) -> None:
    shown = invoke("ner", rows, "-m", tiny_ner_model, "--format", "tsv", "--bom").stdout
    assert shown.startswith("\ufeffdocument\tid\t")


def test_a_device_is_written_to_and_not_replaced(invoke: Any, tiny_ner_model: Path, rows: Path) -> None:
    assert invoke("ner", rows, "-m", tiny_ner_model, "--out", "/dev/null", "--format", "csv").exit_code == 1
    assert Path("/dev/null").is_char_device()

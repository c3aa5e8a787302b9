"""What the reading commands take: paths, rows in files and on standard input, questions; and what they refuse first."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

import bigbird_cli as bb
from bigbird_cli.api import Request, answer_all, classify_all
from bigbird_cli.cli.lines import Lines, form_of
from bigbird_cli.data.rows import Row
from bigbird_cli.errors import BigBirdWarning, UsageError
from bigbird_cli.files.streams import read_stream
from bigbird_cli.text.documents import Document
from tests.conftest import write_labeller

ROWS = [{"context": "ada lit the lamp", "question": "who?", "id": n} for n in range(3)]
LABELS = ["blue", "green", "red"]


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    "args",
    [
        ("qa", ""),
        ("qa", "-c", "", "-q", "who?"),
        ("qa", "a.txt", "--questions", ""),
        ("qa", "a.txt", "-q", "who?", "-m", ""),
        ("ner", "", "-m", "x"),
        ("ner", "a.txt", "-m", ""),
        ("classify", "a.txt", "", "-m", "x"),
        ("tokenize", ""),
        ("tokenize", "--train", "a.txt", "--vocab-size", "200", "--out", ""),
        ("qa", "a.txt", "-q", "who?", "--out", ""),
        ("qa", "a.txt", "-q", "who?", "--html", ""),
        ("qa", "a.txt", "-q", "who?", "--extract-text", ""),
        ("init", ""),
        ("check", ""),
        ("evaluate", "qa-mini", ""),
        ("calibrate", "", "data.jsonl"),
        ("compare", "", "b", "data.jsonl"),
        ("merge", "", "a.jsonl"),
        ("report", ""),
        ("finetune", ""),
        ("finetune", "squad", "--out", ""),
        ("pretrain", "pretrain-small", "--resume", ""),
        ("convert", "", "out"),
        ("convert", "a", ""),
        ("convert", "a", "b", "--config", ""),
    ],
)
def test_an_empty_path_is_refused_everywhere(invoke: Any, args: tuple[str, ...]) -> None:
    result = invoke(*args)
    assert result.exit_code == 2
    assert "is empty" in result.stderr


def test_an_empty_path_is_refused_by_the_calls(tmp_path: Path) -> None:
    for call in (
        lambda: bb.answer("ada", "who?", model=""),
        lambda: bb.tokenize("ada", model=""),
        lambda: bb.convert("", tmp_path / "out"),
        lambda: bb.convert("qa-mini", ""),
        lambda: bb.train_tokenizer("", tmp_path / "out", vocab_size=200),
        lambda: next(bb.finetune("qa-mini", out="")),
        lambda: next(bb.finetune("")),
        lambda: bb.init(""),
        lambda: bb.check(""),
        lambda: bb.evaluate("qa-mini", ""),
        lambda: bb.calibrate("qa-mini", "", out=tmp_path / "out"),
        lambda: bb.write_page([], ""),
        lambda: bb.write_results([], ""),
        lambda: bb.merge_results("", []),
    ):
        with pytest.raises(Exception, match="is empty") as caught:
            call()
        assert getattr(caught.value, "exit_code", None) == 2


# questions


def test_a_question_in_other_bytes_is_refused_before_any_document(invoke: Any, tiny_qa_model: Path) -> None:
    result = invoke("qa", "gone.txt", "lost.txt", "-q", "caf\udce9?", "-m", tiny_qa_model)
    assert result.exit_code == 2
    assert "--question" in result.stderr
    assert "0xe9 at character 3" in result.stderr
    assert "gone.txt" not in result.stderr


@pytest.mark.parametrize("question", ["caf\udce9", "  ", "who " * 300])
def test_the_call_refuses_a_question_that_cannot_be_asked(question: str, tiny_qa_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        bb.answer([tmp_path / "gone.txt", "ada lit it"], ["who?", question], model=tiny_qa_model)
    assert caught.value.where == "question"


def test_a_question_too_long_for_the_window_is_told_once(invoke: Any, tiny_qa_model: Path, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("ada lit it")
    result = invoke("qa", "a.txt", "b.txt", "-q", "who " * 300, "-m", tiny_qa_model)
    assert result.exit_code == 2
    assert result.stderr.startswith("✗ --question  ")
    assert result.stderr.count("✗") == 1
    (tmp_path / "questions.txt").write_text("who?\n\n" + "who " * 300)
    result = invoke("qa", "a.txt", "b.txt", "--questions", "questions.txt", "-m", tiny_qa_model)
    assert result.exit_code == 2
    assert result.stderr.startswith("✗ --questions questions.txt:3  ")
    rows = json.dumps(ROWS[0] | {"question": "who " * 300}) + "\n" + json.dumps(ROWS[1])
    found = records(invoke("qa", "-m", tiny_qa_model, "--json", stdin=rows).stdout)
    assert [("error" in record) for record in found] == [True, False]


def test_a_pair_is_refused_before_any_document(invoke: Any, tiny_qa_model: Path, tmp_path: Path) -> None:
    task = {"type": "classify", "window": 64, "overlap": 16, "labels": LABELS, "pair_column": "second"}
    folder = write_labeller(tmp_path / "pairs", tiny_qa_model, "BigBirdForSequenceClassification", task, LABELS)
    result = invoke("classify", "gone.txt", "--pair", "caf\udce9", "-m", folder)
    assert result.exit_code == 2
    assert "--pair: the byte 0xe9" in result.stderr
    result = invoke("classify", "gone.txt", "lost.txt", "--pair", "lamp " * 100, "-m", folder)
    assert result.exit_code == 2
    assert result.stderr.startswith("✗ --pair  ")
    for pair in ("caf\udce9", " "):
        with pytest.raises(UsageError, match="pair: "):
            bb.classify("ada", model=folder, pair=pair)


def test_questions_end_where_lines_end_and_nowhere_else(invoke: Any, tiny_qa_model: Path, tmp_path: Path) -> None:
    questions = "who\vlit?\nwhen\fthen?\r\nwhere\x85there?\rwhat\u2028else?\x1c?"
    (tmp_path / "questions.txt").write_bytes(questions.encode())
    (tmp_path / "a.txt").write_text("ada lit it")
    result = invoke("qa", "a.txt", "--questions", "questions.txt", "-m", tiny_qa_model, "--json")
    asked = [record["question"] for record in records(result.stdout)]
    assert asked == ["who\vlit?", "when\fthen?", "where\x85there?", "what\u2028else?\x1c?"]


def test_questions_may_come_from_standard_input(invoke: Any, tiny_qa_model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("ada lit it")
    result = invoke("qa", "a.txt", "--questions", "-", "-m", tiny_qa_model, "--json", stdin="who?\nwhen?\n")
    assert [record["question"] for record in records(result.stdout)] == ["who?", "when?"]
    assert invoke("qa", "--questions", "-", "-m", tiny_qa_model, stdin="who?").exit_code == 2
    assert invoke("qa", "-", "--questions", "-", "-m", tiny_qa_model, stdin="who?").exit_code == 2


# files


def test_files_and_contexts_are_the_same(invoke: Any, tiny_qa_model: Path, article: Path) -> None:
    asked = ("-q", "who?", "-m", tiny_qa_model, "--json")
    assert invoke("qa", article, *asked).stdout == invoke("qa", "--context", article, *asked).stdout != ""


def test_a_question_in_place_of_a_file_is_recognised(invoke: Any, article: Path) -> None:
    result = invoke("qa", article, "Who lit the lamp?")
    assert result.exit_code == 2
    assert 'did you mean --question "Who lit the lamp?"?' in result.stderr


def test_files_of_rows_are_read_row_by_row(invoke: Any, tiny_qa_model: Path, tmp_path: Path) -> None:
    lines = [json.dumps(ROWS[0]), '{"context": "ada', json.dumps({"context": "bel lit it", "id": "b"})]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    result = invoke("qa", "rows.jsonl", "-q", "who?", "-q", "when?", "-m", tiny_qa_model, "--json")
    found = records(result.stdout)
    assert result.exit_code == 1
    assert [(each["id"], each["question"]) for each in found] == [
        (0, "who?"),
        (None, None),
        ("b", "who?"),
        ("b", "when?"),
    ]
    assert found[1]["error"]["where"] == "rows.jsonl:2"
    assert found[0]["context"] == "rows.jsonl:1"
    (tmp_path / "rows.json").write_text(json.dumps(ROWS))
    alone = invoke("qa", "rows.json", "-m", tiny_qa_model, "--json")
    assert [each["id"] for each in records(alone.stdout)] == [0, 1, 2]


@pytest.fixture
def reviews(tmp_path: Path, tiny_qa_model: Path) -> Path:
    """A model that was trained on the columns review and title."""
    task = {"type": "classify", "window": 64, "overlap": 16, "labels": LABELS, "text_column": "review"}
    task |= {"pair_column": "title", "id_column": "number"}
    return write_labeller(tmp_path / "reviews", tiny_qa_model, "BigBirdForSequenceClassification", task, LABELS)


def test_the_columns_of_training_are_the_default(invoke: Any, reviews: Path, tmp_path: Path) -> None:
    table = "number,title,review\n7,the lamp,ada lit it\n8,torn\n9,the sea,\n10,the tower,bel built \xe9t\n"
    (tmp_path / "new.csv").write_bytes(table.encode("latin-1") + b'11,the lamp,"ada\r\nlit it"\n')
    result = invoke("classify", "new.csv", "-m", reviews, "--json")
    found = records(result.stdout)
    assert result.exit_code == 1
    assert [each["id"] for each in found] == ["7", None, "9", None, "11"]  # torn rows have none
    problems = [each.get("error", {}).get("problem", "") for each in found]
    assert ["2 fields" in problems[1], "'review' is empty" in problems[2], "0xe9" in problems[3]] == [True] * 3
    assert found[0]["source"] == "new.csv:2"
    assert found[0]["scores"] == pytest.approx(found[4]["scores"], abs=1e-6)  # a line end is white space
    again = bb.classify(tmp_path / "new.csv", model=reviews)
    assert [each.get("label") for each in again] == [each.get("label") for each in found]


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows as the suffix says."""
    if path.suffix == ".parquet":
        from pyarrow import Table, parquet

        parquet.write_table(Table.from_pylist(rows), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows))
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        lines = [list(rows[0]), *(map(str, row.values()) for row in rows)]
        path.write_text("\n".join({".csv": ",", ".tsv": "\t"}[path.suffix].join(line) for line in lines))


@pytest.mark.parametrize("suffix", [".tsv", ".jsonl", ".json", ".parquet"])
def test_every_kind_of_table_gives_a_record_a_row(suffix: str, reviews: Path, tmp_path: Path) -> None:
    rows = [{"review": "ada lit it", "title": "the lamp", "number": n} for n in range(3)]
    path = tmp_path / f"new{suffix}"
    write_table(path, rows)
    found = bb.classify(path, model=reviews)
    assert [str(record["id"]) for record in found] == ["0", "1", "2"]
    [same] = classify_all([Row(rows[0] | {"text": "not this"}, "row")], model=reviews)
    assert found[0]["scores"] == pytest.approx(same.record()["scores"], abs=1e-6)


def test_a_table_without_the_column_is_told_once_with_the_one_that_may_be_meant(
    invoke: Any, tiny_qa_model: Path, tiny_ner_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "new.csv").write_text("day,the body\n7,ada lit it\n8,bel lit it\n")
    (tmp_path / "a.txt").write_text("ada lit it")
    result = invoke("ner", "new.csv", "a.txt", "-m", tiny_ner_model, "--json")
    found = records(result.stdout)
    assert [("error" in record) for record in found] == [True, False]
    assert found[0]["error"]["where"] == "new.csv"
    assert "no column 'text'; it has 'day', 'the body'" in found[0]["error"]["problem"]
    assert found[0]["error"]["fix"] == "name the column of the text: --column 'the body'"
    asked = invoke("qa", "new.csv", "-q", "who?", "-m", tiny_qa_model, "--column", "body")
    assert (asked.exit_code, asked.stderr.count("\u2717")) == (3, 1)
    assert "did you mean --column 'the body'?" in asked.stderr


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".json", ".parquet"])
@pytest.mark.parametrize("command", ["qa", "ner", "classify", "select"])
def test_every_command_takes_another_column_of_every_kind_of_table(
    command: str, suffix: str, invoke: Any, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    write_table(tmp_path / f"new{suffix}", [{"body": "ada lit it", "day": "7"}, {"body": "bel lit it", "day": "8"}])
    model = request.getfixturevalue({"qa": "tiny_qa_model", "ner": "tiny_ner_model"}.get(command, "tiny_label_model"))
    asked = {"qa": ("-q", "who?"), "classify": ("--labels", "lamp,sea"), "select": ("-q", "who?")}.get(command, ())
    result = invoke(command, f"new{suffix}", "--column", "body", "-m", model, *asked, "--json")
    assert result.exit_code == 0, result.stderr
    assert [record["fields"] for record in records(result.stdout)] == [{"day": "7"}, {"day": "8"}]


def test_the_former_name_of_the_column_warns_and_does_as_before(
    invoke: Any, tiny_ner_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "new.csv").write_text("body\nada lit it\n")
    result = invoke("ner", "new.csv", "--text-column", "body", "-m", tiny_ner_model, "--json")
    assert result.exit_code == 0
    assert "--text-column is called --column" in result.stderr
    assert "--text-column" not in invoke("ner", "--help").stdout
    with pytest.warns(DeprecationWarning, match="text_column is called column"):
        found = bb.ner(tmp_path / "new.csv", model=tiny_ner_model, text_column="body")
    assert "error" not in found[0]


def test_a_question_is_asked_of_text_where_there_is_no_context(tiny_qa_model: Path, tmp_path: Path) -> None:
    write_table(tmp_path / "new.jsonl", [{"text": "ada lit it"}, {"context": "ada lit it", "text": "ada"}])
    first, second = bb.answer(tmp_path / "new.jsonl", "who?", model=tiny_qa_model)
    assert first["receipt"] == second["receipt"]
    assert ("fields" in first, second["fields"]) == (False, {"text": "ada"})


def test_names_are_found_in_tables_too(invoke: Any, tiny_ner_model: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,text\na,ada lit it\nb,bel lit it\n")
    result = invoke("ner", "new.csv", "-m", tiny_ner_model, "--json")
    assert [(each["id"], each["source"]) for each in records(result.stdout)] == [("a", "new.csv:2"), ("b", "new.csv:3")]


def test_skipped_files_are_told_and_counted(invoke: Any, tiny_qa_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "contracts"
    folder.mkdir()
    for name in ("a.txt", "nda.odt", "msa.rtf", ".hidden.odt"):
        (folder / name).write_text("ada lit it")
    result = invoke("qa", folder, "-q", "who?", "-m", tiny_qa_model)
    assert result.exit_code == 0
    first, *_, last = result.stderr.splitlines()
    assert first.startswith(f"! {folder}: 2 skipped: msa.rtf, nda.odt; only *.txt, *.md, *.pdf")
    assert last == "1 done, 2 files skipped"
    assert invoke("qa", folder, "-q", "who?", "-m", tiny_qa_model, "--quiet").stderr == ""
    with pytest.warns(BigBirdWarning, match="2 skipped"):
        bb.answer(folder, "who?", model=tiny_qa_model)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are of POSIX")
@pytest.mark.parametrize("name", ["task.json", "tokenizer_config.json"])
@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_file_in_a_model_folder_is_named(
    invoke: Any, tiny_qa_model: Path, tmp_path: Path, name: str, kind: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_qa_model, folder)
    (folder / name).unlink()
    if kind == "folder":
        (folder / name).mkdir()
    elif kind == "pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).symlink_to("/dev/zero")
    result = invoke("qa", "a.txt", "-q", "who?", "-m", folder)
    assert result.exit_code == 4
    assert f"{folder / name}  this is a folder, a pipe or a device" in result.stderr


# standard input


@pytest.mark.parametrize(
    ("start", "form"),
    [
        (b'{"a": 1}\n', "lines"),
        (b'\xef\xbb\xbf\n{"a": 1}', "lines"),
        (b'{"a": "cut sh\n{"a": 1}\n', "lines"),
        (b'not JSON\n{"a": 1}\n', "lines"),
        (b'{"a": 1', "lines"),
        (b'{"a": 1,\n{"a": 2,\n', "lines"),
        (b"", "lines"),
        (b'[{"a": 1}]', "values"),
        (b'[\n  {\n    "a": 1', "values"),
        (b"[]", "values"),
        (b'{\n  "a": 1\n}\n{\n  "a": 2\n}', "values"),
        (b'{"a": 1,\n "b": 2}', "values"),
        (b"Ada lit the lamp.\n", "text"),
        (b"[Draft] Ada lit the lamp.\n", "text"),
        (b"1820\n", "text"),
        (b"> Ada wrote:\nlit\n", "text"),
    ],
)
def test_what_standard_input_holds_is_told_by_its_start(start: bytes, form: str) -> None:
    lines = Lines(io.BytesIO(start))
    assert (form_of(start), lines.form()) == (form, form)
    assert b"".join(lines) == start  # nothing is taken


def test_sequences_on_standard_input_are_told_however_slowly_they_come() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stream, os.fdopen(writer, "wb", buffering=0) as pipe:
        lines = Lines(stream)
        pipe.write(b"; by hand\n>a\n")
        Timer(0.05, pipe.write, [b"ACGTACGTAC\n"]).start()
        assert lines.form() == "sequences"


def test_a_text_on_standard_input_is_read_as_one(invoke: Any, tiny_qa_model: Path, tiny_ner_model: Path) -> None:
    text = "Ada lit the lamp.\r\n\nBel built it."
    asked = ("qa", "-q", "who?", "-m", tiny_qa_model, "--json")
    result = invoke(*asked, stdin=text)
    assert result.stdout == invoke(*asked, "-", stdin=text).stdout != ""
    assert "is read as one text" in result.stderr
    named = ("ner", "-m", tiny_ner_model, "--json")
    assert invoke(*named, stdin=text).stdout == invoke(*named, "-", stdin=text).stdout != ""


def test_a_text_comes_whole_however_it_is_cut() -> None:
    text = "Ada lit the lamp.\n" * 20_000
    lines = Lines(io.BytesIO(text.encode()))
    assert lines.form() == "text"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bigbird_cli.files.streams.LONGEST", len(text))
        assert read_stream(lines, "standard input") == text  # type: ignore[arg-type]


def test_a_text_that_nothing_is_asked_of_is_refused_once(invoke: Any, tiny_qa_model: Path) -> None:
    result = invoke("qa", "-m", tiny_qa_model, "--json", stdin="Ada lit the lamp.\nBel built it.\n")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("✗") == 1
    assert "--question" in result.stderr


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("is_list", [True, False])
def test_rows_may_come_as_a_list_or_over_several_lines(
    invoke: Any, tiny_qa_model: Path, indent: int | None, is_list: bool
) -> None:
    data = json.dumps(ROWS, indent=indent) if is_list else "\n".join(json.dumps(row, indent=indent) for row in ROWS)
    result = invoke("qa", "-m", tiny_qa_model, "--json", stdin=data)
    assert result.exit_code == 0, result.stderr
    assert [record["id"] for record in records(result.stdout)] == [0, 1, 2]


def test_what_is_no_row_in_a_list_is_an_error_in_its_place(invoke: Any, tiny_qa_model: Path) -> None:
    data = json.dumps([ROWS[0], 7, {"question": "who?"}, ROWS[1]])[:-1] + ' {"broken"'
    result = invoke("qa", "-m", tiny_qa_model, "--json", stdin=data)
    assert result.exit_code == 1
    found = records(result.stdout)
    assert [("error" in record) for record in found] == [False, True, True, False, True]
    assert found[1]["error"]["where"] == "standard input[1]"
    assert "Expecting ',' delimiter" in found[4]["error"]["problem"]


def test_no_text_on_standard_input_is_named(invoke: Any, tiny_qa_model: Path) -> None:
    for args in (("-q", "who?"), ("-q", "who?", "-")):
        result = invoke("qa", *args, "-m", tiny_qa_model, stdin=b"\x89PNG\r\n\x1a\n")
        assert result.exit_code == 3
        assert result.stderr.count("✗") == 1
        assert "an image" in result.stderr


def test_asked_questions_are_checked_though_no_item_comes(tiny_qa_model: Path) -> None:
    with pytest.raises(UsageError, match=r"here: beside a question"):
        answer_all(iter([Request(Document("text", "ada"), "who?")]), model=tiny_qa_model, asked={"who " * 300: "here"})


@pytest.mark.skipif(sys.platform == "win32", reason="a file descriptor's direction is of POSIX")
@pytest.mark.parametrize("args", [("-q", "who?"), ("-q", "who?", "-"), ()])
def test_standard_input_opened_for_writing_is_a_data_error(
    args: tuple[str, ...], repository: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "bigbird_cli", "qa", *args]
    with (tmp_path / "out").open("wb") as stdin:
        done = subprocess.run(command, stdin=stdin, capture_output=True, text=True, cwd=repository, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("✗ standard input  it cannot be read")


@pytest.mark.skipif(sys.platform == "win32", reason="pipefail is of POSIX shells")
@pytest.mark.parametrize(("page", "code"), [("--help", 0), ("qa --help", 0), ("qa --nope", 2)])
def test_a_page_whose_reader_left_keeps_its_code(page: str, code: int, repository: Path) -> None:
    script = f'set -o pipefail; "$0" -m bigbird_cli {page} 2>&1 | true'
    done = subprocess.run(["bash", "-c", script, sys.executable], cwd=repository, check=False, env=os.environ)
    assert done.returncode == code

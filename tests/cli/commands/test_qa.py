"""`bigbird qa`: what it reads, what it says, and how it ends."""

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

QUESTION = ("--question", "Who lit the lamp?")


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_json_records_have_answer_offsets_and_receipt(invoke: Any, tiny_qa_model: Path, article: Path) -> None:
    result = invoke("qa", "--context", article, *QUESTION, "--model", tiny_qa_model, "--json")

    assert result.exit_code == 0, result.stderr
    (record,) = records(result.stdout)
    text = article.read_bytes().decode()
    assert list(record) == [
        "answer",
        "start",
        "end",
        "score",
        "no_answer_score",
        "mentions",
        "context",
        "question",
        "id",
        "receipt",
    ]
    assert text[record["start"] : record["end"]] == record["answer"]
    assert 0 <= record["score"] <= 1
    assert 0 <= record["no_answer_score"] <= 1
    assert record["context"] == str(article)
    assert record["question"] == QUESTION[1]
    receipt = record["receipt"]
    assert list(receipt) == ["tokens", "read", "unknown", "windows", "truncated", "model", "attention", "device"]
    assert receipt["read"] == receipt["tokens"] > 256
    assert receipt["windows"] > 1
    assert receipt["truncated"] is False
    assert receipt["model"] == str(tiny_qa_model)


def test_one_record_a_document_and_question_in_input_order(
    invoke: Any, tiny_qa_model: Path, article: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("b.txt", "a.md", "c.csv"):
        (folder / name).write_text(f"{name} was lit by bel.")
    questions = tmp_path / "questions.txt"
    questions.write_text("\ufeffWho?\n\n  Where? \n")

    paths = ("--context", article, "--context", folder)
    result = invoke("qa", *paths, "--question", "When?", "--questions", questions, "-m", tiny_qa_model, "--json")

    assert result.exit_code == 0, result.stderr
    names = [str(article), str(folder / "a.md"), str(folder / "b.txt")]
    want = [(name, question) for name in names for question in ("When?", "Who?", "Where?")]
    assert [(record["context"], record["question"]) for record in records(result.stdout)] == want


def test_standard_input_is_one_document_when_asked_for(invoke: Any, tiny_qa_model: Path) -> None:
    result = invoke("qa", "--context", "-", *QUESTION, "-m", tiny_qa_model, "--json", stdin="ada lit\r\nthe lamp")
    (record,) = records(result.stdout)
    assert record["context"] == "-"
    assert "ada lit\r\nthe lamp"[record["start"] : record["end"]] == record["answer"]


def test_a_bad_row_becomes_a_record_and_its_neighbours_are_answered(invoke: Any, tiny_qa_model: Path) -> None:
    rows = [
        b'{"context": "ada lit the lamp", "question": "who?", "id": "first"}',
        b'{"context": "ada lit',
        b'{"context": 7, "question": "who?", "id": 3}',
        b'{"contexts": "ada", "question": "who?"}',
        b'{"context": "\xff", "question": "who?"}',
        b'{"context": "ada", "question": " "}',
        b'{"context": "\\ud800", "question": "who?"}',
        b'{"context": "ada", "question": "who?", "id": NaN}',
        b'{"context": "ada", "question": "who?", "id": ' + b"9" * 5000 + b"}",
        b"",
        b'{"context": "bel lit the lamp", "question": "who?", "id": {"any": "json"}}',
    ]
    result = invoke("qa", "--json", "-m", tiny_qa_model, stdin=b"\n".join(rows))

    assert result.exit_code == 1
    got = records(result.stdout)
    assert ["error" in record for record in got] == [False, *[True] * 8, False]
    assert [record["id"] for record in got] == ["first", None, 3, *[None] * 6, {"any": "json"}]
    assert {record["error"]["exit_code"] for record in got[1:-1]} == {3}
    assert [record["error"]["where"] for record in got[1:-1]] == [f"standard input:{n}" for n in range(2, 10)]
    assert got[3]["error"]["fix"] == "did you mean --column contexts?"
    assert result.stderr.count("✗") == 8


def test_rows_without_a_question_are_asked_the_ones_given(invoke: Any, tiny_qa_model: Path) -> None:
    rows = '{"context": "ada lit it"}\n{"context": "bel lit it", "question": "who else?"}\n'
    result = invoke("qa", "-q", "who?", "-q", "when?", "--json", "-m", tiny_qa_model, stdin=rows)
    assert [record["question"] for record in records(result.stdout)] == ["who?", "when?", "who else?"]


def test_top_k_adds_the_n_best_without_overlaps(invoke: Any, tiny_qa_model: Path, article: Path) -> None:
    result = invoke("qa", "-c", article, *QUESTION, "--top-k", "3", "-m", tiny_qa_model, "--json")
    (record,) = records(result.stdout)
    answers = record["answers"]
    assert len(answers) == 3
    assert answers[0] == {key: record[key] for key in ("answer", "start", "end", "score", "mentions")}
    assert answers == sorted(answers, key=lambda answer: -answer["score"])
    spans = sorted((answer["start"], answer["end"]) for answer in answers)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


def test_no_answer_is_null_and_no_failure(invoke: Any, tiny_qa_model: Path, article: Path) -> None:
    common = ("qa", "-c", article, *QUESTION, "-m", tiny_qa_model, "--no-answer-threshold", "0")
    result = invoke(*common, "--json")
    (record,) = records(result.stdout)
    assert result.exit_code == 0
    assert (record["answer"], record["start"], record["end"]) == (None, None, None)
    assert 0 < record["score"] < 1
    assert "no answer" in invoke(*common).stdout


def test_a_long_document_is_refused_or_cut_when_that_is_wanted(invoke: Any, tiny_qa_model: Path, article: Path) -> None:
    common = ("qa", "-c", article, *QUESTION, "-m", tiny_qa_model, "--json")
    refused = invoke(*common, "--on-long", "error")
    assert refused.exit_code == 3
    assert "error" in records(refused.stdout)[0]
    cut = invoke(*common, "--on-long", "truncate")
    receipt = records(cut.stdout)[0]["receipt"]
    assert cut.exit_code == 0
    assert receipt["truncated"] is True
    assert receipt["read"] < receipt["tokens"]


def test_text_output_shows_the_answer_in_its_sentence(invoke: Any, tiny_qa_model: Path, article: Path) -> None:
    result = invoke("qa", "-c", article, *QUESTION, "-m", tiny_qa_model)
    assert result.exit_code == 0
    question, sentence, facts, *_, receipt = result.stdout.splitlines()  # with a runner-up where it is close
    assert question == QUESTION[1]
    assert re.search(r"\[[^]]+\]", sentence)
    assert re.search(r"score \d\.\d\d · no answer \d\.\d\d · characters \d+-\d+ of ", facts)
    assert re.search(r"read ([\d,]+) of \1 tokens in \d+ windows", receipt)


def test_terminal_escapes_in_a_document_are_never_sent_raw(invoke: Any, tiny_qa_model: Path, tmp_path: Path) -> None:
    evil = "ada \x1b[31mlit\x07 the \x9b2J lamp \u202eback\u2066 \x00 \x7f\r\nbel"
    path = tmp_path / "evil\x1b.txt"
    path.write_bytes(evil.encode())
    rows = json.dumps({"context": evil, "question": f"who {evil}?", "id": evil})
    for args, stdin in (
        (("-c", path, "-q", f"who {evil}?", "--top-k", "9"), None),
        (("-c", path, "-q", f"who {evil}?", "--json", "--top-k", "9"), None),
        (("--json",), rows),
        (("-c", tmp_path / "gone\x1b.txt", "-q", "who?"), None),
    ):
        result = invoke("qa", *args, "-m", tiny_qa_model, stdin=stdin)
        assert not set(result.stdout + result.stderr) & set("\x1b\x07\x9b\u202e\u2066\x00\x7f\r"), args
        if "--json" in args:
            (record,) = records(result.stdout)
            assert evil[record["start"] : record["end"]] == record["answer"]


def test_the_question_is_asked_before_the_model_is_opened(invoke: Any, article: Path) -> None:
    result = invoke("qa", "--context", article, "--model", "./no-such-model")
    assert result.exit_code == 2
    assert "✗ no question is asked" in result.stderr


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "no such file"), (b"", "empty"), (b" \n\t ", "white space"), (b"ok \xff", "0xff"), (b"\x89PNG\0\xde", "")],
    ids=["missing", "empty", "blank", "wrong utf-8", "binary"],
)
def test_bad_documents_are_data_errors(
    invoke: Any, tiny_qa_model: Path, tmp_path: Path, content: bytes | None, says: str
) -> None:
    path = tmp_path / "document.txt"
    if content is not None:
        path.write_bytes(content)
    result = invoke("qa", "--context", path, *QUESTION, "--model", tiny_qa_model)
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr.startswith("✗ ")
    assert str(path) in result.stderr
    assert says in result.stderr
    assert "Traceback" not in result.stderr


def test_one_bad_document_among_good_ones_is_exit_1(invoke: Any, tiny_qa_model: Path, article: Path) -> None:
    paths = ("-c", "missing.txt", "-c", article)
    result = invoke("qa", *paths, *QUESTION, "-m", tiny_qa_model, "--json")
    assert result.exit_code == 1
    bad, good = records(result.stdout)
    assert bad["context"] == "missing.txt"
    assert good["context"] == str(article)


def test_no_rows_at_all_is_a_data_error(invoke: Any, tiny_qa_model: Path) -> None:
    result = invoke("qa", "-m", tiny_qa_model, stdin="\n\n")
    assert result.exit_code == 3
    assert "standard input  there is nothing to read" in result.stderr


def test_a_file_without_rows_is_named(invoke: Any, tiny_qa_model: Path, tmp_path: Path) -> None:
    for name, content in (("head.csv", "context,question\n"), ("list.json", "[]")):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        result = invoke("qa", path, "-m", tiny_qa_model)
        assert result.exit_code == 3
        assert f"{name}  there is nothing to read" in result.stderr
        assert "standard input" not in result.stderr


def test_a_question_too_long_names_options(invoke: Any, tiny_qa_model: Path, article: Path) -> None:
    result = invoke("qa", article, "-q", "who " * 300, "-m", tiny_qa_model)
    assert result.exit_code == 2
    assert "raise --window to" in result.stderr
    assert "lower --max-answer-tokens" in result.stderr


@pytest.mark.parametrize(
    "name", ["~nobody-of-this-name/x", "./no-such-model", "/no/such/model", "qa-mimi", "nobody/nothing"]
)
def test_an_unknown_model_is_a_model_error(invoke: Any, article: Path, name: str) -> None:
    result = invoke("qa", "-c", article, *QUESTION, "--model", name, "--offline")
    assert result.exit_code == 4
    assert name in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("damage", ["cut short", "not safetensors", "no weights", "broken config", "no tokenizer"])
def test_a_broken_model_is_a_model_error(
    invoke: Any, tiny_qa_model: Path, article: Path, tmp_path: Path, damage: str
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for file in tiny_qa_model.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    weights = folder / "model.safetensors"
    if damage == "cut short":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "not safetensors":
        weights.write_bytes(b"\x80\x04 this is no safetensors file")
    elif damage == "no weights":
        weights.unlink()
    elif damage == "broken config":
        (folder / "config.json").write_text("{")
    else:
        (folder / "tokenizer.json").unlink()
    result = invoke("qa", "-c", article, *QUESTION, "--model", folder)
    assert result.exit_code == 4
    assert str(folder) in result.stderr
    assert "Traceback" not in result.stderr


def test_wrong_options_are_usage_errors(invoke: Any, tiny_qa_model: Path, article: Path) -> None:
    common = ("qa", "-c", article, *QUESTION, "-m", tiny_qa_model)
    for wrong in (
        ("--top-k", "0"),
        ("--on-long", "cut"),
        ("--windows", "5"),
        ("--window", "100000"),
        ("--overlap", "256"),
        ("--no-answer-threshold", "2"),
        ("--device", "cuda:99"),
        ("--device", "toaster"),
        ("-c", "-", "-c", "-"),
    ):
        result = invoke(*common, *wrong)
        assert result.exit_code in ((2, 5) if wrong[1] == "cuda:99" else (2,)), (wrong, result.stderr)
        assert "Traceback" not in result.stderr
    assert invoke("qa", "-c", article, "-q", "  ", "-m", tiny_qa_model).exit_code == 2


def test_debug_shows_the_traceback_too(invoke: Any, article: Path) -> None:
    result = invoke("qa", "-c", article, *QUESTION, "-m", "./no-such-model", "--debug")
    assert result.exit_code == 4
    assert "Traceback" in result.stderr


def test_records_come_while_the_writer_still_waits(tiny_qa_model: Path, repository: Path) -> None:
    command = [sys.executable, "-m", "bigbird_cli", "qa", "--json", "--model", str(tiny_qa_model)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=repository, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for name in ("ada", "bel"):
            process.stdin.write(json.dumps({"context": f"{name} lit it", "question": "who?", "id": name}) + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == name
        process.stdin.close()
        assert process.stdout.read() == ""
        assert process.wait() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM is of POSIX")
def test_a_signal_ends_it_while_the_writer_still_waits(tiny_qa_model: Path, repository: Path) -> None:
    command = [sys.executable, "-m", "bigbird_cli", "qa", "--json", "--model", str(tiny_qa_model)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=repository) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"context": "ada lit it", "question": "who?", "id": 1}) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == 1
        process.terminate()
        assert process.wait(timeout=60) == 143
        assert process.stderr is not None
        assert process.stderr.read().endswith("✗ stopped\n")


def test_skimming_reads_some_windows_and_says_so(invoke: Any, tiny_qa_model: Path, article: Path) -> None:
    common = ("qa", article, *QUESTION, "-m", tiny_qa_model, "--skim", "1")
    (record,) = records(invoke(*common, "--json").stdout)
    assert record["receipt"]["skimmed"] is True
    assert record["receipt"]["read"] < record["receipt"]["tokens"]
    assert "in 1 window · skimmed ·" in " ".join(invoke(*common).stdout.split())
    refused = invoke(*common, "--on-long", "truncate")
    assert refused.exit_code == 2
    assert "--on-long  windows are chosen among all of a document" in refused.stderr


def test_documents_are_ranked_for_one_question(invoke: Any, tiny_qa_model: Path, tmp_path: Path) -> None:
    for name, text in {"a": "Ada kept the lamp.", "b": "Bel lit the lamp in 1820.", "c": ""}.items():
        (tmp_path / "folder").mkdir(exist_ok=True)
        (tmp_path / "folder" / f"{name}.txt").write_text(text)
    common = ("qa", "folder", *QUESTION, "-m", tiny_qa_model, "--rank")
    result = invoke(*common, "--json", "--top-k", "1")
    failed, best = records(result.stdout)
    assert result.exit_code == 1
    assert failed["error"]["where"] == "folder/c.txt"
    assert (best["rank"], best["documents"], best["documents_read"]) == (1, 2, 2)
    shown = invoke(*common).stdout
    assert "1 of 2 documents (2 read) · folder/" in shown
    assert "2 of 2 documents (2 read) · folder/" in shown


def test_ranking_wants_one_question(invoke: Any, tiny_qa_model: Path, article: Path) -> None:
    for questions in ((), (*QUESTION, "-q", "when?")):
        result = invoke("qa", article, *questions, "-m", tiny_qa_model, "--rank")
        assert result.exit_code == 2
        assert f"documents are ranked for one question, not {len(questions) // 2}" in result.stderr

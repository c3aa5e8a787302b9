"""`bigbird evaluate`: tables for reading, one object for programs."""

import json
from pathlib import Path
from typing import Any

import pytest

from bigbird_cli.cli.scores import Scores, show_evaluation, show_needles
from tests.conftest import write_labeller


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    path = tmp_path / "colours.csv"
    path.write_text("text,label\nthe sea,blue\nthe lamp,red\nthe sea of stone,blue\n")
    return path


def test_a_pipe_gets_plain_tables(invoke: Any, tiny_classify_model: Path, colours: Path) -> None:
    result = invoke("evaluate", tiny_classify_model, colours)
    assert result.exit_code == 0, result.stderr
    assert "accuracy" in result.stdout.split("\n")[4]
    assert "confusion matrix" in result.stdout
    assert "calibration of the label" in result.stdout
    assert "\x1b" not in result.stdout


def test_json_is_one_object(invoke: Any, tiny_classify_model: Path, colours: Path) -> None:
    result = invoke("evaluate", tiny_classify_model, colours, "--json", "--predictions", "told.jsonl")
    assert result.exit_code == 0, result.stderr
    [line] = result.stdout.splitlines()
    assert json.loads(line)["examples"] == 3
    assert len(Path("told.jsonl").read_text().splitlines()) == 3


ROWS = {
    "regression": ("BigBirdForSequenceClassification", {"text": "the lamp " * 60, "label": 3.5}),
    "multiple choice": (
        "BigBirdForMultipleChoice",
        {"context": "the lamp " * 60, "question": "who lit it ?", "choices": ["ada", "bel", "the sea"], "label": 1},
    ),
}


@pytest.mark.parametrize("kind", ROWS)
def test_numbers_and_choices_are_read_by_onnxruntime_as_by_pytorch(
    invoke: Any, tiny_qa_model: Path, tmp_path: Path, kind: str
) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'bigbird-cli[onnx]'")
    class_name, row = ROWS[kind]
    task = {"type": "classify", "problem": "regression"} if kind == "regression" else {"type": "multiple_choice"}
    write_labeller(tmp_path / "model", tiny_qa_model, class_name, {**task, "window": 128, "overlap": 16}, ["value"])
    (tmp_path / "gold.jsonl").write_text(json.dumps(row) + "\n")
    found = []
    for backend in ("onnx", "pytorch"):
        options = ("--backend", backend, "--predictions", f"{backend}.jsonl", "--json", "--quiet")
        result = invoke("evaluate", "model", "gold.jsonl", *options)
        assert result.exit_code == 0, result.stderr
        [record] = [json.loads(line) for line in Path(f"{backend}.jsonl").read_text().splitlines()]
        found.append(record)
    assert found[0] == pytest.approx(found[1], abs=1e-4)
    assert isinstance(found[0].get("score", found[0]["predicted"]), float)


def test_data_that_is_not_there_is_an_error_of_data(invoke: Any, tiny_classify_model: Path) -> None:
    result = invoke("evaluate", tiny_classify_model, "none.csv")
    assert result.exit_code == 3
    assert result.stdout == ""


def test_a_label_that_the_model_has_not_names_the_row(invoke: Any, tiny_classify_model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\nthe sea,bleu\n")
    result = invoke("evaluate", tiny_classify_model, tmp_path / "a.csv")
    assert result.exit_code == 3
    assert "a.csv:2" in result.stderr
    assert "did you mean 'blue'" in result.stderr


def test_of_many_labels_the_most_confused_pairs_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"label {n}" for n in range(20)]
    counts = [[0] * 20 for _ in names]
    counts[3][5], counts[4][4] = 7, 9
    show_evaluation(
        {
            "model": "m",
            "data": "d",
            "task": "classify",
            "metric": "accuracy",
            "examples": 16,
            "documents": 16,
            "tokens": 160,
            "scores": {"accuracy": 56.25},
            "intervals": {"accuracy": (30.0, 80.0)},
            "by_length": [],
            "by_position": [],
            "by_name": {},
            "confusion": {"labels": names, "counts": counts},
            "calibration": {},
            "mistakes": [],
        }
    )
    shown = capsys.readouterr().out
    assert "confused most" in shown
    assert "7  label 3  label 5" in shown
    assert "9  label" not in shown


def test_needles_are_drawn_as_a_map(capsys: pytest.CaptureFixture[str]) -> None:
    about = {"question": "q?", "wanted": "w", "score": 0.5, "no_answer_score": 0.5}
    found = [
        {**about, "tokens": tokens, "depth": depth, "answer": "w" if depth == 0 else None, "found": depth == 0}
        | {"refused": depth == 5}
        for tokens in (512, 1024)
        for depth in (0, 5, 10)
    ]
    show_needles(found)  # type: ignore[arg-type]
    lines = capsys.readouterr().out.splitlines()
    assert [line.strip() for line in lines[1:3]] == ["512  ██▒▒··  1 of 3", "1,024  ██▒▒··  1 of 3"]


def test_without_data_there_is_nothing_to_evaluate(invoke: Any) -> None:
    result = invoke("evaluate", "qa-mini")
    assert result.exit_code == 2
    assert "--needles" in result.stderr


def test_a_narrow_terminal_loses_columns_and_ends_of_texts_and_no_line_breaks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    draw = Scores()
    draw.out.width = 40
    draw.table(("<", "f1", "?<"), [("a label with a name that goes on", "70.0", "█" * 20), ("b", "7.0", "█")])
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].endswith("  70.0")
    assert all(len(line) <= 40 and "█" not in line for line in shown)
    assert len(shown) == 3


def test_labels_are_renamed_in_pairs(invoke: Any, tiny_ner_model: Path, tmp_path: Path) -> None:
    (tmp_path / "dev.jsonl").write_text(json.dumps({"tokens": ["ada"], "tags": ["B-person"]}))
    done = invoke("evaluate", tiny_ner_model, "dev.jsonl", "--rename", "person=PER", "--json")
    assert done.exit_code == 0, done.stderr
    wrong = invoke("evaluate", tiny_ner_model, "dev.jsonl", "--rename", "person")
    assert wrong.exit_code == 2
    assert "--rename" in wrong.stderr

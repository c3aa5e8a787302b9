"""`bigbird evaluate`: tables for reading, one object for programs."""

import json
from pathlib import Path
from typing import Any

import pytest

from bigbird_cli.cli.scores import Scores, show_evaluation, show_needles


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

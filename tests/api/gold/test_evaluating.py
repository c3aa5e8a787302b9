"""`bb.evaluate`: a model on data with gold, and files of predictions."""

import json
from pathlib import Path
from typing import Any

import pytest

import bigbird_cli as bb
from bigbird_cli.api.gold.outcome_files import read_outcomes
from bigbird_cli.errors import DataError, ModelError, UsageError
from bigbird_cli.tasks.qa.outcomes import QAOutcomes

CONTEXT = "ada lit the lamp in the year 1820 . bel signed the lease ."


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Questions on two documents, one of them longer than 512 tokens, and one that has no answer."""
    asked = [("ada", "who lit it?"), ("1820", "when?"), ("bel", "who signed?"), (None, "who slept?")]
    rows = [
        {
            "id": f"{context[:1]}{n}",
            "context": context,
            "question": question,
            "answers": [] if text is None else [found],
        }
        for context in (CONTEXT, "the lamp " * 400 + CONTEXT)
        for n, (text, question) in enumerate(asked)
        for found in [{"text": text, "answer_start": context.index(text or "")}]
    ]
    return write(tmp_path / "dev.jsonl", rows)


def test_questions_are_scored_with_intervals_by_length_and_by_position(tiny_qa_model: Path, questions: Path) -> None:
    evaluation = bb.evaluate(tiny_qa_model, questions)
    assert (evaluation["task"], evaluation["metric"]) == ("qa", "f1")
    assert (evaluation["examples"], evaluation["documents"]) == (8, 2)
    low, high = evaluation["intervals"]["f1"]
    assert low <= evaluation["scores"]["f1"] <= high
    assert [(part["name"], part["examples"]) for part in evaluation["by_length"]] == [
        ("to 512 tokens", 4),
        ("to 1024 tokens", 4),
    ]
    assert sum(part["examples"] for part in evaluation["by_position"]) == 6  # those with an answer
    assert set(evaluation["calibration"]) == {"best answer", "no answer"}
    assert json.loads(json.dumps(evaluation))["scores"] == evaluation["scores"]


def test_entities_are_scored_by_type_strictly_and_partly(tiny_ner_model: Path, tmp_path: Path) -> None:
    rows = [{"tokens": ["ada", "lit", "the", "lamp"], "tags": ["B-PER", "O", "O", "O"]}] * 3
    evaluation = bb.evaluate(tiny_ner_model, write(tmp_path / "dev.jsonl", rows))
    assert set(evaluation["by_name"]) == {"strict", "partial"}
    assert {"f1", "partial_f1"} <= evaluation["scores"].keys()
    assert "confusion" not in evaluation


def test_labels_are_scored_with_a_confusion_matrix(tiny_classify_model: Path, tmp_path: Path) -> None:
    rows = [{"text": f"the {word} of the sea", "label": "blue"} for word in ("lamp", "storm", "tower", "ship")]
    evaluation = bb.evaluate(tiny_classify_model, write(tmp_path / "dev.jsonl", rows), limit=3)
    confusion = evaluation["confusion"]
    assert sum(map(sum, confusion["counts"])) == 3
    assert 100 * confusion["counts"][0][0] / 3 == pytest.approx(evaluation["scores"]["accuracy"])


def test_zero_shot_models_choose_among_each_rows_labels(tiny_label_model: Path, tmp_path: Path) -> None:
    rows = [{"text": "ada lit the lamp", "labels": ["light", "sea"], "label": n} for n in (0, 1)]
    evaluation = bb.evaluate(tiny_label_model, write(tmp_path / "dev.jsonl", rows))
    assert evaluation["task"] == "zero_shot"
    assert evaluation["scores"]["chance"] == 50


def test_a_model_of_hugging_face_is_evaluated_by_its_head(tiny_qa_model: Path, questions: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    for file in tiny_qa_model.iterdir():
        if file.name != "task.json":
            (foreign / file.name).symlink_to(file)
    assert bb.evaluate(foreign, questions, limit=1)["task"] == "qa"


def test_settings_of_the_task_may_be_overridden(tiny_qa_model: Path, questions: Path) -> None:
    refused = bb.evaluate(tiny_qa_model, questions, overrides=["task.no_answer_threshold=0.0", "task.window=64"])
    assert refused["scores"]["no_answer_accuracy"] == 100
    with pytest.raises(UsageError, match="there is no setting no_such"):
        bb.evaluate(tiny_qa_model, questions, overrides=["task.no_such=1"])
    with pytest.raises(UsageError, match="no change to the task"):
        bb.evaluate(tiny_qa_model, questions, overrides=["optim.lr=1"])


def test_predictions_are_written_and_read_back(tiny_qa_model: Path, questions: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    evaluation = bb.evaluate(tiny_qa_model, questions, predictions=file)
    outcomes = read_outcomes(file)
    assert isinstance(outcomes, QAOutcomes)
    assert outcomes.tally().scores()["f1"] == pytest.approx(evaluation["scores"]["f1"])


def test_files_that_hold_no_predictions_are_refused_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"kind": "label", "id": "a"}\n')
    with pytest.raises(DataError, match=r"a.jsonl:1.*is missing"):
        read_outcomes(file)
    file.write_text('{"text": "ada"}\n')
    with pytest.raises(DataError, match="none of answer, entities"):
        read_outcomes(file)
    file.write_text("")
    with pytest.raises(DataError, match="no predictions"):
        read_outcomes(file)


def test_what_cannot_be_evaluated_is_refused(tiny_qa_model: Path, questions: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="0 is too few"):
        bb.evaluate(tiny_qa_model, questions, limit=0)
    with pytest.raises(UsageError, match="folder of this file"):
        bb.evaluate(tiny_qa_model, questions, limit=1, predictions=tmp_path / "none" / "a.jsonl")
    with pytest.raises(ModelError, match="trained for the task 'qa', not for ner"):
        bb.evaluate(tiny_qa_model, questions, task="ner")
    folder = tmp_path / "mlm"
    folder.mkdir()
    for file in tiny_qa_model.iterdir():
        (folder / file.name).write_bytes(b'{"type": "mlm"}' if file.name == "task.json" else file.read_bytes())
    with pytest.raises(ModelError, match="was trained for 'mlm'"):
        bb.evaluate(folder, questions)

"""`bb.calibrate`: settings are fitted, and stored with the model."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import bigbird_cli as bb
from bigbird_cli.errors import BigBirdWarning, DataError, UsageError
from bigbird_cli.training.learnt import Learnt

TEXTS = ("the sea", "the lamp", "a storm of stone", "the tower", "ada lit it", "bel signed")


@pytest.fixture
def model(tiny_classify_model: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_classify_model, tmp_path / "model")


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    path = tmp_path / "colours.jsonl"
    rows = [{"text": text, "label": ("blue", "red")[n % 2]} for n, text in enumerate(TEXTS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def task_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "task.json").read_text()))


def test_what_is_fitted_is_stored_and_read_from_there(model: Path, colours: Path) -> None:
    calibrated = bb.calibrate(model, colours)
    assert calibrated["settings"].keys() == {"temperature"}
    assert task_of(model)["temperature"] == calibrated["settings"]["temperature"]
    before, after = calibrated["before"]["label"], calibrated["after"]["label"]
    assert (before["count"], after["count"]) == (6, 6)
    again = bb.evaluate(model, colours)
    assert again["calibration"]["label"]["confidence"] != before["confidence"]


def test_settings_that_are_overridden_are_stored_and_columns_of_the_data_are_not(model: Path, tmp_path: Path) -> None:
    rows = [{"text": text, "colour": ("blue", "red")[n % 2]} for n, text in enumerate(TEXTS)]
    (tmp_path / "other.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    bb.calibrate(model, tmp_path / "other.jsonl", overrides=["task.label_column=colour", "task.combine=max"])
    stored = task_of(model)
    assert (stored["label_column"], stored["combine"]) == ("label", "max")


def test_what_the_model_was_trained_on_is_told(model: Path, colours: Path) -> None:
    Learnt.of(TEXTS[:2]).write(model)
    with pytest.warns(BigBirdWarning, match="was trained on 2 of 6 documents: it is surer there"):
        assert bb.calibrate(model, [colours], dry_run=True)["learnt"] == 2


def test_a_dry_run_writes_nothing(model: Path, colours: Path) -> None:
    before = (model / "task.json").read_bytes()
    calibrated = bb.calibrate(model, colours, dry_run=True)
    assert calibrated["out"] is None
    assert (model / "task.json").read_bytes() == before


def test_a_copy_is_a_whole_model_and_the_model_stays_as_it_is(model: Path, colours: Path, tmp_path: Path) -> None:
    before = (model / "task.json").read_bytes()
    bb.calibrate(model, colours, out=tmp_path / "out")
    assert (model / "task.json").read_bytes() == before
    assert task_of(tmp_path / "out")["temperature"] != 1
    assert bb.evaluate(tmp_path / "out", colours)["examples"] == 6


def test_a_shipped_model_is_never_written_into(colours: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder of yours"):
        bb.calibrate("qa-mini", colours)


def test_a_folder_with_something_in_it_is_not_written_into(model: Path, colours: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        bb.calibrate(model, colours, out=tmp_path / "out")


def test_numbers_have_no_scores_to_fit(model: Path, colours: Path) -> None:
    task = {**task_of(model), "problem": "regression"}
    del task["labels"]
    (model / "task.json").write_text(json.dumps(task))
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "id2label": {"0": "value"}, "label2id": {"value": 0}}))
    with pytest.raises(UsageError, match="numbers can be fitted"):
        bb.calibrate(model, colours)


def test_one_document_is_too_few(model: Path, colours: Path) -> None:
    with pytest.raises(DataError, match="two at least"):
        bb.calibrate(model, colours, limit=1)


def test_questions_names_and_zero_shot_are_fitted_too(
    tiny_qa_model: Path, tiny_ner_model: Path, tiny_label_model: Path, tmp_path: Path
) -> None:
    data = tmp_path / "dev.jsonl"
    for folder, row in (
        (tiny_qa_model, {"context": "the lamp was lit by ada", "question": "who lit it?", "answers": ["ada"]}),
        (tiny_ner_model, {"tokens": ["ada", "lit", "it"], "tags": ["B-PER", "O", "O"]}),
        (tiny_label_model, {"text": "the lamp", "labels": ["light", "sea", "stone"], "label": 0}),
    ):
        rows = [row | {"id": str(n)} for n in range(4)]
        for n, each in enumerate(rows):
            for name in ("context", "text"):
                if name in each:
                    each[name] = f"{each[name]} {n}"
            if "tokens" in each:
                each["tokens"] = ["ada", "lit", str(n)]
        data.write_text("".join(json.dumps(each) + "\n" for each in rows))
        calibrated = bb.calibrate(folder, data, dry_run=True)
        assert calibrated["before"].keys() == calibrated["after"].keys()

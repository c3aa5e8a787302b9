"""`bb.compare`: two models on the same data."""

import json
from pathlib import Path

import pytest

import bigbird_cli as bb
from bigbird_cli.api.gold.comparing import _KINDS
from bigbird_cli.api.gold.gold import TASKS
from bigbird_cli.api.gold.outcome_files import KINDS
from bigbird_cli.errors import DataError, UsageError


def write(path: Path, gold: list[str], predicted: list[str]) -> Path:
    rows = [
        {
            "kind": "label",
            "id": f"row {n}",
            "document": n,
            "tokens": 9,
            "windows": 1,
            "gold": right,
            "predicted": said,
            "right": right == said,
            "score": 0.9,
        }
        for n, (right, said) in enumerate(zip(gold, predicted, strict=True))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


GOLD = ["a", "b"] * 20


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Predictions that are half right, and that are all right but for one that the others have right."""
    poor = write(tmp_path / "poor.jsonl", GOLD, ["a"] * 40)
    good = write(tmp_path / "good.jsonl", GOLD, ["c", *GOLD[1:]])
    return [poor, good]


def test_a_large_difference_is_significant_and_its_examples_are_listed(files: list[Path]) -> None:
    compared = bb.compare(*files)
    [accuracy] = [each for each in compared["scores"] if each["name"] == "accuracy"]
    assert (accuracy["a"], accuracy["b"], accuracy["difference"]) == (50.0, 97.5, 47.5)
    assert accuracy["low"] < 47.5 < accuracy["high"]
    assert accuracy["significant"]
    assert (compared["better_a"], compared["better_b"], len(compared["changes"])) == (1, 20, 21)
    assert compared["changes"][:2] == [
        {"id": "row 0", "gold": "a", "a": "a", "b": "c", "better": "a", "difference": -1.0},
        {"id": "row 1", "gold": "b", "a": "a", "b": "b", "better": "b", "difference": 1.0},
    ]


def test_a_file_may_be_compared_with_a_model(tiny_classify_model: Path, tmp_path: Path) -> None:
    data = tmp_path / "colours.csv"
    data.write_text("text,label\nthe sea,blue\nthe lamp,red\n")
    bb.evaluate(tiny_classify_model, data, predictions=tmp_path / "a.jsonl")
    compared = bb.compare(tmp_path / "a.jsonl", tiny_classify_model, data)
    assert compared["changes"] == []
    assert {each["p"] for each in compared["scores"]} == {1.0}


def test_predictions_of_other_examples_are_refused(files: list[Path], tmp_path: Path) -> None:
    fewer = write(tmp_path / "fewer.jsonl", GOLD[:3], GOLD[:3])
    with pytest.raises(DataError, match="differ from example 4 on"):
        bb.compare(files[0], fewer)


def test_a_model_without_data_is_refused(files: list[Path], tiny_qa_model: Path) -> None:
    with pytest.raises(UsageError, match="no data to try it on"):
        bb.compare(files[0], tiny_qa_model)


def test_models_of_different_tasks_are_refused_before_they_read(
    files: list[Path], tiny_qa_model: Path, tiny_classify_model: Path
) -> None:
    said = rf"{tiny_qa_model} is a model for qa, and {tiny_classify_model} is a model for classify; compare two of one"
    with pytest.raises(UsageError, match=said):
        bb.compare(tiny_qa_model, tiny_classify_model, "rows.csv")
    with pytest.raises(UsageError, match=r"good\.jsonl holds predictions of the kind 'label', and .* for qa"):
        bb.compare(files[1], tiny_qa_model, "rows.csv")


def test_the_kinds_of_predictions_are_each_of_a_task() -> None:
    assert {kind for kinds in _KINDS.values() for kind in kinds} == set(KINDS)
    assert set(_KINDS) == set(TASKS)

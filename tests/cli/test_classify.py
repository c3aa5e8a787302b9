"""`bigbird classify`: what it reads, what it says, and how it ends."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bigbird_cli as bb
from bigbird_cli.errors import DataError, UsageError
from tests.conftest import write_labeller

LABELS = ["blue", "green", "red"]
MODEL = "BigBirdForSequenceClassification"


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_json_records_have_label_scores_and_a_receipt(invoke: Any, tiny_classify_model: Path, article: Path) -> None:
    result = invoke("classify", article, "--model", tiny_classify_model, "--json")
    assert result.exit_code == 0, result.stderr
    (record,) = records(result.stdout)
    assert list(record) == ["label", "score", "scores", "combine", "source", "id", "receipt"]
    assert list(record["scores"]) == LABELS
    assert sum(record["scores"].values()) == pytest.approx(1)
    assert record["label"] == max(record["scores"], key=record["scores"].__getitem__)
    assert record["score"] == record["scores"][record["label"]]
    assert record["combine"] == "mean"
    receipt = record["receipt"]
    assert receipt["read"] == receipt["tokens"] > 64
    assert receipt["windows"] > 1


def test_windows_are_combined_as_asked(tiny_classify_model: Path, article: Path) -> None:
    def scores(**options: Any) -> dict[str, float]:
        record = bb.classify(article, model=tiny_classify_model, **options)
        assert isinstance(record, dict)
        return record["scores"]

    first = scores(combine="first", overlap=10)
    # a truncated window is longer than one of several equal ones
    assert scores(on_long="truncate", overlap=10) != first
    assert len({tuple(scores(combine=how).values()) for how in ("mean", "max", "first")}) == 3
    assert scores(batch_size=1) == pytest.approx(scores(batch_size=64), abs=1e-5)


def test_a_model_without_pairs_refuses_the_option_and_reads_no_rows_pair(
    invoke: Any, tiny_classify_model: Path
) -> None:
    result = invoke("classify", "-", "-m", tiny_classify_model, "--pair", "the lamp", stdin="ada lit it")
    assert result.exit_code == 2
    assert "the model was trained without second texts" in result.stderr
    rows = '{"text": "ada lit it", "pair": "the lamp"}\n{"text": "ada lit it", "pair": null}\n{"text": "ada lit it"}\n'
    found = records(invoke("classify", "-m", tiny_classify_model, "--json", stdin=rows).stdout)
    assert found[0]["scores"] == found[1]["scores"] == found[2]["scores"]
    with pytest.raises(UsageError, match="leave it out, or name a model of pairs"):
        bb.classify("ada lit it", model=tiny_classify_model, pair="the lamp")


def test_people_read_the_likeliest_labels(invoke: Any, tiny_classify_model: Path, article: Path) -> None:
    result = invoke("classify", article, "--model", tiny_classify_model)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == str(article)
    shown = [line.split()[0] for line in lines[1:4]]
    assert sorted(shown) == LABELS
    percent = [float(line.split()[1].rstrip("%")) for line in lines[1:4]]
    assert percent == sorted(percent, reverse=True)
    assert "mean of " in lines[4]


def test_several_labels_are_given_from_a_threshold_on(tmp_path: Path, tiny_qa_model: Path) -> None:
    task = {"type": "classify", "problem": "multi", "window": 64, "overlap": 16, "labels": LABELS}
    folder = write_labeller(tmp_path / "multi", tiny_qa_model, MODEL, task, LABELS)
    everything, nothing = (bb.classify("ada lit it", model=folder, threshold=share) for share in (1e-9, 1 - 1e-9))
    assert isinstance(everything, dict)
    assert isinstance(nothing, dict)
    assert (everything["labels"], nothing["labels"]) == (LABELS, [])
    assert everything["label"] == max(LABELS, key=everything["scores"].__getitem__)
    assert nothing["label"] is None
    assert everything["scores"] == nothing["scores"]


def test_a_number_is_told_as_it_is(invoke: Any, tmp_path: Path, tiny_qa_model: Path) -> None:
    task = {"type": "classify", "problem": "regression", "window": 64, "overlap": 16}
    folder = write_labeller(tmp_path / "number", tiny_qa_model, MODEL, task, ["value"])
    record = records(invoke("classify", "-", "-m", folder, "--json", stdin="ada lit the lamp").stdout)[0]
    assert record["label"] is None
    assert record["scores"] == {"value": record["score"]}
    assert np.isfinite(record["score"])
    shown = invoke("classify", "-", "-m", folder, stdin="ada lit the lamp").stdout
    assert f"{record['score']:.4g}" in shown


def test_a_second_text_stands_beside_each_window(invoke: Any, tmp_path: Path, tiny_qa_model: Path) -> None:
    task = {"type": "classify", "problem": "single", "window": 64, "overlap": 16, "labels": LABELS}
    folder = write_labeller(tmp_path / "pairs", tiny_qa_model, MODEL, task | {"pair_column": "second"}, LABELS)
    rows = '{"text": "ada lit it", "pair": "the lamp"}\n{"text": "ada lit it"}\n{"text": "ada lit it", "pair": 3}\n'
    result = invoke("classify", "-m", folder, "--json", stdin=rows)
    assert result.exit_code == 1
    found = records(result.stdout)
    assert "trained on pairs" in found[1]["error"]["problem"]
    assert "'pair' is a number" in found[2]["error"]["problem"]
    same = records(invoke("classify", "-", "-m", folder, "--pair", "the lamp", "--json", stdin="ada lit it").stdout)
    assert same[0]["scores"] == pytest.approx(found[0]["scores"], abs=1e-6)
    assert same[0]["receipt"]["tokens"] == 3


def test_a_folder_of_transformers_is_read_by_its_labels(tmp_path: Path, tiny_qa_model: Path) -> None:
    folder = write_labeller(tmp_path / "foreign", tiny_qa_model, MODEL, {}, LABELS)
    record = bb.classify("ada lit the lamp", model=folder)
    assert isinstance(record, dict)
    assert list(record["scores"]) == LABELS


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("x.txt",), 2, "bigbird finetune classify-imdb"),
        (("x.txt", "--model", "MODEL"), 3, "there is no such file"),
        (("-", "--model", "QA"), 4, "trained for the task 'qa', not for classification"),
        (("-", "--model", "MODEL", "--threshold", "0"), 2, "--threshold  it is 0.0; it must be above 0"),
    ],
)
def test_mistakes_are_told_with_the_right_code(
    invoke: Any, tiny_classify_model: Path, tiny_qa_model: Path, args: tuple[str, ...], code: int, words: str
) -> None:
    named = {"MODEL": str(tiny_classify_model), "QA": str(tiny_qa_model)}
    result = invoke("classify", *(named.get(arg, arg) for arg in args), stdin="ada")
    assert result.exit_code == code
    assert words in result.stderr


def test_an_empty_document_fails_alone(invoke: Any, tiny_classify_model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("ada")
    (tmp_path / "b.txt").write_text("")
    result = invoke("classify", "a.txt", "b.txt", "-m", tiny_classify_model, "--json")
    assert result.exit_code == 1
    assert [("error" in record) for record in records(result.stdout)] == [False, True]
    with pytest.raises(DataError, match="empty"):
        bb.classify("", model=tiny_classify_model)

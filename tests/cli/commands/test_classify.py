"""`bigbird classify`: what it reads, what it says, and how it ends."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bigbird_cli as bb
from bigbird_cli.api import Request, classify_all
from bigbird_cli.data.rows import Row
from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.text.documents import Document
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


def test_each_sequence_of_a_file_or_a_pipe_is_a_record(invoke: Any, tiny_classify_model: Path, tmp_path: Path) -> None:
    text = ">s1 label=yes\nacgtacgtac\nGT\n>s2\n\n>s3 x\nGGGGGGGGGG\n"
    (tmp_path / "seqs.fa").write_text(text)
    result = invoke("classify", "seqs.fa", "-m", tiny_classify_model, "--json")
    found = records(result.stdout)
    assert result.exit_code == 1
    assert [(each.get("id"), each["source"]) for each in found] == [
        ("s1", "seqs.fa:1"),
        (None, "seqs.fa:4"),
        ("s3", "seqs.fa:6"),
    ]
    assert found[0]["fields"] == {"label": "yes", "description": "label=yes"}
    assert found[1]["error"]["problem"] == "the record has no sequence"
    piped = records(invoke("classify", "-m", tiny_classify_model, "--json", stdin=text).stdout)
    assert [each["source"] for each in piped] == [f"standard input:{line}" for line in (1, 4, 6)]
    assert [each.get("scores") for each in piped] == [each.get("scores") for each in found]


def test_a_model_without_pairs_refuses_the_option_and_the_row_that_has_one(
    invoke: Any, tiny_classify_model: Path
) -> None:
    result = invoke("classify", "-", "-m", tiny_classify_model, "--pair", "the lamp", stdin="ada lit it")
    assert result.exit_code == 2
    assert "the model was trained without second texts" in result.stderr
    single = {"text": "ada lit it"}
    rows = "\n".join(map(json.dumps, [single | {"pair": "the lamp", "id": 7}, single | {"pair": None}, single]))
    result = invoke("classify", "-m", tiny_classify_model, "--json", stdin=rows)
    found = records(result.stdout)
    assert result.exit_code == 1
    assert found[0]["id"] == 7
    assert found[0]["error"] == {
        "problem": "the model was trained without second texts",
        "where": "standard input:1",
        "fix": "leave it out, or name a model of pairs",
        "exit_code": 3,
    }
    assert found[1]["scores"] == found[2]["scores"]
    [result] = classify_all([Request(Document("text", "ada lit it"), "the lamp")], model=tiny_classify_model)
    assert (
        str(result.error) == "text: the model was trained without second texts; leave it out, or name a model of pairs"
    )
    with pytest.raises(UsageError, match="leave it out, or name a model of pairs"):
        bb.classify("ada lit it", model=tiny_classify_model, pair="the lamp")


def test_a_folder_without_a_task_takes_pairs_and_single_texts(tmp_path: Path, tiny_qa_model: Path) -> None:
    folder = write_labeller(tmp_path / "foreign", tiny_qa_model, MODEL, {}, LABELS)
    (folder / "task.json").unlink(missing_ok=True)
    alone = bb.classify("ada lit it", model=folder)
    beside = bb.classify("ada lit it", model=folder, pair="the lamp")
    row = classify_all([Row({"text": "ada lit it", "pair": "the lamp"}, "row")], model=folder)
    assert beside["scores"] != alone["scores"]
    assert beside["scores"] == pytest.approx(next(row).record()["scores"], abs=1e-6)


@pytest.mark.parametrize("problem", ["single", "regression"])
def test_a_threshold_that_would_change_nothing_is_refused(tmp_path: Path, tiny_qa_model: Path, problem: str) -> None:
    labels = LABELS if problem == "single" else ["value"]
    task = {"type": "classify", "problem": problem, "window": 64, "overlap": 16}
    task |= {"labels": labels} if problem == "single" else {}
    folder = write_labeller(tmp_path / "model", tiny_qa_model, MODEL, task, labels)
    with pytest.raises(UsageError, match="threshold: a threshold is for several labels, and the model gives"):
        bb.classify("ada lit it", model=folder, threshold=0.3)
    with pytest.raises(UsageError, match="threshold: a threshold is for several labels, and one of these is right"):
        bb.classify("ada lit it", labels="lamp,sea", threshold=0.3)


@pytest.mark.parametrize("threshold", ["0", "1", "1.5", "nan"])
def test_a_threshold_that_divides_nothing_is_told_by_its_option(invoke: Any, threshold: str) -> None:
    result = invoke("classify", "-", "--labels", "lamp,sea", "--multi", "--threshold", threshold, stdin="ada")
    assert result.exit_code == 2
    assert result.stderr.startswith("✗ --threshold  ")
    assert "give a number above 0 and below 1" in result.stderr
    assert "above 0, below 1" in " ".join(invoke("classify", "--help").stdout.split())


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
        (("x.txt",), 2, 'say what the documents may be, such as "invoice,contract,letter"'),
        (("-", "--labels", "lamp,lamp"), 2, "--labels  the label 'lamp' is named twice"),
        (("-", "--labels", "lamp,,sea"), 2, "--labels  a label is empty"),
        (("-", "--labels", "lamp", "--labels-file", "x.txt"), 2, "labels are given twice"),
        (("-", "--labels-file", "x.txt"), 3, "there is no such file"),
        (("-", "--labels", "lamp", "--closed", "--model", "LABELS"), 2, "--closed  there is one label only"),
        (("-", "--labels", "lamp,sea", "--threshold", "0.3"), 2, "let any number be right: --multi"),
        (("-", "--labels", "lamp,sea", "--pair", "ada"), 2, "--pair  beside labels of your own"),
        (("-", "--multi", "--model", "MODEL"), 2, "--multi  this is for labels of your own"),
        (("-", "--labels", "lamp,sea", "--model", "MODEL"), 4, "task 'classify', not for labels of your own"),
        (("-", "--model", "LABELS"), 4, "task 'zero_shot', not for classification without given labels"),
        (("-", "--labels", "lamp " * 70 + ",sea", "--model", "LABELS"), 2, "it must have 1 to 62"),
        (("x.txt", "--model", "MODEL"), 3, "there is no such file"),
        (("-", "--model", "QA"), 4, "trained for the task 'qa', not for classification"),
        (
            ("-", "--model", "MODEL", "--threshold", "0"),
            2,
            "--threshold  0.0 is no threshold",
        ),
    ],
)
def test_mistakes_are_told_with_the_right_code(
    invoke: Any,
    tiny_classify_model: Path,
    tiny_qa_model: Path,
    tiny_label_model: Path,
    args: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    named = {"MODEL": str(tiny_classify_model), "QA": str(tiny_qa_model), "LABELS": str(tiny_label_model)}
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


# labels of one's own


def test_named_labels_get_probabilities_and_the_passage_that_decided(
    invoke: Any, tiny_label_model: Path, article: Path
) -> None:
    result = invoke("classify", article, "--labels", "lamp, sea,the storm", "-m", tiny_label_model, "--json")
    assert result.exit_code == 0, result.stderr
    [record] = records(result.stdout)
    keys = ["label", "score", "scores", "none_score", "combine", "evidence", "source", "id", "receipt"]
    assert list(record) == keys
    assert list(record["scores"]) == ["lamp", "sea", "the storm"]
    assert sum(record["scores"].values()) + record["none_score"] == pytest.approx(1)
    assert record["score"] == max(record["scores"].values())
    likeliest = max(record["scores"], key=record["scores"].__getitem__)
    assert record["label"] == (likeliest if record["score"] >= record["none_score"] else None)
    assert 0 <= record["evidence"]["start"] < record["evidence"]["end"] <= len(article.read_text())
    assert record["receipt"]["read"] == record["receipt"]["tokens"] > 64


def test_labels_come_from_lines_from_yaml_and_from_python_alike(
    invoke: Any, tmp_path: Path, tiny_label_model: Path
) -> None:
    (tmp_path / "lines.txt").write_text("lamp: a light in a tower\n\nsea\n")
    (tmp_path / "mapping.yaml").write_text("lamp: a light in a tower\nsea:\n")
    (tmp_path / "list.yml").write_text("- 'lamp: a light in a tower'\n- sea\n")
    told = {"lamp": "a light in a tower", "sea": ""}
    expected = bb.classify("ada lit it", labels=told, model=tiny_label_model)
    assert isinstance(expected, dict)
    for name in ("lines.txt", "mapping.yaml", "list.yml"):
        result = invoke("classify", "-", "--labels-file", name, "-m", tiny_label_model, "--json", stdin="ada lit it")
        assert records(result.stdout)[0]["scores"] == expected["scores"], name
    assert bb.classify("ada lit it", labels=["lamp: a light in a tower", "sea"], model=tiny_label_model) == expected
    bare = bb.classify("ada lit it", labels="lamp,sea", model=tiny_label_model)
    assert isinstance(bare, dict)
    assert bare["scores"] != expected["scores"]


def test_a_label_file_that_is_no_list_of_labels_is_told(invoke: Any, tmp_path: Path, tiny_label_model: Path) -> None:
    (tmp_path / "a.yaml").write_text("lamp: [1, 2]\n")
    (tmp_path / "b.yaml").write_text("")
    for name, words in (("a.yaml", "a mapping of names to descriptions"), ("b.yaml", "there is no label")):
        result = invoke("classify", "-", "--labels-file", name, "-m", tiny_label_model, stdin="ada")
        assert (result.exit_code, words in result.stderr) == (2, True), result.stderr


def test_top_k_gives_the_likeliest_first_and_changes_no_score(tiny_label_model: Path) -> None:
    labels = ["lamp", "sea", "storm", "ship"]
    everything = bb.classify("ada lit it", labels=labels, model=tiny_label_model)
    best = bb.classify("ada lit it", labels=labels, model=tiny_label_model, top_k=2)
    assert isinstance(everything, dict)
    assert isinstance(best, dict)
    ranked = sorted(everything["scores"].items(), key=lambda pair: -pair[1])
    assert list(best["scores"].items()) == ranked[:2]


def test_several_of_the_named_labels_may_be_right(tiny_label_model: Path) -> None:
    labels = ["lamp", "sea", "storm"]

    def told(threshold: float) -> dict[str, Any]:
        record = bb.classify("ada lit it", labels=labels, model=tiny_label_model, multi=True, threshold=threshold)
        assert isinstance(record, dict)
        return record

    everything, nothing = told(1e-9), told(1 - 1e-9)
    assert sorted(everything["labels"]) == labels
    assert everything["label"] == everything["labels"][0] == max(labels, key=everything["scores"].__getitem__)
    assert (nothing["labels"], nothing["label"]) == ([], None)


def test_a_label_that_is_added_last_changes_no_cosine_of_the_others(tiny_label_model: Path) -> None:
    few = bb.classify("ada lit it", labels="lamp,sea", model=tiny_label_model, multi=True)
    more = bb.classify("ada lit it", labels=["lamp", "sea", "the storm on the sea"], model=tiny_label_model, multi=True)
    assert isinstance(few, dict)
    assert isinstance(more, dict)
    assert {name: more["scores"][name] for name in ("lamp", "sea")} == pytest.approx(few["scores"], abs=1e-6)


def test_none_of_these_is_said_unless_one_must_be_right(invoke: Any, tmp_path: Path, tiny_label_model: Path) -> None:
    folder = tmp_path / "doubting"
    shutil.copytree(tiny_label_model, folder)
    task = {"type": "zero_shot", "window": 64, "overlap": 16, "none_logit": 30.0}
    (folder / "task.json").write_text(json.dumps(task))
    doubting = invoke("classify", "-", "--labels", "lamp,sea", "-m", folder, stdin="ada lit it")
    assert doubting.stdout.splitlines()[1].split()[:3] == ["none", "of", "these"]
    record = bb.classify("ada lit it", labels="lamp,sea", model=folder)
    sure = bb.classify("ada lit it", labels="lamp,sea", model=folder, closed=True)
    assert isinstance(record, dict)
    assert isinstance(sure, dict)
    assert (record["label"], sure["label"]) == (None, max(sure["scores"], key=sure["scores"].__getitem__))
    assert sure["none_score"] == 0


def test_a_row_with_a_second_text_is_refused_beside_labels_of_ones_own(invoke: Any, tiny_label_model: Path) -> None:
    rows = '{"text": "ada lit it", "pair": "the lamp"}\n{"text": "ada lit it", "pair": ""}\n'
    found = records(invoke("classify", "--labels", "lamp,sea", "-m", tiny_label_model, "--json", stdin=rows).stdout)
    assert found[0]["error"]["problem"] == "beside labels of your own there is no second text"
    assert found[1]["label"] in ("lamp", "sea")


def test_rows_are_labelled_as_they_stream_in(invoke: Any, tiny_label_model: Path) -> None:
    rows = '{"text": "ada lit it", "id": 7}\n{"text": ""}\n{"text": "bel"}\n'
    result = invoke("classify", "--labels", "lamp,sea", "-m", tiny_label_model, "--json", stdin=rows)
    assert result.exit_code == 1
    found = records(result.stdout)
    assert ["error" in record for record in found] == [False, True, False]
    assert found[0]["id"] == 7

"""Gold whose labels are called otherwise than the model's."""

import json
from pathlib import Path

import pytest

import bigbird_cli as bb
from bigbird_cli.api.gold.renaming import renamed
from bigbird_cli.errors import DataError, UsageError
from bigbird_cli.tasks.classify.data import LabelledText
from bigbird_cli.tasks.classify.task import Classification
from bigbird_cli.tasks.ner.decoding import Entity, NERPrediction
from bigbird_cli.tasks.ner.gold import GoldEntity, NERExample
from bigbird_cli.tasks.ner.task import NamedEntities
from bigbird_cli.tasks.qa.task import QuestionAnswering
from bigbird_cli.tasks.windowed import Coverage

TEXT = "ada left rome in may"


def test_types_that_the_gold_says_nothing_of_count_neither_way() -> None:
    gold = (GoldEntity("per", 0, 3), GoldEntity("misc", 9, 13))
    task, [example] = renamed(
        NamedEntities(labels=("DATE", "GPE", "PERSON")), [NERExample("a", TEXT, gold)], {"per": "PERSON", "misc": ""}
    )
    found = [("PERSON", 0, 3), ("GPE", 9, 13), ("DATE", 17, 20)]
    entities = tuple(Entity(type_, start, end, 0.9, TEXT[start:end]) for type_, start, end in found)
    scores = task.score([NERPrediction("a", entities, Coverage(5, 5, 0, 1, 7))], [example])
    assert (scores["precision"], scores["recall"], scores["predicted"]) == (100, 100, 1)


def test_a_type_may_be_either_of_two_of_the_models() -> None:
    gold = (GoldEntity("location", 9, 13),)
    task = NamedEntities(labels=("GPE", "LOC"))
    task, [example] = renamed(task, [NERExample("a", TEXT, gold)], {"location": "GPE|LOC"})
    prediction = NERPrediction("a", (Entity("GPE", 9, 13, 0.9, "rome"),), Coverage(5, 5, 0, 1, 7))
    assert task.score([prediction], [example])["f1"] == 100


def test_documents_whose_label_the_model_has_not_are_left_out() -> None:
    examples = [LabelledText("a", TEXT, "bad"), LabelledText("b", TEXT, "odd"), LabelledText("c", TEXT, "good")]
    _, kept = renamed(Classification(labels=("good", "poor")), examples, {"bad": "poor", "odd": ""})
    assert [(example.id, example.label) for example in kept] == [("a", "poor"), ("c", "good")]


def test_a_model_is_evaluated_on_data_that_names_types_otherwise(tiny_ner_model: Path, tmp_path: Path) -> None:
    row = {"tokens": ["ada", "left", "rome"], "tags": ["B-person", "O", "B-place"]}
    (tmp_path / "dev.jsonl").write_text(json.dumps(row))
    evaluation = bb.evaluate(tiny_ner_model, tmp_path / "dev.jsonl", rename={"person": "PER", "place": "LOC"})
    assert [each["total"] for each in evaluation["by_name"]["strict"]] == [1, 1]
    with pytest.raises(DataError, match="'person', which is none of the labels"):
        bb.evaluate(tiny_ner_model, tmp_path / "dev.jsonl", rename={"persn": "PER"})


def test_tasks_without_labels_have_none_to_rename() -> None:
    with pytest.raises(UsageError, match="for qa has no labels to rename"):
        renamed(QuestionAnswering(), [], {"a": "b"})

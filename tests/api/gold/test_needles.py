"""Facts planted at every depth of ever longer texts."""

import json
from pathlib import Path

import pytest

import bigbird_cli as bb
from bigbird_cli.errors import ModelError, UsageError
from bigbird_cli.tasks.qa.needles import DEPTHS, is_found, planted


def test_every_fact_stands_at_its_depth_and_is_its_questions_answer() -> None:
    text = "The sea was calm. " * 200
    for _, depth, example in planted([text]):
        [gold] = example.answers
        assert example.context[gold.start :].startswith(gold.text)
        assert abs(gold.start / len(example.context) - depth / 100) < 0.03


def test_an_answer_may_say_more_than_was_wanted() -> None:
    assert is_found("Port Leon", "the town of port leon")
    assert not is_found("36", "1936")
    assert not is_found("36", None)


def test_a_map_has_a_row_for_each_length_and_a_column_for_each_depth(tiny_qa_model: Path, tmp_path: Path) -> None:
    rows = [{"context": "the lamp of the sea . " * 120, "question": "who?", "answers": [], "id": "a"}]
    (tmp_path / "dev.jsonl").write_text(json.dumps(rows[0]))
    found = bb.find_needles(tiny_qa_model, tmp_path / "dev.jsonl", longest=600)
    assert [(each["tokens"], each["depth"]) for each in found] == [(512, depth) for depth in DEPTHS]
    with pytest.raises(UsageError, match="a text of 1,024 is asked for"):
        bb.find_needles(tiny_qa_model, tmp_path / "dev.jsonl", longest=1024)


def test_other_tasks_have_no_needles(tiny_ner_model: Path) -> None:
    with pytest.raises(ModelError, match="trained for the task 'ner', not for qa"):
        bb.find_needles(tiny_ner_model)
    with pytest.raises(UsageError, match="too few"):
        bb.find_needles(tiny_ner_model, longest=10)

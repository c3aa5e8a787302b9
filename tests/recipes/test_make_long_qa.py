"""Rows of TriviaQA, Natural Questions and HotpotQA as the hub has them become questions that the task reads."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bigbird_cli.files.hub import OFFLINE
from bigbird_cli.recipe import load_recipe
from bigbird_cli.tasks.qa.squad import QAExample

Row = dict[str, Any]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "recipes/scripts/make_long_qa.py"
    spec = importlib.util.spec_from_file_location("make_long_qa", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def trivia(aliases: list[str], *texts: str) -> Row:
    return {
        "question_id": "tc_1",
        "question": "Which port did she leave?",
        "entity_pages": {"title": ["a"] * len(texts), "wiki_context": list(texts)},
        "answer": {"value": aliases[0], "aliases": aliases[1:]},
    }


WORDS = ["<H1>", "Lamps", "</H1>", "<P>", "Ada", "lit", "the", "<B>", "old", "</B>", "lamp", ".", "</P>"]


def natural(*short: list[tuple[int, int]], yes_no: list[int] | None = None) -> Row:
    """A row with the short answers of one person or of several, by tokens."""
    return {
        "id": "797803103760793766",
        "document": {"tokens": {"token": WORDS, "is_html": [word.startswith("<") for word in WORDS]}},
        "question": {"text": "who lit the lamp", "tokens": []},
        "annotations": {
            "yes_no_answer": yes_no or [-1] * len(short),
            "short_answers": [
                {"start_token": [first for first, _ in each], "end_token": [stop for _, stop in each]} for each in short
            ],
        },
    }


def hotpot(answer: str) -> Row:
    sentences = [["Ada was born in Oslo.", " She lit a lamp."], ["Bel, of Oslo, was a pilot."]]
    return {
        "id": "5a7a06935542990198eaf050",
        "question": "Where was she who lit the lamp born?",
        "answer": answer,
        "supporting_facts": {"title": ["Ada"], "sent_id": [0]},
        "context": {"title": ["Ada", "Bel"], "sentences": sentences},
    }


def answers(row: Row | None) -> list[tuple[str, int]]:
    assert row is not None
    found = list(zip(row["answers"]["text"], row["answers"]["answer_start"], strict=True))
    assert all(row["context"].startswith(text, start) for text, start in found)
    return found


def test_every_place_of_an_alias_is_an_answer_however_it_is_capitalised(script: ModuleType) -> None:
    row = trivia(["Oslo", "Christiania", "Oslo harbour"], "She left oslo Harbour.", "Osloites say Christiania.")
    assert answers(script.triviaqa(row)) == [("oslo Harbour", 9), ("Christiania", 37)]


def test_a_question_whose_answer_no_article_says_is_left_out(script: ModuleType) -> None:
    assert script.triviaqa(trivia(["Oslo"], "She left Bergen.")) is None
    assert script.triviaqa(trivia(["Oslo"])) is None


def test_html_becomes_line_ends_and_answers_stand_among_the_words(script: ModuleType) -> None:
    row = script.natural_questions(natural([(4, 5), (6, 11)]))
    assert row["context"] == "Lamps\nAda lit the old lamp ."
    assert answers(row) == [("Ada", 6), ("the old lamp", 14)]


def test_two_of_five_people_must_have_found_a_short_answer(script: ModuleType) -> None:
    assert answers(script.natural_questions(natural([(4, 5)], [], [], [], []))) == []
    assert answers(script.natural_questions(natural([(4, 5)], [], [(4, 6)], [], []))) == [("Ada", 6), ("Ada lit", 6)]
    assert answers(script.natural_questions(natural([]))) == []


def test_questions_that_are_answered_by_yes_or_no_are_left_out(script: ModuleType) -> None:
    assert script.natural_questions(natural([], yes_no=[1])) is None
    assert script.natural_questions(natural([], [], [(4, 5)], yes_no=[0, 0, -1])) is None
    assert script.natural_questions(natural([], [], [], yes_no=[0, -1, -1]))


def test_objects_of_lists_and_lists_of_objects_are_read_alike(script: ModuleType) -> None:
    row = natural([(4, 5)])
    lists = row["annotations"]
    row["annotations"] = [{name: lists[name][0] for name in lists}]
    assert answers(script.natural_questions(row)) == [("Ada", 6)]


def test_an_answer_stands_where_its_support_says_it(script: ModuleType) -> None:
    row = script.hotpotqa(hotpot("Oslo"))
    assert row["context"] == "yes no\n\nAda\nAda was born in Oslo. She lit a lamp.\n\nBel\nBel, of Oslo, was a pilot."
    assert answers(row) == [("Oslo", 28)]
    assert answers(script.hotpotqa(hotpot("pilot"))) == [("pilot", row["context"].index("pilot"))]
    assert script.hotpotqa(hotpot("Bergen")) is None


@pytest.mark.parametrize(("answer", "start"), [("yes", 0), ("no", 4)])
def test_yes_and_no_stand_at_the_context_s_beginning(script: ModuleType, answer: str, start: int) -> None:
    assert answers(script.hotpotqa(hotpot(answer))) == [(answer, start)]


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("triviaqa", trivia(["Oslo"], "She left Oslo.")),
        ("natural-questions", natural([(4, 5)])),
        ("hotpotqa", hotpot("Oslo")),
    ],
)
def test_what_is_written_is_read_by_the_recipe_of_the_same_name(
    script: ModuleType, tmp_path: Path, name: str, row: Row, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    source = str(tmp_path / "rows.jsonl")
    assert script.main([name, "--out", str(tmp_path / "data" / name), "--train", source, "--dev", source]) == 0
    assert "train.jsonl: 1 question, 0 of them without an answer; 0 left out" in capsys.readouterr().err
    recipe = load_recipe(name)
    (example,) = recipe.task.read(tmp_path / recipe.data.train[0])
    assert isinstance(example, QAExample)
    assert example.has_answer


def test_without_a_network_one_line_says_so(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(OFFLINE[0], "1")
    assert script.main(["triviaqa", "--out", str(tmp_path)]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: hub:mandarjoshi/trivia_qa#rc.wikipedia:train: this data set is on the hub")
    assert line.endswith("fetch its Parquet files, and name them with --train and --dev")
    assert not list(tmp_path.iterdir())

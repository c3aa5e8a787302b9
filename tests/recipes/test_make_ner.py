"""What taggers and people annotated becomes rows whose entities stand in place, and that say what they leave open."""

import importlib
import json
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "recipes/scripts/make_ner"


@pytest.fixture(scope="module")
def gold() -> Iterator[ModuleType]:
    yield from _imported("gold")


@pytest.fixture(scope="module")
def mix() -> Iterator[ModuleType]:
    yield from _imported("mix")


def _imported(name: str) -> Iterator[ModuleType]:
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(FOLDER))


def said(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row["text"][start:end], type_) for start, end, type_ in row["entities"]]


def tagged(text: str, first: dict[str, str], second: dict[str, str]) -> dict[str, Any]:
    def spans(found: dict[str, str]) -> list[list[Any]]:
        return [[text.index(words), text.index(words) + len(words), type_] for words, type_ in found.items()]

    return {"text": text, "first": spans(first), "second": spans(second)}


def test_tokens_are_written_as_people_write_them(gold: ModuleType) -> None:
    words = ["``", "Ada", "'s", "lamp", "(", "new", ")", ",", "''", "she", "said", "."]
    text, entities = gold.joined([(words, [(1, 2, "PERSON")])])
    assert text == '"Ada\'s lamp (new)," she said.'
    assert [text[start:end] for start, end, _ in entities] == ["Ada"]


def test_an_inside_tag_without_its_beginning_begins_an_entity(gold: ModuleType) -> None:
    assert gold.tagged_spans(["I-PER", "I-PER", "I-LOC", "O", "B-LOC", "B-LOC"]) == [
        (0, 2, "PER"),
        (2, 3, "LOC"),
        (4, 5, "LOC"),
        (5, 6, "LOC"),
    ]


@pytest.mark.parametrize(
    ("text", "type_", "kept"),
    [
        ("the United States", "GPE", "United States"),
        ("The Hobbit", "WORK_OF_ART", "The Hobbit"),
        ("Mrs. Ada Bel's", "PERSON", "Ada Bel"),
        ("the lamp's last year", "DATE", "the lamp's last year"),
        ("St. John", "PERSON", "St. John"),
    ],
)
def test_names_lose_articles_titles_and_possessives(gold: ModuleType, text: str, type_: str, kept: str) -> None:
    start, end, _ = gold.trimmed(text, (0, len(text), type_))
    assert text[start:end] == kept


def test_money_takes_the_sign_before_it(gold: ModuleType) -> None:
    assert gold.trimmed("for $20 a day", (5, 7, "MONEY")) == (4, 7, "MONEY")


def test_what_both_taggers_give_is_an_entity_and_what_one_gives_unsure(mix: ModuleType) -> None:
    text = "Ada met Cora and Dov in Bel"
    row = mix.agreed(
        tagged(
            text, {"Ada": "PERSON", "Bel": "GPE", "Cora": "PERSON"}, {"Ada": "PERSON", "Bel": "ORG", "Dov": "PERSON"}
        )
    )
    assert said(row) == [("Ada", "PERSON"), ("Bel", "GPE|ORG")]
    assert [text[start:end] for start, end in row["unsure"]] == ["Cora", "Dov"]


def test_a_surname_is_the_person_that_the_text_names_in_full(mix: ModuleType) -> None:
    rows = [tagged("Ada Bel came.", {"Ada Bel": "PERSON"}, {"Ada Bel": "PERSON"})] * 2
    rows.append(tagged("Bel left.", {"Bel": "ORG"}, {"Bel": "ORG"}))
    rows.append(tagged("Bel slept.", {"Bel": "ORG"}, {}))
    assert [said(row) for row in mix.consistent(rows)[2:]] == [[("Bel", "PERSON")], [("Bel", "PERSON")]]


def test_a_word_that_the_text_writes_small_as_well_is_no_name(mix: ModuleType) -> None:
    rows = [
        tagged("The Company pays.", {"Company": "ORG"}, {"Company": "ORG"}),
        {"text": "a company, the company", "first": [], "second": []},
    ]
    assert mix.consistent(rows)[0] == {"text": "The Company pays.", "entities": [], "unsure": [[4, 11]]}


def test_people_decide_on_their_types_and_taggers_add_the_others(mix: ModuleType) -> None:
    text = "Ada saw Bel on Monday"
    row = {"text": text, "entities": [[8, 11, "GPE|LOC|FAC"]], "types": ["FAC", "GPE", "LOC", "PERSON"]}
    told = mix.informed(
        row,
        tagged(
            text, {"Ada": "PERSON", "Bel": "GPE", "Monday": "DATE"}, {"Ada": "PERSON", "Bel": "GPE", "Monday": "DATE"}
        ),
    )
    assert said(told) == [("Bel", "GPE"), ("Monday", "DATE")]
    assert {"DATE", "PERSON"} <= set(told["types"])
    assert "NORP" not in told["types"]


@pytest.mark.parametrize("seed", range(5))
def test_however_a_row_is_cut_and_changed_its_entities_stay_in_place(mix: ModuleType, seed: int) -> None:
    luck = random.Random(seed)
    names = [f"Ada{i} Bel{i}" for i in range(40)]
    text = " ".join(f"Then {name} came home again." for name in names)
    row = {"text": text, "entities": [[text.index(n), text.index(n) + len(n), "PERSON"] for n in names], "unsure": []}
    pieces = list(mix.shorter(row, luck.randint(30, 200)))
    assert "".join(piece["text"] for piece in pieces) == text
    assert [name for piece in pieces for name, _ in said(piece)] == names
    for _, change in mix.CHANGES:
        changed = change(mix.together(pieces), luck)
        found = {" ".join(name.split()).lower() for name, _ in said(changed)}
        assert found == {name.lower() for name in names}


def test_a_list_holds_names_of_its_text(mix: ModuleType) -> None:
    text = "Ada Bel Cora Dov Eve Flo Gus"
    row = {"text": text, "entities": [[text.index(n), text.index(n) + len(n), "PERSON"] for n in text.split()]}
    for seed in range(20):
        listed = mix.listed(row, random.Random(seed))
        assert {name.lower() for name, _ in said(listed)} <= {name.lower() for name in text.split()}
        assert len(listed["entities"]) >= 6


@pytest.fixture(scope="module")
def calibrate() -> Iterator[ModuleType]:
    yield from _imported("calibrate")


def test_scores_that_are_right_as_often_as_they_say_have_no_calibration_error(calibrate: ModuleType) -> None:
    scores = np.repeat([0.25, 0.75], 4 * calibrate.N_BINS // 2)
    is_right = np.concatenate(
        [np.tile([1, 0, 0, 0], calibrate.N_BINS // 2), np.tile([1, 1, 1, 0], calibrate.N_BINS // 2)]
    )
    assert calibrate.calibration_error(scores, is_right) == pytest.approx(0)
    assert calibrate.calibration_error(np.ones(40), is_right[:40]) == pytest.approx(0.5)


def test_the_best_temperature_is_written_into_the_models_task(
    calibrate: ModuleType, tmp_path: Path, tiny_ner_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_ner_model, model)
    task = json.loads((model / "task.json").read_text())
    (model / "task.json").write_text(json.dumps({**task, "partial": True}))
    row = {"text": "ada lit the lamp in the tower", "entities": [[0, 3, "PER"]], "types": ["LOC", "PER"]}
    dev = tmp_path / "dev.jsonl"
    dev.write_text(f"{json.dumps(row)}\n" * 4)
    monkeypatch.setattr(sys, "argv", ["calibrate", str(model), str(dev), "--write"])
    calibrate.main()
    assert json.loads((model / "task.json").read_text())["temperature"] > 1  # a random model is far too sure

"""Parts of the training data that are not learnt from: whole documents, always the same, of each label its share."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bigbird_cli.errors import DataError, RecipeError
from bigbird_cli.events import Evaluated, Scored
from bigbird_cli.files.names import CARD
from bigbird_cli.recipe import load_recipe
from bigbird_cli.training.parts import Parts, draw_parts, number_of
from bigbird_cli.training.train import train
from tests.training.runs import CPU, every_engine, metrics, recipe

Row = tuple[str, str]
ROWS: list[Row] = [(f"document {n}", "rare" if n % 10 == 0 else "common") for n in range(200)]


def identity(row: Row) -> Row:
    return row


def drawn(rows: list[Row], part: frozenset[int], *, seed: int = 0) -> list[Row]:
    return [row for row in rows if number_of(row[0], seed) in part]


def draw(rows: list[Row], *, dev: float = 0.1, test: float = 0.0, seed: int = 0) -> Parts:
    return draw_parts(rows, identity, dev=dev, test=test, seed=seed)


def test_each_label_has_its_share_in_each_part() -> None:
    parts = draw(ROWS, dev=0.1, test=0.2)
    assert Counter(label for _, label in drawn(ROWS, parts.dev)) == {"common": 18, "rare": 2}
    assert Counter(label for _, label in drawn(ROWS, parts.test)) == {"common": 36, "rare": 4}


def test_no_document_is_in_two_parts() -> None:
    parts = draw(ROWS, dev=0.3, test=0.3)
    learnt = [row for row in ROWS if parts.is_learnt(row[0])]
    assert not parts.dev & parts.test
    assert len(learnt) + len(parts.dev) + len(parts.test) == len(ROWS)


def test_all_examples_of_a_document_stay_together() -> None:
    rows = [(document, f"question {n}") for document, _ in ROWS for n in range(3)]
    found = Counter(document for document, _ in drawn(rows, draw(rows).dev))
    assert len(found) == 20
    assert set(found.values()) == {3}


def test_the_order_of_the_file_does_not_matter_and_the_seed_does() -> None:
    assert draw(ROWS).dev == draw(ROWS[::-1]).dev
    documents = {row[0] for row in drawn(ROWS, draw(ROWS).dev)}
    assert documents != {row[0] for row in drawn(ROWS, draw(ROWS, seed=1).dev, seed=1)}


def test_a_part_has_one_document_at_least() -> None:
    assert len(draw(ROWS[:3], dev=0.1).dev) == 1
    with pytest.raises(DataError, match="1 document cannot be shared out among 2 parts"):
        draw(ROWS[:1])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"dev": "60%"}, "dev is 60%; a share is above 0 % and 50 % at most"),
        ({"test": "0%"}, "test is 0%"),
        ({"dev": "10%", "streaming": True}, "a stream cannot be shared out"),
    ],
)
def test_a_share_that_cannot_be_is_refused(data: dict[str, Any], words: str, tmp_path: Path) -> None:
    values = {
        "model": {"start": "qa-mini"},
        "task": {"type": "qa"},
        "data": {"train": "t.json", **data},
        "optim": {"lr": 1e-3, "steps": 1},
    }
    (tmp_path / "r.yaml").write_text(json.dumps(values))
    with pytest.raises(RecipeError, match=words):
        load_recipe(tmp_path / "r.yaml")


@every_engine
def test_the_best_model_is_scored_once_on_the_test_set(start: Path, data: Path, tmp_path: Path, engine: str) -> None:
    del engine
    settings = recipe(start, data, data__dev="20%", data__test=str(data / "dev.json"))
    events = list(train(settings, tmp_path / "run", compute=CPU))
    (tested,) = [event for event in events if isinstance(event, Scored)]
    assert tested.scores["total"] == 6
    assert {event.scores["total"] for event in events if isinstance(event, Evaluated)} == {6}  # a fifth of 30
    assert metrics(tmp_path / "run")[-2]["event"] == "scored"
    assert (tmp_path / "run" / CARD).read_text().count("## Scores on the test data") == 1


def test_the_model_that_is_tested_is_the_one_that_was_kept(start: Path, data: Path, tmp_path: Path) -> None:
    """The last model is another one where the learning rate is too high; both parts are the same file."""
    settings = recipe(start, data, data__test=str(data / "dev.json"), optim__lr=0.05, optim__steps=24)
    events = list(train(settings, tmp_path / "run", compute=CPU))
    best = [event for event in events if isinstance(event, Evaluated) and event.best][-1]
    (tested,) = [event for event in events if isinstance(event, Scored)]
    assert (tested.step, tested.scores) == (best.step, best.scores)

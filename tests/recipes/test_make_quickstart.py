"""The quickstart recipes' data is what their script writes, and holds no name of dev in what is learnt."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quickstart")
    script = Path(__file__).resolve().parents[2] / "recipes" / "scripts" / "make_quickstart.py"
    subprocess.run([sys.executable, script, folder], check=True, capture_output=True)
    return folder


def test_what_ships_is_what_the_script_writes(made: Path, repository: Path) -> None:
    shipped = repository / "recipes" / "examples" / "quickstart"
    assert {path.name: path.read_bytes() for path in made.iterdir()} == {
        path.name: path.read_bytes() for path in shipped.iterdir()
    }


def test_answers_and_names_stand_where_they_are_said_to(made: Path) -> None:
    for row in rows(made / "qa-train.jsonl"):
        (answer,), (start,) = row["answers"]["text"], row["answers"]["answer_start"]
        assert row["context"].startswith(answer, start)
        assert row["context"].count(answer) == 1
    for row in rows(made / "ner-train.jsonl"):
        for entity in row["entities"]:
            name = row["text"][entity["start"] : entity["end"]]
            assert name == name.strip()
            assert name[0].isupper() or name[0].isdigit()


def test_nobody_of_dev_is_in_what_is_learnt(made: Path) -> None:
    people = [
        row["text"][each["start"] : each["end"]]
        for row in rows(made / "ner-dev.jsonl")
        for each in row["entities"]
        if each["type"] == "PERSON"
    ]
    learnt = (made / "ner-train.jsonl").read_text(encoding="utf-8")
    assert people
    assert not [name for name in people if name in learnt]

"""`bigbird recipes` lists, shows and copies."""

import json
from pathlib import Path
from typing import Any


def test_recipes_are_listed_one_a_line(invoke: Any) -> None:
    result = invoke("recipes")
    lines = result.stdout.splitlines()
    assert any(line.startswith("squad ") and "  qa  " in line for line in lines)
    assert [json.loads(line)["name"] for line in invoke("recipes", "--json").stdout.splitlines()] == [
        line.split()[0] for line in lines
    ]


def test_a_recipe_is_shown_and_copied(invoke: Any, tmp_path: Path) -> None:
    shown = invoke("recipes", "show", "squad").stdout
    result = invoke("recipes", "copy", "squad")
    assert "recipes/squad.yaml and 1 file beside it: written" in result.stderr
    assert (tmp_path / "recipes" / "squad.yaml").read_text() == shown
    assert "recipes has it already" in invoke("recipes", "copy", "squad").stderr


def test_a_recipe_must_be_named_where_one_is_meant(invoke: Any) -> None:
    assert "name the recipe to show" in invoke("recipes", "show").stderr
    assert "schema takes no name" in invoke("recipes", "schema", "squad").stderr
    assert "did you mean show?" in invoke("recipes", "shwo", "squad").stderr

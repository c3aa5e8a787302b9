"""`bigbird recipes` lists, shows and copies."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bigbird_cli.cli.commands.recipes import _beside


def test_recipes_are_listed_one_a_line(invoke: Any) -> None:
    result = invoke("recipes")
    lines = result.stdout.splitlines()
    assert any(line.startswith("squad ") and "  qa  " in line for line in lines)
    assert [json.loads(line)["name"] for line in invoke("recipes", "--json").stdout.splitlines()] == [
        line.split()[0] for line in lines
    ]


def test_a_long_title_is_broken_between_words_on_a_terminal() -> None:
    title = "Choose among several answers from one document"
    assert _beside("mctest  choice  ", title, None) == f"mctest  choice  {title}"
    assert _beside("mctest  choice  ", title, 40) == (
        "mctest  choice  Choose among several\n                answers from one\n                document"
    )
    assert _beside("mctest  choice  ", "Choose", 10) == "mctest  choice  Choose"


def test_a_recipe_is_shown_and_copied(invoke: Any, tmp_path: Path) -> None:
    shown = invoke("recipes", "show", "squad").stdout
    result = invoke("recipes", "copy", "squad")
    assert "recipes/squad.yaml and 1 file beside it: written" in result.stderr
    assert (tmp_path / "recipes" / "squad.yaml").read_text() == shown
    assert "recipes has it already" in invoke("recipes", "copy", "squad").stderr


def test_settings_are_told_one_a_line(invoke: Any) -> None:
    assert "optim.clip: a number, above 0; by default 1.0. The gradient's norm is cut down to this.\n" in (
        invoke("recipes", "settings", "optim").stdout
    )
    of_qa = invoke("recipes", "settings", "max_answer_tokens").stdout
    assert of_qa.startswith("task.max_answer_tokens: a whole number, 1 or more; by default 30; of qa. ")
    (lr,) = map(json.loads, invoke("recipes", "settings", "optim.lr", "--json").stdout.splitlines())
    assert (lr["needed"], lr["default"]) == (True, None)


def test_a_setting_is_drawn_over_two_lines_on_a_terminal(invoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    lines = re.sub(r"\x1b\[\d*m", "", invoke("recipes", "settings", "optim.clip").stdout).splitlines()
    assert [line.rstrip() for line in lines] == [
        "optim.clip  a number, above 0; by",
        "default 1.0",
        "    The gradient's norm is cut down to",
        "    this.",
    ]


def test_a_recipe_must_be_named_where_one_is_meant(invoke: Any) -> None:
    assert "name the recipe to show" in invoke("recipes", "show").stderr
    assert "schema takes no name" in invoke("recipes", "schema", "squad").stderr
    assert "did you mean show?" in invoke("recipes", "shwo", "squad").stderr

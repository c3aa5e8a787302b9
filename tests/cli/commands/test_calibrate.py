"""`bigbird calibrate`: errors before and after, and the settings that changed."""

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    path = tmp_path / "colours.csv"
    path.write_text("text,label\nthe sea,blue\nthe lamp,red\nthe sea of stone,blue\nthe tower,green\n")
    return path


def test_a_pipe_gets_errors_and_settings(invoke: Any, tiny_classify_model: Path, colours: Path) -> None:
    result = invoke("calibrate", tiny_classify_model, colours, "--out", "mine")
    assert result.exit_code == 0, result.stderr
    assert "temperature" in result.stdout
    assert "written to mine/task.json" in result.stdout
    shown = json.loads(invoke("calibrate", "./mine", colours, "--json", "--dry-run").stdout)
    assert shown["out"] is None


def test_a_shipped_model_needs_a_folder_for_its_copy(invoke: Any, colours: Path) -> None:
    result = invoke("calibrate", "classify-mini", colours)
    assert result.exit_code == 2
    assert "--out" in result.stderr


def test_the_help_page_writes_an_argument_of_several_without_braces(invoke: Any) -> None:
    assert invoke("calibrate", "--help").stdout.startswith("Usage: bigbird calibrate [OPTIONS] MODEL DATA...\n")

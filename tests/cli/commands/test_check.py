"""`bigbird check` shows what is wrong with a recipe's rows, mends what it may, and takes one step."""

import json
from pathlib import Path
from typing import Any

import pytest

RECIPE = """
model:
  start: {model}
task:
  type: qa
  window: 64
  overlap: 16
data:
  train: train.jsonl
optim:
  lr: 1e-3
  batch_size: 2
  steps: 2
"""
CONTEXT = "ada lit the lamp in the year 1820 ."


def row(name: str, start: int = 0) -> dict[str, Any]:
    answers = {"text": ["ada"], "answer_start": [start]}
    return {"id": name, "context": CONTEXT, "question": "who lit the lamp", "answers": answers}


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))


@pytest.fixture
def recipe(tmp_path: Path, tiny_qa_model: Path) -> Path:
    write(tmp_path / "train.jsonl", [row("a"), {**row("b"), "question": "who"}, {**row("c"), "question": "lit"}])
    (tmp_path / "trial.yaml").write_text(RECIPE.format(model=tiny_qa_model))
    return tmp_path / "trial.yaml"


def test_a_sound_recipe_is_tried_out_and_nothing_is_written(invoke: Any, recipe: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    result = invoke("check", recipe)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "rows looked through: train 3; nothing is wrong" in result.stderr
    assert "recipe, data and one step hold: 3 examples" in result.stderr
    assert "MB was written and gone on from; the run needs" in result.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_wrong_rows_are_told_by_line_and_stop_before_a_model_is_opened(
    invoke: Any, recipe: Path, tmp_path: Path
) -> None:
    write(tmp_path / "train.jsonl", [row("a"), row("b", start=5), {**row("c"), "question": "lit"}])
    recipe.write_text(RECIPE.format(model="./none"))
    result = invoke("check", "trial.yaml")
    assert result.exit_code == 3
    assert "✗ answers that are not where they are said to be: 1" in result.stdout
    assert "    train.jsonl:2, question b  the answer 'ada' is not at character 5" in result.stdout
    assert "train 2; 1 error" in result.stderr
    (told,) = [json.loads(line) for line in invoke("check", "trial.yaml", "--json").stdout.splitlines()]
    assert (told["kind"], told["where"], told["error"]) == ("answer", "train.jsonl:2, question b", True)


def test_a_mended_copy_is_named_as_the_way_on(invoke: Any, recipe: Path, tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", [row("a"), {**row("b", start=5), "question": "who"}])
    result = invoke("check", recipe, "--fix", "mended", "--data-only")
    assert "answers put where they stand: 1" in result.stderr
    assert "--set data.train=mended/train.jsonl" in result.stderr
    assert invoke("check", recipe, "--set", "data.train=mended/train.jsonl", "--data-only").exit_code == 0


def test_a_doubt_stops_nothing(invoke: Any, recipe: Path, tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", [row("a"), row("b")])
    result = invoke("check", recipe, "--data-only")
    assert result.exit_code == 0
    assert "! examples that stand more than once: 1\n    train.jsonl:2" in result.stdout
    assert "1 doubt" in result.stderr


def test_settings_that_can_hardly_be_meant_are_told(invoke: Any, recipe: Path, tmp_path: Path) -> None:
    write(tmp_path / "dev.jsonl", [row("d")])
    changes = ("data.dev=dev.jsonl", "optim.lr=0.5", "optim.batch_size=8", "run.patience=3")
    told = invoke("check", recipe, *(f"--set={change}" for change in changes)).stderr
    assert "! optim.batch_size 8 is more than 3 windows: a step learns from all" in told
    assert "! run.patience 3 is never spent: there are 2 evaluations" in told
    assert "! optim.lr 0.5 is far above what AdamW takes" in told
    assert "! the best model is chosen by 1 example of data.dev" in told


def test_epochs_beside_steps_are_told_but_of_a_run_which_names_every_setting(invoke: Any, recipe: Path) -> None:
    recipe.write_text(recipe.read_text().replace("  steps: 2", "  steps: 2\n  epochs: 3"))
    said = "! trial.yaml:14:11  optim.epochs is not used, for optim.steps is given: remove one of the two\n"
    assert invoke("check", "trial.yaml", "--data-only").stderr.count(said) == 1
    assert invoke("finetune", "trial.yaml", "--out", "run").stderr.count(said) == 1
    assert "is not used" not in invoke("finetune", "run").stderr


def test_a_run_without_steps_has_no_time(invoke: Any, recipe: Path) -> None:
    told = invoke("check", recipe, "--set", "optim.steps=0").stderr
    assert "no step is to be taken\n" in told
    assert "s a step" not in told
    assert "! optim.steps is 0: the model stays as it starts\n" in told


def test_training_commands_check_alike(invoke: Any, recipe: Path, tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", [row("a"), row("b", start=5)])
    assert invoke("finetune", recipe, "--check").stdout == invoke("check", recipe).stdout != ""


@pytest.mark.parametrize("command", ["check", "finetune", "plan"])
def test_what_is_not_there_is_told_where_the_recipe_names_it(
    command: str, invoke: Any, recipe: Path, tmp_path: Path
) -> None:
    write(tmp_path / "dev.jsonl", [row("d")])
    recipe.write_text(recipe.read_text().replace("train.jsonl", "train.jsonl\n  dev: devv.jsonl"))
    result = invoke(command, "trial.yaml")
    assert result.exit_code == 3
    assert "trial.yaml:10:8  data.dev is devv.jsonl: there is no such file\n  did you mean dev.jsonl?" in result.stderr


@pytest.mark.parametrize("command", ["check", "finetune"])
def test_a_score_that_there_is_not_is_told_where_the_recipe_names_it(
    command: str, invoke: Any, recipe: Path, tmp_path: Path
) -> None:
    write(tmp_path / "dev.jsonl", [row("d")])
    recipe.write_text(recipe.read_text() + "run:\n  metric: f11\n")
    result = invoke(command, "trial.yaml", "--set", "data.dev=dev.jsonl")
    assert result.exit_code == 2
    assert "trial.yaml:15:11  run.metric: the task has no score 'f11' on this dev data" in result.stderr
    assert "did you mean 'f1'?" in result.stderr
    assert not (tmp_path / "runs").exists()

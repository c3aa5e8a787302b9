"""What turns out wrong when a recipe's names are opened is told where the recipe says it."""

from pathlib import Path

import pytest

from bigbird_cli.errors import BigBirdError, DataError, ModelError, RecipeError
from bigbird_cli.recipe import FinetuneRecipe, load_placed

RECIPE = """model:
  start: ./nome
task:
  type: classify
  window: 512
data:
  train: [a.csv, b.csv]
  dev: devv.csv
optim:
  lr: 1e-4
run:
  metric: acuracy
"""


@pytest.mark.parametrize(
    ("error", "place", "problem"),
    [
        (RecipeError("no score 'acuracy'", where="run.metric"), "r.yaml:12:11", "run.metric: no score 'acuracy'"),
        (RecipeError("task.window is wide", where="task.window"), "r.yaml:5:11", "task.window is wide"),
        (
            RecipeError("run.patience needs data.dev", where="run.patience"),
            "r.yaml:11:1",
            "run.patience needs data.dev",
        ),
        (
            DataError("there is no such file", where="devv.csv"),
            "r.yaml:8:8",
            "data.dev is devv.csv: there is no such file",
        ),
        (DataError("it is empty", where="b.csv"), "r.yaml:7:18", "data.train is b.csv: it is empty"),
        (ModelError("there is none", where="./nome"), "r.yaml:2:10", "model.start is ./nome: there is none"),
        (DataError("no label", where="a.csv:7"), "a.csv:7", "no label"),
        (DataError("memory", where=None), None, "memory"),
    ],
)
def test_errors_name_the_setting_that_they_are_about(
    error: BigBirdError, place: str | None, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text(RECIPE)
    with pytest.raises(type(error)) as caught, load_placed("r.yaml").named():
        raise error
    assert (caught.value.where, caught.value.problem) == (place, problem)


def test_errors_name_the_override_that_they_are_about(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE)
    changes = ["run.metric=f2", "data.dev=x.csv", "data.train=[y.csv, z.csv]"]
    places = load_placed(tmp_path / "r.yaml", overrides=changes)
    for error, said in (
        (RecipeError("no score 'f2'", where="run.metric"), "--set run.metric=f2: no score 'f2'"),
        (DataError("is not there", where="x.csv"), "--set data.dev=x.csv: is not there"),
        (
            DataError("is not there", where="z.csv"),
            "--set data.train=[y.csv, z.csv]: data.train is z.csv: is not there",
        ),
    ):
        with pytest.raises(BigBirdError) as caught, places.named():
            raise error
        assert str(caught.value) == said


def test_a_recipe_without_a_file_has_no_places_but_overrides() -> None:
    places = load_placed("data.yaml", FinetuneRecipe, ["run.metric=f2"], text=RECIPE.encode())
    for error, where in (
        (DataError("is not there", where="devv.csv"), "devv.csv"),
        (RecipeError("no score", where="run.metric"), "--set run.metric=f2"),
    ):
        with pytest.raises(BigBirdError) as caught, places.named():
            raise error
        assert caught.value.where == where


def test_settings_that_others_of_the_file_leave_unused_are_told(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    both = "  epochs: 3\n  steps: 2\n  batch_size: 8\n  batch_tokens: 900\n  micro_batch_size: 4\n"
    file.write_text(RECIPE.replace("  lr: 1e-4\n", f"  lr: 1e-4\n{both}"))
    assert list(load_placed(file).unused()) == [
        f"{file}:11:11  optim.epochs is not used, for optim.steps is given: remove one of the two",
        f"{file}:13:15  optim.batch_size is not used, for optim.batch_tokens is given: remove one of the two",
    ]
    # whoever changes one by hand is told what it changes
    assert list(load_placed(file, overrides=["optim.steps=1", "optim.batch_tokens=null"]).unused()) == []

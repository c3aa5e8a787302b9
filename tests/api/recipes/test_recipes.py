"""The recipes that come with the program: listed, shown, copied with all they need, and described by a schema."""

import ast
import json
import re
from pathlib import Path

import pytest

from bigbird_cli.api.recipes.recipes import copy_recipe, recipes, schema, show_recipe
from bigbird_cli.errors import RecipeError, UsageError
from bigbird_cli.recipe import COMMANDS, load_recipe, task_of
from bigbird_cli.recipe.shipped import SCHEMA, listed, scripts_of

NAMES = [each.name for each in listed()]


def test_the_schema_beside_the_recipes_is_the_present_one(repository: Path) -> None:
    stale = "write it again: bigbird recipes schema > recipes/schema.json"
    assert (repository / "recipes" / SCHEMA).read_text(encoding="utf-8") == schema(), stale


def test_the_schema_describes_every_section_of_every_task() -> None:
    sections = json.loads(schema())["$defs"]
    for kind in COMMANDS.values():
        assert kind.model_json_schema()["$defs"].keys() <= sections.keys()
    for name, section in sections.items():
        assert section["additionalProperties"] is False, name


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_says_what_it_is_and_where_its_schema_stands(name: str) -> None:
    text = show_recipe(name)
    assert text.partition("\n")[0].endswith("."), "the first line is shown alone, and is a whole sentence"
    head = re.match(r"((?:#.*\n)+)model:", text)
    assert head is not None
    assert head[1].splitlines()[-1] == f"# yaml-language-server: $schema={SCHEMA}"
    keys = re.findall(r"^#   (\w+): ", head[1], re.MULTILINE)
    assert {"run", "time", "memory", "score", "measured"} <= set(keys), keys
    assert max(map(len, head[1].splitlines())) <= 132


def test_the_list_tells_name_task_and_title() -> None:
    squad = next(each for each in recipes() if each.name == "squad")
    assert (squad.task, squad.title) == (
        "qa",
        "Answer questions about short passages: SQuAD v1.1 or v2.0, from the hub or from its JSON files",
    )


def test_every_recipe_is_listed_with_its_task() -> None:
    assert {each.name: each.task for each in recipes()} == {name: task_of(name) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_has_the_scripts_it_names_and_all_that_they_import(name: str, tmp_path: Path) -> None:
    recipe, *others = copy_recipe(name, tmp_path / "recipes")
    assert recipe.read_text() == show_recipe(name)
    assert tmp_path / "recipes" / SCHEMA in others
    for script in re.findall(r"recipes/scripts/[\w./-]*\w", recipe.read_text()):
        assert (tmp_path / script).exists(), script
    ours = {path.stem for path in (Path(show_path(name)).parent / "scripts").rglob("*.py")}
    copied = {path.stem for path in others}
    for path in others:
        if path.suffix == ".py":
            named = {
                str(node.module).split(".")[0]
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.ImportFrom)
            }
            missing = {each for each in named & ours if each not in copied and not list(tmp_path.rglob(f"{each}/*.py"))}
            assert not missing, f"{path} imports {missing}"


def show_path(name: str) -> Path:
    return next(each.path for each in recipes() if each.name == name)


def test_a_copy_is_made_once_and_over_nothing(tmp_path: Path) -> None:
    assert len(copy_recipe("squad", tmp_path)) == 2
    assert copy_recipe("squad", tmp_path) == []
    (tmp_path / "squad.yaml").write_text("mine")
    with pytest.raises(UsageError, match="another file stands here"):
        copy_recipe("squad", tmp_path)
    with pytest.raises(RecipeError, match="did you mean «squad»"):
        copy_recipe("squat", tmp_path)


def test_shipped_data_is_found_wherever_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = load_recipe("quickstart-qa").data
    assert Path(data.train[0]).is_file()
    with pytest.raises(RecipeError, match=r"did you mean shipped:quickstart/qa-train\.jsonl"):
        load_recipe("quickstart-qa", overrides=["data.train=shipped:quickstart/qa-trian.jsonl"])


def test_a_recipe_that_names_no_script_needs_none() -> None:
    assert scripts_of(show_path("squad")) == []

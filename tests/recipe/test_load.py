"""A recipe is read as YAML 1.2, checked whole, and each mistake is shown where it stands."""

import dataclasses
import json
import math
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from bigbird_cli.backend import BACKENDS
from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import RecipeError
from bigbird_cli.recipe import (
    FinetuneRecipe,
    PretrainRecipe,
    dump_recipe,
    find_recipe,
    load_recipe,
    recipe_changes,
    shipped_recipes,
)
from bigbird_cli.recipe.explain import sections_of
from bigbird_cli.recipe.load import free_settings
from bigbird_cli.recipe.overrides import override_value
from bigbird_cli.recipe.schema import COMMANDS, ModelSection, Recipe
from bigbird_cli.recipe.yaml12 import Text, parse
from bigbird_cli.tasks.qa.task import QuestionAnswering

MINIMAL = """\
model:
  start: some-model
data:
  train: train.json
optim:
  lr: 2e-5
task:
  type: qa
"""


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    file = tmp_path / "mine.yaml"
    file.write_text(MINIMAL, encoding="utf-8")
    return file


def values_of(text: str | bytes) -> dict[str, Any]:
    return parse(text if isinstance(text, bytes) else text.encode(), "mine.yaml").values


def refused(text: str | bytes, tmp_path: Path, overrides: tuple[str, ...] = ()) -> RecipeError:
    file = tmp_path / "bad.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RecipeError) as caught:
        load_recipe(file, overrides=overrides)
    assert caught.value.exit_code == 2
    return caught.value


def place_of(error: RecipeError) -> str:
    assert error.where is not None
    return error.where.rpartition("bad.yaml")[2]


# scalars


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2e-5", 2e-5),
        ("1E3", 1000.0),
        ("+.5", 0.5),
        ("1.", 1.0),
        ("-.inf", -math.inf),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-7", -7),
        ("no", "no"),
        ("On", "On"),
        ("y", "y"),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("2026-01-02", "2026-01-02"),
        ("2e-5x", "2e-5x"),
        ("'2e-5'", "2e-5"),
        ("=", "="),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    got = values_of(f"a: {text}\n")["a"]
    assert got == value
    assert type(got) is type(value)
    from_command_line = override_value(text, "--set")
    assert from_command_line == value
    assert type(from_command_line) is type(value)


def test_nan_is_a_number() -> None:
    assert math.isnan(values_of("a: .nan")["a"])


def test_a_merge_key_is_a_plain_name() -> None:
    assert values_of("a:\n  <<: {b: 1}\n") == {"a": {"<<": {"b": 1}}}


@pytest.mark.parametrize(
    ("override", "value"),
    [("[a, 2e-5]", ["a", 2e-5]), ("{b: no}", {"b": "no"}), ("'1'", "1"), ("C:\\x: y #z", "C:\\x: y #z"), ("*", "*")],
)
def test_an_override_is_a_plain_scalar_unless_it_is_bracketed_or_quoted(override: str, value: object) -> None:
    assert override_value(override, "--set") == value


# what is no recipe


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("model:\n\tstart: x\n", ":2:1", "tab"),
        ("model: {start: x\n", ":2:1", "flow mapping"),
        ("model: 3\n  start: x\n", ":2:8", "stands below «model: 3», which has a value"),
        ("- a\n- b\n", ":1:1", "mapping"),
        ("model: !!python/object:os.system x\n", ":1:8", "tag"),
        ("model: !!python/object/apply:os.system [ls]\n", ":1:8", "tag"),
        ("model: !!set {a}\n", ":1:8", "tag"),
        ('a: "\\ud800"\n', ":1:4", "U+D800"),
        ('a: "\\0"\n', ":1:4", "U+0000"),
        ('a: 1\n"\\udfff": 2\n', ":2:1", "U+DFFF"),
        ('b: 1\na: "x\\UFFFFFFFF"\n', ":2:8", "not YAML"),
        ("a: " + "9" * 5000, ":1:4", "no whole number"),
        ("a: 0x" + "f" * 5000, ":1:4", "no whole number"),
        ("model: !mine x\n", ":1:8", "tag"),
        ("seed: !!int abc\n", ":1:7", "tag"),
        ("seed: !!float abc\n", ":1:7", "no number"),
        ("a: &x 1\nb: *x\n", ":1:4", "anchor"),
        ("a: 1\n---\nb: 1\n", ":2:1", "document"),
        ("? [a, b]\n: 1\n", ":1:3", "word"),
        ("a: 1\nb: \x07\n", ":2:4", "U+0007"),
        (b"a: 1\nb: \xc3\xa9 \xff\n", ":2:6", "byte 11 is not UTF-8"),
        ("a: " + "[" * 60 + "]" * 60, ":1:54", "nested"),
        ("a: &x [1]\nb: &y [*x, *x]\n", ":1:4", "anchor"),
    ],
)
def test_bad_yaml_is_refused_at_its_place(text: str | bytes, place: str, words: str, tmp_path: Path) -> None:
    error = refused(text, tmp_path)
    assert words in str(error)
    assert place_of(error) == place


def test_nesting_of_any_depth_is_refused_at_its_place(tmp_path: Path) -> None:
    error = refused("a: 1\nb: " + "[" * 5000, tmp_path)
    assert "nested too deeply" in str(error)
    assert re.fullmatch(r":2:\d+", place_of(error))


@given(st.one_of(st.text(), st.text(alphabet=":-[]{}!&*\n\t \"'#|>%@`ab1.e?,")))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        values_of(text.encode("utf-8", "surrogatepass"))
    except RecipeError as error:
        assert error.problem  # noqa: PT017 - either outcome is right


def test_a_byte_order_mark_is_allowed() -> None:
    assert values_of(b"\xef\xbb\xbfa: 1") == {"a": 1}


ODD = [
    "",
    "~",
    "[]",
    "{a: b}",
    "-1",
    "1e400",
    ".nan",
    "'",
    '"\\0"',
    '"\\ud800"',
    "9" * 5000,
    "&a b",
    "*a",
    "!x y",
    "x" * 300,
]
ODD += [
    "!!int a",
    "\t",
    "\x07",
    "\x85",
    "a: b: c",
    "[[[",
    "{",
    "- a",
    "? a",
    "%T",
    "\ufeff",
    "type: 3",
    "|",
    "<<: {a: 1}",
]


def mutated(text: str, random: Random) -> str:
    """A recipe with one to three of its lines broken."""
    lines = text.split("\n")
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(lines))
        line, odd = lines[at], random.choice(ODD)
        cut = random.randint(0, len(line))
        key, _, value = line.partition(":")
        ways = [line[:cut] + odd + line[cut:], f"{key}: {odd}", f"{odd}:{value}", line[:cut] + line[cut + 1 :], odd]
        ways += [line.lstrip(), f"\t{line}", f"{line}\n{line}", line.replace(":", "", 1), f"   {line}"]
        lines[at] = random.choice(ways)
    return "\n".join(lines)


@pytest.mark.parametrize("seed", range(6))
def test_every_recipe_that_is_refused_is_refused_at_a_line_and_a_column(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    file = tmp_path / "m.yaml"
    for name, shipped in shipped_recipes().items():
        kind = PretrainRecipe if any(word in name for word in ("pretrain", "causal", "mlm")) else FinetuneRecipe
        for _ in range(3):
            file.write_text(mutated(shipped.read_text(encoding="utf-8"), random), encoding="utf-8", newline="")
            try:
                load_recipe(file, kind)
            except RecipeError as error:
                told = str(error).splitlines()
                for line in told[1:] or told:  # after the first come the single mistakes
                    assert re.match(r" *\S*m\.yaml:\d+:\d+: ", line), line


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (".".join("a" * 1000) + "=1", "nested too deeply"),
        ("model.config.id2label=" + "[" * 60 + "]" * 60, "nested too deeply"),
        ("model.config.id2label=" + "[" * 900 + "]" * 900, "nested too deeply"),
        ("data.train=a\0b", "U+0000"),
        ("model.start=caf\udce9", "U+DCE9"),
        ("x" * 1_000_000 + "=1", "no setting"),
        ("optim.lr=" + "x" * 1_000_000, "a number"),
    ],
)
def test_an_override_of_any_size_is_refused_quickly(override: str, words: str, tmp_path: Path) -> None:
    assert words in str(refused(MINIMAL, tmp_path, (override,)))


# settings


def test_a_recipe_holds_what_its_file_says(recipe_file: Path) -> None:
    recipe = load_recipe(recipe_file)
    assert recipe.model.start == "some-model"
    assert recipe.data.train == ("train.json",)
    assert recipe.optim.lr == 2e-5
    assert recipe.task.type == "qa"


def test_training_files_are_one_or_several(recipe_file: Path) -> None:
    assert load_recipe(recipe_file, overrides=["data.train=[a.json, b.json]"]).data.train == (
        "a.json",
        "b.json",
    )


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        (
            "  lr: 2e-5",
            "  lr: 2e-5\n  lr_warmup: 0.1",
            ":7:3",
            ["optim has no setting «lr_warmup»", "«warmup»", "clip"],
        ),
        ("optim:", "optmi:", ":5:1", ["«optmi»", "did you mean «optim»?"]),
        ("  lr: 2e-5", "  lr: abc", ":6:7", ['optim.lr is "abc"', "a number"]),
        ("  lr: 2e-5", "  lr: '2e-5'", ":6:7", ["without quotes"]),
        ("  lr: 2e-5", "  lr: true", ":6:7", ["optim.lr is true", "a number"]),
        ("  lr: 2e-5", "  lr: 3", ":6:7", ["below 1"]),
        ("  lr: 2e-5", f"  lr: 2e-5\n  steps: {10**80}", ":7:10", ["optim.steps is 1000", "1000000000 or less"]),
        (
            "  start: some-model",
            "  start: some-model\n  config: {num_hidden_layers: 1000000000}",
            "",
            ["num_hidden_layers is 1000000000; it must be between 1 and 1,000"],
        ),
        ("  lr: 2e-5", "  clip: 1", ":5:1", ["setting optim.lr is missing"]),
        (
            "  lr: 2e-5",
            "  {lr: 2e-5, batch_size: 30, micro_batch_size: 4}",
            ":6:48",
            ["micro_batch_size 4 does not divide batch_size 30", "leave micro_batch_size out"],
        ),
        ("  lr: 2e-5", "  {lr: 2e-5, batch_size: x}", ":6:26", ['optim.batch_size is "x"']),
        ("  start: some-model", "  start: 7", ":2:10", ["model.start is 7", "quotes"]),
        ("  lr: 2e-5", "  lr: 2e-5\n  lr: 3e-5", ":7:3", ["«lr» stands here twice; first in line 6", "remove one"]),
        ("  start: some-model", "  start: x\n  config: {blok_size: 16}", ":3:12", ["«blok_size»", "«block_size»"]),
        ("  train: train.json", "  train: train.json\n  dev: 110%", ":5:8", ["data: dev is 110%", "50 % at most"]),
        ("  start: some-model", "  start: x\n  config: {block_size: 0}", ":3:24", ["model.config: block_size is 0"]),
        ("  train: train.json", "  train: shipped:none", ":4:10", ["none"]),
        ("  train: train.json", "  train: [a.json, shipped:none]", ":4:19", ["none"]),
        ("type: qa", "type: qa\n  window: 64\n  overlap: 64", ":10:12", ["overlap 64 leaves no room"]),
        ("  train: train.json", "  train: []", ":4:10", ["data.train"]),
        ("  train: train.json", "  train: {a: b}", ":4:10", ["data.train", "list"]),
        ("optim:", "run:\noptim:", ":5:5", ["run is a section with log_every", "remove it"]),
        ("optim:", "run: {precision: bfloat}\noptim:", ":5:18", ["run.precision", "«bfloat16»"]),
        ("optim:", "run: {gradient_checkpointing: no}\noptim:", ":5:31", ['"no"', "true or false"]),
        ("type: qa", "type: nerr", ":8:9", ['task.type is "nerr"', "«ner»", "may be qa"]),
        ("type: qa", "type: qa\n  windw: 3", ":9:3", ["«window»", "max_answer_tokens"]),
        ("type: qa", "type: ner\n  max_answer_tokens: 3", ":9:3", ["«max_answer_tokens»", "It has on_empty, window"]),
        ("type: qa", "window: 64", ":7:1", ["task.type is missing"]),
    ],
)
def test_a_wrong_setting_is_shown_with_place_value_and_remedy(
    old: str, new: str, place: str, words: list[str], tmp_path: Path
) -> None:
    error = refused(MINIMAL.replace(old, new), tmp_path)
    assert all(word in str(error) for word in words), str(error)
    assert f"bad.yaml{place}" in str(error)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = "seed: x\n" + MINIMAL.replace("lr: 2e-5", "lr: 2\n  clipp: 1")
    error = refused(text, tmp_path, overrides=("run.keep=0",))
    assert error.problem.startswith("4 settings are wrong")
    places = [line.split(": ")[0].rpartition("bad.yaml")[2].strip() for line in error.problem.splitlines()[1:]]
    assert places == [":1:7", ":7:7", ":8:3", "--set run.keep=0"]


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ("optim:", "optm:", ":5:1", "did you mean «optim»?"),
        ("lr: 2e-5", "learning_rate: 2e-5", ":6:3", "here it is called optim.lr"),
        ("train: train.json", "train_file: train.json", ":4:3", "here it is called data.train"),
    ],
)
def test_a_setting_that_is_needed_and_misspelt_is_one_mistake(
    old: str, new: str, place: str, said: str, tmp_path: Path
) -> None:
    error = refused(MINIMAL.replace(old, new), tmp_path)
    assert str(error.where).endswith(f"bad.yaml{place}")
    assert said in str(error)
    assert "missing" not in str(error)


def test_an_empty_recipe_lacks_its_sections(tmp_path: Path) -> None:
    error = refused("# nothing\n", tmp_path)
    assert [section in str(error) for section in ("model", "task", "data", "optim")] == [True] * 4


@pytest.mark.parametrize("section", ["model", "task", "data", "optim", "run"])
def test_every_setting_with_a_letter_missing_is_caught_and_named(section: str, tmp_path: Path) -> None:
    kind = QuestionAnswering if section == "task" else FinetuneRecipe.model_fields[section].annotation
    names = list(kind.model_fields)  # type: ignore[union-attr]
    for name in names:
        wrong = name[:-2] + name[-1] if len(name) > 2 else name + "x"
        text = MINIMAL + f"run: {{{wrong}: 1}}\n" if section == "run" else MINIMAL
        overrides = () if section == "run" else (f"{section}.{wrong}=1",)
        error = refused(text, tmp_path, overrides=overrides)
        assert f"{section} has no setting «{wrong}»" in str(error)
        assert f"did you mean «{name}»" in str(error)


# --set


def test_an_override_changes_one_setting_and_the_later_one_wins(recipe_file: Path) -> None:
    recipe = load_recipe(recipe_file, overrides=["optim.lr=1e-4", "run.keep=3", "seed=7", "optim.lr=3e-5"])
    assert (recipe.optim.lr, recipe.run.keep, recipe.seed) == (3e-5, 3, 7)


def test_an_override_mends_a_wrong_setting_of_the_file(recipe_file: Path) -> None:
    recipe_file.write_text(MINIMAL.replace("2e-5", "abc"), encoding="utf-8")
    assert load_recipe(recipe_file, overrides=["optim.lr=1e-4"]).optim.lr == 1e-4


def test_an_empty_override_takes_the_default(recipe_file: Path) -> None:
    assert load_recipe(recipe_file, overrides=["data.dev=x", "data.dev="]).data.dev is None


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("optim.lr=abc", "a number"),
        ("optim.lrr=1", "did you mean «lr»"),
        ("otpim.lr=1", "did you mean «optim»"),
        ("optim=3", "optim is a section"),
        ("optim.lr.x=3", "not a section"),
        ("optim.lr", "section.setting=value"),
        ("=3", "section.setting=value"),
        ("optim..lr=3", "section.setting=value"),
        ("data.train=[a", "flow sequence"),
    ],
)
def test_a_wrong_override_is_named(override: str, words: str, tmp_path: Path) -> None:
    error = refused(MINIMAL, tmp_path, overrides=(override,))
    assert words in str(error)
    assert error.where == f"--set {override}"


# lists


def tuple_fields(kind: type[BaseModel], place: tuple[str, ...] = ()) -> Iterator[tuple[str, str | None]]:
    """Each setting that is a tuple, with the `task.type` that has it."""
    for name, field in kind.model_fields.items():
        for section in sections_of(field.annotation):
            for path, _ in tuple_fields(section, (*place, name)):
                yield path, section.model_fields["type"].default if "type" in section.model_fields else None
        if is_tuple(field.annotation):
            yield ".".join((*place, name)), None


def is_tuple(annotation: Any) -> bool:
    return typing.get_origin(annotation) is tuple or any(map(is_tuple, typing.get_args(annotation)))


TUPLES = [(command, path, task) for command, kind in COMMANDS.items() for path, task in tuple_fields(kind)]


def test_the_settings_that_are_lists_are_found() -> None:
    assert {("finetune", "task.labels", "classify"), ("finetune", "task.tags", "ner")} < set(TUPLES)


@pytest.mark.parametrize(("command", "path", "task"), TUPLES)
def test_a_list_is_taken_in_yaml_on_the_command_line_and_in_python(
    command: str, path: str, task: str | None, tmp_path: Path
) -> None:
    task = task or {"finetune": "qa", "pretrain": "mlm"}[command]
    file = tmp_path / "r.yaml"
    file.write_text(MINIMAL.replace("type: qa", f"type: {task}"), encoding="utf-8")
    section, name = path.split(".")
    by_override = load_recipe(file, COMMANDS[command], [f"{path}=[neg, 'pos']"])
    written = dump_recipe(by_override)
    assert "- neg\n" in written
    file.write_text(written, encoding="utf-8")
    by_yaml = load_recipe(file, COMMANDS[command])
    in_python = COMMANDS[command].model_validate({**by_override.model_dump(), "seed": 0})
    for recipe in (by_override, by_yaml, in_python):
        assert getattr(getattr(recipe, section), name) == ("neg", "pos")


@pytest.mark.parametrize(
    ("wrong", "words"), [("[neg, 1]", "is 1; it must be text"), ("neg", "list"), ("{a: b}", "list")]
)
def test_a_list_of_names_holds_nothing_else(wrong: str, words: str, tmp_path: Path) -> None:
    text = MINIMAL.replace("type: qa", f"type: classify\n  labels: {wrong}")
    assert words in str(refused(text, tmp_path))


# files


def test_every_shipped_recipe_loads_and_comes_back_the_same(tmp_path: Path, repository: Path) -> None:
    recipes = shipped_recipes()
    assert {file.stem for file in (repository / "recipes").glob("*.yaml")} == set(recipes)
    assert "squad" in recipes
    for name in recipes:
        kind = PretrainRecipe if any(word in name for word in ("pretrain", "causal", "mlm")) else FinetuneRecipe
        recipe = load_recipe(name, kind)
        again = tmp_path / f"{name}-again.yaml"
        again.write_text(dump_recipe(recipe), encoding="utf-8")
        assert load_recipe(again, kind) == recipe


@pytest.mark.parametrize(
    ("name", "kind", "command"), [("squad", PretrainRecipe, "finetune"), ("causal-small", FinetuneRecipe, "pretrain")]
)
def test_a_recipe_of_another_command_names_it(name: str, kind: type, command: str) -> None:
    with pytest.raises(RecipeError, match=rf"no task of this command; train it with bigbird {command}"):
        load_recipe(name, kind)


def test_a_shipped_recipe_is_found_by_name_or_path(repository: Path) -> None:
    file = repository / "recipes" / "squad.yaml"
    assert find_recipe("squad").samefile(file)
    assert find_recipe("squad.yaml").samefile(file)
    assert find_recipe(file) == file


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sqaud", "did you mean «squad»"),
        ("recipes-of-mine/squad.yaml", "write its name alone: squad"),
        ("./nowhere.yaml", "bigbird recipes lists those that ship"),
        ("mini_qa", "did you mean «qa-mini»?"),
    ],
)
def test_a_missing_recipe_names_the_ones_that_ship(
    name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match=words) as caught:
        load_recipe(name)
    assert caught.value.where == name


def test_a_missing_file_is_told_with_the_one_that_is_called_nearly_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("letters.csv", "mine.yaml"):
        Path(name).touch()
    with pytest.raises(RecipeError, match=r"there is no such file") as caught:
        find_recipe("lettters.csv")
    assert caught.value.fix == "did you mean «letters.csv»?"
    with pytest.raises(RecipeError, match=r"did you mean «mine\.yaml»\? bigbird recipes lists"):
        find_recipe("mime.yaml")


def test_a_folder_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="folder"):
        load_recipe(tmp_path)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(TEXTS)
@example("a\x85b")
@settings(max_examples=60, deadline=None)
def test_any_text_survives_dump_and_load(text: str) -> None:
    recipe = _recipe(text)
    assert FinetuneRecipe.model_validate_json(json.dumps(values_of(dump_recipe(recipe))), strict=True) == recipe


@pytest.mark.parametrize(
    "text", ["2e-5", "no", "010", "1:30", "null", "~", "0o7", "2026-01-02", "=", "<<", "é", "a: b"]
)
def test_a_text_that_looks_like_something_else_is_quoted_for_every_yaml(text: str) -> None:
    dumped = dump_recipe(_recipe(text))
    assert values_of(dumped)["model"]["start"] == text
    assert yaml.safe_load(dumped)["model"]["start"] == text


def values_for(annotation: Any) -> st.SearchStrategy[Any]:
    """Random values of a setting's type, within the bounds that settings have."""
    simple: dict[Any, st.SearchStrategy[Any]] = {
        bool: st.booleans(),
        int: st.sampled_from([1, 2, 4, 32, 2048]),
        float: st.floats(0.001, 0.999),
        str: TEXTS,
        Path: TEXTS.map(Path),
        type(None): st.none(),
    }
    if annotation in simple:
        return simple[annotation]
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return st.sampled_from(parts)
    if origin is tuple:
        return st.lists(TEXTS.filter(str.strip), min_size=2, max_size=3, unique=True)
    if origin is typing.Annotated:
        return values_for(parts[0])
    assert origin in (typing.Union, types.UnionType), annotation
    return st.one_of([values_for(part) for part in parts])


def settings_of(kind: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    fields = {name: values_for(field.annotation) for name, field in kind.model_fields.items() if name != "config"}
    if kind is ModelSection:
        fields["start"], fields["tokenizer"] = TEXTS, st.none()
        names = st.sampled_from([field.name for field in dataclasses.fields(BigBirdConfig) if field.name != "extra"])
        single = st.none() | st.booleans() | st.integers() | TEXTS
        below = single | st.lists(single, max_size=2) | st.dictionaries(TEXTS, single, max_size=2)
        fields["config"] = st.dictionaries(names, below, max_size=3)
    needed = {name for name, field in kind.model_fields.items() if field.is_required()} | {"start", "type"}
    always = {name: fields.pop(name) for name in sorted(needed & fields.keys())}
    return st.fixed_dictionaries(always, optional=fields).filter(lambda values: is_valid(kind, values))


def is_valid(kind: type[BaseModel], values: dict[str, Any]) -> bool:
    try:
        kind.model_validate(values)
    except ValidationError:
        return False
    return True


TASKS = [(kind, task) for kind in COMMANDS.values() for task in sections_of(kind.model_fields["task"].annotation)]


@pytest.mark.parametrize(("kind", "task"), TASKS)
@given(data=st.data())
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_recipe_that_is_written_is_read_as_the_same(
    kind: Any, task: Any, data: st.DataObject, tmp_path: Path
) -> None:
    sections = {name: sections_of(field.annotation) for name, field in kind.model_fields.items()} | {"task": [task]}
    drawn = st.fixed_dictionaries({name: settings_of(below[0]) for name, below in sections.items() if below})
    values = data.draw(drawn.filter(lambda values: is_valid(kind, values)))
    recipe = kind.model_validate(values)
    file = tmp_path / "again.yaml"
    file.write_text(dump_recipe(recipe), encoding="utf-8")
    assert load_recipe(file, kind) == recipe


def test_a_null_stands_against_a_default_and_no_other_is_written() -> None:
    values = _recipe("m").model_dump() | {"task": {"type": "multiple_choice", "question_column": None}}
    written = dump_recipe(FinetuneRecipe.model_validate(values))
    assert "question_column: null" in written
    assert written.count("null") == 1


def _recipe(start: str) -> FinetuneRecipe:
    values = {"model": {"start": start}, "task": {"type": "qa"}, "data": {"train": "a.json"}, "optim": {"lr": 2e-5}}
    return FinetuneRecipe.model_validate(values)


# resumed runs


def test_only_changes_that_matter_to_a_run_are_told(recipe_file: Path) -> None:
    stored = json.loads(json.dumps(load_recipe(recipe_file).model_dump(mode="json")))
    assert recipe_changes(stored, load_recipe(recipe_file)) == []
    free = ["run.keep=9", "run.log_every=1", "optim.micro_batch_size=1", "data.workers=2", "data.cache=elsewhere"]
    assert recipe_changes(stored, load_recipe(recipe_file, overrides=free)) == []
    assert recipe_changes(
        stored, load_recipe(recipe_file, overrides=["optim.lr=3e-5", "model.config.block_size=16"])
    ) == [
        "optim.lr 2e-05 → 3e-05",
        "model.config.block_size None → 16",
    ]


def test_a_setting_that_there_was_not_yet_had_its_default(recipe_file: Path) -> None:
    stored = load_recipe(recipe_file).model_dump(mode="json")
    del stored["optim"]["clip"], stored["task"]["window"]
    assert recipe_changes(stored, load_recipe(recipe_file, overrides=["optim.clip=1.0", "task.window=256"])) == [
        "task.window None → 256"
    ]


@pytest.mark.parametrize("kind", COMMANDS.values(), ids=COMMANDS)
def test_what_a_resumed_run_may_change_is_marked_at_the_field(kind: type[Recipe]) -> None:
    assert set(free_settings(kind)) == {
        "card.about",
        "card.author",
        "card.data_license",
        "card.language",
        "card.license",
        "data.cache",
        "data.workers",
        "optim.max_tokens_per_micro_batch",
        "optim.micro_batch_size",
        "run.gradient_checkpointing",
        "run.keep",
        "run.keep_after",
        "run.log_every",
        "run.save_every",
        "run.save_minutes",
        "run.tensorboard",
        "run.wait",
    }


def test_a_recipe_may_name_every_backend_that_trains_and_no_other() -> None:
    trains = tuple(name for name in BACKENDS if name != "onnx")
    assert typing.get_args(Recipe.model_fields["backend"].annotation) == trains


def test_positions_fall_back_to_what_stands_around() -> None:
    text = Text(values={}, keys={("a",): "f:1:1"}, at={}, name="f")
    assert text.where(("a", "b", "c")) == "f:1:1"
    assert text.where(("x",)) == "f:1:1"


def test_a_run_folder_is_no_recipe_and_the_way_to_go_on_is_told(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("seed: 0")
    with pytest.raises(RecipeError, match=r"a folder, not a recipe; .*/recipe\.yaml with --out .* --resume auto"):
        find_recipe(tmp_path)

"""Any one mistake in any line of any shipped recipe is told with its line and a remedy, and without a framework."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bigbird_cli.errors import RecipeError
from bigbird_cli.recipe import COMMANDS, load_recipe, shipped_recipes, task_of
from bigbird_cli.recipe.explain import fields_at
from bigbird_cli.recipe.foreign import FOREIGN
from bigbird_cli.recipe.schema import FinetuneRecipe, PretrainRecipe

RECIPES = shipped_recipes()
QUICK = ("squad", "ner-mini", "causal-small")
SETTING = re.compile(r"(?P<indent> *)(?P<key>\w+):(?: (?P<value>[^#\n]*?))?(?P<rest> *(?:#.*)?)")
NUMBER = re.compile(r"[-+\d.e]+")


def misspelt(key: str) -> str:
    return key[:-2] + key[-1] if len(key) > 3 else key + "x"


def mutations(text: str) -> Iterator[tuple[str, int, str]]:
    """What was done to a line, the line's number, and the text that came of it."""
    lines = text.split("\n")

    def replaced(at: int, *new: str) -> str:
        return "\n".join([*lines[:at], *new, *lines[at + 1 :]])

    for at, line in enumerate(lines):
        found = SETTING.fullmatch(line)
        if line.startswith("#") or found is None:
            continue
        indent, key, value = found["indent"], found["key"], found["value"]
        yield "typo", at + 1, replaced(at, line.replace(key, misspelt(key), 1))
        if value:
            yield "duplicate", at + 2, replaced(at, line, line)
            yield "type", at + 1, replaced(at, f"{indent}{key}: {{a: [1]}}")
        elif at + 1 < len(lines):  # what is indented below a value
            is_list = lines[at + 1].lstrip().startswith("-")  # then YAML takes all of it for one text
            yield "type", at + 1 if is_list else at + 2, replaced(at, f"{indent}{key}: 3")
        if indent:
            yield "tab", at + 1, replaced(at, "\t" + line.lstrip())
        if value and NUMBER.fullmatch(value) and value not in ("true", "false"):
            yield "bad float", at + 1, replaced(at, f"{indent}{key}: 1.0.0e")


def required(text: str) -> Iterator[tuple[str, int, str]]:
    """What must be there, left out: the line below which it is missed."""
    lines = text.split("\n")
    for section, keys in (
        ("task", ("type",)),
        ("data", ("train",)),
        ("optim", ("lr",)),
        ("model", ("start", "tokenizer")),
    ):
        top = lines.index(f"{section}:")
        at = next(i for i in range(top, len(lines)) if lines[i].strip().split(":")[0] in keys)
        yield "missing", top + 1, "\n".join([*lines[:at], *lines[at + 1 :]])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in RECIPES]
)
def test_every_single_mistake_is_told_with_its_line_and_a_remedy(name: str, tmp_path: Path) -> None:
    text = RECIPES[name].read_text(encoding="utf-8")
    kind = COMMANDS["pretrain" if task_of(RECIPES[name]) in ("mlm", "causal") else "finetune"]
    file = tmp_path / "m.yaml"
    mutants = [*mutations(text), *required(text)]
    assert len(mutants) > 40
    for what, line, mutated in mutants:
        file.write_text(mutated, encoding="utf-8")
        with pytest.raises(RecipeError) as caught:
            load_recipe(file, kind)
        told = str(caught.value)
        assert f"m.yaml:{line}:" in told, f"{what} in line {line}: {told}"
        assert re.search(
            r"must be|did you mean|remove|indent|add it|add «|is a section with|name either|may be|write|correct", told
        ), told


@pytest.mark.parametrize("word", FOREIGN)
def test_another_tools_word_is_answered_with_ours(word: str, tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(f"model:\n  start: m\ntask:\n  type: qa\ndata:\n  train: t\noptim:\n  lr: 1e-4\n  {word}: 3\n")
    with pytest.raises(RecipeError, match=r"r\.yaml:9:3: optim has no setting") as caught:
        load_recipe(file)
    assert f"here it is called {FOREIGN[word]}" in str(caught.value)


@pytest.mark.parametrize("word", FOREIGN)
def test_the_settings_that_other_tools_words_lead_to_are_there(word: str) -> None:
    ours = FOREIGN[word].partition(":")[0].partition(",")[0]
    if ours.startswith(("nothing", "--")):
        return
    section, _, name = ours.partition(".")
    known = {each for kind in (FinetuneRecipe, PretrainRecipe) for each in fields_at(kind, (section,)) or []}
    assert name in known or (not name and known)
    assert not any(
        word in (fields_at(kind, (part,)) or [])
        for kind in COMMANDS.values()
        for part in ("optim", "run", "data", "model")
    )


def test_a_setting_in_another_section_is_led_home(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text("lr: 1e-4\nmodel:\n  start: m\ntask:\n  type: qa\ndata:\n  train: t\noptim:\n  lr: 1e-4\n")
    with pytest.raises(RecipeError, match=r"r\.yaml:1:1: .*it stands in optim: optim\.lr"):
        load_recipe(file)


def test_a_name_that_stands_twice_is_told_beside_other_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(
        "model:\n  start: m\n  start: n\ntask:\n  type: qa\n  windw: 3\ndata:\n  train: t\noptim:\n  lr: x\n"
    )
    with pytest.raises(RecipeError) as caught:
        load_recipe(file)
    assert [re.findall(r"yaml:(\d+)", line) for line in str(caught.value).splitlines()[1:]] == [["3"], ["6"], ["10"]]


def test_what_an_override_changes_is_told() -> None:
    told: list[str] = []
    load_recipe("squad", overrides=["optim.lr=3e-5", "run.patience=2", "data.train=[a, b]"], on_change=told.append)
    assert told == [
        "optim.lr 0.0001 → 3e-05",
        "run.patience (not set) → 2",
        'data.train hub:rajpurkar/squad:train → ["a", "b"]',
    ]


def test_mistakes_are_told_before_a_framework_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from bigbird_cli.cli import app\n"
        "for mistake in sys.argv[1:]:\n"
        "    try: app(['finetune', 'quickstart-qa', mistake], prog_name='bigbird')\n"
        "    except SystemExit as end: print(end.code, 'torch' in sys.modules)\n"
    )
    mistakes = ("optim.learning_rate=1", "data.train=none.json", "data.dev=90%")
    command = [sys.executable, "-c", code, *(f"--set={mistake}" for mistake in mistakes)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout == "2 False\n3 False\n2 False\n", done.stderr

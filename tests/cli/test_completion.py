"""The Tab key offers what there is, without importing it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bigbird_cli.cli import completion
from bigbird_cli.recipe import COMMANDS, shipped_recipes
from bigbird_cli.recipe.explain import sections_of


def test_every_setting_of_a_recipe_is_offered() -> None:
    parts = ("model", "task", "data", "optim", "run", "card")
    sections = [
        (part, section)
        for recipe in COMMANDS.values()
        for part in parts
        for section in sections_of(recipe.model_fields[part].annotation)
    ]
    names = {f"{part}.{name}=" for part, section in sections for name in section.model_fields if name != "type"}
    assert completion.settings("") == sorted(names)
    assert completion.settings("optim.l") == ["optim.layer_decay=", "optim.lr="]


def test_recipes_are_shipped_ones_and_files_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("squares.yaml", "sq.txt", "sqfolder/x.yaml"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    assert set(completion.recipes("")) >= shipped_recipes().keys()
    assert completion.recipes("sq") == ["squad", "sqfolder/", "squares.yaml"]
    assert completion.recipes("sqfolder/") == ["sqfolder/x.yaml"]
    assert completion.recipes("nowhere/") == []


def test_models_are_shipped_ones_and_folders_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs/ner").mkdir(parents=True)
    Path("runs/ner/config.json").touch()
    assert completion.models("n") == ["ner-fast", "ner-mini"]
    assert completion.models("r") == ["runs/"]
    assert completion.model_folders("runs/") == ["runs/ner"]


@pytest.mark.parametrize(
    ("words", "offered"),
    [("bigbird finetune squ", "squad"), ("bigbird finetune squad --set optim.l", "optim.lr="), ("bigbird q", "qa")],
)
def test_a_shell_is_given_them_and_nothing_heavy_is_imported(words: str, offered: str, repository: Path) -> None:
    # Typer itself takes pydantic to parse
    code = """
import os, sys
os._exit = sys.exit
from bigbird_cli.cli import main
try:
    main()
finally:
    print("heavy:", [name for name in ("torch", "numpy", "yaml", "datasets", "rich") if name in sys.modules])
"""
    environment = {
        **os.environ,
        "_BIGBIRD_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=repository, check=False
    )
    assert offered in done.stdout.splitlines()
    assert "heavy: []" in done.stdout


@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("fish", ".config/fish/completions/bigbird.fish"),
        ("bash", ".bash_completions/bigbird.sh"),
        ("zsh", ".zfunc/_bigbird"),
        ("powershell", ".config/powershell/Microsoft.PowerShell_profile.ps1"),
    ],
)
def test_the_shell_that_is_named_gets_its_completion(shell: str, file: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bigbird_cli", "--install-completion", shell],
        env={**os.environ, "HOME": str(tmp_path), "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"complete_{shell}" in (tmp_path / file).read_text()
    named = [path for pattern in ("*bigbird*", "*.ps1") for path in tmp_path.rglob(pattern) if path.is_file()]
    assert named == [tmp_path / file]


def test_a_profile_of_powershell_is_added_to_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = tmp_path / "Documents" / "profile.ps1"
    profile.parent.mkdir()
    profile.write_text("Set-Alias ll ls\n")
    (tmp_path / "powershell").write_text(f"#!/bin/sh\necho {profile}\n")
    (tmp_path / "powershell").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert completion.install_for_powershell() == completion.install_for_powershell() == profile
    assert profile.read_text().startswith("Set-Alias ll ls\n")
    assert profile.read_text().count("Register-ArgumentCompleter") == 1

"""What comes with the program besides models: recipes, the data of some, the scripts that make that of others."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bigbird_cli.errors import RecipeError, nearest

_PACKAGE = Path(__file__).resolve().parent.parent
_PLACES = (_PACKAGE / "recipes", _PACKAGE.parent / "recipes")  # in the wheel; in the repository

DATA = "shipped:"
"""Begins the name of data that comes with the program."""

SCHEMA = "schema.json"
SCRIPTS = "scripts"
_SCRIPT = re.compile(rf"recipes/{SCRIPTS}/([\w./-]*\w)")
_IMPORT = re.compile(r"^(?:from|import) (\w+)", re.MULTILINE)
_TASK = re.compile(r"^  type: (\w+)(?: +#.*)?$", re.MULTILINE)


class ShippedRecipe(NamedTuple):
    """A recipe that comes with the program: its name, its task, its first line and its file."""

    name: str
    task: str
    title: str
    path: Path


def folder() -> Path | None:
    """Where the recipes stand; None where there are none."""
    return next((place for place in _PLACES if any(place.glob("*.yaml"))), None)


def shipped_recipes() -> dict[str, Path]:
    """The recipes that come with the program, by name."""
    place = folder()
    return {} if place is None else {file.stem: file for file in sorted(place.glob("*.yaml"))}


def listed() -> Iterator[ShippedRecipe]:
    """The recipes that come with the program, in the order of their names."""
    for name, path in shipped_recipes().items():
        text = path.read_text(encoding="utf-8")
        task = _TASK.search(text)
        yield ShippedRecipe(name, task[1] if task else "", text.partition("\n")[0].lstrip("# ").rstrip("."), path)


def shipped_data(name: str) -> Path:
    """The file of data that comes with the program.

    Args:
        name: what stands behind `shipped:`, such as quickstart/qa-train.jsonl.

    Raises:
        RecipeError: there is none of this name.
    """
    place = folder()
    examples = Path() if place is None else place / "examples"
    known = sorted(path.relative_to(examples).as_posix() for path in examples.rglob("*") if path.is_file())
    if name not in known:
        near = nearest(name, known)
        raise RecipeError(
            f"no data called {name!r} comes with the program",
            fix=f"did you mean {DATA}{near}?" if near else f"it has {', '.join(known)}",
        )
    return examples / name


def scripts_of(recipe: Path) -> list[Path]:
    """The scripts that a recipe's remarks name, with what they import of each other; below the folder of recipes."""
    place = recipe.parent / SCRIPTS
    found: list[Path] = []
    wanted = [place / name for name in _SCRIPT.findall(recipe.read_text(encoding="utf-8"))]
    while wanted:
        path = wanted.pop()
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if not file.is_file() or file in found or "__pycache__" in file.parts:
                continue
            found.append(file)
            if file.suffix == ".py":
                named = [file.parent / name for name in _IMPORT.findall(file.read_text(encoding="utf-8"))]
                named += [place / path.name for path in named]
                wanted += [each for path in named for each in (path, path.with_suffix(".py")) if each.exists()]
    return sorted(path.relative_to(recipe.parent) for path in found)

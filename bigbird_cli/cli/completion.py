"""What the Tab key offers besides options: names of recipes, models and settings, without importing any of them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import typer

from bigbird_cli.files.encodings import encodings as encoding_names
from bigbird_cli.files.names import CONFIG

_PACKAGE = Path(__file__).resolve().parent.parent
_BASES = ("Section", "TaskSection", "WindowedTask", "ReadingTask", "LanguageTask")


def shipped_recipes(incomplete: str) -> list[str]:
    """Shipped recipes."""
    folders = (_PACKAGE / "recipes", _PACKAGE.parent / "recipes")  # installed, or in the repository
    shipped = sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})
    return list(_starting(shipped, incomplete))


def named_recipes(context: typer.Context, incomplete: str) -> list[str]:
    """What `bigbird recipes` takes behind what is asked."""
    if context.params.get("action") == "settings":
        return [name.rstrip("=") for name in settings(incomplete)]
    return shipped_recipes(incomplete)


def recipes(incomplete: str) -> list[str]:
    """Shipped recipes, and folders and recipe files here."""
    return [*shipped_recipes(incomplete), *_paths(incomplete, suffix=".yaml")]


def models(incomplete: str) -> list[str]:
    """Shipped models, and folders here."""
    shipped = sorted(path.parent.name for path in (_PACKAGE / "pretrained").glob("*/config.json"))
    return [*_starting(shipped, incomplete), *model_folders(incomplete)]


def model_folders(incomplete: str) -> list[str]:
    """Folders here; one with a model is named without a slash."""
    return list(_paths(incomplete))


def encodings(incomplete: str) -> list[str]:
    """Encodings of text."""
    return list(_starting(encoding_names(), incomplete))


def settings(incomplete: str) -> list[str]:
    """Settings of recipes, each with the equals sign that its value follows."""
    schema = _sections(_PACKAGE / "recipe" / "schema.py")
    parts = {
        "model": "ModelSection",
        "data": "DataSection",
        "optim": "Optim",
        "run": "RunSection",
        "card": "CardSection",
    }
    names = {f"{part}.{name}=" for part, section in parts.items() for name in schema[section]}
    for path in (_PACKAGE / "tasks").rglob("*.py"):
        names.update(f"task.{name}=" for fields in _sections(path).values() for name in fields if name != "type")
    return list(_starting(sorted(names), incomplete))


def install_for_powershell() -> Path:
    """Append the completion to PowerShell's profile; where it is not installed, to the one that it will look for.

    Typer's own way needs a running PowerShell by the name given, and lifts its restrictions on scripts.

    Returns:
        The profile.
    """
    import shutil
    import subprocess

    from typer._completion_shared import get_completion_script

    profile = Path.home() / ".config" / "powershell" / "Microsoft.PowerShell_profile.ps1"
    if program := shutil.which("pwsh") or shutil.which("powershell"):
        command = [program, "-NoProfile", "-Command", "$PROFILE"]
        profile = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    script = get_completion_script(prog_name="bigbird", complete_var="_BIGBIRD_COMPLETE", shell="pwsh")
    profile.parent.mkdir(parents=True, exist_ok=True)
    written = profile.read_text(encoding="utf-8-sig") if profile.exists() else ""
    if script not in written:
        with profile.open("a", encoding="utf-8") as file:
            file.write(f"{script}\n")
    return profile


def _sections(path: Path) -> dict[str, list[str]]:
    """The sections that a module declares, with their fields: pydantic, which knows them too, takes half a second."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return {node.name: _fields(node) for node in classes if any(ast.unparse(base) in _BASES for base in node.bases)}


def _fields(section: ast.ClassDef) -> list[str]:
    declared = [
        node.target
        for node in section.body
        if isinstance(node, ast.AnnAssign) and "ClassVar" not in ast.unparse(node.annotation)
    ]
    return [target.id for target in declared if isinstance(target, ast.Name) and not target.id.startswith("_")]


def _starting(names: list[str], incomplete: str) -> Iterator[str]:
    return (name for name in names if name.startswith(incomplete))


def _paths(incomplete: str, *, suffix: str | None = None) -> Iterator[str]:
    """Paths that begin as typed: folders with a slash, and files that end so, or folders of models."""
    typed, _, start = incomplete.rpartition("/")
    folder = Path(f"{typed}/" if "/" in incomplete else ".")
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if not path.name.startswith(start) or (path.name.startswith(".") and not start):
            continue
        name = f"{incomplete[: len(incomplete) - len(start)]}{path.name}"
        if path.is_dir():
            yield name if suffix is None and (path / CONFIG).is_file() else f"{name}/"
        elif suffix is not None and path.suffix == suffix:
            yield name

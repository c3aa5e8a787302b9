"""The house stands as it was drawn: which room may import which, and what no room but one may touch."""

import ast
import importlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from bigbird_cli.errors import UsageError
from bigbird_cli.recipe import schema

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "bigbird_cli"

FLOORS = [  # imports go down only; rooms of one floor do not know each other
    {"cli"},
    {"batch"},
    {"report"},
    {"api"},
    {"training"},
    {"jax", "onnx", "pytorch"},
    {"backend"},
    {"weights"},
    {"recipe"},
    {"tasks"},
    {"data"},
    {"bigbird", "scoring", "search", "text"},
    {"files"},
    {"section", "errors", "events", "processes"},
    {"bounds", "choices", "messages"},
    {"lazy"},
]
FLOOR = {room: depth for depth, rooms in enumerate(FLOORS) for room in rooms}
EXCEPTIONS = {
    ("cli", "__version__"),
    ("report", "__version__"),
    ("training", "__version__"),
    ("__init__", "lazy"),
}
ONLY_IN = {  # a library, and the rooms that may import it
    "torch": {"pytorch"},
    "jax": {"jax"},
    "flax": {"jax"},
    "optax": {"jax"},
    "onnxruntime": {"onnx"},
    "yaml": {"recipe"},
    "datasets": {"data"},
    "pyarrow": {"batch", "data", "report"},
    "ray": {"batch"},
    "rich": {"cli"},
    "typer": {"cli"},
    "jinja2": {"report"},
    "markupsafe": {"report"},
    "tokenizers": {"text"},
    "pypdfium2": {"text"},
    "selectolax": {"text"},
    "safetensors": {"weights"},
    "sentencepiece": {"text"},
    "sklearn": {"tasks"},
    "scipy": {"tasks"},
    "bm25s": {"search"},
    "tensorboard": {"training"},
    "huggingface_hub": {"files"},
}
NOWHERE = {"click", "transformers", "pickle", "onnx", "onnxscript"}
BY_NAME = {  # imports by a name in a string, which leave a room for what only some callers ask of it
    ("bigbird/config.py", "bigbird_cli.weights.store"),  # BigBirdConfig.from_pretrained of a hub name
    ("text/huggingface/batch_encoding.py", "torch"),  # return_tensors="pt"
    ("text/huggingface/batch_encoding.py", "jax.numpy"),  # return_tensors="jax"
}

MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "pretrained" not in path.parts)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, anywhere in it and by a string too, but for names in type hints alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno} imports relatively; the whole name says where it comes from"
            if node.module == "bigbird_cli":
                yield from ((f"bigbird_cli.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield str(node.module), node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            name = node.args[0]
            if isinstance(name, ast.Constant) and (str(path.relative_to(PACKAGE)), name.value) not in BY_NAME:
                yield str(name.value), node.lineno


def test_every_room_has_a_floor_and_every_floor_its_rooms() -> None:
    rooms = {room_of(path) for path in MODULES} - {"__init__", "__main__"}
    assert rooms == FLOOR.keys()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path) -> None:
    room = room_of(path)
    if room == "__main__":
        assert [name for name, _ in imports_of(path)] == ["os", "sys", "bigbird_cli.cli"]
        return
    for name, line in imports_of(path):
        if not name.startswith("bigbird_cli."):
            continue
        other = name.split(".")[1]
        if other == room or (room, other) in EXCEPTIONS:
            continue
        assert room != "__init__", f"{path}:{line} imports {name}: public names are imported when they are used"
        assert FLOOR[other] > FLOOR[room], f"{path}:{line} in {room} imports {name}, which is not below it"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_libraries_stay_in_their_rooms(path: Path) -> None:
    for name, line in imports_of(path):
        library = name.split(".")[0]
        assert library not in NOWHERE, f"{path}:{line} imports {library}"
        assert room_of(path) in ONLY_IN.get(library, {room_of(path)}), f"{path}:{line} imports {library}"


def test_the_upper_rooms_meet_a_framework_only_through_the_backend() -> None:
    frameworks = ("bigbird_cli.jax", "bigbird_cli.onnx", "bigbird_cli.pytorch")
    for path in MODULES:
        if room_of(path) in ("cli", "api", "training"):
            assert not [name for name, _ in imports_of(path) if name.startswith(frameworks)], path


def test_the_flax_classes_name_the_extra_that_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("bigbird_cli.jax")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "flax", None)
    package = importlib.import_module("bigbird_cli")
    monkeypatch.delitem(vars(package), "FlaxBigBirdModel", raising=False)  # where a test has used it
    with pytest.raises(UsageError, match=r"flax is not installed; pip install 'bigbird-cli\[jax\]'"):
        package.FlaxBigBirdModel  # noqa: B018


def test_a_task_knows_no_other_task() -> None:
    unions = (schema.LabelledTask, schema.LanguageTasks)
    tasks = {task.__module__.split(".")[2] for union in unions for task in get_args(get_args(union)[0])}
    assert {"qa", "classify", "mlm"} <= tasks
    for path in (PACKAGE / "tasks").rglob("*.py"):
        own = path.relative_to(PACKAGE / "tasks").parts[0].removesuffix(".py")
        others = {name.split(".")[2] for name, _ in imports_of(path) if name.startswith("bigbird_cli.tasks.")}
        assert not others & (tasks - {own}), path


def test_an_import_by_a_string_is_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    (tmp_path / "a.py").write_text('import importlib\ntorch = importlib.import_module("torch")\n')
    assert ("torch", 2) in imports_of(tmp_path / "a.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_command_line_prints(path: Path) -> None:
    if room_of(path) == "cli":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not (isinstance(node, ast.Name) and node.id == "print"), f"{path}:{node.lineno} prints"
        assert not (
            isinstance(node, ast.Attribute) and node.attr == "write" and ast.unparse(node.value).startswith("sys.")
        ), f"{path}:{node.lineno} writes to a standard stream"


def test_the_wheel_takes_every_package() -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    standing = {".".join(path.parent.relative_to(REPOSITORY).parts) for path in PACKAGE.rglob("__init__.py")}
    assert set(settings["packages"]) == standing | {"bigbird_cli.recipes"}


def test_the_wheel_takes_recipes_and_no_script_of_theirs() -> None:
    # a package's own *.py files always travel; those of a folder below it do not
    assert not list((REPOSITORY / "recipes").glob("*.py"))


def test_public_names_are_all_there() -> None:
    import bigbird_cli

    for name in bigbird_cli.__all__:
        assert getattr(bigbird_cli, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'BigBert'"):
        _ = bigbird_cli.BigBert


def test_importing_the_package_imports_none_of_it() -> None:
    code = "import sys, bigbird_cli; print([name for name in sys.modules if name.startswith('bigbird_cli.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    assert done.stdout.strip() == "['bigbird_cli.lazy']"


def test_a_lazy_name_may_not_be_that_of_its_module() -> None:
    from bigbird_cli.lazy import lazy_names

    with pytest.raises(ValueError, match=r"'train' is a module of bigbird_cli\.pytorch"):
        lazy_names("bigbird_cli.pytorch", {"train": "bigbird_cli.pytorch.train"})

"""The command line in this process, which spares every test the seconds that torch takes to import."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bigbird_cli.cli import app

Invoke = Callable[..., Result]


@pytest.fixture(autouse=True)
def _auto_is_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands compute as calls do, whatever is installed: tests compare the two to the last digit."""
    monkeypatch.setattr(
        "bigbird_cli.backend.find_spec", lambda name: None if name == "onnxruntime" else find_spec(name)
    )


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run a command in an empty folder: invoke("qa", "--json", stdin=...) -> exit_code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*args: str | Path, stdin: str | bytes | None = None) -> Result:
        result = CliRunner().invoke(app, [str(arg) for arg in args], input=stdin, prog_name="bigbird")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


@pytest.fixture
def article(tmp_path: Path) -> Path:
    """A text longer than a window of the tiny model, with line ends of two kinds and characters of many widths."""
    path = tmp_path / "article.txt"
    lines = [f"In the year {1800 + n} the keeper ada lit the lamp 🦜 again; é ﬁ.\r\n" for n in range(40)]
    path.write_bytes(("\ufeff" + "".join(lines)).encode())
    return path

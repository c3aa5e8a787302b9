"""A table of results on a terminal that is too narrow for its columns."""

import io

import pytest
from rich.console import Console

from bigbird_cli.cli import grid
from bigbird_cli.cli.grid import TerminalGrid


def test_on_a_narrow_terminal_the_names_of_columns_are_faint_and_what_stands_in_them_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, color_system="standard", width=30)
    monkeypatch.setattr(grid, "output", lambda: terminal)
    drawn = TerminalGrid()
    drawn.header(["document", "Who?", "When?"])
    drawn.row(["a.txt", "Ada", "1820 (unsure)"])
    drawn.close()
    assert "\x1b[2m  Who?: \x1b[0mAda" in screen.getvalue()
    assert "\x1b[33m1820 (unsure)\x1b[0m" in screen.getvalue()

"""Help pages fit their reader, and a wrong use is told as every other error."""

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer

from bigbird_cli.cli.flags import FLAGS, as_options
from bigbird_cli.cli.pages import PANELS
from bigbird_cli.cli.program import app

GROUP: Any = typer.main.get_command(app)
COMMANDS = sorted(GROUP.commands)
OPTIONS = {
    name: [option for parameter in command.params for option in parameter.opts]
    for name, command in GROUP.commands.items()
}


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_a_page_fits_its_width_and_cuts_no_word(
    command: str, width: int, invoke: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    page = invoke(*[command] if command else [], "--help").stdout
    assert [line for line in page.splitlines() if len(line) > width] == []
    assert not re.search(r"[a-z0-9]\.\.\.", page)  # DATA... may be repeated
    assert "\x1b" not in page


def test_an_example_that_is_broken_over_lines_is_still_the_command(
    invoke: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    page = invoke("qa", "--help").stdout
    joined = re.sub(r" \\\n\s+", " ", page)
    assert 'bigbird qa article.txt --question "Who signed the lease?"\n' in joined


def test_every_option_stands_under_a_heading(invoke: Any) -> None:
    for command in COMMANDS:
        for parameter in GROUP.commands[command].params:
            assert parameter.rich_help_panel in PANELS, (command, parameter.name)
    page = invoke("qa", "--help").stdout
    places = [page.index(f"\n{heading}:\n") for heading in ("Input", "Model", "Output", "Running")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("tokenise",), "✗ there is no command 'tokenise'\n  did you mean tokenize?\n"),
        (("qa", "--qustion", "x"), "✗ there is no option --qustion\n  did you mean --question?\n"),
        (("qa", "--zzz"), "✗ there is no option --zzz\n  see bigbird qa --help\n"),
        (("qa", "--top-k", "0"), "✗ --top-k is 0; it must be a whole number, 1 to 100000\n  see bigbird qa --help\n"),
        (("qa", "-k", "many"), "✗ --top-k is many; it must be a whole number, 1 to 100000\n  see bigbird qa --help\n"),
        (
            ("qa", "--window", "3"),
            "✗ --window is 3; it must be a whole number, 16 to 16777216\n  see bigbird qa --help\n",
        ),
        (
            ("ner", "--min-score", "7"),
            "✗ --min-score is 7; it must be a number, 0.0 to 1.0\n  see bigbird ner --help\n",
        ),
        (
            ("qa", "--on-long", "windo"),
            "✗ --on-long is 'windo'; it may be window, error, truncate\n  did you mean window?\n",
        ),
        (("qa", "--question"), "✗ --question needs a value\n  see bigbird qa --help\n"),
        (("finetune",), "✗ RECIPE is missing\n  see bigbird finetune --help\n"),
        (("convert", "a", "b", "c"), "✗ bigbird convert has no use for 'c'\n  see bigbird convert --help\n"),
    ],
)
def test_a_wrong_use_is_told_with_what_and_remedy(invoke: Any, args: tuple[str, ...], says: str) -> None:
    result = invoke(*args)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", says)


@pytest.mark.parametrize("command", [name for name in COMMANDS if "--threads" in OPTIONS[name]])
@pytest.mark.parametrize("number", ["100000", "99999999999999999999", "-1"])
def test_more_threads_than_a_machine_carries_are_refused(invoke: Any, command: str, number: str) -> None:
    result = invoke(command, "--threads", number)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"✗ --threads is {number}; it must be a whole number, 1 to ")


def test_without_a_command_the_page_is_shown_and_nothing_done(invoke: Any) -> None:
    result = invoke()
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: bigbird ")


def test_options_have_the_names_that_errors_give_them() -> None:
    options = {
        parameter.name: parameter.opts
        for command in GROUP.commands.values()
        for parameter in command.params
        if parameter.param_type_name == "option"
    }
    assert {name: flag for name, flag in FLAGS.items() if name in options and flag not in options[name]} == {}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ('read it in several windows: on_long="window"', "read it in several windows: --on-long window"),
        ("overlap=63 leaves no room", "--overlap 63 leaves no room"),
        (
            "raise window=, or lower overlap= and max_answer_tokens=",
            "raise --window, or lower --overlap and --max-answer-tokens",
        ),
        ('did you mean column="the text"?', "did you mean --column 'the text'?"),
        ("write optim.window=3 or my-window=3", "write optim.window=3 or my-window=3"),
    ],
)
def test_arguments_are_named_as_options(said: str, shown: str) -> None:
    assert as_options(said) == shown


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are of POSIX")
@pytest.mark.parametrize(
    ("environment", "is_coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_pages_and_errors_have_colour_on_a_terminal(environment: dict[str, str], is_coloured: bool) -> None:
    own, other = pty.openpty()
    settings = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    shown = ""
    for arguments in (["--help"], ["qa", "--zzz"]):
        subprocess.run(
            [sys.executable, "-m", "bigbird_cli", *arguments],
            stdin=other,
            stdout=other,
            stderr=other,
            env={**settings, "TERM": "xterm", **environment},
            check=False,
        )
        time.sleep(0.1)  # for what is on its way
        shown += os.read(own, 100_000).decode()
    os.close(own)
    os.close(other)
    assert "Start with" in shown
    assert "there is no option --zzz" in shown
    assert ("\x1b[36m--version" in shown, "\x1b[31m✗\x1b[0m" in shown) == (is_coloured, is_coloured)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are of POSIX shells")
def test_a_help_page_that_nobody_reads_ends_well(repository: Path) -> None:
    script = 'set -o pipefail; for i in 1 2 3 4 5; do "$0" -m bigbird_cli --help | true || exit; done'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable], capture_output=True, text=True, cwd=repository, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_commands_stand_under_headings_in_one_column(invoke: Any) -> None:
    page = invoke("--help").stdout
    blocks = page.split("\n\n")
    read = next(block for block in blocks if block.startswith("Read documents:"))
    train = next(block for block in blocks if block.startswith("Train models:"))
    assert "\n  qa         Answer" in read
    assert "\n  init       Look" in train
    assert "finetune" not in read

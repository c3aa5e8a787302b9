"""The options that commands which read documents share are those of the plain calls, and each command has them."""

import inspect
import typing
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from bigbird_cli.api import ReadingOptions
from bigbird_cli.backend import BACKENDS
from bigbird_cli.choices import ReadingBackend
from bigbird_cli.cli.commands.classify import classify
from bigbird_cli.cli.commands.ner import ner
from bigbird_cli.cli.commands.qa import qa
from bigbird_cli.cli.commands.select import select
from bigbird_cli.cli.progress import ReadingProgress
from bigbird_cli.cli.shared import Shared, _is_short

NAMES = {field.name for field in fields(Shared) if not field.kw_only}


def test_the_calls_take_every_shared_option_that_is_not_the_command_lines() -> None:
    given = Shared(window=64, offline=True).reading(ReadingProgress(quiet=True))
    assert given.keys() == ReadingOptions.__annotations__.keys() - {"revision"}
    assert (given["window"], given["offline"], given["read_ahead"]) == (64, True, True)


@pytest.mark.parametrize(
    ("command", "missing"),
    [(qa, {"text_column"}), (ner, set()), (classify, set()), (select, {"window", "overlap", "on_long"})],
    ids=["qa", "ner", "classify", "select"],
)
def test_a_command_that_reads_has_the_shared_options(command: Callable[..., None], missing: set[str]) -> None:
    taken = inspect.signature(command).parameters.keys()
    assert NAMES - taken == missing
    assert "shared" not in taken


def test_every_backend_may_be_named() -> None:
    assert typing.get_args(ReadingBackend) == ("auto", *BACKENDS)


@pytest.mark.parametrize(
    ("given", "short"),
    [
        ({"files": ["a.txt"]}, True),
        ({"files": ["a.txt"], "question": ["who?"], "questions": None}, True),
        ({"files": None, "context": ["a.txt"], "question": ["who?"], "questions": None}, True),
        ({"files": ["a.txt"], "question": ["who?", "when?"], "questions": None}, False),
        ({"files": ["a.txt"], "question": None, "questions": None}, False),
        ({"files": ["a.txt"], "question": ["who?"], "questions": "more.txt"}, False),
        ({"files": ["a.txt", "long.txt"]}, False),
        ({"files": ["."]}, False),
        ({"files": ["-"]}, False),
        ({"files": None}, False),
    ],
)
def test_short_work_is_small_files_and_one_question(
    given: dict[str, Any], short: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("ada lit the lamp")
    Path("long.txt").write_text("ada lit the lamp " * 3000)
    assert _is_short(given) is short

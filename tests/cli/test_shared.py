"""The options that commands which read documents share are those of the plain calls, and each command has them."""

import inspect
import typing
from collections.abc import Callable
from dataclasses import fields

import pytest

from bigbird_cli.api import ReadingOptions
from bigbird_cli.backend import BACKENDS
from bigbird_cli.choices import ReadingBackend
from bigbird_cli.cli.commands.classify import classify
from bigbird_cli.cli.commands.ner import ner
from bigbird_cli.cli.commands.qa import qa
from bigbird_cli.cli.commands.select import select
from bigbird_cli.cli.progress import ReadingProgress
from bigbird_cli.cli.shared import Shared

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

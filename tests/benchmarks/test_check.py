"""The benchmark of checking plants faults of each kind, and finds them all."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import check

    yield check
    del sys.modules["check"]


def test_every_planted_fault_is_found_and_nothing_else(bench: ModuleType, tmp_path: Path) -> None:
    figures = bench.measure(60, 10, tmp_path)
    assert (figures["planted"], figures["found"], figures["false_alarms"]) == (6, 6, 0)
    assert {fault for _, fault in bench.questions(60, 10) if fault} == set(bench.FAULTS)


def test_clean_rows_give_no_alarm(bench: ModuleType, tmp_path: Path) -> None:
    figures = bench.measure(20, 0, tmp_path)
    assert (figures["planted"], figures["false_alarms"]) == (0, 0)

"""What the run of transformers' tests counts as passed, as failed, and as not applying."""

import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import transformers_suite

    yield transformers_suite
    del sys.modules["transformers_suite"]


def test_a_test_counts_once_and_fails_where_a_part_fails(bench: ModuleType) -> None:
    class Case(unittest.TestCase):
        def test_that_passes(self) -> None:
            pass

        def test_that_fails(self) -> None:
            assert False, "two\nlines"  # noqa: B011, PT015

        def test_that_fails_in_a_part(self) -> None:
            for number in range(2):
                with self.subTest(number):
                    assert number == 0

        def test_that_does_not_apply(self) -> None:
            self.skipTest("no such device")

    outcome = bench.run(Case)
    assert outcome.passed == ["test_that_passes"]
    assert sorted(outcome.failed) == ["test_that_fails", "test_that_fails_in_a_part"]
    assert outcome.failed["test_that_fails"].startswith("AssertionError: two lines")
    assert len(outcome.skipped) == 1

"""Pairs of models that are as good as each other are drawn so, and counted."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import significance

    yield significance
    del sys.modules["significance"]


def test_a_row_for_each_score_says_how_often(bench: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    bench.main(["--pairs", "4", "--shuffles", "39"])
    rows = capsys.readouterr().out.splitlines()[2:]
    assert len(rows) == 4
    assert all(float(row.split("|")[2].removesuffix(" % ")) in (0, 25, 50, 75, 100) for row in rows)


def test_questions_of_one_document_are_one_row(bench: ModuleType) -> None:
    a, _ = bench.questions(bench.np.random.default_rng(0))
    b, _ = bench.questions(bench.np.random.default_rng(0), by_document=False)
    assert (len(a), len(b)) == (40, 200)
    assert a.scores() == b.scores()

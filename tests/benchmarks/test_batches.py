"""What is killed and gone on with, or read in parts, is what one run writes."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import batches

    yield batches
    del sys.modules["batches"]


def test_bad_lines_are_of_ten_kinds_and_none_is_a_row(bench: ModuleType, tmp_path: Path) -> None:
    bench.make_lines(tmp_path / "rows.jsonl", number=40, n_bad=10)
    lines = (tmp_path / "rows.jsonl").read_bytes().splitlines()
    assert len(lines) == 40
    assert set(bench.BAD) <= set(lines)
    assert sum(line in bench.BAD for line in lines) == 10
    assert json.loads(lines[0])["id"] == 0


@pytest.mark.slow
def test_a_killed_run_and_parts_of_one_write_the_same_file(
    bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.lines(tmp_path, number=300, n_bad=20, n_kills=3, n_parts=3)
    assert capsys.readouterr().out.count(" yes ") == 4

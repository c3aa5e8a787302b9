"""The harness of crashes kills and fills disks, and tells what becomes of a run."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import resilience

    yield resilience
    del sys.modules["resilience"]


@pytest.mark.slow
def test_a_killed_run_goes_on_and_is_the_straight_run(bench: ModuleType, tmp_path: Path) -> None:
    bench.prepare(tmp_path)
    *_, counts, difference = bench.kills(tmp_path, 3, 0, None)
    assert re.search(r"\| 3 \| 3 \| 0 \| 0 \| 0 \| 0 \|", counts)
    assert difference.endswith(": 0.0")


@pytest.mark.slow
def test_a_full_disk_leaves_the_last_checkpoint_whole(bench: ModuleType, tmp_path: Path) -> None:
    bench.prepare(tmp_path)
    *_, counts = bench.disk(tmp_path, 2, 0)
    assert re.fullmatch(r"\| 2 bytes of [\d,]+ \| 2 \| 2 \| 2 \|", counts)

"""The benchmark of whole commands runs them and their peers, and prints a row for each."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import commands

    yield commands
    del sys.modules["commands"]


@pytest.mark.slow
def test_every_command_is_timed_beside_its_peer(
    bench: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    article = tmp_path / "article.txt"
    article.write_text(bench.ARTICLE.read_text(encoding="utf-8")[:1200], encoding="utf-8")
    monkeypatch.setattr(bench, "ARTICLE", article)
    monkeypatch.setattr(sys, "argv", ["commands.py", "--rounds", "1"])
    bench.main()
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == ["| qa", "| ner", "| classify"]
    for row in rows:
        assert re.fullmatch(r"\| \w+ (\| \d+\.\d\d ){5}(\| \d+\.\d\d x ){2}\|", row)

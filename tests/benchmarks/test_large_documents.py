"""The benchmark of large documents runs each command on each size, and prints a row for each."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import large_documents

    yield large_documents
    del sys.modules["large_documents"]


def test_a_text_of_any_size_is_made_of_whole_characters(bench: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("é")
    (tmp_path / "b.txt").write_text("漢")
    bench.write_text(tmp_path / "text", tmp_path, 9)
    assert (tmp_path / "text").read_text(encoding="utf-8") == "é漢é"


@pytest.mark.slow
def test_every_command_is_measured_on_every_size(
    bench: ModuleType,
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BIGBIRD_DATA", str(repository / "recipes" / "examples"))
    monkeypatch.setattr(sys, "argv", ["large_documents.py", "--megabytes", "0.001", "0.002", "--width", "16"])
    bench.main()
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == [
        f"| {name}" for name in ("tokenize", "classify", "ner", "qa") for _ in range(2)
    ]
    for row in rows:
        assert re.fullmatch(r"\| \w+ \| [\d.]+ MB \| 0 \| [\d,]+ \| [\d.]+ \| \d+ \| (-?[\d.]+)? \|", row), row

"""`bigbird cache` shows, limits and clears what is kept."""

import json
from pathlib import Path
from typing import Any

import pytest

from bigbird_cli.files.cache import SENTENCES, Shelf


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BIGBIRD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_is_kept_is_shown_with_its_size_and_cleared(invoke: Any, folder: Path) -> None:
    assert "nothing is kept" in invoke("cache").stdout
    Shelf(SENTENCES).put("a", b"0" * 1_500_000)
    assert invoke("cache").stdout.splitlines() == [str(folder), "  sentences        1 kept, 1.5 MB of 1,000.0 MB"]
    record = json.loads(invoke("cache", "--json").stdout)
    assert record == {
        "folder": str(folder),
        "limit": 10**9,
        "kept": [{"kind": SENTENCES, "entries": 1, "bytes": 1_500_000}],
    }
    assert "nothing is kept" in invoke("cache", "--clear").stdout
    assert Shelf(SENTENCES).get("a") is None


def test_a_limit_holds_from_now_on(invoke: Any) -> None:
    Shelf(SENTENCES).put("a", b"0" * 1_500_000)
    assert "nothing is kept" in invoke("cache", "--limit", "1").stdout
    Shelf(SENTENCES).put("b", b"0" * 1_500_000)
    assert Shelf(SENTENCES).get("b") is None
    assert invoke("cache", "--limit", "-1").exit_code == 2


def test_a_cache_that_cannot_be_written_is_said(invoke: Any, folder: Path) -> None:
    folder.write_bytes(b"")
    result = invoke("cache", "--limit", "5")
    assert result.exit_code == 3
    assert str(folder) in result.stderr

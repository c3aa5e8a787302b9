"""What is kept comes back or is missing, never broken; the least recently used goes; nobody is stopped by it."""

import os
import warnings
from pathlib import Path

import pytest

from bigbird_cli.files import cache
from bigbird_cli.files.cache import SENTENCES, Shelf


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BIGBIRD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_was_put_comes_back_and_is_its_owners_alone(folder: Path) -> None:
    shelf = Shelf(SENTENCES)
    assert shelf.get("a") is None
    shelf.put("a", b"one")
    shelf.put("a", b"two")
    assert shelf.get("a") == b"two"
    assert (folder / SENTENCES).stat().st_mode & 0o077 == 0
    assert cache.contents() == [cache.Kept(SENTENCES, 1, 3)]


def test_what_was_used_least_recently_goes_first(folder: Path) -> None:
    shelf = Shelf(SENTENCES)
    cache.set_limit(25)
    for age, key in ((30, "a"), (20, "b")):
        shelf.put(key, b"0123456789")
        os.utime(folder / SENTENCES / key, (age, age))
    assert shelf.get("a") is not None  # which makes it younger than b
    shelf.put("c", b"0123456789")
    assert sorted(path.name for path in (folder / SENTENCES).iterdir()) == ["a", "c"]
    cache.set_limit(9)
    assert not list((folder / SENTENCES).iterdir())


def test_a_limit_that_cannot_be_read_is_the_default(folder: Path) -> None:
    cache.set_limit(7)
    assert cache.limit() == 7
    (folder / "limit").write_text("much")
    assert cache.limit() == cache.DEFAULT_LIMIT


@pytest.mark.parametrize("broken", ["a file in its place", "a full disk", "no home"])
def test_a_cache_that_cannot_be_used_keeps_nothing_and_stops_nobody(
    folder: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    if broken == "a file in its place":
        folder.write_bytes(b"")
    elif broken == "a full disk":
        monkeypatch.setattr(cache, "replace_file", full)
    else:
        monkeypatch.delenv("BIGBIRD_CACHE")
        monkeypatch.setattr(Path, "home", homeless)
    with pytest.warns(UserWarning, match="nothing is kept for the next call"):
        Shelf(SENTENCES).put("a", b"one")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Shelf(SENTENCES).get("a") is None


def test_everything_goes_but_what_is_being_written(folder: Path) -> None:
    Shelf(SENTENCES).put("a", b"one")
    (folder / "features" / "key").mkdir(parents=True)
    (folder / "features" / "key" / "ids").write_bytes(b"12")
    (folder / "features" / ".unfinished-1").mkdir()
    assert [(kept.name, kept.n_entries, kept.n_bytes) for kept in cache.contents()] == [
        ("features", 1, 2),
        (SENTENCES, 1, 3),
    ]
    cache.clear()
    assert cache.contents() == []
    assert (folder / "features" / ".unfinished-1").is_dir()

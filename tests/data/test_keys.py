"""A key changes with whatever the features depend on, and with nothing else."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from bigbird_cli.data import hub, keys
from bigbird_cli.data.keys import content_key, source_key
from bigbird_cli.errors import DataError


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n', encoding="utf-8")
    return path


def key(rows: Path | str, tokenizer: Path, **settings: Any) -> str:
    return content_key(source_key([rows]), settings=settings, tokenizer=tokenizer)


def test_the_same_content_has_the_same_key_wherever_it_stands(rows: Path, tokenizer: Path, tmp_path: Path) -> None:
    before = key(rows, tokenizer, window=8, overlap=2)
    assert len(before) == 64
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.move(rows, tmp_path / "elsewhere" / "other.jsonl")
    (tokenizer / "model.safetensors").write_bytes(b"trained")
    assert key(moved, tokenizer.rename(tmp_path / "run"), overlap=2, window=8) == before


def test_the_key_changes_with_content_settings_tokenizer_and_format(
    rows: Path, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {key(rows, tokenizer, window=8)}

    def is_new(found: str) -> bool:
        new = found not in seen
        seen.add(found)
        return new

    assert is_new(key(rows, tokenizer, window=9))
    assert is_new(key(rows.rename(rows.with_suffix(".csv")), tokenizer, window=8))  # read otherwise
    rows = rows.with_suffix(".csv").rename(rows)
    rows.write_text('{"a": 2}\n', encoding="utf-8")
    assert is_new(key(rows, tokenizer, window=8))
    assert is_new(content_key(source_key([rows, rows]), settings={"window": 8}, tokenizer=tokenizer))
    (tokenizer / "tokenizer_config.json").write_text("{}", encoding="utf-8")
    assert is_new(key(rows, tokenizer, window=8))
    (tokenizer / "tokenizer.json").write_text("[]", encoding="utf-8")
    assert is_new(key(rows, tokenizer, window=8))
    monkeypatch.setattr(keys, "FORMAT", keys.FORMAT + 1)
    assert is_new(key(rows, tokenizer, window=8))


def test_of_a_folder_every_file_and_its_name_count(tmp_path: Path, tokenizer: Path) -> None:
    folder = tmp_path / "rows"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.jsonl", "deep/b.jsonl"):
        (folder / name).write_text(name, encoding="utf-8")
    found = [key(folder, tokenizer)]
    assert key(shutil.copytree(folder, tmp_path / "copy"), tokenizer) == found[0]
    (folder / "deep" / "b.jsonl").write_text("c", encoding="utf-8")
    found.append(key(folder, tokenizer))
    (folder / "deep" / "b.jsonl").rename(folder / "b.jsonl")
    found.append(key(folder, tokenizer))
    assert len(set(found)) == 3
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "b.jsonl").write_text("not read", encoding="utf-8")
    assert key(folder, tokenizer) == found[-1]


def test_a_data_set_of_the_hub_counts_by_its_commit(tokenizer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert key("hub:squad@abc", tokenizer) != key("hub:squad@abd", tokenizer)
    with pytest.raises(DataError, match=r"hub:squad: .*nothing may be looked up"):
        key("hub:squad", tokenizer)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with pytest.raises(DataError, match="nothing may be looked up"):
        source_key(["hub:squad"], offline=True)
    commits = iter(["one", "two", "two"])
    monkeypatch.setattr(hub, "revision_of", lambda source, offline: next(commits))  # noqa: ARG005
    found = [key("hub:squad", tokenizer) for _ in range(3)]
    assert found[0] != found[1] == found[2]


def test_a_missing_file_is_an_error(tmp_path: Path, tokenizer: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        key(tmp_path / "none.jsonl", tokenizer)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no FIFOs")
def test_a_pipe_is_refused_since_data_is_read_more_than_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rows.jsonl")
    with pytest.raises(DataError, match="data is read more than once"):
        source_key([tmp_path / "rows.jsonl"])
    with pytest.raises(DataError, match="data is read more than once"):
        source_key(["/dev/zero"])

"""Features read from disk are those that were written: whole or not at all, once for all processes."""

import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bigbird_cli.errors import ResourceError
from bigbird_cli.tasks import features as module
from bigbird_cli.tasks.base import Feature, WindowSource
from bigbird_cli.tasks.features import FeatureFile, default_folder
from bigbird_cli.text.documents import encode_document
from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer
from bigbird_cli.text.windows import Window

KEY = "0123456789abcdef" * 4


def feature(k: int, **changes: Any) -> Feature:
    n = k % 5 + 1
    fields: dict[str, Any] = {
        "ids": np.arange(k, k + n, dtype=np.int32),
        "types": np.arange(n, dtype=np.int8) % 2,
        "labels": {"start": k, "value": k / 3, "tags": np.arange(n, dtype=np.int32) - 100},
        "example": k // 2,
        "name": f"rows.jsonl:{k} \u00e9",
    }
    return Feature(**fields | changes)


def choice(k: int) -> Feature:
    shape = (2, k + 1)
    mask = np.ones(shape, dtype=bool)
    mask[1, k:] = False
    return feature(
        k, ids=np.full(shape, k, dtype=np.int32), types=np.zeros(shape, dtype=np.int8), labels={"labels": 1}, mask=mask
    )


def some(n: int = 7) -> list[Feature]:
    return [feature(k) for k in range(n)]


def check_equal(found: FeatureFile, expected: list[Feature]) -> None:
    assert len(found) == len(expected)
    assert found.lengths.dtype == np.int32
    assert found.lengths.tolist() == [len(each) for each in expected]
    for got, want in zip(found, expected, strict=True):
        assert (got.example, got.name, got.source) == (want.example, want.name, None)
        assert got.labels.keys() == want.labels.keys()
        pairs: list[tuple[Any, Any]] = [(got.ids, want.ids), (got.types, want.types), (got.mask, want.mask)]
        for one, other in pairs + [(got.labels[name], want.labels[name]) for name in want.labels]:
            assert type(one) is type(other)
            if isinstance(other, np.ndarray):
                np.testing.assert_array_equal(one, other, strict=True)
            else:
                assert one == other


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "cache" if request.param == "disk" else None


@pytest.mark.parametrize("make", [feature, choice], ids=["windows", "choices"])
@pytest.mark.parametrize("n", [0, 1, 7])
def test_features_come_back_as_they_were(folder: Path | None, make: Callable[[int], Feature], n: int) -> None:
    expected = [make(k) for k in range(n)]
    found = FeatureFile.cached(KEY, lambda: iter(expected), folder=folder)
    check_equal(found, expected)
    assert found.n_examples == len({each.example for each in expected})


def test_arrays_of_labels_may_be_of_another_length_than_the_ids(folder: Path | None) -> None:
    expected = [feature(k, labels={"labels": np.arange(3, dtype=np.float32) * k}) for k in range(3)]
    check_equal(FeatureFile.cached(KEY, lambda: expected, folder=folder), expected)


def test_a_feature_may_be_changed_without_changing_the_file(folder: Path | None) -> None:
    found = FeatureFile.cached(KEY, some, folder=folder)
    taken = found[3]
    taken.ids[:] = -1
    taken.labels["tags"][:] = -1  # type: ignore[index]
    check_equal(found, some())


def test_an_index_may_count_from_the_end_and_must_be_there(folder: Path | None) -> None:
    found = FeatureFile.cached(KEY, some, folder=folder)
    assert found[-1].name == feature(6).name
    with pytest.raises(IndexError):
        found[7]


def test_features_are_made_once(tmp_path: Path) -> None:
    def never() -> list[Feature]:
        raise AssertionError("made again")

    FeatureFile.cached(KEY, some, folder=tmp_path)
    check_equal(FeatureFile.cached(KEY, never, folder=tmp_path), some())
    with pytest.raises(AssertionError, match="made again"):
        FeatureFile.cached(KEY[::-1], never, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [KEY]


def test_what_is_not_whole_is_not_left_behind(tmp_path: Path) -> None:
    def broken() -> Iterator[Feature]:
        yield feature(0)
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        FeatureFile.cached(KEY, broken, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_a_day_later(tmp_path: Path) -> None:
    for name, age in ((".unfinished-old", 90_000), (".unfinished-new", 60), ("other", 90_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ids").write_bytes(b"")
        for path in (tmp_path / name / "ids", tmp_path / name):
            os.utime(path, (time.time() - age,) * 2)
    FeatureFile.cached(KEY, some, folder=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {KEY, ".unfinished-new", "other"}


@pytest.mark.parametrize(
    "damage",
    [
        lambda cache: (cache / "ids").write_bytes(b""),
        lambda cache: (cache / "types").unlink(),
        lambda cache: os.truncate(cache / "label2", 5),
        lambda cache: (cache / "meta.json").write_text("{"),
        lambda cache: (cache / "meta.json").write_text("[]"),
        lambda cache: (cache / "meta.json").unlink(),
        lambda cache: (cache / "meta.json").write_text("[" * 99_999),
        lambda cache: (cache / "ids").write_bytes(bytes((cache / "ids").stat().st_size)),
        lambda cache: (cache / "meta.json").write_text((cache / "meta.json").read_text().replace('"ids"', '"idx"')),
    ],
)
def test_a_broken_cache_is_made_anew(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    FeatureFile.cached(KEY, some, folder=tmp_path)
    damage(tmp_path / KEY)
    for _ in range(2):
        check_equal(FeatureFile.cached(KEY, some, folder=tmp_path), some())
    assert [path.name for path in tmp_path.iterdir()] == [KEY]


@pytest.mark.parametrize("name", ["meta.json", "ids", "begins", "examples", "names", "label0"])
def test_every_changed_byte_of_a_cache_is_found(tmp_path: Path, name: str) -> None:
    FeatureFile.cached(KEY, some, folder=tmp_path)
    path = tmp_path / KEY / name
    whole = path.read_bytes()
    shutil.copytree(tmp_path / KEY, tmp_path / "kept")  # quicker than to make it again, which waits for the disk
    for place in range(0, len(whole), max(1, len(whole) // 20)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        made = FeatureFile.cached(KEY, lambda: some(3), folder=tmp_path)
        assert len(made) == 3, f"{name}, byte {place}"
        shutil.rmtree(tmp_path / KEY)
        shutil.copytree(tmp_path / "kept", tmp_path / KEY)


def test_a_process_at_work_keeps_its_unfinished_cache_however_old(tmp_path: Path) -> None:
    def slow() -> Iterator[Feature]:
        yield feature(0)
        (mine,) = tmp_path.glob(".unfinished-*")
        for path in (*mine.iterdir(), mine):
            os.utime(path, (time.time() - 900_000,) * 2)
        FeatureFile.cached(KEY[::-1], some, folder=tmp_path)  # sweeps
        yield feature(1)

    assert len(FeatureFile.cached(KEY, slow, folder=tmp_path)) == 2


def test_a_clock_that_is_ahead_sweeps_nothing_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".unfinished-new").mkdir()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 2 * 24 * 3600)
    FeatureFile.cached(KEY, some, folder=tmp_path)
    assert (tmp_path / ".unfinished-new").exists()


def test_a_cache_of_another_format_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FeatureFile.cached(KEY, some, folder=tmp_path)
    monkeypatch.setattr(module, "FORMAT", module.FORMAT + 1)
    check_equal(FeatureFile.cached(KEY, lambda: some(3), folder=tmp_path), some(3))


def test_a_cache_holds_what_training_reads_and_no_more(tmp_path: Path, tiny_qa_model: Path) -> None:
    document = encode_document("ada", load_tokenizer(tiny_qa_model))
    source = WindowSource(document, Window(0, 1), 1, range(2))
    found = FeatureFile.cached(KEY, lambda: [replace(feature(0, labels={"labels": 1}), source=source)], folder=tmp_path)
    assert found[0].source is None
    files = {"ids", "types", "begins", "rows", "examples", "names", "name_begins", "label0", "meta.json"}
    assert {path.name for path in (tmp_path / KEY).iterdir()} == files


def test_a_name_is_kept_whatever_bytes_its_file_is_called_by(tmp_path: Path) -> None:
    one = replace(feature(0), name="caf\udce9.jsonl:1")
    assert FeatureFile.cached(KEY, lambda: [one], folder=tmp_path)[0].name == one.name


RACER = """
import sys, time
from pathlib import Path
import numpy as np
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.features import FeatureFile

key, folder, meeting, number = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]

def make():
    for k in range(7):
        if k in (1, 6):  # so that all are writing at once, and all are done at once
            (meeting / f"{k}-{number}").touch()
            while len(list(meeting.glob(f"{k}-*"))) < 3:
                time.sleep(0.01)
        yield Feature(np.full(k + 1, k, dtype=np.int32), np.zeros(k + 1, dtype=np.int8), {}, example=k)

found = FeatureFile.cached(key, make, folder=folder)
print(len(found), sum(int(each.ids.sum()) for each in found))
"""


@pytest.mark.parametrize("is_broken", [False, True])
def test_processes_may_race_on_one_key(tmp_path: Path, is_broken: bool, repository: Path) -> None:
    folder, meeting = tmp_path / "cache", tmp_path / "meeting"
    meeting.mkdir()
    if is_broken:
        FeatureFile.cached(KEY, some, folder=folder)
        (folder / KEY / "ids").write_bytes(b"")
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, KEY, folder, meeting, str(k)],
            cwd=repository,
            stdout=subprocess.PIPE,
            text=True,
        )
        for k in range(3)
    ]
    told = {racer.communicate(timeout=60)[0] for racer in racers}
    assert told == {f"7 {sum(k * (k + 1) for k in range(7))}\n"}
    assert [path.name for path in folder.iterdir()] == [KEY]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": {"start": 1}}, "differ in their labels"),
        ({"mask": np.ones(2, dtype=bool)}, "having a mask"),
        (
            {"labels": {"start": 0.5, "value": 0.5, "tags": np.zeros(2, dtype=np.int32)}},
            "differ in the kind of 'start'",
        ),
        ({"labels": {"start": np.float32(0.5), "value": 0.5, "tags": np.zeros(2, dtype=np.int32)}}, "of 'start'"),
        ({"labels": {"start": 1, "value": 1, "tags": np.zeros(2, dtype=np.int32)}}, "differ in the kind of 'value'"),
        ({"labels": {"start": 1, "value": 0.5, "tags": np.zeros(2)}}, "differ in the kind of 'tags'"),
        ({"labels": {"start": 1, "value": 0.5, "tags": np.zeros((2, 1), dtype=np.int32)}}, "too many dimensions"),
        ({"ids": np.arange(2)}, "ids of a feature are int64"),
        ({"types": np.zeros(3, dtype=np.int8)}, r"types of a feature are int8 \(3,\)"),
    ],
)
def test_features_that_differ_in_kind_are_refused(folder: Path | None, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FeatureFile.cached(KEY, lambda: [feature(0), feature(1, **changes)], folder=folder)


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError, match=r"the disk is full; .*BIGBIRD_CACHE"):
        FeatureFile.cached(KEY, some, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ResourceError, match=r"features cannot be written here: .*; set BIGBIRD_CACHE"):
        FeatureFile.cached(KEY, some, folder=tmp_path / "file" / "cache")


def test_caches_stand_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGBIRD_CACHE", str(tmp_path))
    assert default_folder() == tmp_path / "features"
    monkeypatch.setenv("BIGBIRD_CACHE", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_folder() == tmp_path / "home" / ".cache" / "bigbird" / "features"

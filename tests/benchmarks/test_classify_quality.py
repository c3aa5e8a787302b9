"""The quality benchmark takes a post's group from its folder, not from its headers, and measures calibration."""

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import classify_quality

    yield classify_quality
    del sys.modules["classify_quality"]


def test_a_post_is_its_subject_and_body(bench: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "mini-newsgroups" / "sci.space"
    folder.mkdir(parents=True)
    (folder / "1").write_text("Newsgroups: sci.space\nSubject: The lamp\nPath: a!b\n\nIt was lit.\n\nAgain.")
    assert bench.posts(tmp_path) == [("The lamp\n\nIt was lit.\n\nAgain.", "sci.space")]


def test_a_question_has_its_coarse_kind(bench: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "nltk").mkdir()
    with zipfile.ZipFile(tmp_path / "nltk/qc.zip", "w") as archive:
        archive.writestr("qc/test.txt", "NUM:dist How far is it ?\nLOC:city Where is it ?\n")
    assert bench.questions(tmp_path) == [("How far is it ?", "NUM"), ("Where is it ?", "LOC")]


@pytest.mark.parametrize(
    ("confidence", "right", "error"),
    [
        ([0.75, 0.75, 0.75, 0.75], [True, True, True, False], 0),
        ([1.0, 1.0], [True, False], 50),
        ([0.95, 0.55], [True, False], (5 + 55) / 2),
        ([0.55, 0.57], [True, False], 6),  # of one bin: 50 % are right, and 56 % were told
    ],
)
def test_calibration_error_is_the_gap_between_told_and_found(
    bench: ModuleType, confidence: list[float], right: list[bool], error: float
) -> None:
    assert bench.calibration_error(confidence, right) == pytest.approx(error)


def test_a_model_is_measured_on_the_texts_of_a_set(bench: ModuleType, tmp_path: Path, tiny_label_model: Path) -> None:
    for side in ("neg", "pos"):
        folder = tmp_path / "imdb" / side
        folder.mkdir(parents=True)
        (folder / "1.txt").write_text("ada lit the lamp")
    found = bench.measure(str(tiny_label_model), "imdb", tmp_path)
    assert (found.n, found.labels, found.majority, found.accuracy) == (2, 2, 50, 50)
    assert found.seconds_a_text > 0


def test_half_of_the_labels_leave_texts_that_are_none_of_them(
    bench: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    import bigbird_cli as bb

    labels = {"a": ("lamp", "a light"), "b": ("sea", "water"), "c": ("ship", "a boat")}
    said = {"one": "lamp", "two": None, "three": "ship", "four": "lamp"}
    monkeypatch.setattr(bb, "classify", lambda text, **_: {"label": said[text]})
    told = [("one", "a"), ("two", "b"), ("three", "b"), ("four", "c")]
    assert bench.measure_half("any", told, labels) == (50, 50)

"""Rows of texts and labels: the right label is among them, worded as the others; no text is in both parts."""

import random
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).resolve().parents[2] / "recipes/scripts/make_classify"


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(HERE)
    import rows

    yield rows
    for name in ("rows", "sentiment", "subjects"):
        sys.modules.pop(name, None)


def test_the_right_label_is_named_by_its_number(rows: ModuleType) -> None:
    rng = random.Random(0)
    for _ in range(40):
        row = rows.choice("a text", "right", ["wrong", "false", "bad", "off"], source="s", rng=rng, none=0)
        assert row.labels[row.label] == "right"
        assert 2 <= len(row.labels) == len(set(row.labels)) <= 5


def test_a_text_without_its_label_is_none_of_these(rows: ModuleType) -> None:
    row = rows.choice("a text", "right", ["wrong", "false"], source="s", rng=random.Random(0), none=1)
    assert row.labels[row.label] == rows.NONE
    assert "right" not in row.labels


def test_labels_of_a_choice_are_worded_alike(rows: ModuleType) -> None:
    labels = [rows.label("sea|ocean", "much water"), rows.label("lamp", "a light")]
    told = {tuple(rows.worded(labels, random.Random(seed))) for seed in range(60)}
    assert told == {
        *((name, "lamp") for name in ("sea", "ocean")),
        *((f"{name}: much water", "lamp: a light") for name in ("sea", "ocean")),
        ("much water", "a light"),
    }


def test_pieces_are_runs_of_the_text_and_none_is_short(rows: ModuleType) -> None:
    text = "  ".join(f"w{n}" for n in range(100))
    found = list(rows.pieces(text, random.Random(0), least=10, most=20))
    assert all(piece in text and 10 <= len(piece.split()) <= 20 for piece in found)
    assert "".join(found).count("w") >= 90


def test_a_review_is_in_one_part_only(rows: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del rows
    import sentiment

    monkeypatch.setattr(sentiment, "DEV", 1)
    (tmp_path / "nltk").mkdir()
    with zipfile.ZipFile(tmp_path / "nltk/movie_reviews.zip", "w") as archive:
        for kind in ("neg", "pos"):
            for n in range(3):
                archive.writestr(f"movie_reviews/{kind}/cv{n}.txt", f"{kind}{n} " * 90)
    parts = {dev: list(sentiment.rows(tmp_path, dev=dev, rng=random.Random(0))) for dev in (False, True)}
    words = {dev: {row.text.split()[0] for row in found} for dev, found in parts.items()}
    assert words == {False: {"neg0", "neg1", "pos0", "pos1"}, True: {"neg2", "pos2"}}
    sides = [set(side) for side in zip(*sentiment.PAIRS, strict=True)]
    assert all(row.labels[row.label] in sides[row.text.startswith("pos")] for row in parts[True])


def test_every_subject_has_a_name_and_a_description(rows: ModuleType) -> None:
    del rows
    import subjects

    known = subjects.subjects()
    names = [name for each in known for name in each.names]
    assert len(known) > 100
    assert len(names) == len(set(names))
    assert all(len(each.descriptions) == 1 for each in known)

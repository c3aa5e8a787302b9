"""The needle benchmark plants facts where it says and believes no receipt unread."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import needles

    yield needles
    del sys.modules["needles"]


def test_made_text_has_the_words_asked_for_and_is_the_same_each_time(bench: ModuleType) -> None:
    text = bench.haystack(1234, None)
    assert len(text.split()) == 1234
    assert text == bench.haystack(1234, None)


def test_novels_are_the_last_by_name(bench: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "litbank/original"
    folder.mkdir(parents=True)
    for i in range(bench.TEST_NOVELS + 2):
        (folder / f"{i:02d}.txt").write_text(f"novel{i} " * 10, encoding="utf-8")
    assert bench.haystack(15, tmp_path).split() == ["novel2"] * 10 + ["novel3"] * 5


def test_a_needle_stands_whole_at_its_depth(bench: ModuleType) -> None:
    text = bench.haystack(2000, None)
    for depth in (0.0, 0.05, 0.5, 0.95, 1.0):
        planted = bench.plant(text, "FACT.", depth)
        assert planted.replace("FACT. ", "", 1).strip() == text.strip()
        assert depth * len(text) <= planted.index("FACT.") <= depth * len(text) + 200


def test_each_fact_answers_its_own_question_only(bench: ModuleType) -> None:
    assert len(bench.NEEDLES) == 20
    haystack = bench.haystack(20_000, None)
    for needle in bench.NEEDLES:
        assert needle.answer in needle.fact
        assert needle.answer not in haystack
        assert sum(needle.answer in other.fact for other in bench.NEEDLES) == 1


def test_a_model_is_asked_for_every_needle(bench: ModuleType, tiny_qa_model: Path) -> None:
    told: list[str] = []
    rows = bench.find_needles(
        bench.haystack(300, None), model=str(tiny_qa_model), needles=bench.NEEDLES[:3], progress=told.append
    )
    assert [row["depth"] for row in rows] == [0, 1 / 3, 2 / 3]
    assert all(row["read_whole"] and row["tokens"] > 300 for row in rows)
    assert len(told) == 3
    assert "of 3; 3 of 3 receipts" in bench.table(rows, [])


@pytest.mark.slow
def test_memory_is_measured_in_a_process_of_its_own(bench: ModuleType, tiny_qa_model: Path) -> None:
    row = bench.peak_memory(500, model=str(tiny_qa_model), data=None)
    assert row["words"] == 500
    assert row["peak_mib"] > 20

"""The names benchmark counts what a set annotates, under one mapping for every system."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import ner_quality

    yield ner_quality
    for name in ("ner_quality", "gold", "mix"):
        sys.modules.pop(name, None)


TEXT = "Mr. Ada saw the Bel on Monday, said Cora."
ROW = {
    "text": TEXT,
    "entities": [[4, 7, "PERSON"], [16, 19, "GPE|LOC|FAC"], [23, 29, "DATE|TIME"]],
    "types": ["FAC", "GPE", "LOC", "PERSON"],
    "unsure": [[36, 40]],
}


def test_a_type_that_gold_allows_is_right_and_titles_and_articles_do_not_count(bench: ModuleType) -> None:
    counts = bench.count([ROW], [[(0, 7, "PERSON"), (12, 19, "FAC")]])
    assert counts == {"PERSON": (1, 1, 1), "GPE|LOC|FAC": (1, 1, 1)}


def test_what_a_set_leaves_open_is_not_counted(bench: ModuleType) -> None:
    counts = bench.count([ROW], [[(23, 29, "DATE"), (36, 40, "PERSON"), (8, 11, "ORG")]])
    assert counts == {"PERSON": (1, 0, 0), "GPE|LOC|FAC": (1, 0, 0)}


def test_a_wrong_type_counts_under_the_type_that_was_found(bench: ModuleType) -> None:
    counts = bench.count([ROW], [[(16, 19, "PERSON"), (4, 7, "LOC")]])
    assert counts == {"PERSON": (1, 1, 0), "GPE|LOC|FAC": (1, 1, 0)}
    assert bench.scores(counts.values()) == (0.0, 0.0, 0.0)


def test_texts_are_changed_with_their_gold_in_place(bench: ModuleType) -> None:
    for way, wanted in (("capitals", TEXT.upper()), ("small", TEXT.lower()), ("lines", TEXT)):
        assert bench.changed([ROW], way) == [{**ROW, "text": wanted}]
    [long] = bench.changed([{**ROW, "text": "Ada Bel " * 40}], "lines")
    assert long["text"].replace("\n", " ") == "Ada Bel " * 40 != long["text"]


def test_systems_are_told_apart_on_the_same_texts(bench: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    def perfect(texts: Sequence[str]) -> tuple[list[list[tuple[int, int, str]]], float]:
        return [[(4, 7, "PERSON"), (16, 19, "GPE")] for _ in texts], 0.5

    def blind(texts: Sequence[str]) -> tuple[list[list[tuple[int, int, str]]], float]:
        return [[] for _ in texts], 1.0

    results = bench.run({"perfect": perfect, "blind": blind}, {"a": [ROW, ROW]})
    assert [(result.f1, result.n_gold, result.words_per_second) for result in results] == [(100, 4, 36), (0, 4, 18)]
    assert "100.0" in capsys.readouterr().out


def test_a_model_of_ours_is_judged_from_the_command_line(
    bench: ModuleType, tmp_path: Path, tiny_ner_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tests").mkdir()
    row = {"text": "ada lit the lamp", "entities": [[0, 3, "PER"]], "types": ["LOC", "PER"]}
    (tmp_path / "tests/a.jsonl").write_text(json.dumps(row) + "\n")
    out = tmp_path / "out.json"
    monkeypatch.setattr(
        sys, "argv", ["ner_quality", str(tmp_path / "tests"), "--model", str(tiny_ner_model), "--json", str(out)]
    )
    bench.main()
    [result] = json.loads(out.read_text())["results"]
    assert (result["test"], result["n_gold"]) == ("a", 1)
    assert result["words_per_second"] > 0

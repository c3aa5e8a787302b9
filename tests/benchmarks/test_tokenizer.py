"""The tokenizer benchmark finds lines in every format, counts a wrong place as wrong, and compares what it says."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

VOCABULARY = Path(__file__).parents[1] / "text" / "fixtures" / "tiny-spiece.model"


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import tokenizer

    yield tokenizer
    del sys.modules["tokenizer"]


def test_lines_come_from_every_format_once(bench: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n", encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps({"x": ["three\nfour", {"y": "one"}], "z": 1}), encoding="utf-8")
    (tmp_path / "c.jsonl").write_text('{"t": "five"}\n{"t": "six"}\n', encoding="utf-8")
    (tmp_path / "d.csv").write_text('"seven, seven",eight\n', encoding="utf-8")
    (tmp_path / "e.tsv").write_text("nine\tten\n", encoding="utf-8")
    (tmp_path / "f.json").write_text("{no json", encoding="utf-8")
    (tmp_path / "g.bin").write_bytes(b"nothing")
    lines = bench.real_lines(tmp_path, 100)
    expected = [*["one", "two", "three", "four", "five", "six", "eight"], "seven, seven", "nine\tten", "{no json"]
    assert sorted(lines) == sorted(expected)
    assert bench.real_lines(tmp_path, 3) == lines[:3]


def test_long_lines_are_cut_and_lose_nothing(bench: ModuleType, tmp_path: Path) -> None:
    line = "".join(chr(97 + i % 26) * (i % 7) for i in range(500))
    (tmp_path / "a.txt").write_text(line, encoding="utf-8")
    parts = bench.real_lines(tmp_path, 100)
    assert len(parts) > 1
    assert sum(map(len, parts)) == len(line)
    assert all(part in line and len(part) <= bench.LONGEST_LINE for part in parts)


def test_made_lines_are_the_same_each_time_and_hold_special_tokens(bench: ModuleType) -> None:
    lines = bench.made_lines(["▁the", "light"], 200)
    assert lines == bench.made_lines(["▁the", "light"], 200)
    assert any("[MASK]" in line for line in lines)
    "".join(lines).encode()


def test_a_wrong_place_is_counted(bench: ModuleType) -> None:
    from bigbird_cli import BigBirdTokenizer

    slow, line = BigBirdTokenizer(VOCABULARY), "the light 漢 [MASK]"
    encoded = slow(line, add_special_tokens=False, return_offsets_mapping=True)
    spans = encoded.offset_mapping
    assert bench.wrong_offsets(line, encoded.input_ids, spans, slow) == 0
    for i, (start, stop) in enumerate(spans):
        if start < stop and line[start:stop].strip():
            moved = [*spans[:i], (start, stop + 1), *spans[i + 1 :]]
            assert bench.wrong_offsets(line, encoded.input_ids, moved, slow) >= 1, i


def test_every_contender_but_transformers_agrees(bench: ModuleType, tmp_path: Path) -> None:
    readers, slow, documents = bench.contenders(VOCABULARY, tmp_path)
    lines = ["the light [MASK] on the island", " is [SEP] a  house ", *bench.made_lines(list(slow.get_vocab()), 50)]
    table = bench.compare(lines, 2, readers, slow, documents)
    rows = {cells[1].strip(): cells for cells in (line.split("|") for line in table.splitlines()[4:])}
    assert rows.keys() == readers.keys()
    for name in (bench.SLOW, bench.OURS, bench.DOCUMENTS, bench.LIBRARY):
        assert rows[name][3].strip() == "0", name
        assert rows[name][4].strip() in ("0", "–"), name
    assert rows[bench.THEIRS][3].strip() != "0"


def test_a_difference_is_counted(bench: ModuleType, tmp_path: Path) -> None:
    readers, slow, documents = bench.contenders(VOCABULARY, tmp_path)
    readers[bench.OURS] = lambda lines: [[0] for _ in lines]
    table = bench.compare(["the light"] * 3, 3, readers, slow, documents)
    assert "| 3 | 3 |" in next(line for line in table.splitlines() if bench.OURS in line)

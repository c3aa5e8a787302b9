"""The benchmark of invariance compares records, and finds none that differ."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import invariance

    yield invariance
    del sys.modules["invariance"]


def test_no_record_depends_on_batch_order_or_threads(
    bench: ModuleType, tiny_qa_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["ada", "lit", "the", "lamp", "of", "the", "keeper", "bel", "cora", "dov", "tower"]
    rows = [{"context": " ".join(words[n % 5 :] * (1 + 3 * n)), "question": "who lit the lamp"} for n in range(6)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    bench.main(["--model", str(tiny_qa_model), "--rows", str(tmp_path / "rows.jsonl")])
    lines = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert len(lines) == 2 * (len(bench.WAYS) - 1)
    assert {line[5] for line in lines} == {"0"}
    assert max(float(line[6].strip(" |")) for line in lines) < 1e-5


def test_another_answer_and_another_score_are_told(
    bench: ModuleType, tiny_qa_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answered(rows: list[dict[str, str]], way: object, **_: object) -> list[dict[str, object]]:
        other = way is bench.WAYS[2]
        return [{"start": int(other), "end": 3, "score": 0.5, "no_answer_score": 0.25 if other else 0.5} for _ in rows]

    monkeypatch.setattr(bench, "answered", answered)
    found = list(bench.differences([{}, {}], bench.WAYS[:3], model=str(tiny_qa_model)))
    assert [(d.n_answers, d.largest) for d in found] == [(0, 0.0), (2, 0.25)] * 2

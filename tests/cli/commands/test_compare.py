"""`bigbird compare`: scores of both, and the examples that changed."""

import json
from pathlib import Path
from typing import Any


def write(path: Path, right: list[bool]) -> Path:
    about = {"kind": "label", "document": 0, "tokens": 9, "windows": 1, "gold": "a", "score": 0.9}
    rows = [{**about, "id": str(n), "document": n, "predicted": "ba"[ok], "right": ok} for n, ok in enumerate(right)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_pipe_gets_scores_and_the_largest_changes(invoke: Any, tmp_path: Path) -> None:
    files = write(tmp_path / "a.jsonl", [True] + [False] * 9), write(tmp_path / "b.jsonl", [False] + [True] * 9)
    result = invoke("compare", *files, "--changes", "2")
    assert result.exit_code == 0, result.stderr
    assert "A is better on 1 example, B on 9; on 0 they are equal" in result.stdout
    assert "and 8 more" in result.stdout
    assert "+80.00" in result.stdout
    assert len(json.loads(invoke("compare", *files, "--json").stdout)["changes"]) == 10


def test_a_model_without_data_is_a_wrong_use(invoke: Any, tmp_path: Path) -> None:
    result = invoke("compare", write(tmp_path / "a.jsonl", [True]), "qa-mini")
    assert result.exit_code == 2
    assert "no data to try it on" in result.stderr

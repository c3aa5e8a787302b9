"""The benchmark of training gives both contenders the same work, and that of reading scores what commands give."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import process_environment

WORDS = ("ada", "bel", "the", "lamp", "tower", "lit", "kept")


def rows(n: int) -> str:
    lines = []
    for number in range(n):
        tokens = [WORDS[(number + place) % len(WORDS)] for place in range(12)]
        tags = ["B-PER" if token in ("ada", "bel") else "O" for token in tokens]
        lines.append(json.dumps({"id": str(number), "tokens": tokens, "tags": tags}))
    return "\n".join(lines) + "\n"


def run(script: Path, *words: str, cwd: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, str(script), *words],
        cwd=cwd, env=process_environment({"BIGBIRD_CACHE": str(cwd / "cache")}), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_both_contenders_come_to_the_same_loss_and_commands_to_the_same_score(
    tmp_path: Path, repository: Path, tiny_qa_model: Path
) -> None:
    for part, n in (("train", 24), ("dev", 6)):
        (tmp_path / f"{part}.jsonl").write_text(rows(n))
    recipe = {
        "model": {"start": str(tiny_qa_model), "dropout": 0.0, "attention_dropout": 0.0},
        "task": {"type": "ner", "window": 64, "overlap": 8},
        "data": {"train": "train.jsonl", "dev": "dev.jsonl"},
        "optim": {"lr": 1e-2, "batch_size": 8, "micro_batch_size": 4, "steps": 6},
        "run": {"log_every": 1},
    }
    (tmp_path / "ner.yaml").write_text(yaml.safe_dump(recipe))
    lines = run(repository / "benchmarks" / "training.py", "ner.yaml", cwd=tmp_path)
    peer, ours = ([cell.strip() for cell in line.split("|")] for line in lines[2:])
    assert (peer[2], ours[2]) == ("transformers", "bigbird-cli")
    assert float(ours[4]) == pytest.approx(float(peer[4]), abs=2e-3)
    assert ours[3] == peer[3]

    run(repository / "bigbird_cli" / "__main__.py", "finetune", "ner.yaml", "--out", "run", cwd=tmp_path)
    words = ("ner", "dev.jsonl", "--model", "run")
    shown = run(repository / "benchmarks" / "reading.py", *words, cwd=tmp_path)
    assert shown[1] == "tokens read: 100.00 %"
    told, trained = (part.split()[0] for part in shown[-1].removeprefix("f1: ").split(" by the command, "))
    assert told == trained

"""Claim: a record depends on nothing but its document and its question.

    BIGBIRD_DATA=FOLDER python benchmarks/invariance.py                    300 questions of SQuAD's passages
    python benchmarks/invariance.py --rows rows.jsonl --model runs/squad   {"context": ..., "question": ...} a line

The same questions are answered one by one, then in batches, in another order and with another number of threads, in
float32 and in 8 bits. For each way: how many answers differ from those of the first, and by how much a score differs
at most. FOLDER holds squad-dev.
"""

import argparse
import json
import os
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

SCORES = ("score", "no_answer_score")


@dataclass(frozen=True)
class Way:
    """How questions are answered: windows at a time, the order's seed (None: as they come), and processor threads."""

    batch_size: int
    order: int | None
    threads: int


WAYS = (
    Way(1, None, 1),
    Way(3, None, 1),
    Way(16, None, 1),
    Way(16, 0, 1),
    Way(16, 1, 1),
    Way(1, None, 2),
    Way(16, 0, 2),
)


@dataclass(frozen=True)
class Difference:
    """What another way changed."""

    quantize: str | None
    way: Way
    n: int
    n_answers: int
    largest: float


def answered(rows: Sequence[dict[str, Any]], way: Way, *, model: str, quantize: str | None) -> list[dict[str, Any]]:
    """The records of rows, in their order."""
    from bigbird_cli import api
    from bigbird_cli.text.documents import Document

    order = list(range(len(rows)))
    if way.order is not None:
        random.Random(way.order).shuffle(order)
    requests = (api.Request(Document("text", rows[i]["context"]), rows[i]["question"]) for i in order)
    results = api.answer_all(
        requests, model=model, quantize=quantize, batch_size=way.batch_size, threads=way.threads, device="cpu", top_k=3
    )
    by_row = {i: result.record() for i, result in zip(order, results, strict=True)}
    return [by_row[i] for i in range(len(rows))]


def differences(rows: Sequence[dict[str, Any]], ways: Sequence[Way], *, model: str) -> Iterator[Difference]:
    """Answer rows in each way, and compare with the first."""
    for quantize in (None, "int8"):
        wanted = answered(rows, ways[0], model=model, quantize=quantize)
        for way in ways[1:]:
            found = answered(rows, way, model=model, quantize=quantize)
            pairs = list(zip(wanted, found, strict=True))
            n_answers = sum((a["start"], a["end"]) != (b["start"], b["end"]) for a, b in pairs)
            largest = max(abs(a[name] - b[name]) for a, b in pairs for name in SCORES)
            yield Difference(quantize, way, len(rows), n_answers, largest)


def table(found: Sequence[Difference]) -> str:
    """The differences as a markdown table."""
    lines = [
        "| products | batch size | order | threads | questions | other answers | largest difference of a score |",
        "|---|---:|---|---:|---:|---:|---:|",
    ]
    for d in found:
        order = "as given" if d.way.order is None else f"shuffled {d.way.order}"
        cells = (d.quantize or "float32", d.way.batch_size, order, d.way.threads, d.n, d.n_answers, f"{d.largest:.1e}")
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def squad_rows(data: Path, n: int) -> list[dict[str, Any]]:
    """Questions of SQuAD's passages, drawn with seed 0."""
    from qa_quality import passages

    cases = random.Random(0).sample(passages(data), n)
    return [{"context": case.context, "question": case.question} for case in cases]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="qa-mini", help="model folder or name (qa-mini)")
    parser.add_argument("--rows", type=Path, default=None, help="JSON lines to answer instead of SQuAD's")
    parser.add_argument("--questions", type=int, default=300)
    args = parser.parse_args(argv)
    if args.rows is not None:
        rows = [json.loads(line) for line in args.rows.read_text(encoding="utf-8").splitlines()]
    else:
        rows = squad_rows(Path(os.environ["BIGBIRD_DATA"]), args.questions)
    found = []
    for difference in differences(rows, WAYS, model=args.model):
        found.append(difference)
        print(table([difference]).splitlines()[-1], file=sys.stderr, flush=True)
    print(table(found))


if __name__ == "__main__":
    main()

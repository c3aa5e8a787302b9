"""Claim: bigbird check finds what is wrong with rows of any number in little memory, and says nothing of clean ones.

    python benchmarks/check.py                        100,000 questions, of which every 1,000th has a fault
    python benchmarks/check.py --rows 10000
    python benchmarks/check.py --data reviews.csv litbank/brat ...    what `init` and `check` say of data at hand

Seconds are of the processor, megabytes the most that the process had.
"""

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import bigbird_cli as bb

Row = dict[str, Any]


def _shift(row: Row) -> None:
    row["answers"]["answer_start"][0] += 3


def _empty(row: Row) -> None:
    row["question"] = " "


def _nowhere(row: Row) -> None:
    row["answers"]["text"][0] += "xq"


def _garble(row: Row) -> None:
    row["context"] += " cafÃ©"


def _cut(row: Row) -> None:
    row["answers"]["text"][0] = row["answers"]["text"][0][:-1]


FAULTS: dict[str, Callable[[Row], None]] = {
    "answer": _shift,
    "empty": _empty,
    "nowhere": _nowhere,
    "garbled": _garble,
    "cut": _cut,
}


def questions(n_rows: int, every: int) -> Iterator[tuple[Row, str | None]]:
    """Rows of a hundred words each, and the faults that some have; every 0 gives clean ones."""
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(3, 9))) for _ in range(5000)]
    for number in range(n_rows):
        context = " ".join(draw.choices(words, k=100))
        start = context.index(" ", 200) + 1
        answers = {"text": [context[start : context.index(" ", start + 3)]], "answer_start": [start]}
        row = {
            "id": f"q{number}",
            "context": context,
            "question": " ".join(draw.choices(words, k=8)),
            "answers": answers,
        }
        fault = None
        if every and number % every == every - 1:
            fault = list(FAULTS)[number // every % len(FAULTS)]
            FAULTS[fault](row)
        yield row, fault


def measure(n_rows: int, every: int, folder: Path) -> dict[str, float]:
    """Write rows, draft a recipe for them, and check them: faults planted and found, alarms beside them, cost."""
    path = folder / "rows.jsonl"
    planted: set[str] = set()
    with path.open("w", encoding="utf-8") as file:
        for number, (row, fault) in enumerate(questions(n_rows, every), start=1):
            file.write(json.dumps(row) + "\n")
            if fault is not None:
                planted.add(f"{path}:{number}")
    bb.init(path).write(folder / "rows.yaml")
    found: set[str] = set()
    began = time.process_time()
    bb.check(
        folder / "rows.yaml", data_only=True, on_finding=lambda finding: found.add(finding.where.partition(",")[0])
    )
    return {
        "rows": n_rows,
        "planted": len(planted),
        "found": len(planted & found),
        "false_alarms": len(found - planted),
        "seconds": time.process_time() - began,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def look_at(data: str, folder: Path) -> str:
    """What `init` and `check` say of data, in a line."""
    draft = bb.init(data)
    recipe = folder / "recipe.yaml"
    draft.write(recipe)
    report = bb.check(recipe, data_only=True)
    doubts = {kind: count for kind, count in report.counts.items() if kind != "errors"}
    counted = f"{draft.seen.n_examples:,} examples, {report.n_errors} errors"
    return f"{data}: {draft.seen.task['type']}, {counted}, {doubts}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--every", type=int, default=1_000, help="a fault in every so many rows")
    parser.add_argument("--data", nargs="+", default=[])
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for data in options.data:
            print(look_at(data, folder))
        if not options.data:
            for every in (0, options.every):
                print(json.dumps(measure(options.rows, every, folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

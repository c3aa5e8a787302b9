"""Claim: what a run scored in training is what its commands give; offsets are exact and every token is read.

    python benchmarks/reading.py ner data/redocred/dev.jsonl --model runs/ner-redocred
    python benchmarks/reading.py classify data/imdb/dev.jsonl --model runs/classify-imdb --documents 200

Each document goes through the command as a user would send it, as JSON lines on standard input; what comes back is
scored against the file's gold by the task's own measure, and compared with the score in the run's metrics.jsonl, which
evaluation in training wrote, where all of its documents are read.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bigbird_cli.tasks.classify.decoding import ClassPrediction
from bigbird_cli.tasks.classify.task import Classification
from bigbird_cli.tasks.ner.decoding import Entity, NERPrediction
from bigbird_cli.tasks.ner.task import NamedEntities
from bigbird_cli.tasks.windowed import Coverage

KINDS: dict[str, Any] = {"ner": NamedEntities, "classify": Classification}


def read_with(command: str, model: Path, texts: Sequence[str]) -> tuple[list[dict[str, Any]], float]:
    """The records of a command for these texts, and the seconds that it took."""
    rows = "".join(json.dumps({"text": text, "id": number}) + "\n" for number, text in enumerate(texts))
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "bigbird_cli", command, "--model", str(model), "--json"],
        input=rows.encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()], time.perf_counter() - started


def prediction_of(command: str, record: dict[str, Any], name: str) -> Any:
    """A command's record as the task's own prediction."""
    receipt = record["receipt"]
    coverage = Coverage(receipt["tokens"], receipt["read"], receipt["unknown"], receipt["windows"], longest_input=0)
    if command == "ner":
        entities = (Entity(e["type"], e["start"], e["end"], e["score"], e["text"]) for e in record["entities"])
        return NERPrediction(name, tuple(entities), coverage)
    labels = record.get("labels", [record["label"]])
    return ClassPrediction(
        name, tuple(labels), value=None, scores=record["scores"], combine=record["combine"], coverage=coverage
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=KINDS)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--documents", type=int, help="read the first so many")
    options = parser.parse_args()
    task = KINDS[options.command].model_validate_json((options.model / "task.json").read_bytes())
    examples = list(task.read(options.data))[: options.documents]
    records, seconds = read_with(options.command, options.model, [example.text for example in examples])
    predictions = [
        prediction_of(options.command, record, example.id) for record, example in zip(records, examples, strict=True)
    ]
    scores = task.score(predictions, examples)
    n_tokens = sum(record["receipt"]["tokens"] for record in records)
    n_read = sum(record["receipt"]["read"] for record in records)
    metric = task.main_metric
    lines = [json.loads(line) for line in (options.model / "metrics.jsonl").read_text().splitlines()]
    trained = [line["scores"] for line in lines if line["event"] == "evaluated" and line["best"]][-1]
    print(f"documents: {len(records)}, {n_tokens:,} tokens, {seconds:.1f} s")
    print(f"tokens read: {100 * n_read / n_tokens:.2f} %")
    if options.command == "ner":
        spans = [
            (example.text, e) for example, record in zip(examples, records, strict=True) for e in record["entities"]
        ]
        exact = sum(text[e["start"] : e["end"]] == e["text"] for text, e in spans)
        print(f"entities: {len(spans):,}, offsets exact: {100 * exact / len(spans):.2f} %")
    print(f"{metric}: {scores[metric]:.4f} by the command, {trained[metric]:.4f} in training on {trained['total']:.0f}")


if __name__ == "__main__":
    main()

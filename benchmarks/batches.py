"""Claim: a batch that is stopped and gone on with, or read in parts, writes what one run writes, bad rows and all.

    python benchmarks/batches.py lines --number 10000           bad lines of ten kinds; kill -9 three times; three parts
    python benchmarks/batches.py memory --megabytes 50          one text of so many, and as much in short rows

Every run is `bigbird ner` in a process of its own, with a model of two layers of width 16 that is made on the fly, on
one thread. Times are of the processor; memory is the most that the process held.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

WORDS = ("north", "south", "lamp", "keeper", "storm", "sea", "lit", "signed", "year", "harbour", "ship", "light")
VOCABULARY = 128
BAD: tuple[bytes, ...] = (
    b"nonsense",
    b'{"text": "cut off',
    b'["a list"]',
    b"17",
    b'{"id": 1}',
    b'{"text": null}',
    b'{"text": 17}',
    b'{"text": ""}',
    b'{"text": "half a character \\ud800"}',
    b'{"text": "\xff\xfe"}',
)
"""Lines that are no row with a text, each in a way of its own."""


def make_model(folder: Path) -> Path:
    """A model that finds names everywhere, with random weights."""
    import torch

    import bigbird_cli as bb

    draw = random.Random(0)
    corpus = folder.parent / "corpus.txt"
    corpus.write_text("".join(f"{' '.join(draw.choices(WORDS, k=9))} .\n" for _ in range(400)))
    bb.train_tokenizer(corpus, folder, vocab_size=VOCABULARY)
    torch.manual_seed(0)
    labels = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    config = bb.BigBirdConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=512,
        block_size=16,
        initializer_range=0.5,
        id2label=dict(enumerate(labels)),
        label2id={name: number for number, name in enumerate(labels)},
    )
    bb.BigBirdForTokenClassification(config).save_pretrained(folder)
    task = {"type": "ner", "window": 512, "overlap": 64, "labels": ["LOC", "PER"]}
    (folder / "task.json").write_text(json.dumps(task))
    return folder


def make_lines(path: Path, *, number: int, n_bad: int) -> None:
    """Rows of a few words each, with bad lines among them."""
    draw = random.Random(1)
    lines = [
        json.dumps({"text": " ".join(draw.choices(WORDS, k=6)), "id": n, "town": draw.choice(WORDS)}).encode()
        for n in range(number)
    ]
    for n, place in enumerate(draw.sample(range(1, number), n_bad)):
        lines[place] = BAD[n % len(BAD)]
    path.write_bytes(b"\n".join(lines) + b"\n")


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "bigbird_cli", *map(str, arguments), "--quiet"]


def run(arguments: Sequence[str]) -> tuple[int, float, float]:
    """Exit code, seconds of the processor, and the megabytes that were held at most, of one command."""
    process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def killed(arguments: Sequence[str], log: Path, n_noted: int) -> None:
    """Run a command, and kill it once its file has so many results."""
    with subprocess.Popen(arguments, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if log.exists() and log.read_bytes().count(b"\n") > n_noted:
                process.send_signal(signal.SIGKILL)
                process.wait()
                return
            time.sleep(0.002)
    raise RuntimeError("the run ended before it was killed")


def show(form: str, what: str, code: int, same: bool | None, seconds: float) -> None:
    told = "" if same is None else "yes" if same else "NO"
    print(f"{form:6}  {what:16}  {code:4}  {told:>11}  {seconds:5.0f}", flush=True)


def lines(folder: Path, *, number: int, n_bad: int, n_kills: int, n_parts: int) -> bool:
    """Print what each kind of run writes against the straight one; whether all is as it should be."""
    model, rows = make_model(folder / "model"), folder / "rows.jsonl"
    make_lines(rows, number=number, n_bad=n_bad)
    ner = command("ner", rows, "--model", model, "--threads", "1")
    all_right = True
    print("format  run               exit  as straight  cpu s")
    for form in ("jsonl", "csv"):
        straight = folder / f"straight.{form}"
        code, seconds, _ = run([*ner, "--out", str(straight)])
        show(form, "straight", code, None, seconds)
        whole = straight.read_bytes()
        all_right &= code == 1

        out = folder / f"resumed.{form}"
        resumed = [*ner, "--out", str(out), "--resume"]
        for n in range(1, n_kills + 1):
            killed(resumed, folder / f"{out.name}.partial.log", n * number // (n_kills + 2))
        code, seconds, _ = run(resumed)
        same = out.read_bytes() == whole
        show(form, f"killed {n_kills} times", code, same, seconds)
        all_right &= same and code == 1

        parts = [folder / f"part-{n}.{form}" for n in range(1, n_parts + 1)]
        done = [run([*ner, "--out", str(part), "--shard", f"{n}/{n_parts}"]) for n, part in enumerate(parts, start=1)]
        code, _, _ = run(command("merge", folder / f"merged.{form}", *parts))
        same = (folder / f"merged.{form}").read_bytes() == whole
        show(form, f"{n_parts} parts merged", code, same, sum(used for _, used, _ in done))
        all_right &= same and code == 0
    records = [json.loads(line) for line in (folder / "straight.jsonl").read_bytes().splitlines()]
    n_errors = sum("error" in record for record in records)
    print(f"{number:,} lines, {n_bad:,} of them bad: {len(records):,} records, {n_errors:,} errors")
    return all_right and (len(records), n_errors) == (number, n_bad)


def memory(folder: Path, *, megabytes: int) -> None:
    """Print what reading a long text holds, and what as much text in short rows does."""
    model, draw = make_model(folder / "model"), random.Random(2)
    sentence = f"{' '.join(draw.choices(WORDS, k=99))} .\n"
    print("input                      MB   exit  peak MB  cpu s")
    for size in (1, megabytes):
        text = folder / f"{size}.txt"
        text.write_text(sentence * (size * 1_000_000 // len(sentence)))
        rows = folder / f"{size}.jsonl"
        row = json.dumps({"text": sentence * 30}) + "\n"
        rows.write_text(row * (size * 1_000_000 // len(row)))
        for path in (text, rows):
            ner = command("ner", path, "--model", model, "--threads", "1", "--min-score", "1")
            code, seconds, peak = run([*ner, "--out", str(folder / f"{path.name}.out.jsonl")])
            print(f"{path.suffix[1:]:22}  {size:6,}  {code:5}  {peak:7,.0f}  {seconds:5.0f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    several = parser.add_subparsers(dest="what", required=True)
    of_lines = several.add_parser("lines")
    of_lines.add_argument("--number", type=int, default=10_000)
    of_lines.add_argument("--bad", type=int, default=100)
    of_lines.add_argument("--kills", type=int, default=3)
    of_lines.add_argument("--parts", type=int, default=3)
    of_memory = several.add_parser("memory")
    of_memory.add_argument("--megabytes", type=int, default=50)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.what == "memory":
            memory(Path(folder), megabytes=given.megabytes)
        elif not lines(Path(folder), number=given.number, n_bad=given.bad, n_kills=given.kills, n_parts=given.parts):
            sys.exit(1)


if __name__ == "__main__":
    main()

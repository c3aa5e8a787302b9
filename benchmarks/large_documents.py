"""Claim: a document of any length is tokenised, labelled and questioned in memory that grows by fewer than ten bytes a
byte of it, and read for names in twice as much, with its names.

    BIGBIRD_DATA=FOLDER python benchmarks/large_documents.py            1, 8 and 50 MB of the folder's text files
    ... --megabytes 1 --width 384 --layers 6                            at the size of qa-mini
    ... --code OTHER_CHECKOUT                                           another version's figures

The text is that of every *.txt under FOLDER in the order of their names, again and again. The models have random
weights, qa-mini's tokenizer and windows of 512 tokens; ner's finds a name in every twentieth token or so. Each command
is a process of its own with one thread and writes JSON; its memory is the largest resident set. Growth is taken
between the smallest and the largest text, in bytes of memory a byte of text.
"""

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "bigbird_cli" / "pretrained" / "qa-mini"
WINDOW = {"window": 512, "overlap": 64}
TAGS = ["O", *(f"{mark}-{kind}" for kind in ("LOC", "MISC", "ORG", "PER") for mark in "BI")]
KINDS = {
    "classify": ("BigBirdForSequenceClassification", ["bad", "good"], {"labels": ["bad", "good"]}),
    "ner": ("BigBirdForTokenClassification", TAGS, {"labels": ["LOC", "MISC", "ORG", "PER"]}),
    "qa": ("BigBirdForQuestionAnswering", ["0", "1"], {}),
}


class Run(NamedTuple):
    """What a command took: its exit code, MB of memory at most, seconds of a processor, and seconds."""

    code: int
    megabytes: float
    cpu_seconds: float
    seconds: float


def write_models(folder: Path, width: int, layers: int) -> None:
    """Write a model for each command."""
    import torch

    from bigbird_cli.bigbird.config import BigBirdConfig
    from bigbird_cli.pytorch.model import models

    for kind, (name, labels, settings) in KINDS.items():
        config = BigBirdConfig.from_file(SHIPPED / "config.json").replace(
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=max(1, width // 32),
            intermediate_size=4 * width,
            id2label=dict(enumerate(labels)),
            label2id={label: i for i, label in enumerate(labels)},
        )
        torch.manual_seed(0)
        model = getattr(models, name)(config)
        if kind == "ner":
            with torch.no_grad():
                model.classifier.weight.normal_(std=2.8 / width**0.5)
                model.classifier.bias[0] = 6.0
        model.save_pretrained(folder / kind)
        (folder / kind / "task.json").write_text(json.dumps({"type": kind, **WINDOW, **settings}))
        for file in ("tokenizer.json", "tokenizer_config.json"):
            (folder / kind / file).write_bytes((SHIPPED / file).read_bytes())


def write_text(path: Path, source: Path, n_bytes: int) -> None:
    """Write so many bytes of a folder's texts, but for half a character at the end."""
    texts = b"".join(file.read_bytes() for file in sorted(source.rglob("*.txt")))
    whole = texts * (n_bytes // len(texts) + 1)
    path.write_bytes(whole[:n_bytes].decode("utf-8", "ignore").encode())


def run(code: Path, *args: str) -> Run:
    """Run a command of a checkout; this process must run nothing else meanwhile."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(code), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "bigbird_cli", *args],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd=code,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(done.returncode, after.ru_maxrss * 1024 / 1e6, cpu, time.perf_counter() - began)


def command(name: str, text: Path, models: Path) -> list[str]:
    """The arguments of one of the commands."""
    if name == "tokenize":
        return ["tokenize", "--json", "--model", str(models / "qa"), str(text)]
    asked = ["--context", str(text), "--question", "Who was there?"] if name == "qa" else [str(text)]
    return [name, "--json", "--model", str(models / name), "--threads", "1", *asked]


def measured(code: Path, args: list[str]) -> Run:
    """Run a command from a process of its own: the largest of a process's children is all that the system tells."""
    with multiprocessing.get_context("spawn").Pool(1) as apart:
        return apart.apply(run, (code, *args))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, nargs="+", default=[1, 8, 50])
    parser.add_argument("--commands", nargs="+", default=["tokenize", *KINDS], choices=["tokenize", *KINDS])
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--code", type=Path, default=ROOT, metavar="FOLDER", help="the checkout to measure")
    args = parser.parse_args()
    if "BIGBIRD_DATA" not in os.environ:
        sys.exit("BIGBIRD_DATA names no folder of texts")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with multiprocessing.get_context("spawn").Pool(1) as apart:
            apart.apply(write_models, (folder, args.width, args.layers))
        print("| command | text | exit code | memory, MB | processor, s | whole, s | growth, bytes a byte |")
        print("|---|---:|---:|---:|---:|---:|---:|")
        for kind in args.commands:
            first: Run | None = None
            for megabytes in args.megabytes:
                text = folder / "text.txt"
                write_text(text, Path(os.environ["BIGBIRD_DATA"]), round(megabytes * 1e6))
                got = measured(args.code, command(kind, text, folder))
                grown = megabytes - args.megabytes[0]
                growth = f"{(got.megabytes - first.megabytes) / grown:.1f}" if first and grown else ""
                first = first or got
                print(
                    f"| {kind} | {megabytes:g} MB | {got.code} | {got.megabytes:,.0f} | {got.cpu_seconds:.1f} |"
                    f" {got.seconds:.0f} | {growth} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()

"""Claim: a command takes little longer than importing torch and computing, and less than the same by transformers.

    python benchmarks/commands.py                 qa, ner and classify, each as a whole command from Enter to its end
    python benchmarks/commands.py --rounds 5
    python benchmarks/commands.py --cold          no file of Python, libraries and model in memory at the start

qa asks one question of the example article (3,500 words); ner and classify read 60 pieces of it, of 20 to 3,500 words.
The peer is the shortest script that does the same with transformers: the same weights, tokenizer and windows of 384
tokens that overlap by 128, in batches of 8, as question-answering pipelines do. "importing torch" is that alone;
"computing" is the second call in a process that has the model open. Median over rounds, in turn, each in a process
of its own. ner and classify get a head of random weights: only their time is measured.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ARTICLE = ROOT / "recipes" / "examples" / "skarvholm.txt"
SHIPPED = ROOT / "bigbird_cli" / "pretrained" / "qa-mini"
QUESTION = "Who founded the mussel cooperative?"
TASKS = {
    "qa": {"type": "qa", "window": 384, "overlap": 128},
    "ner": {"type": "ner", "window": 384, "overlap": 128, "labels": ["LOC", "PER"]},
    "classify": {"type": "classify", "problem": "single", "window": 384, "overlap": 128, "labels": ["bad", "good"]},
}
PEER = """
import json, sys, torch, transformers
transformers.logging.set_verbosity_error()
kind, folder, *files = sys.argv[1:]
classes = {"qa": "BigBirdForQuestionAnswering", "ner": "BigBirdForTokenClassification",
           "classify": "BigBirdForSequenceClassification"}
kind_of_model = getattr(transformers, classes[kind])
model = kind_of_model.from_pretrained(folder, dtype=torch.float32, attention_type="original_full")
tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
tokenizer.pad_token = tokenizer.pad_token or "<pad>"
model.eval()
if kind == "qa":
    pairs = [(sys.argv[4], open(sys.argv[3]).read())]
    files = [files[0]]
else:
    pairs = [(json.loads(line)["text"],) for line in open(files[0])]
for pair in pairs:
    encoded = tokenizer(*pair, truncation="only_second" if kind == "qa" else True, max_length=384, stride=128,
                        return_overflowing_tokens=True, return_offsets_mapping=True, padding=True, return_tensors="pt")
    best = None
    for first in range(0, len(encoded["input_ids"]), 8):
        rows = slice(first, first + 8)
        with torch.inference_mode():
            out = model(input_ids=encoded["input_ids"][rows], attention_mask=encoded["attention_mask"][rows])
        if kind == "qa":
            score, window = (out.start_logits.amax(1) + out.end_logits.amax(1)).max(0)
            best = max(filter(None, (best, (score.item(), first + window.item()))))
        else:
            out.logits.argmax(-1)
    print(json.dumps({"window": best and best[1]}))
"""
COMPUTING = """
import json, sys, time
from pathlib import Path
import bigbird_cli as bb
kind, folder, file, *rest = sys.argv[1:]
def call():
    if kind == "qa":
        return bb.answer(Path(file), rest[0], model=Path(folder))
    texts = [json.loads(line)["text"] for line in open(file)]
    return getattr(bb, kind)(texts, model=Path(folder))
call()
started = time.perf_counter()
call()
print(time.perf_counter() - started)
"""


def prepare(folder: Path) -> Path:
    """Write the pieces of the article and the models; the file of pieces."""
    import torch

    from bigbird_cli.bigbird.config import BigBirdConfig
    from bigbird_cli.pytorch.model import models

    words = ARTICLE.read_text(encoding="utf-8").split(" ")
    pieces = [words[: round(20 * (len(words) / 20) ** (number / 59))] for number in range(60)]
    file = folder / "pieces.jsonl"
    file.write_text("".join(json.dumps({"text": " ".join(piece)}) + "\n" for piece in pieces))
    shipped = models.BigBirdForQuestionAnswering.from_pretrained(SHIPPED)
    for kind, task in TASKS.items():
        model: Any = shipped
        if kind != "qa":
            labels = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"] if kind == "ner" else task["labels"]
            config = shipped.config.replace(id2label=dict(enumerate(labels)))
            torch.manual_seed(0)
            heads = {"ner": "BigBirdForTokenClassification", "classify": "BigBirdForSequenceClassification"}
            model = getattr(models, heads[kind])(BigBirdConfig.from_dict(config.to_dict()))
            model.bert.load_state_dict(shipped.bert.state_dict())
        model.save_pretrained(folder / kind)
        (folder / kind / "task.json").write_text(json.dumps(task))
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (folder / kind / name).write_bytes((SHIPPED / name).read_bytes())
    return file


def forget(*folders: str | Path) -> None:
    """Let the system drop from memory what it read of these folders' files; what a process has mapped stays."""
    os.sync()  # what is not written yet would stay too
    for folder in folders:
        for path in Path(folder).rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def seconds_of(command: list[str], *, cold: tuple[str | Path, ...] = ()) -> float:
    """Seconds of a whole process, which finds no file of the folders `cold` in memory."""
    forget(*cold)
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    return time.perf_counter() - started


def printed_by(command: list[str]) -> float:
    """The number that a process prints."""
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cold", action="store_true", help="forget what was read before each process")
    args = parser.parse_args()
    python = sys.executable
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with multiprocessing.Pool(1) as apart:  # so that this process has nothing of torch mapped
            pieces = apart.apply(prepare, (folder,))
        cold = (sys.prefix, sysconfig.get_path("stdlib"), ROOT / "bigbird_cli", folder) if args.cold else ()
        print("| command | bigbird | with --quantize int8 | transformers | importing torch | computing | "
              "against importing and computing | transformers against ours |")  # fmt: skip
        print("|---|---:|---:|---:|---:|---:|---:|---:|")
        for kind in TASKS:
            model = str(folder / kind)
            ours = [python, "-m", "bigbird_cli", kind, "--model", model, "--json"]
            ours += ["--context", str(ARTICLE), "--question", QUESTION] if kind == "qa" else [str(pieces)]
            given = [kind, model, *([str(ARTICLE), QUESTION] if kind == "qa" else [str(pieces)])]
            times: list[list[float]] = []
            for _ in range(args.rounds):
                times.append(
                    [
                        seconds_of(ours, cold=cold),
                        seconds_of([*ours, "--quantize", "int8"], cold=cold),
                        seconds_of([python, "-c", PEER, *given], cold=cold),
                        seconds_of([python, "-c", "import torch"], cold=cold),
                        printed_by([python, "-c", COMPUTING, *given]),
                    ]
                )
            medians = [statistics.median(column) for column in zip(*times, strict=True)]
            share = statistics.median(row[0] / (row[3] + row[4]) for row in times)
            against = statistics.median(row[2] / row[0] for row in times)
            cells = " | ".join(f"{seconds:.2f}" for seconds in medians)
            print(f"| {kind} | {cells} | {share:.2f} x | {against:.2f} x |", flush=True)


if __name__ == "__main__":
    main()

"""Claim: onnxruntime reads as PyTorch does, at every length, starts sooner, and is no slower on long documents.

    python benchmarks/onnx_reading.py parity        largest difference of every kind of model, by length and mask
    BIGBIRD_DATA=FOLDER python benchmarks/onnx_reading.py answers
                                                    300 questions of SQuAD: the same answers, and what 8 bits cost
    python benchmarks/onnx_reading.py start         qa, ner and classify from Enter to the answer: a line, 3,500 words
    python benchmarks/onnx_reading.py throughput    tokens a second in windows of 384 and of 4,096, and the memory
    python benchmarks/onnx_reading.py convert       seconds and files of `bigbird convert --to onnx`
    python benchmarks/onnx_reading.py old --python PYTHON
                                                    a graph of today in another environment's onnxruntime

--threads N (1 by default) goes to both. `start` and `throughput` take turns, each in a process of its own, and tell
the median of --rounds: wall time, and processor time beside it, which a busy machine changes less.
"""

import argparse
import itertools
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
ARTICLE = ROOT / "recipes/examples/skarvholm.txt"
LINE = "Anna Keller signed the lease of the mill in Bern on 4 May 1921."
LENGTHS = (1, 63, 64, 384, 703, 705, 1024, 2047, 4096)
COMMANDS = {"qa": ("--question", "Who founded it?"), "ner": (), "classify": ("--labels", "sea,money,weather")}
WAYS = [("pytorch", None), ("onnx", None), ("pytorch", "int8"), ("onnx", "int8")]
N_QUESTIONS = 300

THROUGHPUT = """
import json, resource, sys, time
import numpy as np
from bigbird_cli.backend import open_backend
from bigbird_cli.tasks.base import Feature
from bigbird_cli.weights.store import open_folder
backend, quantize, n_tokens, n_windows, threads = json.loads(sys.argv[1])
settings = {"head": "span", "threads": threads, "quantize": quantize}
predictor = open_backend(backend).open_predictor(open_folder("qa-mini"), **settings)
ids = np.random.default_rng(0).integers(1000, 30000, n_tokens).astype(np.int32)
features = [Feature(ids=ids, types=np.zeros(n_tokens, dtype=np.int8), labels={}, example=i) for i in range(n_windows)]
list(predictor.predict(features[:1], batch_size=8))
start, used = time.perf_counter(), time.process_time()
list(predictor.predict(features, batch_size=8))
n = n_tokens * n_windows
print(json.dumps([n / (time.perf_counter() - start), n / (time.process_time() - used),
                  resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""
OLD = """
import sys, numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
with np.load(sys.argv[2]) as given:
    largest = 0.0
    for n in sorted({name.split()[0] for name in given.files}, key=int):
        inputs = {i.name: given[f"{n} {i.name}"] for i in session.get_inputs()}
        for output, found in zip(session.get_outputs(), session.run(None, inputs)):
            largest = max(largest, float(np.abs(found - given[f"{n} {output.name}"]).max()))
print(f"onnxruntime {onnxruntime.__version__}: largest difference {largest:.1e}")
"""


def feature(n_tokens: int, seed: int, head: str = "span") -> Any:
    from bigbird_cli.tasks.base import Feature

    shape = (2, n_tokens) if head == "choices" else (n_tokens,)
    ids = np.random.default_rng(seed).integers(1000, 30000, shape).astype(np.int32)
    ids[..., min(12, n_tokens - 1)] = 102
    types = np.zeros(shape, np.int8) if head == "none" else np.broadcast_to(np.arange(n_tokens) > 12, shape)
    return Feature(ids=ids, types=types.astype(np.int8), labels={}, example=seed)


def parity(threads: int) -> None:
    from bigbird_cli.backend import open_backend
    from bigbird_cli.weights.store import open_folder

    print(f"{'':16}{'tokens':>7}{'alone':>10}{'padded':>10}{'of':>8}")
    with tempfile.TemporaryDirectory() as made:
        for title, (model, head) in _models(Path(made)).items():
            folder = open_folder(model)
            graph = open_backend("onnx").open_predictor(folder, head=head, threads=threads)
            for n_tokens in LENGTHS:
                one, mate = feature(n_tokens, 1, head), feature(min(4096, n_tokens + 400), 2, head)
                want = _by_pytorch(folder, head, one, threads)
                (_, alone), *_ = graph.predict([one], batch_size=1)
                padded, _ = graph._forward([one, mate])
                largest = [
                    max(float(np.abs(found[name][: len(want[name])] - want[name]).max()) for name in want)
                    for found in (alone, padded)
                ]
                size = max(float(np.abs(array[np.abs(array) < 1e5]).max()) for array in want.values())
                print(f"{title:16}{n_tokens:7}{largest[0]:10.1e}{largest[1]:10.1e}{size:8.2f}", flush=True)


def _models(made: Path) -> dict[str, tuple[str | Path, str]]:
    """A model of every kind and its head; of those that do not ship the head is random, over classify-mini's layers."""
    import bigbird_cli as bb
    from bigbird_cli.errors import NewWeightsWarning
    from bigbird_cli.weights.store import open_folder

    encoder = open_folder("classify-mini").path
    warnings.simplefilter("ignore", NewWeightsWarning)
    bb.BigBirdForSequenceClassification.from_pretrained(encoder, num_labels=1).save_pretrained(made / "regression")
    bb.BigBirdForMultipleChoice.from_pretrained(encoder).save_pretrained(made / "choices")
    return {
        "qa-mini": ("qa-mini", "span"),
        "ner-mini": ("ner-mini", "token_labels"),
        "classify-mini": ("classify-mini", "embedding"),
        "its bare encoder": ("classify-mini", "none"),
        "regression": (made / "regression", "document_labels"),
        "multiple choice": (made / "choices", "choices"),
    }


def _by_pytorch(folder: Any, head: str, one: Any, threads: int) -> dict[str, np.ndarray]:
    from bigbird_cli.backend import open_backend
    from bigbird_cli.weights.sources import open_source

    pytorch = open_backend("pytorch")
    if head != "none":
        (_, outputs), *_ = pytorch.open_predictor(folder, head=head, threads=threads).predict([one], batch_size=1)
        return outputs
    tensors = open_source(folder.path).tensors
    states = pytorch.probe(folder.config, tensors, one.ids[None], head=head, where=str(folder.path))
    return {"last_hidden_state": states["last_hidden_state"][0]}


def answers(data: Path, threads: int) -> None:
    from bigbird_cli.tasks.qa.scores import exact_match, token_f1

    articles = json.loads((data / "squad-dev/squad-v1.1-dev-13-articles.json").read_text(encoding="utf-8"))["data"]
    cases = [
        (paragraph["context"], qa["question"], [answer["text"] for answer in qa["answers"]])
        for article in articles
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]
    cases = random.Random(0).sample(cases, N_QUESTIONS)
    rows = "".join(json.dumps({"context": context, "question": question}) + "\n" for context, question, _ in cases)
    found = {}
    for backend, quantize in WAYS:
        options = ["--backend", backend, "--threads", str(threads), *(["--quantize", quantize] if quantize else [])]
        done = subprocess.run(
            [sys.executable, "-m", "bigbird_cli", "qa", "--json", "--quiet", "--no-answer-threshold", "1", *options],
            input=rows.encode(),
            stdout=subprocess.PIPE,
            check=True,
        )
        records = found[backend, quantize] = [json.loads(line) for line in done.stdout.splitlines()]
        pairs = [(record["answer"] or "", gold) for record, (*_, gold) in zip(records, cases, strict=True)]
        em, f1 = (100 * statistics.mean(score(*pair) for pair in pairs) for score in (exact_match, token_f1))
        same = sum(
            (record["start"], record["end"]) == (first["start"], first["end"])
            for record, first in zip(records, found["pytorch", None], strict=True)
        )
        score = max(abs(r["score"] - f["score"]) for r, f in zip(records, found["pytorch", None], strict=True))
        same_of = f"{same} of {N_QUESTIONS} answers and places as PyTorch's in float32, scores within {score:.1e}"
        print(
            f"{backend:8} {quantize or 'float32':8} EM {em:.1f} F1 {f1:.1f}; {same_of}",
            flush=True,
        )


def start(rounds: int, threads: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        line = Path(name) / "line.txt"
        line.write_text(LINE, encoding="utf-8")
        for (title, file), command in itertools.product((("a line", line), ("3,500 words", ARTICLE)), COMMANDS):
            seconds: dict[Any, list[tuple[float, float]]] = {way: [] for way in WAYS}
            for _ in range(1 + rounds):
                for way in WAYS:
                    seconds[way].append(_command(command, file, *way, threads=threads))
            for (backend, quantize), times in seconds.items():
                wall, used = (statistics.median(each) for each in zip(*times[1:], strict=True))
                way = f"{command:8} {title:12} {backend:8} {quantize or 'float32':8}"
                print(f"{way} {wall:6.2f} s, processor {used:6.2f} s", flush=True)


def _command(command: str, file: Path, backend: str, quantize: str | None, *, threads: int) -> tuple[float, float]:
    options = ["--backend", backend, "--threads", str(threads), *(["--quantize", quantize] if quantize else [])]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "bigbird_cli", command, str(file), *COMMANDS[command], "--json", "--quiet", *options],
        stdout=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": str(threads)},
        check=True,
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def throughput(rounds: int, threads: int) -> None:
    for n_tokens, n_windows in ((384, 64), (4096, 6)):
        found: dict[Any, list[Sequence[float]]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way in WAYS:
                given = json.dumps([*way, n_tokens, n_windows, threads])
                done = subprocess.run([sys.executable, "-c", THROUGHPUT, given], stdout=subprocess.PIPE, check=True)
                found[way].append(json.loads(done.stdout))
        for (backend, quantize), each in found.items():
            wall, used, memory = (statistics.median(column) for column in zip(*each, strict=True))
            print(
                f"windows of {n_tokens:4} {backend:8} {quantize or 'float32':8} {wall:8,.0f} tokens/s, "
                f"{used:8,.0f} a processor second, {memory:6,.0f} MB",
                flush=True,
            )


def convert() -> None:
    from bigbird_cli import api
    from bigbird_cli.onnx.export import write_graph
    from bigbird_cli.weights.store import open_folder

    for model, head in (("qa-mini", "span"), ("ner-mini", "token_labels"), ("classify-mini", "none")):
        for dtype in ("float32", "int8"):
            with tempfile.TemporaryDirectory() as name:
                began = time.process_time()
                report = api.convert(model, Path(name) / "out", to="onnx", dtype=dtype)  # type: ignore[arg-type]
                whole = time.process_time() - began
                config, began = open_folder(report.out).config, time.process_time()
                write_graph(report.out / "model.safetensors", config, head)
                graph = time.process_time() - began
                sizes = [
                    f"{file.name} {file.stat().st_size / 1e6:.1f} MB"
                    for file in sorted(report.out.iterdir())
                    if file.name.startswith("model.")
                ]
                print(
                    f"{model:14} {dtype:8} graph {graph:.2f} s, with the comparison {whole:.1f} s; {', '.join(sizes)}"
                )
                print(f"    {report.notes[-1]}", flush=True)


def old(python: str) -> None:
    from bigbird_cli import api
    from bigbird_cli.onnx.sessions import Session

    with tempfile.TemporaryDirectory() as name:
        for dtype in ("float32", "int8"):
            out = api.convert("qa-mini", Path(name) / dtype, to="onnx", dtype=dtype).out  # type: ignore[arg-type]
            session, arrays = Session(out / "model.onnx", threads=1), {}
            for n_tokens in LENGTHS:
                ids = feature(n_tokens, 1).ids[None].astype(np.int64)
                inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
                arrays |= {f"{n_tokens} {key}": array for key, array in (inputs | session.run(inputs)).items()}
            np.savez(Path(name) / "given.npz", **arrays)
            print(dtype, end=" ", flush=True)
            subprocess.run([python, "-c", OLD, str(out / "model.onnx"), str(Path(name) / "given.npz")], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("parity", "answers", "start", "throughput", "convert", "old"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", help="of the other environment")
    asked = parser.parse_args()
    match asked.part:
        case "parity":
            parity(asked.threads)
        case "answers":
            answers(Path(os.environ["BIGBIRD_DATA"]), asked.threads)
        case "start":
            start(asked.rounds, asked.threads)
        case "throughput":
            throughput(asked.rounds, asked.threads)
        case "convert":
            convert()
        case "old":
            old(asked.python)


if __name__ == "__main__":
    main()

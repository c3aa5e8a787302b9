"""Claim: no crash, signal or full disk loses more than the step under way, and a resumed run is the run.

    python benchmarks/resilience.py kills --number 200          kill -9 at random moments, a checkpoint every step
    python benchmarks/resilience.py kills --number 20 --trainer PYTHON      the same with transformers' Trainer
    python benchmarks/resilience.py steps                       stopped at every step of 40, resumed in a new process
    python benchmarks/resilience.py processes                   1 -> 2 -> 1 processes, and 2 beside 1
    python benchmarks/resilience.py signals --number 40         SIGTERM wherever it falls
    python benchmarks/resilience.py disk --number 50            the disk full at random bytes of a checkpoint
    python benchmarks/resilience.py cost                        a base-size model's checkpoint

PYTHON is of an environment with torch, transformers and accelerate. Every run is a small classifier on made-up texts,
with dropout, shuffling and batches of three passes, in processes of their own, by `bigbird finetune`.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
WORDS = ("north", "south", "lamp", "keeper", "storm", "sea", "lit", "signed", "year", "harbour", "ship", "light")
PATIENCE = 120
"""Seconds after which a run is said to hang."""
RECIPE: dict[str, Any] = {
    "model": {
        "tokenizer": "vocabulary",
        "config": {
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "max_position_embeddings": 128,
            "block_size": 8,
        },
        "dropout": 0.1,
        "attention_dropout": 0.1,
    },
    "task": {"type": "classify", "window": 64, "overlap": 16},
    "data": {"train": "train.jsonl", "cache": "cache"},
    "optim": {"lr": 1e-3, "batch_size": 6, "micro_batch_size": 2, "steps": 40, "warmup": 0, "schedule": "constant"},
    "run": {"log_every": 1, "save_every": 1, "keep": 2, "keep_after": 2, "wait": 20},
}

ENDLESS = ("--set", "optim.steps=1000000", "--resume", "auto")


def prepare(folder: Path) -> Path:
    """Write data, vocabulary and recipe; the recipe's file."""
    import yaml

    from bigbird_cli import api

    draw = np.random.default_rng(0)
    with (folder / "train.jsonl").open("w") as train, (folder / "dev.jsonl").open("w") as dev:
        for number in range(100):
            words = draw.choice(WORDS, int(draw.integers(4, 60))).tolist()
            row = json.dumps({"id": str(number), "text": " ".join(words), "label": "n" if "north" in words else "s"})
            (dev if number >= 80 else train).write(row + "\n")
    api.train_tokenizer(REPOSITORY / "recipes/examples/skarvholm.txt", folder / "vocabulary", vocab_size=400)
    recipe = folder / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE))
    return recipe


def finetune(folder: Path, out: str, *more: str) -> list[str]:
    return [sys.executable, "-m", "bigbird_cli", "finetune", str(folder / "recipe.yaml"), "--out", out, *more]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def run(folder: Path, command: list[str]) -> "subprocess.CompletedProcess[str]":
    """A run from its start to its end."""
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=20 * PATIENCE, check=False
    )


def state(folder: Path, out: str, step: int) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return dict(load_file(folder / out / "checkpoints" / f"step-{step}" / "state.safetensors"))


def losses(folder: Path, out: str) -> dict[int, float]:
    found = [json.loads(line) for line in (folder / out / "metrics.jsonl").read_text().splitlines()]
    return {line["step"]: line["loss"] for line in found if line["event"] == "step"}


def kills(folder: Path, number: int, seed: int, trainer: str | None) -> Iterator[str]:
    """Kill a run, start it again, and again; ours is then run straight to where it came, and compared."""
    draw = random.Random(seed)
    command = [trainer, __file__, "trainer", "--folder", str(folder)] if trainer else finetune(folder, "run", *ENDLESS)
    outcomes, saved, lost = Counter[str](), 0, 0
    for _ in range(number):
        log = folder / "log.txt"
        with log.open("wb") as stream:
            process = subprocess.Popen(command, cwd=folder, env=environment(), stderr=stream)
        begun, delay = time.monotonic(), None
        while process.poll() is None:
            waited = time.monotonic() - begun
            if delay is None and ": saved " in log.read_text(errors="replace"):
                begun, delay = time.monotonic(), draw.uniform(0, 0.7)
            elif waited > (PATIENCE if delay is None else delay):
                outcomes["hung"] += delay is None
                process.kill()
            time.sleep(0.001)
        text = log.read_text(errors="replace").replace(",", "")
        resumed = re.search(r"resumed from .*-(\d+)", text)
        if process.returncode != -signal.SIGKILL:
            outcomes["did not go on"] += 1
            print(text[-2000:], file=sys.stderr)
            shutil.rmtree(newest(folder, trainer is not None))  # what its user would have to do
        elif saved and not resumed:
            outcomes["began anew"] += 1
        else:
            outcomes["went on"] += 1
            lost = max(lost, saved - int(resumed[1])) if resumed else lost
        saved = max(map(int, re.findall(r"step (\d+): saved", text)), default=saved)
    yield "| contender | steps | kills | went on | began anew | did not go on | hung | saved steps lost at most |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    yield (
        f"| {'transformers Trainer' if trainer else 'bigbird-cli'} | {saved:,} | {number} | {outcomes['went on']} | "
        f"{outcomes['began anew']} | {outcomes['did not go on']} | {outcomes['hung']} | {lost} |"
    )
    if trainer is None:
        reached = int(newest(folder).name.split("-")[1])
        straight(folder, reached)
        largest = compared(folder, "run", "straight", reached)
        yield f"\nLargest difference from the straight run at step {reached:,}: {largest}"


def straight(folder: Path, step: int) -> None:
    """Run from the start to a step without a stop."""
    with (folder / "straight.txt").open("wb") as stream:
        command = finetune(folder, "straight", *ENDLESS[:2], "--set", f"run.save_every={step}")
        process = subprocess.Popen(command, cwd=folder, env=environment(), stderr=stream)
    while not (folder / "straight" / "checkpoints" / f"step-{step}").exists():
        assert process.poll() is None, (folder / "straight.txt").read_text()
        time.sleep(0.02)
    process.kill()
    process.wait()


def newest(folder: Path, of_trainer: bool = False) -> Path:
    found = (folder / "trainer").glob("checkpoint-*") if of_trainer else (folder / "run" / "checkpoints").glob("step-*")
    return max(found, key=lambda path: int(path.name.split("-")[1].split(".")[0]))


def trainer(folder: Path) -> None:
    """The same kind of run in transformers' Trainer, which goes on from its own last checkpoint."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments
    from transformers.trainer_utils import get_last_checkpoint

    class Told(TrainerCallback):  # type: ignore[misc]
        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            print(f"step {state.global_step}: saved ", file=sys.stderr, flush=True)

    draw = torch.Generator().manual_seed(0)
    rows = [
        {"input_ids": torch.randint(5, 100, (32,), generator=draw), "labels": int(number % 2)} for number in range(80)
    ]
    config = BertConfig(
        vocab_size=100, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    settings = TrainingArguments(
        str(folder / "trainer"), per_device_train_batch_size=2, gradient_accumulation_steps=3, max_steps=1_000_000,
        save_steps=1, save_total_limit=2, report_to=[], use_cpu=True, logging_steps=1000, disable_tqdm=True,
    )  # fmt: skip
    there = (folder / "trainer").is_dir() and get_last_checkpoint(str(folder / "trainer"))
    if there:
        print(f"resumed from {there}", file=sys.stderr, flush=True)
    Trainer(BertForSequenceClassification(config), settings, train_dataset=rows, callbacks=[Told()]).train(
        resume_from_checkpoint=there or None
    )


def compared(folder: Path, one: str, other: str, step: int) -> float:
    """Largest difference of two runs' states at a step, of model and optimiser."""
    states = [state(folder, out, step) for out in (one, other)]
    assert states[0].keys() == states[1].keys()
    return max(float(np.abs(states[0][name].astype(np.float64) - states[1][name]).max()) for name in states[0])


def steps(folder: Path) -> Iterator[str]:
    """Go on from every checkpoint of a run of 40 steps, in a new process each time."""
    yield "| threads | stops | went on | largest difference | losses that differ | steps taken twice or never |"
    yield "|---:|---:|---:|---:|---:|---:|"
    for workers in (0, 2):
        settings = ["--set", f"data.workers={workers}", "--set", "run.keep=100", "--set", "run.keep_after=100"]
        run(folder, finetune(folder, f"whole-{workers}", *settings))
        done, largest, others, wrong = 0, 0.0, 0, 0
        for step in range(1, 40):
            out = folder / "stopped"
            shutil.rmtree(out, ignore_errors=True)
            shutil.copytree(folder / f"whole-{workers}", out)
            for later in range(step + 1, 41):
                shutil.rmtree(out / "checkpoints" / f"step-{later}")
            done += run(folder, finetune(folder, "stopped", *settings, "--resume", "auto")).returncode == 0
            largest = max(largest, compared(folder, f"whole-{workers}", "stopped", 40))
            found, expected = losses(folder, "stopped"), losses(folder, f"whole-{workers}")
            others += sum(found.get(n) != loss for n, loss in expected.items())
            wrong += len(found) != 40
        yield f"| {workers} | 39 | {done} | {largest} | {others} | {wrong} |"


def processes(folder: Path) -> Iterator[str]:
    """Beside one process: two, and one that becomes two and one again; without dropout and with it."""
    yield "| run | dropout | steps | largest relative difference of a step's loss |"
    yield "|---|---:|---:|---:|"
    for dropout in (0.0, 0.1):
        settings = ["--set", f"model.dropout={dropout}", "--set", f"model.attention_dropout={dropout}"]
        settings += ["--set", "run.keep=100", "--set", "run.keep_after=100"]
        two = ["--nproc-per-node", "2"]
        run(folder, finetune(folder, f"one-{dropout}", *settings))
        run(folder, finetune(folder, f"two-{dropout}", *settings, *two))
        shutil.copytree(folder / f"one-{dropout}", folder / f"mixed-{dropout}")
        for last, more in ((13, two), (26, [])):
            for later in range(last + 1, 41):
                shutil.rmtree(folder / f"mixed-{dropout}" / "checkpoints" / f"step-{later}")
            run(folder, finetune(folder, f"mixed-{dropout}", *settings, *more, "--resume", "auto"))
        expected = losses(folder, f"one-{dropout}")
        for name, out in (("2 processes", f"two-{dropout}"), ("1, 2, then 1", f"mixed-{dropout}")):
            found = losses(folder, out)
            assert found.keys() == expected.keys(), "a step was taken twice or never"
            largest = max(abs(found[n] - loss) / loss for n, loss in expected.items())
            yield f"| {name} | {dropout} | {len(found)} | {largest:.1e} |"


def signals(folder: Path, number: int, seed: int) -> Iterator[str]:
    """Send SIGTERM at random moments: of the start, of data preparation, steps, evaluations and writing."""
    draw = random.Random(seed)
    outcomes = Counter[str]()
    for n in range(number):
        out = f"signal-{n}"
        more = [
            "--set",
            "data.dev=dev.jsonl",
            "--set",
            "run.eval_every=2",
            "--set",
            f"data.cache=cache-{n}",
            *ENDLESS[:2],
        ]
        log = folder / f"{out}.txt"
        with log.open("wb") as stream:
            process = subprocess.Popen(finetune(folder, out, *more), cwd=folder, env=environment(), stderr=stream)
        time.sleep(draw.uniform(0.5, 6))
        process.terminate()
        try:
            process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            outcomes["hung"] += 1
            continue
        text = log.read_text()
        begun = (folder / out / "metrics.jsonl").exists() and losses(folder, out)
        if process.returncode != 128 + signal.SIGTERM or "Traceback" in text:
            outcomes["other ends"] += 1
            print(process.returncode, text[-2000:], file=sys.stderr)
        elif not begun:
            outcomes["before the first step"] += 1
        else:
            kept = int(max((folder / out / "checkpoints").iterdir(), key=lambda path: int(path.name[5:])).name[5:])
            outcomes["saved the last step" if kept == max(begun) else "lost steps"] += 1
    yield "| signals | before the first step | saved the last step | lost steps | other ends | hung |"
    yield "|---:|---:|---:|---:|---:|---:|"
    names = ("before the first step", "saved the last step", "lost steps", "other ends", "hung")
    yield f"| {number} | {' | '.join(str(outcomes[name]) for name in names)} |"


def disk(folder: Path, number: int, seed: int) -> Iterator[str]:
    """Let no file grow beyond a random byte of a checkpoint, which the system says as it says that a disk is full."""
    import resource

    from bigbird_cli.weights.checkpoint import newest_checkpoint

    draw = random.Random(seed)
    run(folder, finetune(folder, "run", "--set", "optim.steps=5"))
    size = (newest(folder) / "state.safetensors").stat().st_size
    outcomes = Counter[str]()
    for _ in range(number):
        limit = draw.randrange(1, size)
        shutil.rmtree(folder / "full", ignore_errors=True)
        shutil.copytree(folder / "run", folder / "full")
        shutil.rmtree(folder / "full" / "checkpoints" / "step-5")
        done = subprocess.run(
            finetune(folder, "full", "--set", "optim.steps=5", "--resume", "auto"),
            cwd=folder, env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False,
            preexec_fn=lambda limit=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )  # fmt: skip
        kept = newest_checkpoint(folder / "full")
        outcomes["whole"] += kept is not None and kept.name == "step-4"
        outcomes["exit 5"] += done.returncode == 5
        outcomes["named"] += "MB are needed" in done.stderr
    yield "| full at | last checkpoint stayed whole | exit code 5 | says needed and free |"
    yield "|---:|---:|---:|---:|"
    yield f"| {number} bytes of {size:,} | {outcomes['whole']} | {outcomes['exit 5']} | {outcomes['named']} |"


def cost(folder: Path) -> Iterator[str]:
    """Write the checkpoint of a base-size masked language model with AdamW's state, and take one step of it."""
    import torch

    from bigbird_cli.bigbird.config import BigBirdConfig
    from bigbird_cli.pytorch.model.models import BigBirdForMaskedLM
    from bigbird_cli.weights.checkpoint import write_checkpoint

    model = BigBirdForMaskedLM(BigBirdConfig(vocab_size=50358))
    ids = torch.randint(5, 50358, (1, 4096))
    begun = time.perf_counter()
    model(input_ids=ids, labels=ids).loss.backward()
    step = time.perf_counter() - begun
    weights = {f"model.{name}": tensor.detach().numpy() for name, tensor in model.state_dict().items()}
    tensors = {f"{moment}.{name}": array for moment in ("exp_avg", "exp_avg_sq") for name, array in weights.items()}
    seconds = []
    for number in range(3):
        begun = time.perf_counter()
        path = write_checkpoint(folder, number, {**weights, **tensors}, {}, keep=1)
        seconds.append(time.perf_counter() - begun)
    size = sum(file.stat().st_size for file in path.iterdir())
    middle = sorted(seconds)[1]
    yield "| parameters | checkpoint | seconds to write | a pass of 4,096 tokens, seconds | share, each 100 passes |"
    yield "|---:|---:|---:|---:|---:|"
    yield (
        f"| {sum(parameter.numel() for parameter in model.parameters()):,} | {size / 1e6:,.0f} MB | {middle:.1f} | "
        f"{step:.1f} | {middle / (100 * step + middle):.2%} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("kills", "steps", "processes", "signals", "disk", "cost", "trainer"))
    parser.add_argument("--number", type=int, default=50, help="of kills, signals or full disks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trainer", metavar="PYTHON", help="kill transformers' Trainer instead of ours")
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.what == "trainer":
        trainer(Path(options.folder))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.what != "cost":
            prepare(folder)
        lines = {
            "kills": lambda: kills(folder, options.number, options.seed, options.trainer),
            "steps": lambda: steps(folder),
            "processes": lambda: processes(folder),
            "signals": lambda: signals(folder, options.number, options.seed),
            "disk": lambda: disk(folder, options.number, options.seed),
            "cost": lambda: cost(folder),
        }[options.what]()
        for line in lines:
            print(line, flush=True)


if __name__ == "__main__":
    main()

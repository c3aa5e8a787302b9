"""Claim: bigbird plan tells the time of a step and its peak of memory before a run, from a few steps that it takes.

    python benchmarks/plan.py                            both mini models and a tiny one, windows of 128 to 4,096
    python benchmarks/plan.py --only tiny
    python benchmarks/plan.py --threads 2 --clock wall   on a machine that does nothing else

For each model the steps of a plan are taken and costs fitted to them. Then each setting is really measured: in a fresh
process a recipe is opened as training opens it, the loader's first batches are learnt from, and the median of their
times and the peak of the process are held against what the costs say of these very batches. Seconds are of the
processor unless --clock says wall, so that other work on the machine changes little. Documents are random words.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORDS_PER_DOCUMENT, DOCUMENTS = 5_000, 6
STEPS = 2
"""That are measured of each setting, after one that is not."""

SMALL = {
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 512,
    "max_position_embeddings": 4096,
}


@dataclass(frozen=True)
class Case:
    """A setting: windows of so many tokens, so many at once, two micro-batches a step."""

    model: str
    window: int
    micro_batch: int
    checkpointing: bool


CASES = [
    Case("qa-mini", 128, 16, False),
    Case("qa-mini", 512, 4, False),
    Case("qa-mini", 512, 8, True),
    Case("qa-mini", 2048, 1, False),
    Case("qa-mini", 4096, 1, False),
    Case("qa-mini", 4096, 1, True),
    Case("ner-mini", 256, 8, False),
    Case("ner-mini", 1024, 2, False),
    Case("ner-mini", 1024, 4, True),
    Case("ner-mini", 4096, 1, False),
    Case("tiny", 128, 16, False),
    Case("tiny", 512, 16, True),
    Case("tiny", 1024, 4, False),
    Case("tiny", 4096, 2, False),
    Case("tiny", 256, 8, False),
    Case("tiny", 2048, 2, False),
    Case("tiny", 1024, 8, True),
    Case("tiny", 4096, 1, True),
]


def write_data(folder: Path) -> None:
    """Long documents of words, as texts, with a question each, and with names in them."""
    draw = random.Random(0)
    words = ["the", "of", "and", "to", "in", "a", "is", "that", "for", "it", "as", "was", "with", "be", "by", "on"]
    for n in range(DOCUMENTS):
        chosen = draw.choices(words, k=WORDS_PER_DOCUMENT)
        chosen[n * 100] = "Berlin"
        text = " ".join(chosen)
        start = text.index("Berlin")
        (folder / "texts").mkdir(exist_ok=True)
        (folder / "texts" / f"{n}.txt").write_text(text)
        answers = {"text": ["Berlin"], "answer_start": [start]}
        question = {"id": str(n), "context": text, "question": "which town is it", "answers": answers}
        entities = [{"start": start, "end": start + 6, "label": "GPE"}]
        for name, row in (("qa.jsonl", question), ("ner.jsonl", {"text": text, "entities": entities})):
            with (folder / name).open("a") as file:
                file.write(json.dumps(row) + "\n")


def recipe_values(model: str, data: Path, *, window: int = 4096, micro_batch: int = 4) -> dict[str, Any]:
    """A recipe for one of the models, of two micro-batches a step."""
    tasks = {"qa-mini": ("qa", "qa.jsonl"), "ner-mini": ("ner", "ner.jsonl"), "tiny": ("mlm", "texts")}
    task, source = tasks[model]
    start: dict[str, Any] = {"start": model, "dropout": 0.1, "attention_dropout": 0.0}
    if model == "tiny":
        from bigbird_cli.weights.store import find_folder

        start = {"tokenizer": str(find_folder("qa-mini", offline=True)), "config": SMALL}
    return {
        "model": start,
        "task": {"type": task, "window": window} | ({} if task == "mlm" else {"overlap": 32}),
        "data": {"train": str(data / source)},
        "optim": {"lr": 1e-5, "batch_size": 2 * micro_batch, "micro_batch_size": micro_batch, "steps": 10},
    }


def _recipe(values: dict[str, Any]) -> Any:
    from bigbird_cli.recipe import COMMANDS

    return COMMANDS["pretrain" if values["task"]["type"] == "mlm" else "finetune"].model_validate(values)


def predict(model: str, data: Path, *, threads: int, clock: str) -> dict[bool, Any]:
    """The costs that a plan fits, without and with gradient checkpointing."""
    import bigbird_cli as bb
    from bigbird_cli.recipe.load import dump_recipe
    from bigbird_cli.training import plan_trials
    from bigbird_cli.training.plan_costs import fit_costs

    # the steps go by the same clock as those that they are held against
    with_clock = [sys.executable, __file__, "--clock", clock, "--serve"]
    vars(plan_trials)["python_command"] = lambda _, request: [*with_clock, request]
    path = data / f"{model}.yaml"
    path.write_text(dump_recipe(_recipe(recipe_values(model, data))))
    began = time.perf_counter()
    plan = bb.plan(path, threads=threads, offline=True, device="cpu")
    spent = sum(trial.seconds for trial in plan.trials)
    print(
        f"{model}: {plan.n_parameters:,} parameters, {len(plan.trials)} steps of {spent:.0f} s in all, planned in "
        f"{time.perf_counter() - began:.0f} s",
        flush=True,
    )
    by_kind = {kept: [trial for trial in plan.trials if trial.checkpointing == kept] for kept in (False, True)}
    return {
        kept: fit_costs(trials, attention=plan.attention, n_parameters=plan.n_parameters)
        for kept, trials in by_kind.items()
    }


def measure_here(case: Case, data: Path, *, threads: int) -> dict[str, Any]:
    """Take the first steps of a run in this process, which has done nothing else."""
    from bigbird_cli.backend import Alone, Compute, open_backend
    from bigbird_cli.training.batching import split
    from bigbird_cli.training.job import open_job
    from bigbird_cli.training.measuring import timed_step

    values = recipe_values(case.model, data, window=case.window, micro_batch=case.micro_batch)
    values["run"] = {"gradient_checkpointing": case.checkpointing}
    recipe, compute = _recipe(values), Compute("cpu", threads, offline=True)
    with tempfile.TemporaryDirectory() as cache, open_backend().connect(compute, wait=None):
        job = open_job(recipe, cache=Path(cache), compute=compute, peers=Alone())
        steps = [split(job.loader.batch(step), recipe.optim) for step in range(1, STEPS + 2)]
        seconds = [timed_step(job.engine, parts, seed=step)[1] for step, parts in enumerate(steps)]
        peak = int(1e6 * job.engine.peak_memory())
    return {
        "seconds": seconds[1:],
        "peak_bytes": peak,
        "steps": [[[len(feature) for feature in part] for part in parts] for parts in steps],
    }


def measure(case: Case, data: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Let a fresh process take the steps."""
    command = [sys.executable, __file__, "--case", str(CASES.index(case)), "--data", str(data)]
    command += ["--threads", str(options.threads), "--clock", options.clock]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def compare(measured: dict[str, Any], costs: Any) -> tuple[float, float, float, float]:
    """Predicted and measured seconds, and peaks, of the same batches."""
    works = [costs.attention.works(parts) for parts in measured["steps"]]
    predicted = statistics.median(costs.seconds(each) for each in works[1:])
    peak = max(costs.peak_bytes(each) for each in works)
    return predicted, statistics.median(measured["seconds"]), peak / 1e6, measured["peak_bytes"] / 1e6


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=sorted({case.model for case in CASES}))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=["processor", "wall"], default="processor")
    parser.add_argument("--case", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.clock == "processor":
        time.perf_counter = time.process_time
    if options.serve is not None:
        from bigbird_cli.training import plan_trials

        sys.argv = [sys.argv[0], str(options.serve)]
        plan_trials.main()
        return 0
    if options.case is not None:
        print(json.dumps(measure_here(CASES[options.case], options.data, threads=options.threads)))
        return 0
    errors: dict[str, list[float]] = {"time": [], "memory": []}
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        write_data(data)
        for model in sorted({case.model for case in CASES if options.only in (None, case.model)}):
            costs = predict(model, data, threads=options.threads, clock=options.clock)
            for case in [case for case in CASES if case.model == model]:
                found = compare(measure(case, data, options), costs[case.checkpointing])
                time_error, memory_error = found[0] / found[1] - 1, found[2] / found[3] - 1
                errors["time"].append(abs(time_error))
                errors["memory"].append(abs(memory_error))
                print(
                    f"{model:8} window {case.window:5,} x {case.micro_batch:2}"
                    f" {'checkpointing' if case.checkpointing else '':13}"
                    f" {found[0]:7.2f} s predicted, {found[1]:7.2f} s measured, {time_error:+6.1%};"
                    f" {found[2]:6,.0f} MB predicted, {found[3]:6,.0f} MB measured, {memory_error:+6.1%}",
                    flush=True,
                )
    for kind, each in errors.items():
        print(f"{kind}: error {max(each):.1%} at most, {statistics.median(each):.1%} at the median of {len(each)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Claim: backend jax learns what backend pytorch learns, goes on bit for bit where it was stopped, and is not slower.

    python benchmarks/jax_backend.py losses quickstart-qa      50 steps of the same recipe, seed and data, side by side
    python benchmarks/jax_backend.py scores quickstart-ner     the whole recipe on both, with the scores of its dev set
    python benchmarks/jax_backend.py resume quickstart-qa      stopped and resumed at ten places, each to the next
    python benchmarks/jax_backend.py speed quickstart-qa --backend jax      seconds of a step, compiling apart
    python benchmarks/jax_backend.py lines                     of the two rooms

Both frameworks start from the same weights, those of a new head included, without dropout and in float32. Seconds are
of the processor. For one thread: XLA_FLAGS=--xla_cpu_multi_thread_eigen=false NPROC=1 OMP_NUM_THREADS=1 taskset -c 0.
"""

import argparse
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from bigbird_cli.backend import Compute, EngineState, StepResult, open_backend
from bigbird_cli.events import Evaluated, Finished
from bigbird_cli.recipe import load_recipe
from bigbird_cli.recipe.schema import Recipe
from bigbird_cli.training.batching import seeded, split
from bigbird_cli.training.job import Job, open_job
from bigbird_cli.training.train import train
from bigbird_cli.weights.store import write_model

CPU = Compute("cpu")
ALIKE = ("model.dropout=0", "model.attention_dropout=0", "run.precision=float32")
FRAMEWORKS = ("pytorch", "jax")


def recipe(name: str, backend: str, *, start: Path | None = None, changes: tuple[str, ...] = ()) -> Recipe:
    begin = () if start is None else (f"model.start={start}",)
    return load_recipe(name, overrides=[f"backend={backend}", *ALIKE, *begin, *changes])


def opened(settings: Recipe, cache: Path) -> Job:
    with open_backend(settings.backend).connect(CPU, wait=None) as peers:
        return open_job(settings, cache=cache, compute=CPU, peers=peers)


def common_start(name: str, folder: Path, changes: tuple[str, ...]) -> Path:
    """A folder of the weights that a recipe starts from, its new head included."""
    job = opened(recipe(name, "pytorch", changes=changes), folder / "cache")
    out = folder / "start"
    write_model(out, config=job.engine.config, tensors=job.engine.weights(), tokenizer=job.tokenizer)
    return out


def step(job: Job, number: int) -> StepResult:
    """Take a step as a run does."""
    batch = seeded(split(job.loader.batch(number), job.recipe.optim), seed=job.recipe.seed, step=number)
    return job.engine.step(batch, step=number, share=job.schedule.at(number))


def losses(name: str, n_steps: int, folder: Path, changes: tuple[str, ...]) -> None:
    changes = (*changes, f"optim.steps={n_steps}")
    start = common_start(name, folder, changes)
    jobs = {each: opened(recipe(name, each, start=start, changes=changes), folder / "cache") for each in FRAMEWORKS}
    worst = 0.0
    print("| step | pytorch | jax | relative difference |\n|---|---|---|---|")
    for number in range(1, n_steps + 1):
        of_torch, of_jax = (step(job, number).loss for job in jobs.values())
        difference = abs(of_jax - of_torch) / of_torch
        worst = max(worst, difference)
        if number in (1, 2, 5) or number % 10 == 0:
            print(f"| {number} | {of_torch:.6f} | {of_jax:.6f} | {difference:.1e} |")
    own, other = (job.engine.weights() for job in jobs.values())
    weights = max(float(np.abs(own[each] - other[each]).max()) for each in own)
    print(f"\nlargest relative difference of a loss {worst:.1e}, of a weight afterwards {weights:.1e} (absolute)")


def scores(name: str, folder: Path, changes: tuple[str, ...]) -> None:
    start = common_start(name, folder, changes)
    for backend in FRAMEWORKS:
        began = time.process_time()
        for event in train(recipe(name, backend, start=start, changes=changes), folder / backend, compute=CPU):
            if isinstance(event, Evaluated):
                print(f"{backend} after step {event.step}: {_in_brief(event.scores)}")
            if isinstance(event, Finished):
                seconds = time.process_time() - began
                print(f"{backend}: {_in_brief(event.best_scores or {})}, {seconds:.0f} s of the processor\n")


def _in_brief(scores: dict[str, float]) -> dict[str, float]:
    """Without those of single labels."""
    return {name: round(value, 2) for name, value in scores.items() if name.islower()}


def resume(name: str, backend: str, n_steps: int, folder: Path, changes: tuple[str, ...]) -> None:
    changes = (*changes, f"optim.steps={n_steps}", "run.ema=0.99", "model.dropout=0.1")
    settings = load_recipe(name, overrides=[f"backend={backend}", "run.precision=float32", *changes])
    whole = opened(settings, folder / "cache")
    places: dict[int, EngineState] = {}
    for number in range(n_steps + 1):
        if number:
            step(whole, number)
        if number % (n_steps // 10) == 0:
            state = whole.engine.state()
            places[number] = EngineState({key: array.copy() for key, array in state.arrays.items()}, state.values)
    again = opened(settings, folder / "cache")
    for place, after in pairwise(places):
        again.engine.load(places[place])
        for number in range(place + 1, after + 1):
            step(again, number)
        found, want = again.engine.state().arrays, places[after].arrays
        difference = max(float(np.abs(found[key] - want[key]).max()) for key in want)
        print(
            f"{backend}, resumed after step {place} of {n_steps}: at step {after} the largest difference {difference}"
        )


def speed(name: str, backend: str, n_steps: int, folder: Path, changes: tuple[str, ...]) -> None:
    job = opened(recipe(name, backend, changes=(*changes, f"optim.steps={n_steps}")), folder / "cache")
    first: list[float] = []
    rest: list[tuple[float, int]] = []
    n_compiled = 0
    for number in range(1, n_steps + 1):
        began = time.process_time()
        result = step(job, number)
        seconds = time.process_time() - began
        if number == 1 or result.n_compiled > n_compiled:
            first.append(seconds)
        else:
            rest.append((seconds, result.n_tokens))
        n_compiled = result.n_compiled
    mean = sum(seconds for seconds, _ in rest) / len(rest)
    rate = sum(n for _, n in rest) / sum(seconds for seconds, _ in rest)
    spent = sum(first) - mean * len(first)
    print(
        f"{backend}: {mean:.2f} s a step, {rate:.0f} tokens/s (median {np.median([s for s, _ in rest]):.2f} s);"
        f" {len(first)} steps compiled {n_compiled} programs or were the first: {spent:.1f} s more;"
        f" {job.engine.peak_memory():.0f} MB"
    )


def lines() -> None:
    for room in ("pytorch", "jax"):
        files = sorted(Path("bigbird_cli", room).rglob("*.py"))
        engine = [file for file in files if file.parent.name == room]
        counts = [sum(len(file.read_text(encoding="utf-8").splitlines()) for file in part) for part in (files, engine)]
        print(f"{room}: {counts[0]} lines in {len(files)} files, {counts[1]} of them outside the model")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["losses", "scores", "resume", "speed", "lines"])
    parser.add_argument("recipe", nargs="?", default="quickstart-qa")
    parser.add_argument("--backend", choices=FRAMEWORKS, default="jax")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change the recipe")
    given = parser.parse_args()
    changes = tuple(given.set)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if given.what == "losses":
            losses(given.recipe, given.steps, folder, changes)
        elif given.what == "scores":
            scores(given.recipe, folder, changes)
        elif given.what == "resume":
            resume(given.recipe, given.backend, given.steps, folder, changes)
        elif given.what == "speed":
            speed(given.recipe, given.backend, given.steps, folder, changes)
        else:
            lines()


if __name__ == "__main__":
    main()

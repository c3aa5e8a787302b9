"""Claim: no damaged or hostile input brings a traceback, an unexpected error, an abort, a hang, a flood of messages,
half a model or code of its own: each ends with one line and the exit code of its kind.

    python benchmarks/hostile.py                     500 weight files of each format, 200 inputs of each other group
    python benchmarks/hostile.py -n 1000 recipes options
    python benchmarks/hostile.py data --show         every input that ended otherwise, and what was said

Weight files are opened as `bigbird convert` opens them; `hostile_weights.py` says how they are harmed, and what is
counted. The other groups (`hostile_inputs.py`) harm configs, tokenizers, checkpoints, data, rows, documents, recipes,
options, streams, and send signals; each input is given to a command in a process of its own. Inputs are drawn with a
fixed seed: the same on each run. Seconds and megabytes are the most that one input took.
"""

import argparse
import importlib
import multiprocessing
import os
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

import hostile_commands
import hostile_inputs
import hostile_weights

HEAVY = (
    "bigbird_cli.api.recipes.training",
    "bigbird_cli.pytorch.engine",
    "sklearn.metrics",
    "scipy.special",
    "datasets",
)


def count(group: str, n_inputs: int, seconds: float, show: bool) -> tuple[Counter[str], float, float]:
    """All inputs of a group, in this process and its children: outcomes, and the most seconds and megabytes of one."""
    for name in HEAVY:
        importlib.import_module(name)  # once, and not in every child
    outcomes, longest, most = Counter[str](), 0.0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"BIGBIRD_CACHE": f"{folder}/cache", "HF_HUB_OFFLINE": "1", "NO_COLOR": "1"}
        os.chdir(folder)
        world = hostile_inputs.make_world(Path(folder))
        attempts = hostile_inputs.GROUPS[group](world, random.Random(0))
        for _, attempt in zip(range(n_inputs), attempts, strict=False):
            ended = hostile_commands.run(attempt, folder=world.folder, seconds=seconds)
            outcomes[ended.outcome] += 1
            longest, most = max(longest, ended.seconds), max(most, ended.megabytes)
            if show and ended.outcome in hostile_commands.FAULTS:
                command = " ".join(word if len(word) < 200 else word[:200] + "..." for word in attempt.argv)
                print(f"{ended.outcome} ({ended.code}): {command!r}\n{ended.stderr[-3000:]}", file=sys.stderr)
    return outcomes, longest, most


def print_table(name: str, outcomes: tuple[str, ...]) -> None:
    print(f"| {name} | inputs | " + " | ".join(outcomes) + " | seconds at most | MB at most |")
    print("|---|" + "---:|" * (len(outcomes) + 3))


def print_row(name: str, counted: tuple[Counter[str], float, float], outcomes: tuple[str, ...]) -> None:
    numbers, longest, most = counted
    cells = " | ".join(f"{numbers[outcome]:,}" for outcome in outcomes)
    print(f"| {name} | {sum(numbers.values()):,} | {cells} | {longest:.2f} | {most:,.0f} |", flush=True)


def main() -> int:
    names = (*hostile_weights.FORMATS, *hostile_inputs.GROUPS)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(names)}; by default all")
    parser.add_argument("-n", type=int, help="inputs of each group")
    parser.add_argument("--seconds", type=float, default=10, help="after which a command counts as hanging (10)")
    parser.add_argument("--show", action="store_true", help="show each input that ended otherwise than it should")
    settings = parser.parse_args()
    if unknown := set(settings.groups) - set(names):
        parser.error(f"there is no group {min(unknown)}; there are {', '.join(names)}")
    chosen = settings.groups or names
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    spawn = multiprocessing.get_context("spawn")  # a process a group: limits, audit hooks and peaks are a process's
    n_faults = 0
    if formats := [name for name in chosen if name in hostile_weights.FORMATS]:
        print_table("weights", hostile_weights.OUTCOMES)
        for name in formats:
            with spawn.Pool(1) as pool:
                counted = pool.apply(hostile_weights.count, (name, settings.n or 500))
            print_row(name, counted, hostile_weights.OUTCOMES)
            n_faults += sum(counted[0][outcome] for outcome in hostile_weights.FAULTS)
        print()
    if groups := [name for name in chosen if name in hostile_inputs.GROUPS]:
        print_table("inputs", hostile_commands.OUTCOMES)
        for name in groups:
            with spawn.Pool(1) as pool:
                counted = pool.apply(count, (name, settings.n or 200, settings.seconds, settings.show))
            print_row(name, counted, hostile_commands.OUTCOMES)
            n_faults += sum(counted[0][outcome] for outcome in hostile_commands.FAULTS)
    return 1 if n_faults else 0


if __name__ == "__main__":
    sys.exit(main())

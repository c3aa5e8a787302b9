"""Claim: on Ray a run whose driver is killed is gone on with, and writes what one run without Ray writes.

    python benchmarks/engines.py                  1,000 rows, one bad, on all cores; needs bigbird-cli[ray]
    python benchmarks/engines.py --model ner-mini --number 200

Every run is `bigbird ner` in a process of its own; without --model with one of two layers of width 16 that is made on
the fly. The driver is killed with -9 once a quarter of its parts is done. Times are of the clock: a run on Ray begins
with some seconds of starting it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from batches import command, make_lines, make_model

OUT = "ray.jsonl"


def timed(arguments: list[str], folder: Path) -> tuple[int, float]:
    """Exit code and seconds of a command."""
    started = time.perf_counter()
    return subprocess.run(arguments, cwd=folder, check=False).returncode, time.perf_counter() - started


def killed(arguments: list[str], folder: Path) -> tuple[int, int, float]:
    """Run a command until a quarter of its parts is done; how many are, how many there would be, and seconds."""
    started, parts = time.perf_counter(), folder / f"{OUT}.parts"
    with subprocess.Popen(arguments, cwd=folder, stderr=subprocess.DEVNULL) as driver:
        while driver.poll() is None:
            done = list(parts.glob("*-of-*.jsonl"))
            n_parts = int(done[0].stem.rpartition("-")[2]) if done else 0
            if done and 4 * len(done) >= n_parts:
                driver.kill()
                driver.wait()
                return len(list(parts.glob("*-of-*.jsonl"))), n_parts, time.perf_counter() - started
            time.sleep(0.01)
    raise SystemExit("the run ended before it was killed")


def compare(folder: Path, *, model: str, number: int) -> bool:
    """Print a table of runs; whether all wrote the same."""
    make_lines(folder / "rows.jsonl", number=number, n_bad=1)
    ner = command("ner", "rows.jsonl", "--model", model)
    on_ray = [*ner, "--engine", "ray"]
    straight = timed([*ner, "--out", "straight.jsonl"], folder)
    spread = timed([*on_ray, "--out", "spread.jsonl"], folder)
    n_done, n_parts, seconds = killed([*on_ray, "--out", OUT], folder)
    resumed = timed([*on_ray, "--out", OUT, "--resume"], folder)
    whole = (folder / "straight.jsonl").read_bytes()
    records = [json.loads(line) for line in whole.splitlines()]
    print(f"{number:,} rows: {len(records):,} records, {sum('error' in each for each in records)} errors")
    print("run                           exit  as straight  seconds")
    print(f"{'straight':28}  {straight[0]:4}               {straight[1]:7.1f}")
    all_right = straight[0] == 1
    for name, file, (code, taken) in (
        ("on Ray", "spread.jsonl", spread),
        (f"killed at {n_done} of {n_parts} parts, resumed", OUT, resumed),
    ):
        same = (folder / file).read_bytes() == whole
        all_right &= same and code in (0, 1)  # the bad row may stand in a part that was done
        print(f"{name:28}  {code:4}  {'yes' if same else 'NO':>11}  {taken:7.1f}")
    print(f"the driver lived for {seconds:.1f} s")
    return all_right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=1_000, help="rows")
    parser.add_argument("--model", help="for named entities")
    given = parser.parse_args()
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        model = given.model or str(make_model(Path(folder) / "model"))
        if not compare(Path(folder), model=model, number=given.number):
            sys.exit(1)


if __name__ == "__main__":
    main()

"""Which of two ways to the same numbers is the quicker one on this machine: measured once, and kept.

PyTorch ships two libraries of matrix products, and two ways to attend; which one wins depends on the processor, on the
instruction sets that environment variables leave it, on the number of threads and on the version. So the first large
enough call of a kind times them in turn, some tens of milliseconds, and writes down which one won. All later processes
read that: a run rounds as it did before. Nothing is measured that cannot be kept, in a folder that cannot be written;
what is the default then stays. A run's checkpoints hold its choices too (see `chosen`), so that it goes on bit for bit
where the folder was lost.

Only what trains is chosen so. What is read without gradients goes by rules, for its results must not hang on a clock.
"""

import contextlib
import hashlib
import json
import math
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

from bigbird_cli.tasks.features import default_folder

ROUNDS, FEWEST = 7, 3
"""In each round each way is timed once, after one round that does not count."""

SECONDS = 0.15
"""Once a kind has taken longer, as many rounds as FEWEST will do."""

MARGIN = 0.95
"""Share of the default's time that another way may take at most to be chosen, at the median of the rounds; it must win
two thirds of them: noise alone changes nothing."""

_SWITCHES = ("ATEN_", "DNNL_", "ONEDNN_", "MKL_", "KMP_", "GOMP_", "OMP_")
"""How environment variables begin that change what the libraries do."""

_made: dict[str, str] = {}

Ways = Callable[[], Mapping[str, Callable[[], object]]]


def choose(kind: str, among: Sequence[str], ways: Ways, *, margin: float = MARGIN) -> str:
    """Name the quicker of the ways to do what `kind` says; the first, where nothing can be kept.

    Args:
        kind: of work, in letters, digits and spaces; what is kept goes by this name.
        among: names of the ways; the first stays unless another is clearly quicker.
        ways: makes the operands and returns what to time, by name.
        margin: share of the first one's time that another may take.
    """
    if _made.get(kind) not in among:
        _made[kind] = _kept(kind, among, ways, margin)
    return _made[kind]


def chosen() -> dict[str, str]:
    """All choices that this process has made or read, by kind."""
    return dict(_made)


def adopt(choices: Mapping[str, str]) -> None:
    """Go by these choices from now on."""
    _made.update(choices)


def quickest(seconds: Mapping[str, Sequence[float]], *, default: str, margin: float = MARGIN) -> str:
    """Name the way whose seconds, round by round, are clearly below the default's; the default if there is none.

    Args:
        seconds: of each round, by way.
        default: a way.
        margin: share of the default's time that another may take at most.
    """
    found, best = default, margin
    for way, times in seconds.items():
        shares = sorted(time / usual for time, usual in zip(times, seconds[default], strict=True))
        if way != default and statistics.median(shares) <= best and shares[math.ceil(2 * len(shares) / 3) - 1] < 1.0:
            found, best = way, statistics.median(shares)
    return found


@torch.no_grad()
def measure(ways: Ways) -> dict[str, list[float]]:
    """Seconds of each way in each round; the ways take turns, so that all meet the same machine."""
    with torch.autocast("cpu", enabled=False):
        calls = ways()
        seconds: dict[str, list[float]] = {way: [] for way in calls}
        started = time.perf_counter()
        for number in range(1 + ROUNDS):
            if number > FEWEST and time.perf_counter() - started > SECONDS:
                break
            for way, call in calls.items():
                start = time.perf_counter()
                call()
                seconds[way].append(time.perf_counter() - start)
    return {way: times[1:] for way, times in seconds.items()}


def machine() -> dict[str, Any]:
    """What a choice depends on."""
    return {
        "processor": _processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "environment": {name: value for name, value in sorted(os.environ.items()) if name.startswith(_SWITCHES)},
    }


def _kept(kind: str, among: Sequence[str], ways: Ways, margin: float) -> str:
    """The choice that the user's cache holds, else one that is measured and put there."""
    here = machine()
    try:
        folder = default_folder().parent / "choices" / _digest(here)
        path = folder / f"{kind.replace(' ', '-')}.json"
        found = _read(path)
        if found is not None and found in among:
            return found
        folder.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # what somebody broke
        with tempfile.NamedTemporaryFile("w", dir=folder, encoding="utf-8") as file:
            seconds = measure(ways)
            found = quickest(seconds, default=among[0], margin=margin)
            json.dump({"kind": kind, "way": found, "seconds": seconds, "machine": here}, file, indent=1)
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)  # whole or not at all, and the first of several processes wins
        return _read(path) or among[0]
    except (OSError, RuntimeError):  # no home folder, or one that cannot be written
        return among[0]


def _read(path: Path) -> str | None:
    """The way that a file names; None where there is no such file, or it is broken."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return content["way"] if isinstance(content, dict) and isinstance(content.get("way"), str) else None


def _digest(here: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(here, sort_keys=True).encode()).hexdigest()[:16]


@cache
def _processor() -> str:
    """The processor's model as Linux names it, else as Python does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = ("vendor_id", "cpu family", "model", "model name", "stepping")
    fields = (line.partition(":") for line in lines)
    found = {name.strip(): value.strip() for name, _, value in fields if name.strip() in names}
    return " ".join(found.values()) or platform.processor()

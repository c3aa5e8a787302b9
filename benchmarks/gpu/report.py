"""What the parts share: results as lines, a budget of seconds, and the time of a call on a device."""

import json
import os
import statistics
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch


class Results:
    """A file of JSON lines; each is on the disk before the next figure is measured."""

    def __init__(self, path: Path, part: str, *, seconds: float) -> None:
        self._path, self._part = path, part
        self._end = time.monotonic() + seconds
        self._failed: set[str] = set()

    def add(self, **row: Any) -> None:
        line = json.dumps({"part": self._part, **row})
        print(line, flush=True)
        with self._path.open("a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def attempt(self, **case: Any) -> Iterator[dict[str, Any]]:
        """Measure one case: what is put into the dict becomes its line, and so does what went wrong."""
        found: dict[str, Any] = {}
        try:
            yield found
        except Exception as error:  # one case must not end the others
            found["error"] = f"{type(error).__name__}: {str(error)[:500]}"
            if type(error).__name__ not in self._failed:
                self._failed.add(type(error).__name__)
                traceback.print_exc()
        self.add(**case, **found)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def lacks_time(self, seconds: float, **case: Any) -> bool:
        """Whether fewer seconds are left than a case is expected to take; it is then noted as skipped."""
        if time.monotonic() + seconds < self._end:
            return False
        self.add(**case, skipped="no time left")
        return True


def seconds_of(call: Callable[[], Any], device: torch.device, *, calls: int = 5, at_most: float = 1.0) -> float:
    """Median seconds of a call after a warm-up; fewer calls, but one at least, where they take more than `at_most`."""
    call()
    times: list[float] = []
    while len(times) < calls and (not times or sum(times) < at_most):
        times.append(_once(call, device))
    return statistics.median(times)


def _once(call: Callable[[], Any], device: torch.device) -> float:
    if device.type != "cuda":
        started = time.perf_counter()
        call()
        return time.perf_counter() - started
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize(device)
    start.record()
    call()
    end.record()
    torch.cuda.synchronize(device)
    return start.elapsed_time(end) / 1000

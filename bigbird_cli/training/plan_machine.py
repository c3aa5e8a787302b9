"""What a machine has to compute with, as far as Python can tell by itself."""

import os
import platform
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bigbird_cli.backend import Accelerator

_MEMORY, _PROCESSORS = Path("/proc/meminfo"), Path("/proc/cpuinfo")
_LIMIT, _USED = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")


@dataclass(frozen=True)
class Machine:
    """What a run would compute with.

    Attributes:
        processor: its name.
        cores: that this process may use.
        free_bytes: memory that a program may have yet; None where the system does not say.
        accelerator: on which the model would be; None where it is the processor.
        device: the framework's name of what the model would be on.
    """

    processor: str
    cores: int
    free_bytes: int | None
    accelerator: Accelerator | None
    device: str

    @property
    def room(self) -> int | None:
        """Bytes that the model may have: the accelerator's, else those of the machine."""
        return self.free_bytes if self.accelerator is None else self.accelerator.free_bytes


def processor_name() -> str:
    """What the system calls its processor."""
    found = re.search(r"^model name\s*: (.*)$", _read(_PROCESSORS), re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()


def n_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_memory() -> int | None:
    """Bytes that a program may have yet, of the machine and of the container; None where neither says."""
    rooms = []
    if found := re.search(r"^MemAvailable:\s+(\d+) kB", _read(_MEMORY), re.MULTILINE):
        rooms.append(1024 * int(found[1]))
    limit, used = _read(_LIMIT).strip(), _read(_USED).strip()
    if limit.isdecimal() and used.isdecimal():
        rooms.append(int(limit) - int(used))
    return min(rooms, default=None)


def _read(path: Path) -> str:
    with suppress(OSError):  # another system
        return path.read_text(encoding="utf-8", errors="replace")
    return ""

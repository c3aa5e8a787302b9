"""This process's memory, and other Python processes of this program.

They import from where this one does, never from the current folder.
"""

import math
import os
import sys
from pathlib import Path

_PACKAGES = str(Path(__file__).resolve().parent.parent)


def python_command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module in a process of its own; it needs `python_environment`."""
    return [sys.executable, "-P", "-m", module, *arguments]


def python_environment() -> dict[str, str]:
    """The environment for `python_command`, and for whatever Python that process starts in its turn."""
    # an empty entry is the current folder, as in a notebook
    path = [*(entry for entry in sys.path if entry), _PACKAGES]
    return {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(path)}


def peak_memory_of_process() -> float:
    """The most memory that this process had so far, in MB; nan where the system does not say."""
    try:
        import resource  # Windows has none
    except ImportError:
        return math.nan
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6

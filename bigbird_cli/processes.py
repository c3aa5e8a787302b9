"""Other Python processes of this program: they import from where this one does, never from the current folder."""

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

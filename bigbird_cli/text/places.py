"""Where a model's name leads on this machine; vocabularies and weights follow the same rules."""

import os
from pathlib import Path
from typing import Final

from bigbird_cli.errors import ModelError

SHIPPED: Final = Path(__file__).resolve().parent.parent / "pretrained"
"""The models that come with the program, each in a folder of its name."""


def is_local(name: str | Path) -> bool:
    """Whether a name is a folder's, so that it is looked up nowhere else.

    A Path is, and so is a name that begins with `.`, `/` or `~`, or that exists on disk.
    """
    if isinstance(name, Path):
        return True
    return name.startswith((".", "/", "~", "\\")) or bool(Path(name).drive) or os.path.lexists(name)


def local_path(name: str | Path) -> Path:
    """The path that a name says, `~` read as a home folder; ModelError where there is no such home."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise ModelError("there is no such home folder", where=str(name), fix="write the path out") from None

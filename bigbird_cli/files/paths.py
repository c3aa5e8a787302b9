"""Where a model's name leads on this machine; vocabularies and weights follow the same rules."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bigbird_cli.errors import ModelError, UsageError

SHIPPED: Final = Path(__file__).resolve().parent.parent / "pretrained"
"""The models that come with the program, each in a folder of its name."""


def is_local(name: str | Path) -> bool:
    """Whether a name is a folder's, so that it is looked up nowhere else.

    A Path is, and so is a name that begins with `.`, `/` or `~`, or that exists on disk; an empty one is to be refused.
    """
    if isinstance(name, Path):
        return True
    return not name or name.startswith((".", "/", "~", "\\")) or bool(Path(name).drive) or os.path.lexists(name)


def local_path(name: str | Path) -> Path:
    """The path that a name says, `~` read as a home folder.

    Raises:
        UsageError: the name is empty, which as a path would be the current folder.
        ModelError: there is no such home.
    """
    if not str(name):
        raise empty_path()
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise ModelError("there is no such home folder", where=str(name), fix="write the path out") from None


def empty_path() -> UsageError:
    """What to say of a path without a character in it."""
    return UsageError("the path is empty", fix="name a file or a folder; is a variable of the shell not set?")


@contextmanager
def model_file_errors() -> Iterator[None]:
    """Say of a file or folder of a model that the system does not give, and why, that it is the model's fault."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise
        raise cannot_be_read(error, Path(os.fsdecode(error.filename))) from error


def cannot_be_read(error: OSError, path: Path) -> ModelError:
    """What to say of a model's file that the system does not give."""
    fixes = {
        errno.ENOENT: "name a model folder that has it",
        errno.EACCES: "ask for the right to read it, or copy it",
        errno.EPERM: "ask for the right to read it, or copy it",
    }
    return ModelError(
        f"cannot be read ({error.strerror or error})",
        where=str(path),
        fix=fixes.get(error.errno or 0, "fetch the model again"),
    )

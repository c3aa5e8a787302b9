"""What a folder holds: the files of some kinds, in the order of their names, and what is not read of it."""

import os
import re
import stat
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from bigbird_cli.errors import BigBirdWarning, DataError
from bigbird_cli.files.file_types import text_makers
from bigbird_cli.files.streams import file_errors

_LEFT_OUT = frozenset({"__macosx", "thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Skipped:
    """Files of a folder that are not read, for they are of other kinds.

    Attributes:
        folder: where they stand.
        names: theirs, below the folder.
        suffixes: the kinds that are read.
    """

    folder: Path
    names: tuple[str, ...]
    suffixes: tuple[str, ...]

    def __str__(self) -> str:
        makers = text_makers(self.names)
        fix = f": make texts of {', '.join(makers)}" if makers else ""
        return (
            f"{self.folder}: {len(self.names):,} skipped: {listed(self.names)}; "
            f"only {patterns(self.suffixes)} are read of a folder{fix}"
        )


OnSkipped = Callable[[Skipped], None]
"""Is called with the files of a folder that are not read."""


def warn_of_skipped(skipped: Skipped) -> None:
    """Warn of files that are not read."""
    warnings.warn(BigBirdWarning(str(skipped)), stacklevel=3)


def is_left_out(name: str) -> bool:
    """Whether a file or folder of this name is left out of the folder or archive it stands in, unless named itself.

    So are hidden ones (._lease.txt of macOS, .ipynb_checkpoints, .git), and what systems and Office put beside files.
    """
    return name.startswith((".", "~$")) or name.lower() in _LEFT_OUT


def is_notice(name: str) -> bool:
    """Whether a file tells of the data beside it, by its name: README.md, LICENSE, SOURCE.txt."""
    return _NOTICE.fullmatch(PurePath(name).name) is not None


_NOTICE = re.compile(
    r"(read[-_ ]?me|licen[cs]e|copying|notice|notes?|sources?|citation|change(s|log)|authors|contributing)"
    r"([-_.][\w.-]*)?(\.(txt|md|rst|pdf|html?))?",
    re.IGNORECASE,
)


def walk(folder: Path, *, on_error: Callable[[DataError], None] | None = None) -> Iterator[Path]:
    """The files of a folder and its subfolders, and the links to folders, which are not followed; see `is_left_out`.

    Args:
        folder: where to begin.
        on_error: is called with the error of a subfolder that cannot be read; None raises the error.
    """

    def unreadable(error: OSError) -> None:
        problem = DataError(
            f"the folder cannot be read: {error.strerror or error}", where=error.filename, fix="check its permissions"
        )
        if on_error is None:
            raise problem from None
        on_error(problem)

    for parent, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if not is_left_out(name)]
        links = (name for name in folders if Path(parent, name).is_symlink())
        yield from (Path(parent, name) for name in (*names, *links) if not is_left_out(name))


def _suffix(file: Path) -> str:
    return file.suffix.lower()


def find_files(
    folder: Path,
    suffixes: Sequence[str],
    *,
    suffix_of: Callable[[Path], str] = _suffix,
    on_skipped: OnSkipped | None = None,
) -> list[Path | DataError]:
    """The files of a folder and its subfolders, in the order of their names, and what of it cannot be read.

    Args:
        folder: what is in it, see `walk`.
        suffixes: kinds of files to take.
        suffix_of: tells a file's kind.
        on_skipped: is called with files of other kinds, and with pipes and the like.

    Raises:
        DataError: there is no file with one of the suffixes in it.
    """
    found: dict[Path, Path | DataError] = {}
    skipped: list[Path] = []

    def unreadable(error: DataError) -> None:
        name = str(error.where)
        found[Path(name)] = error

    for file in walk(folder, on_error=unreadable):
        if suffix_of(file) in suffixes and _may_be_read(file):
            found[file] = file
        else:
            skipped.append(file)
    others = Skipped(folder, tuple(str(file.relative_to(folder)) for file in sorted(skipped)), tuple(suffixes))
    if not found:
        makers = text_makers(others.names)
        raise DataError(
            f"the folder holds none of {patterns(suffixes)}" + (f", only {listed(others.names)}" if skipped else ""),
            where=str(folder),
            fix=f"make texts of {', '.join(makers)}" if makers else "name the files to read",
        )
    if skipped and on_skipped is not None:
        on_skipped(others)
    return [found[path] for path in sorted(found)]


def check_regular(path: Path) -> None:
    """Raise DataError if a path leads to what can be read once only, or without end; data is read several times."""
    with file_errors(path):
        mode = path.stat().st_mode
    for is_kind, kind in ((stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISCHR, "a device")):
        if is_kind(mode):
            raise DataError(
                f"this is {kind}, and data is read more than once",
                where=str(path),
                fix="write it to a file, and name that",
            )


def listed(names: Sequence[str], most: int = 4) -> str:
    """Some names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def patterns(suffixes: Iterable[str]) -> str:
    """The kinds of files, each once, as messages and help name them: "*.txt, *.md"."""
    return ", ".join(f"*{suffix}" for suffix in dict.fromkeys(suffixes))


def _may_be_read(file: Path) -> bool:
    """Whether a name is a file's, not a pipe's or a folder's; one that hides it is to be tried and reported."""
    try:
        return file.is_file() or not file.exists()  # a link that leads nowhere is reported
    except OSError:
        return True

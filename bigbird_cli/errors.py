"""What can go wrong for a user: a problem, where it stands, one thing to do, and the kind's exit code."""

import difflib
import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypedDict

from bigbird_cli.messages import LONGEST_PART, shortened

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Numbers of the system's errors that say so: no space, no more of it for this user, or for a single file."""

_MOST_DETAILS = 20


_SHORT_OF = {
    errno.ENOSPC: ("the disk is full", "free some space, then start again"),
    errno.EDQUOT: ("this user's share of the disk is used up (its quota)", "free some space, then start again"),
    errno.EFBIG: ("a file may not grow that large here (ulimit -f)", "raise the limit, or write elsewhere"),
    errno.ENOMEM: ("memory ran out", "close other programs, or use a machine with more memory"),
    errno.EMFILE: ("too many files are open (ulimit -n)", "raise the limit"),
    errno.ENFILE: ("too many files are open on this machine", "close other programs"),
    errno.EAGAIN: (
        "no more threads or processes may be started (ulimit -u, or the container's limit)",
        "raise the limit",
    ),
}


def shortage(error: OSError) -> tuple[str, str] | None:
    """What the system is short of, and what to do about it; None where it is not."""
    return _SHORT_OF.get(error.errno or 0)


class ErrorRecord(TypedDict):
    """What the record of a request that failed says of its error."""

    problem: str
    where: str | None
    fix: str | None
    exit_code: int


class BigBirdError(Exception):
    """A failure that a user can cause and mend; the command line shows it without a traceback.

    Long values and parts are shortened here, with their lengths given, so that whoever raises need not.

    Args:
        problem: what is wrong, with the values in it.
        where: the file (with line and column), tensor, question or setting it concerns.
        fix: one thing to do about it.
        details: where the problem is several in one: each in a line of its own, below it.
    """

    exit_code = 1

    def __init__(
        self, problem: str, *, where: str | None = None, fix: str | None = None, details: Sequence[str] = ()
    ) -> None:
        lines = [shortened(line) for line in (problem, *details[:_MOST_DETAILS])]
        lines += [f"and {len(details) - _MOST_DETAILS:,} more"] if len(details) > _MOST_DETAILS else []
        self.problem = "\n  ".join(lines)
        self.where = None if where is None else shortened(where)
        self.fix = None if fix is None else shortened(fix)
        super().__init__(self.problem, self.where, self.fix)

    def __str__(self) -> str:
        location = f"{self.where}: " if self.where else ""
        remedy = f"; {self.fix}" if self.fix else ""
        return f"{location}{self.problem}{remedy}"

    def to_dict(self) -> ErrorRecord:
        """The error ready for JSON."""
        return {"problem": self.problem, "where": self.where, "fix": self.fix, "exit_code": self.exit_code}

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), *self.args), self.__dict__


class UsageError(BigBirdError):
    """A command was called in a way that it does not offer."""

    exit_code = 2


class RecipeError(BigBirdError):
    """A recipe is missing, is not YAML, or says what no recipe may say."""

    exit_code = 2


class DataError(BigBirdError):
    """An input is missing, empty, undecodable, or does not hold what it should."""

    exit_code = 3


Report = Callable[[DataError], None]
"""Takes the error of a row that cannot be used, so that the others are read; without one it is raised."""


class ModelError(BigBirdError):
    """A model folder or a checkpoint is missing, broken, or of the wrong kind."""

    exit_code = 4


class ResourceError(BigBirdError):
    """Memory, disk or a device did not suffice."""

    exit_code = 5


class DivergedError(BigBirdError):
    """A loss, a gradient or a weight in training is not finite."""

    exit_code = 6


class PeerLostError(BigBirdError):
    """Another process of a run of several has ended, or does not answer."""

    exit_code = 7


class BigBirdWarning(UserWarning):
    """Something a user should know, that stops nothing; shortened as errors are."""

    def __init__(self, message: str) -> None:
        super().__init__(shortened(message, most=2 * LONGEST_PART))  # its location and remedy stand in it


class NewWeightsWarning(BigBirdWarning):
    """Tensors that a checkpoint lacks are new, or some that it has are not used: wherever a head is to be trained."""


@contextmanager
def needs_extra(extra: str, *, where: str | None = None, kind: "type[BigBirdError]" = UsageError) -> Iterator[None]:
    """Import a library that only some uses need: `with needs_extra("train"): import sklearn`.

    Args:
        extra: the name under which it is installed with this package.
        where: what asks for it.
        kind: of the error, DataError where one document of several needs the library.

    Raises:
        BigBirdError: it is not installed; the error says how to get it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "a library").partition(".")[0]
        fix = f"pip install 'bigbird-cli[{extra}]'"
        raise kind(f"{library} is not installed", where=where, fix=fix) from None


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` most likely stands for, or None when none is near."""
    candidates = list(known)
    lowered = {candidate.lower(): candidate for candidate in candidates}
    if word.lower() in lowered:
        return lowered[word.lower()]
    found = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    if found:
        return lowered[found[0]]
    # "lr_warmup" for "warmup": a word that carries the whole of a known one is near it too
    whole = [candidate for candidate in candidates if len(candidate) > 3 and candidate.lower() in word.lower()]
    return max(whole, key=len, default=None)


def _rebuild(kind: type[BigBirdError], *args: str | None) -> BigBirdError:
    return kind.__new__(kind, *args)

"""How anything is written: records to standard output, remarks to standard error.

Standard output carries data, standard error everything else. Colour and moving lines appear on a terminal only;
NO_COLOR and TERM=dumb are honoured (by Rich).
"""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress

from rich.console import Console

from bigbird_cli.messages import visible
from bigbird_cli.report.json_lines import json_parts


def write_json(record: object) -> None:
    """Put one record on standard output at once."""
    for part in json_parts(record):
        sys.stdout.write(part)
    sys.stdout.write("\n")
    sys.stdout.flush()


class Output(Console):
    """Standard output, whose reader may leave early: Rich would end the program with a code of its own."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Errors(Console):
    """Standard error: a run whose progress nobody hears any more goes on."""

    def __init__(self) -> None:
        super().__init__(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def on_broken_pipe(self) -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def say(line: str, *, quiet: bool = False) -> None:
    """Write one remark to standard error."""
    if not quiet:
        with suppress(OSError):  # where nobody can hear it, what is done is done all the same
            print(visible(line), file=sys.stderr, flush=True)


def say_all(lines: Iterable[str], *, quiet: bool = False) -> None:
    """Write remarks to standard error, one a line."""
    for line in lines:
        say(line, quiet=quiet)


def duration(seconds: float) -> str:
    """A time to read: "42 s", "7 min", "1 h 07 min"."""
    whole = round(max(0.0, seconds))
    if whole < 100:
        return f"{whole} s"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"

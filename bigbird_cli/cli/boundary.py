"""Where exceptions become a message and an exit code; every command runs inside it."""

import errno
import functools
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO, TypeVar

import typer

from bigbird_cli.cli import signals
from bigbird_cli.cli.flags import FLAGS, as_options
from bigbird_cli.cli.signals import Terminated
from bigbird_cli.errors import (
    BigBirdError,
    BigBirdWarning,
    DataError,
    NewWeightsWarning,
    ResourceError,
    UsageError,
    shortage,
)
from bigbird_cli.messages import visible

Result = TypeVar("Result")


def guarded(command: Callable[..., Result]) -> Callable[..., Result]:
    """Wrap a command so that it ends with a message and an exit code, never with a traceback of its own.

    With --debug the traceback is shown as well.
    """

    @functools.wraps(command)
    def run(*args: Any, **settings: Any) -> Result:
        debug, quiet = bool(settings.get("debug")), bool(settings.get("quiet"))
        with warnings.catch_warnings():
            _show_warnings(debug=debug, quiet=quiet)
            try:
                _check_threads()
                result = command(*args, **settings)
                sys.stdout.flush()
            except (typer.Exit, typer.Abort):
                raise
            except BrokenPipeError:
                close_quietly()
                raise typer.Exit(0) from None
            except BaseException as error:
                code = report(error, debug=debug)
                if code is None:
                    raise
                raise typer.Exit(code) from None
        return result

    return run


_NO_THREAD = re.compile(r"can't start new thread|thread creation failed", re.IGNORECASE)
_NO_MEMORY = re.compile(
    r"failed to map segment|cannot allocate memory|bad_alloc|PyObject pointer is null", re.IGNORECASE
)
"""How the loader of libraries, C++ and Rust say it, in errors of their own kinds."""


_PACKAGES = {"yaml": "PyYAML"}
"""The package of a library, where pip knows it by another name."""


def as_error(error: BaseException) -> BigBirdError | None:
    """What a user can mend, as one of our errors; None for a fault of ours."""
    if isinstance(error, BigBirdError):
        return error
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's, which is not imported
        return ResourceError("memory ran out", fix="close other programs, or use a machine with more memory")
    if isinstance(error, OSError) and (short := shortage(error)):
        return ResourceError(short[0], where=_path_of(error), fix=short[1])
    if isinstance(error, FileNotFoundError) and "temporary directory" in str(error):  # Python's tempfile
        return ResourceError("no folder for temporary files can be written to", fix="set TMPDIR to one that can")
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("bigbird_cli"):
        library = error.name.partition(".")[0]
        return UsageError(f"{library} is not installed", fix=f"pip install {_PACKAGES.get(library, library)}")
    if _NO_THREAD.search(str(error)):
        return as_error(OSError(errno.EAGAIN, ""))
    if _NO_MEMORY.search(str(error)):
        return as_error(MemoryError())
    if isinstance(error, OSError) and error.filename is not None:
        return DataError(
            (error.strerror or str(error)).lower(), where=_path_of(error), fix="check path and permissions"
        )
    return None


def _check_threads() -> None:
    """Check that numerical libraries will get their threads: without, they send SIGINT, or abort the process."""
    done = threading.Event()
    begun = []
    try:
        for _ in range(min(os.cpu_count() or 1, 16)):
            begun.append(threading.Thread(target=done.wait))
            begun[-1].start()
    except RuntimeError:
        begun.pop()
        raise
    finally:
        done.set()
        for thread in begun:
            thread.join()


def show_error(error: BigBirdError) -> None:
    """Write an error to stderr: location and problem, then what to do."""
    in_red, bold, plain = ("\x1b[31m", "\x1b[1m", "\x1b[0m") if in_colour(sys.stderr) else ("", "", "")
    where = FLAGS.get(error.where or "", error.where) if isinstance(error, UsageError) else error.where
    location = f"{bold}{visible(where)}{plain}  " if where else ""
    lines = [visible(as_options(line)) for line in error.problem.split("\n")]
    lines += [f"  {visible(as_options(error.fix))}"] if error.fix else []
    print_error(f"{in_red}✗{plain} {location}" + "\n".join(lines))


def in_colour(stream: TextIO) -> bool:
    """Whether colours may be written to a stream."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def report(error: BaseException, *, debug: bool = False) -> int | None:
    """Show what went wrong; the exit code, or None when the exception is to go on as it is."""
    stopped_by = signals.caught()  # a library may have made another error of it
    if isinstance(error, KeyboardInterrupt) or (stopped_by is not None and as_error(error) is None):
        _say("✗ stopped")
        number = error.number if isinstance(error, Terminated) else signal.SIGINT
        return 128 + (stopped_by or number)
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":  # of libraries in Rust
        return None
    if debug:
        import traceback

        traceback.print_exception(error)
    shown = as_error(error)
    if shown is None:
        show_error(
            BigBirdError(
                f"an unexpected error: {type(error).__name__}: {error}",
                fix=None if debug else "run it again with --debug to see where, and report it",
            )
        )
        return 1
    show_error(shown)
    return shown.exit_code


def _show_warnings(*, debug: bool, quiet: bool) -> None:
    """Our own warnings become "! ..." lines, once each; those of libraries are for --debug."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, BigBirdWarning):
            _say(f"! {message}")
        else:
            print(warnings.formatwarning(message, category, filename, lineno, line), end="", file=file or sys.stderr)

    if not debug:
        warnings.simplefilter("ignore")
    warnings.simplefilter("ignore" if quiet else "once", BigBirdWarning)
    if not debug:
        warnings.simplefilter("ignore", NewWeightsWarning)
    warnings.showwarning = show


def _say(text: str) -> None:
    print_error(visible(text))


def print_error(text: str) -> None:
    """Write a line to stderr as it is."""
    with suppress(OSError):  # where nobody can hear it, the exit code has to do
        print(text, file=sys.stderr, flush=True)


def _path_of(error: OSError) -> str | None:
    return None if error.filename is None else os.fsdecode(error.filename)


def close_quietly() -> None:
    """The reader of our output left, as `head` does; what is still buffered goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())

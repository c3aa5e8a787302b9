"""Runs `bigbird` on one hostile input and tells how it ended; `hostile.py` counts.

Each command runs in a process that is forked from one with everything imported: a few milliseconds instead of seconds.
It may take 4 GB of addresses beyond what it holds, and so many seconds of processor time: on a busy machine, waiting is
no hang.
"""

import atexit
import math
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from encoder import status

OUTCOMES = ("done", "refused", "traceback", "unexpected error", "abort", "hang", "wrong code", "flood")
"""Done ended with 0 or 1, refused with a message and a code of the kinds that fit; the others must not be."""
FAULTS = OUTCOMES[2:]
ADDRESSES = 4 << 30
LINES, LONGEST_LINE = 30, 1_000
"""Lines on standard error, and characters of one; more is a flood."""


@dataclass(frozen=True)
class Attempt:
    """One command on one input.

    Attributes:
        argv: what stands behind `bigbird`.
        codes: exit codes that fit, besides 0; a signal's number is negative.
        stdin: what is piped in.
        closed: standard streams (0, 1, 2) that are closed.
        signals: what to send, and after how many seconds.
    """

    argv: tuple[str, ...]
    codes: Collection[int]
    stdin: bytes = b""
    closed: Collection[int] = ()
    signals: Sequence[tuple[signal.Signals, float]] = ()


@dataclass(frozen=True)
class Ended:
    """How an attempt ended.

    Attributes:
        outcome: one of OUTCOMES.
        code: the exit code; a signal's number is negative, and None stands for one that had to be killed.
        seconds: how long it took.
        megabytes: the most memory it touched, what it shares with the process it came from included.
        stderr: what it said there.
    """

    outcome: str
    code: int | None
    seconds: float
    megabytes: float
    stderr: str


def run(attempt: Attempt, *, folder: Path, seconds: float) -> Ended:
    """Run a command.

    Args:
        attempt: the command.
        folder: its current folder.
        seconds: of processor time after which it counts as hanging and is killed; of any time, six times as many.
    """
    began = time.perf_counter()
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(attempt.stdin)
        stdin.seek(0)
        child = os.fork()
        if not child:
            _become(attempt, folder, (stdin.fileno(), stdout.fileno(), stderr.fileno()), seconds)
        code, peak = _wait(child, attempt, 6 * seconds)
        stderr.seek(0)
        said = stderr.read().decode("utf-8", "backslashreplace")
    took = time.perf_counter() - began
    return Ended(outcome(code, said, attempt.codes), code, took, peak, said)


def outcome(code: int | None, said: str, codes: Collection[int]) -> str:
    """Name how a command ended, by its exit code (None: it was killed), what it said, and the codes that fit."""
    if code in (None, -signal.SIGXCPU):
        return "hang"
    if "Traceback (most recent call last)" in said or "panicked at" in said:
        return "traceback"
    if "unexpected error" in said:
        return "unexpected error"
    if code not in (0, *codes):
        return "abort" if code < 0 else "wrong code"
    lines = said.splitlines()
    if len(lines) > LINES or any(len(line) > LONGEST_LINE for line in lines):
        return "flood"
    return "refused" if code > 1 else "done"


def _become(attempt: Attempt, folder: Path, streams: tuple[int, int, int], seconds: float) -> NoReturn:
    """Turn a forked process into the command; nothing of it comes back."""
    try:
        atexit._clear()  # what the parent has to tidy up is not this process's
        os.setsid()
        os.chdir(folder)
        for number, handle in enumerate(streams):
            os.dup2(handle, number)
        sys.stdin, sys.stdout, sys.stderr = (open(n, mode) for n, mode in ((0, "r"), (1, "w"), (2, "w")))  # noqa: PTH123, SIM115
        for number in attempt.closed:
            os.close(number)
            setattr(sys, ("stdin", "stdout", "stderr")[number], None)
        held = int(status("VmSize") * 1e6)
        resource.setrlimit(resource.RLIMIT_AS, (held + ADDRESSES, held + ADDRESSES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), math.ceil(seconds) + 5))
        sys.argv = ["bigbird", *attempt.argv]
        from bigbird_cli.cli import main

        main()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def _wait(child: int, attempt: Attempt, seconds: float) -> tuple[int | None, float]:
    """The exit code, negative for a signal and None for one that had to be killed, and the most megabytes it held."""
    began = time.perf_counter()
    to_send = list(attempt.signals)
    while True:
        ended, status_word, usage = os.wait4(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status_word), usage.ru_maxrss / 1e3
        passed = time.perf_counter() - began
        if to_send and passed >= to_send[0][1]:
            os.kill(child, to_send.pop(0)[0])
        if passed >= seconds:
            os.killpg(child, signal.SIGKILL)
            _, _, usage = os.wait4(child, 0)
            return None, usage.ru_maxrss / 1e3
        time.sleep(0.002)

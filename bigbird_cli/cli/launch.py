"""Several processes of one command on this machine, as torchrun starts them: if one fails, all end, and it says why."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import FrameType
from typing import IO, Any

from bigbird_cli.errors import PeerLostError, ResourceError
from bigbird_cli.processes import python_command, python_environment

GRACE_SECONDS = 30.0
"""Seconds that a process has to end by itself when another has failed, or after a signal to stop."""

_PARENT = "BIGBIRD_PARENT"
_POLL_SECONDS = 0.05
_SETTLE_SECONDS = 2.0  # seconds in which the others may fail as well
PEER_LOST_CODES = (PeerLostError.exit_code, -getattr(signal, "SIGABRT", 0))
"""How a process ends whom another left alone; gloo aborts where it cannot raise."""
FORWARDED_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1") if hasattr(signal, name)
]


def is_launched() -> bool:
    """Whether this process is one of several already, torchrun's or ours."""
    return "WORLD_SIZE" in os.environ


def is_rank_zero() -> bool:
    """Whether this process speaks for all."""
    return os.environ.get("RANK", "0") == "0"


def stop_with_parent() -> None:
    """Let a process that `launch` started end, as SIGTERM ends it, when whoever started it is gone."""
    if os.environ.pop(_PARENT, None) is None:
        return

    def wait() -> None:
        os.read(0, 1)  # nothing ever comes; it ends with the parent
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def launch(n_processes: int, arguments: Sequence[str]) -> int:
    """Run `bigbird ARGUMENTS` in several processes that find each other, and wait for their end.

    SIGINT, SIGTERM, SIGHUP and SIGUSR1 are forwarded to all of them. The first process has this one's streams; what the
    others write is shown only if one of them is the first to fail.

    Returns:
        The exit code: 0 if all ended well, else that of the process that failed first.

    Raises:
        ResourceError: a process was killed from outside.
    """
    with ExitStack() as open_files:
        outputs: list[IO[bytes]] = [open_files.enter_context(tempfile.TemporaryFile()) for _ in range(n_processes)]
        processes = _start(n_processes, arguments, outputs)
        heard = [
            number for number in FORWARDED_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN
        ]  # nohup ignores some
        former = {number: signal.signal(number, _forwarding(processes)) for number in heard}
        try:
            rank = _first_failure(processes)
        finally:
            _terminate(processes)
            for number, handler in former.items():
                signal.signal(number, handler)
        if rank is None:
            return 0
        code = processes[rank].returncode
        if code < 0:
            raise ResourceError(
                f"process {rank} of {n_processes} was killed by {signal.Signals(-code).name}",
                where="training",
                fix="look whether memory ran out; go on from the last checkpoint with --resume auto",
            )
        if rank and code < 128:  # not a signal, which all have had
            outputs[rank].seek(0)
            print(f"process {rank} of {n_processes}:", file=sys.stderr)
            sys.stderr.write(outputs[rank].read().decode(errors="replace"))
        return code


def _start(n_processes: int, arguments: Sequence[str], outputs: Sequence[IO[bytes]]) -> list["subprocess.Popen[bytes]"]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {
        "WORLD_SIZE": n_processes,
        "LOCAL_WORLD_SIZE": n_processes,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "TORCH_CPP_LOG_LEVEL": os.environ.get("TORCH_CPP_LOG_LEVEL", "ERROR"),  # its remarks are about itself
        # n processes of as many threads each would wait for each other more than they compute
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", max(1, _n_cores() // n_processes)),
    }
    processes = []
    for rank in range(n_processes):
        numbers = {**shared, "RANK": rank, "LOCAL_RANK": rank, _PARENT: os.getpid()}
        streams: dict[str, Any] = {}
        if rank:
            streams = {"stdout": subprocess.DEVNULL, "stderr": outputs[rank]}
        processes.append(
            subprocess.Popen(
                python_command("bigbird_cli", *arguments),
                env={**python_environment(), **{name: str(value) for name, value in numbers.items()}},
                stdin=subprocess.PIPE,
                start_new_session=True,  # the terminal's Ctrl-C comes through here, once
                **streams,
            )
        )
    return processes


def _n_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _forwarding(processes: Sequence["subprocess.Popen[bytes]"]) -> Any:
    def forward(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature is Python's
        for process in processes:
            process.send_signal(number)

    return forward


def _first_failure(processes: Sequence["subprocess.Popen[bytes]"]) -> int | None:
    """Wait until all have ended well, or one has not; its rank."""
    while True:
        codes = [process.poll() for process in processes]
        if any(code for code in codes):
            break
        if all(code == 0 for code in codes):
            return None
        time.sleep(_POLL_SECONDS)
    # a mistake in a recipe is everybody's, and the first says it; and one whom others lost may be about to say why
    until = time.monotonic() + _SETTLE_SECONDS
    while time.monotonic() < until:
        codes = [process.poll() for process in processes]
        if codes[0] is not None and any(code not in (None, 0, *PEER_LOST_CODES) for code in codes):
            break
        time.sleep(_POLL_SECONDS)
    failed = [rank for rank, process in enumerate(processes) if process.returncode]
    return min(failed, key=lambda rank: (processes[rank].returncode in PEER_LOST_CODES, rank))


def _terminate(processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    """Let all end: by SIGTERM, and those that do not, by force."""
    left = [process for process in processes if process.poll() is None]
    for process in left:
        process.terminate()
    until = time.monotonic() + GRACE_SECONDS
    while left and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
        left = [process for process in left if process.poll() is None]
    for process in left:
        process.kill()
        process.wait()

"""Calls on Ray: one after the other in the processes of this machine, or of a cluster."""

import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from bigbird_cli.errors import ResourceError, UsageError, needs_extra

K = TypeVar("K")
T = TypeVar("T")

_STORE = 100 << 20
"""Bytes of shared memory for what calls give back, which is little; without it Ray takes a third of all memory."""


@contextmanager
def cluster(address: str | None) -> Iterator["Cluster"]:
    """Start Ray on this machine, or join the cluster at an address; at the end every call that still runs is stopped.

    Raises:
        UsageError: Ray is not installed, or there is no cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # or Ray warns that it will be so
    with needs_extra("ray", where="--engine"):
        import ray  # type: ignore[import-not-found, unused-ignore]

    if address is not None:
        _check_address(address)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        if address is None:
            ray.init(address="local", include_dashboard=False, object_store_memory=_STORE, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = "--address" if address else "--engine"
        raise UsageError(f"Ray does not start: {error}", where=where, fix="see what `ray status` says") from None
    for number, handler in handlers.items():
        signal.signal(number, handler)  # Ray's own end the process, with a code of theirs
    try:
        yield Cluster(ray)
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Refuse an address at which nobody answers: Ray would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:  # "auto", and what else Ray finds by itself
        return
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError):
        problem = f"nobody answers at {address}"
        raise UsageError(problem, where="--address", fix="name the head of a cluster: ray start --head") from None


class Cluster:
    """Ray, as it is there.

    Attributes:
        n_cores: of all machines.
        n_gpus: likewise.
    """

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        resources = ray.cluster_resources()
        self.n_cores = int(resources.get("CPU", 1))
        self.n_gpus = int(resources.get("GPU", 0))

    def calls(
        self, function: Callable[..., T], arguments: Mapping[K, tuple[Any, ...]], *, n_cores: int, n_gpus: int
    ) -> Iterator[tuple[K, T]]:
        """Call a function once for each of the arguments, as many at a time as there is room for.

        Args:
            function: of a module that every machine has; what it does twice must be as if it was done once.
            arguments: of each call, by its name.
            n_cores: that a call takes.
            n_gpus: likewise.

        Yields:
            A call's name and what it gave, as soon as it is done.

        Raises:
            ResourceError: the process of a call ended three times in its midst.
        """
        ray = self._ray
        remote = ray.remote(num_cpus=n_cores, num_gpus=n_gpus, max_retries=2)(function)
        names = {remote.remote(*given): name for name, given in arguments.items()}
        while names:
            [done], _ = ray.wait(list(names), num_returns=1)
            name = names.pop(done)
            try:
                given = ray.get(done)
            except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError) as error:
                fix = "use fewer processes, each with more memory: --threads"
                raise ResourceError(f"a process of Ray's ended: {error}", where="--engine", fix=fix) from None
            yield name, given

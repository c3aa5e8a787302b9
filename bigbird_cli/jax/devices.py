"""Where the arithmetic happens: the devices that a user names, the processor's threads, and what lies where."""

import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from bigbird_cli.backend import Accelerator, Alone, Compute, Peers
from bigbird_cli.bounds import THREADS
from bigbird_cli.errors import ResourceError, UsageError
from bigbird_cli.processes import peak_memory_of_process

BATCH = "batch"
"""The name of the one axis of a mesh."""


def pick_devices(name: str = "auto") -> list[jax.Device]:
    """The devices called `auto`, `cpu`, `cuda` or `cuda:N`; `auto` is all of the kind that JAX prefers.

    Raises:
        UsageError: no device has this name, or this machine does not have it, or JAX cannot compute there.
    """
    if name == "auto":
        return jax.local_devices()
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise UsageError(f"JAX has no device called {name!r}", where="device", fix="use auto, cpu or cuda:0")
    kind, _, number = name.partition(":")
    try:
        devices = jax.local_devices(backend=kind)
    except RuntimeError:  # it knows no such kind here
        devices = []
    chosen = devices if not number else [each for each in devices if each.local_hardware_id == int(number)]
    if not chosen:
        raise UsageError(
            f"JAX has no device {name} on this machine", where="device", fix="use cpu, or install jax[cuda12]"
        )
    return chosen


def accelerator(compute: Compute) -> Accelerator | None:
    """The device beside the processor that a process would compute on: `backend.Backend.accelerator`."""
    first, *others = pick_devices(compute.device)
    memory = first.memory_stats()
    if first.platform == "cpu" or not memory:
        return None
    total = memory["bytes_limit"]
    return Accelerator(first.device_kind, 1 + len(others), total, total - memory["bytes_in_use"])


def use_threads(threads: int | None) -> None:
    """Let XLA use so many processor threads; it takes the number when it first computes, and keeps it.

    Raises:
        UsageError: the number is out of bounds.
    """
    if threads is None:
        return
    if threads not in THREADS:
        raise UsageError(f"{threads} threads cannot compute", where="threads", fix=f"give a number {THREADS}")
    os.environ["NPROC"] = str(threads)  # the one setting of it that XLA's processor client reads


@contextmanager
def connect(compute: Compute, *, wait: float | None) -> Iterator[Peers]:
    """Take the threads, and look for the device: `backend.Backend.connect`.

    One process computes on all devices of its machine, so that there are no others to meet.

    Raises:
        UsageError: there is no such device, or torchrun started several processes.
    """
    use_threads(compute.threads)
    pick_devices(compute.device)
    if wait is not None and os.environ.get("WORLD_SIZE", "1") != "1":
        raise UsageError(
            "backend jax trains in one process, on all devices that it finds",
            where="the environment",
            fix="leave --nproc-per-node and torchrun out",
        )
    yield Alone()


class Placement:
    """Devices over which a batch is spread, row by row; weights lie on each."""

    def __init__(self, devices: list[jax.Device]) -> None:
        mesh = Mesh(np.array(devices), (BATCH,))
        self.devices = devices
        self.everywhere = NamedSharding(mesh, PartitionSpec())
        self.by_row = NamedSharding(mesh, PartitionSpec(BATCH))

    def __str__(self) -> str:
        """For people: "cpu", "cuda:0", "2 x cuda"."""
        kind = {"gpu": "cuda"}.get(self.devices[0].platform, self.devices[0].platform)
        if len(self.devices) > 1:
            return f"{len(self.devices)} x {kind}"
        return kind if kind == "cpu" else f"{kind}:{self.devices[0].local_hardware_id}"

    @property
    def is_quick_in_bfloat16(self) -> bool:
        """Whether the devices have it in hardware; of processors XLA does not say."""
        return self.devices[0].platform != "cpu"

    def put_weights(self, tree: Any) -> Any:
        """Copy arrays to every device; they may be donated."""
        # device_put alone may leave them where NumPy has them
        return jax.tree.map(lambda x: jax.device_put(np.array(x), self.everywhere, may_alias=False), tree)

    def put_batch(self, arrays: dict[str, np.ndarray]) -> dict[str, jax.Array]:
        """Spread arrays over the devices by their rows, as many for each."""
        return {name: jax.device_put(array, self.by_row) for name, array in arrays.items()}

    def peak_memory(self) -> float:
        """The most memory that was in use so far, in MB: of a device by arrays, else of the whole process."""
        found = self.devices[0].memory_stats()
        return peak_memory_of_process() if found is None else found.get("peak_bytes_in_use", math.nan) / 1e6


@contextmanager
def memory_errors(fix: str) -> Iterator[None]:
    """Turn a device's or the machine's want of memory into a ResourceError that says what to do."""
    try:
        yield
    except MemoryError as error:
        raise ResourceError("the machine ran out of memory", fix=fix) from error
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        how = str(error).partition(": ")[2].split(". ")[0].strip()
        raise ResourceError(f"the device ran out of memory: {how}", fix=fix) from error

"""Where the arithmetic happens: the device a user names, checked, and the processor's threads."""

import ctypes
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from bigbird_cli.backend import Accelerator, Compute
from bigbird_cli.bounds import THREADS
from bigbird_cli.errors import ResourceError, UsageError
from bigbird_cli.processes import peak_memory_of_process

KEPT_BYTES = 1 << 30
"""Larger blocks go back to the system at once."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_NEVER = -1


def pick_device(name: str = "auto") -> torch.device:
    """The device called `auto`, `cpu`, `cuda`, `cuda:N` or `mps`; `auto` prefers an accelerator.

    Raises:
        UsageError: no device has this name, or this machine does not have it.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", 0)
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", name):
        raise UsageError(f"no device is called {name!r}", where="device", fix="use auto, cpu, cuda:0 or mps")
    if name == "mps" and not torch.backends.mps.is_available():
        raise UsageError("this machine has no mps device", where="device", fix=f"use {_present()}")
    if name.startswith("cuda"):
        index = int(name.partition(":")[2] or 0)
        if index >= torch.cuda.device_count():
            raise UsageError(f"this machine has no device {name}", where="device", fix=f"use {_present()}")
        return torch.device("cuda", index)
    return torch.device(name)


def accelerator(compute: Compute) -> Accelerator | None:
    """The CUDA device that a process by itself would compute on: `backend.Backend.accelerator`."""
    device = pick_device(compute.device)
    if device.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(device)
    return Accelerator(torch.cuda.get_device_name(device), torch.cuda.device_count(), total, free)


def use_threads(threads: int | None) -> None:
    """Let torch use so many processor threads; None leaves torch's own choice.

    Raises:
        UsageError: the number, or that of the environment where it counts, is out of bounds.
    """
    wanted, where = (threads, "threads") if threads is not None else (torch.get_num_threads(), "OMP_NUM_THREADS")
    if wanted not in THREADS:
        raise UsageError(f"{wanted} threads cannot compute", where=where, fix=f"give a number {THREADS}")
    if threads is not None:
        torch.set_num_threads(threads)


def keep_memory() -> None:
    """Let this process keep the memory that a layer gives back for the next one, on Linux with glibc.

    By itself glibc returns blocks of 32 MB and more to the system, which clears them page by page before the next layer
    or step has them again: a third of a training step of 16,384 tokens. Whoever set its environment variables is left
    alone.
    """
    if any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return
    mallopt(_M_MMAP_THRESHOLD, KEPT_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _NEVER)


def on_device(array: np.ndarray, device: torch.device) -> Tensor:
    """Copy an array to a device, to a GPU without waiting for what it still computes."""
    tensor = torch.from_numpy(array)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


@contextmanager
def memory_errors(fix: str) -> Iterator[None]:
    """Turn a device's or the machine's want of memory into a ResourceError that says what to do."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ResourceError(f"the device ran out of memory: {_first_sentence(error)}", fix=fix) from error
    except MemoryError as error:
        raise ResourceError("the machine ran out of memory", fix=fix) from error
    except RuntimeError as error:
        # torch's CPU allocator has no error of its own
        if "can't allocate memory" not in str(error) and "not enough memory" not in str(error):
            raise
        raise ResourceError("the machine ran out of memory", fix=fix) from error


def peak_memory(device: torch.device) -> float:
    """The most memory that was in use so far, in MB: of a CUDA device by tensors, else of the whole process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return peak_memory_of_process()


def _first_sentence(error: Exception) -> str:
    return str(error).split(". ")[0].strip() or "no details"


def _present() -> str:
    names = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    return " or ".join([*names, "mps"] if torch.backends.mps.is_available() else names)

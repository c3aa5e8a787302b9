"""The processes that train together: torchrun's.

The micro-batches of an optimiser batch are partitioned among them, and gradients are averaged by PyTorch's
DistributedDataParallel; the loss, and whether to stop, is agreed upon in one small sum a step.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final, Self, TypeVar

import numpy as np
import torch
from torch import distributed, nn
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from bigbird_cli.backend import Alone, Compute, Peers, Reduction
from bigbird_cli.errors import BigBirdError, PeerLostError, UsageError
from bigbird_cli.pytorch.devices import keep_memory, pick_device, use_threads

_T = TypeVar("_T")

RENDEZVOUS_TIMEOUT: Final = timedelta(hours=24)
"""How long the processes may take to come together: preparing data can take hours on one and no time on another."""

_VARIABLES: Final = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


class World:
    """Several processes, joined by torch.distributed: `backend.Peers`.

    Args:
        rank: this process's number, from 0.
        size: how many there are.
        device: where its tensors are.
    """

    def __init__(self, rank: int, size: int, device: torch.device) -> None:
        self.rank, self.size, self.device = rank, size, device

    @property
    def is_rank_zero(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def all_reduce(self, values: Sequence[float], how: Reduction) -> list[float]:
        """Each number's sum or maximum over all processes."""
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        with peer_errors():
            distributed.all_reduce(tensor, {"sum": distributed.ReduceOp.SUM, "max": distributed.ReduceOp.MAX}[how])
        return list(tensor.tolist())

    def all_gather(self, value: _T) -> list[_T]:
        """Every process's value, in the order of their ranks."""
        values: list[Any] = [None] * self.size
        with peer_errors():
            distributed.all_gather_object(values, value)
        return values

    def on_rank_zero(self, call: Callable[[], _T]) -> _T:
        """What a call returns in the process of rank zero, which alone makes it.

        Raises:
            SystemExit: in the other processes, where the call failed there, which says why.
        """
        message: list[Any] = [None, None]
        error: BigBirdError | None = None
        if self.is_rank_zero:
            try:
                message[0] = call()
            except BigBirdError as failed:
                error, message[1] = failed, failed.exit_code
        with peer_errors():
            distributed.broadcast_object_list(message, src=0)
        if error is not None:
            raise error
        if message[1] is not None:
            raise SystemExit(message[1])
        result: _T = message[0]
        return result

    def broadcast(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The arrays of rank zero, in every process; the others' own do not count and may be missing."""
        shapes = self.on_rank_zero(lambda: {name: (array.shape, array.dtype) for name, array in arrays.items()})
        received = {}
        for name, (shape, dtype) in shapes.items():
            array = arrays[name] if self.is_rank_zero else np.empty(shape, dtype)
            tensor = torch.from_numpy(np.require(array, requirements=["C", "W"])).to(self.device)
            with peer_errors():
                distributed.broadcast(tensor, src=0)
            received[name] = tensor.cpu().numpy()
        return received

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module as all processes train it: their gradients are averaged in each backward pass outside no_sync."""
        with peer_errors():
            return DistributedDataParallel(module, broadcast_buffers=False, find_unused_parameters=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # after a failure the others may never answer, and the end of the process closes everything anyway
        if kind is None:
            distributed.destroy_process_group()


@contextmanager
def connect(compute: Compute, *, wait: float | None) -> Iterator[Peers]:
    """Take the device and the threads, and meet the other processes, if there are any: `backend.Backend.connect`."""
    device = device_for(compute, alone=wait is None)
    use_threads(compute.threads)
    keep_memory()
    if wait is None or rank_and_size()[1] == 1:
        yield Alone()
        return
    with open_world(device, seconds=wait) as world:
        yield world


def device_for(compute: Compute, *, alone: bool) -> torch.device:
    """The device of this process; UsageError where there is no such device."""
    return pick_device(compute.device if alone else own_device(compute.device))


def rank_and_size() -> tuple[int, int]:
    """This process's number and how many there are, as torchrun says it; (0, 1) of one that is alone.

    Raises:
        UsageError: torchrun's variables contradict each other.
    """
    try:
        rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    except ValueError:
        rank, size = -1, 0
    missing = [name for name in _VARIABLES if name not in os.environ] if size != 1 else []
    if not 0 <= rank < size or missing:
        raise UsageError(
            f"RANK {os.environ.get('RANK')} and WORLD_SIZE {os.environ.get('WORLD_SIZE')} describe no process"
            + (f" without {', '.join(missing)}" if missing else ""),
            where="the environment",
            fix="start several processes with --nproc-per-node or torchrun",
        )
    return rank, size


def own_device(name: str) -> str:
    """The device for this process of several on one machine: each takes a GPU of its own where there are enough."""
    n_here, local = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    if rank_and_size()[1] > 1 and name in ("auto", "cuda") and torch.cuda.device_count() >= n_here:
        return f"cuda:{local}"
    if rank_and_size()[1] > 1 and name == "auto":
        return "cpu"
    return name


def open_world(device: torch.device, *, seconds: float) -> World:
    """Meet the other processes.

    Args:
        device: where this process computes; CUDA devices talk through nccl, others through gloo.
        seconds: how long a process waits for the others at a time.

    Raises:
        UsageError: torchrun's variables contradict each other.
        PeerLostError: the others did not come.
    """
    rank, size = rank_and_size()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with peer_errors():
        store, _, _ = next(rendezvous("env://", rank, size, timeout=RENDEZVOUS_TIMEOUT))
        distributed.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            store=store,
            rank=rank,
            world_size=size,
            timeout=timedelta(seconds=seconds),
        )
    return World(rank, size, device)


_OF_THE_NETWORK: Final = re.compile(r"gloo|nccl|pair closure|connection|timed? ?out", re.IGNORECASE)


@contextmanager
def peer_errors() -> Iterator[None]:
    """Raise PeerLostError where torch says in its own words that another process is gone, or silent."""
    try:
        yield
    except (RuntimeError, ConnectionError) as error:
        if not isinstance(error, ConnectionError | distributed.DistError) and not _OF_THE_NETWORK.search(str(error)):
            raise  # it is the model's
        message = re.sub(r"^\[[^\]]*\]\s*", "", str(error).strip()) or type(error).__name__  # without its line in C++
        raise PeerLostError(
            f"another process of this run has ended or does not answer: {message.splitlines()[0].split('. ')[0]}",
            where="training",
            fix="its own message says why; go on from the last checkpoint with --resume auto",
        ) from error

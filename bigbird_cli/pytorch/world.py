"""The processes that train together: torchrun's, or a single one, which is alone in its world.

All of them know the recipe, hold the same weights and count the same steps. An optimiser batch is dealt out to them by
forward passes, and gradients are summed by PyTorch's DistributedDataParallel; what a step costs and whether to stop is
agreed upon in one small sum a step. Only the first process writes.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final, Self, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from bigbird_cli.errors import BigBirdError, PeerLostError, UsageError

_T = TypeVar("_T")

MEETING: Final = timedelta(hours=24)
"""How long the processes may take to come together: preparing data can take hours on one and no time on another."""

_VARIABLES: Final = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


class World:
    """Several processes, or one.

    Args:
        rank: this process's number, from 0.
        size: how many there are.
        device: where its tensors are.
    """

    def __init__(self, rank: int, size: int, device: torch.device) -> None:
        self.rank, self.size, self.device = rank, size, device

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def summed(self, values: list[float]) -> list[float]:
        """Numbers, each summed over all processes."""
        return self._reduced(values, distributed.ReduceOp.SUM)

    def highest(self, values: list[float]) -> list[float]:
        """Of each number, the highest that a process has."""
        return self._reduced(values, distributed.ReduceOp.MAX)

    def _reduced(self, values: list[float], operation: Any) -> list[float]:
        if self.size == 1:
            return values
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        with lost_peers():
            distributed.all_reduce(tensor, operation)
        return list(tensor.tolist())

    def deal(self, sizes: Sequence[int]) -> list[int]:
        """Which pieces of work are this process's, in order: the largest first, each to whoever has least so far."""
        loads, mine = [0] * self.size, []
        for i in sorted(range(len(sizes)), key=lambda i: (-sizes[i], i)):
            rank = min(range(self.size), key=lambda rank: (loads[rank], rank))
            loads[rank] += sizes[i]
            if rank == self.rank:
                mine.append(i)
        return sorted(mine)

    def connected(self, module: nn.Module) -> nn.Module:
        """The module as all processes train it: their gradients are averaged in each backward pass outside no_sync."""
        if self.size == 1:
            return module
        with lost_peers():
            return DistributedDataParallel(module, broadcast_buffers=False, find_unused_parameters=True)

    def gathered(self, value: _T) -> list[_T]:
        """Every process's value, in the order of their ranks."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        with lost_peers():
            distributed.all_gather_object(values, value)
        return values

    def of_first(self, call: Callable[[], _T]) -> _T:
        """What a call gives in the first process, which alone makes it.

        Raises:
            SystemExit: in the other processes, where the call failed in the first, which says why.
        """
        if self.size == 1:
            return call()
        told: list[Any] = [None, None]
        error: BigBirdError | None = None
        if self.is_first:
            try:
                told[0] = call()
            except BigBirdError as failed:
                error, told[1] = failed, failed.exit_code
        with lost_peers():
            distributed.broadcast_object_list(told, src=0)
        if error is not None:
            raise error
        if told[1] is not None:
            raise SystemExit(told[1])
        result: _T = told[0]
        return result

    def share(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The first process's tensors, in every process; the others' own do not count and may be missing."""
        if self.size == 1:
            return tensors
        shapes = self.of_first(lambda: {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()})
        shared = {}
        for name, (shape, dtype) in shapes.items():
            kept = (
                tensors[name].to(self.device) if self.is_first else torch.empty(shape, dtype=dtype, device=self.device)
            )
            with lost_peers():
                distributed.broadcast(kept, src=0)
            shared[name] = kept.cpu()
        return shared

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # after a failure the others may never answer, and the end of the process closes everything anyway
        if self.size > 1 and kind is None:
            distributed.destroy_process_group()


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
    """Meet the other processes, if there are any.

    Args:
        device: where this process computes; CUDA devices talk through nccl, others through gloo.
        seconds: how long a process waits for the others at a time.

    Raises:
        UsageError: torchrun's variables contradict each other.
        PeerLostError: the others did not come.
    """
    rank, size = rank_and_size()
    if size == 1:
        return World(0, 1, device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with lost_peers():
        store, _, _ = next(distributed.rendezvous("env://", rank, size, timeout=MEETING))
        distributed.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            store=store,
            rank=rank,
            world_size=size,
            timeout=timedelta(seconds=seconds),
        )
    return World(rank, size, device)


_OF_THE_ENGINE: Final = re.compile(r"gloo|nccl|pair closure|connection|timed? ?out", re.IGNORECASE)


@contextmanager
def lost_peers() -> Iterator[None]:
    """Say that another process is gone, or silent, where the engine says it in its own words."""
    try:
        yield
    except (RuntimeError, ConnectionError) as error:
        if not isinstance(error, ConnectionError | distributed.DistError) and not _OF_THE_ENGINE.search(str(error)):
            raise  # it is the model's
        said = re.sub(r"^\[[^\]]*\]\s*", "", str(error).strip()) or type(error).__name__  # without its place in C++
        raise PeerLostError(
            f"another process of this run has ended or does not answer: {said.splitlines()[0].split('. ')[0]}",
            where="training",
            fix="its own message says why; go on from the last checkpoint with --resume auto",
        ) from error

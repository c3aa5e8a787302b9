"""Processes that train together: how work is dealt out, and what a process that is alone does."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bigbird_cli.backend import Alone, Compute, Peers, partition
from bigbird_cli.errors import DataError, PeerLostError, UsageError
from bigbird_cli.pytorch.world import World, connect, open_world, own_device, peer_errors, rank_and_size

CPU = torch.device("cpu")


@given(sizes=st.lists(st.integers(1, 1000), max_size=40), size=st.integers(1, 7))
def test_every_piece_of_work_is_dealt_once_and_evenly(sizes: list[int], size: int) -> None:
    hands = [partition(sizes, rank=rank, size=size) for rank in range(size)]
    assert sorted(i for hand in hands for i in hand) == list(range(len(sizes)))
    assert all(hand == sorted(hand) for hand in hands)
    loads = [sum(sizes[i] for i in hand) for hand in hands]
    assert max(loads) - min(loads) <= max(sizes, default=0)


@pytest.mark.parametrize("wait", [None, 1.0])
def test_a_process_that_is_alone_talks_to_itself(wait: float | None) -> None:
    with connect(Compute("cpu"), wait=wait) as peers:
        assert isinstance(peers, Alone)
        assert (peers.rank, peers.size, peers.is_rank_zero) == (0, 1, True)
        assert peers.all_reduce([1.0, 2.0], "sum") == peers.all_reduce([1.0, 2.0], "max") == [1.0, 2.0]
        assert peers.all_gather("a") == ["a"]
        assert peers.on_rank_zero(lambda: 3) == 3
        arrays = {"a": np.ones(2)}
        assert peers.broadcast(arrays) is arrays
        with pytest.raises(DataError):
            peers.on_rank_zero(_fails)


def _fails() -> None:
    raise DataError("no")


@pytest.mark.parametrize(
    "variables", [{"RANK": "2", "WORLD_SIZE": "2"}, {"WORLD_SIZE": "two"}, {"RANK": "0", "WORLD_SIZE": "2"}]
)
def test_variables_that_contradict_each_other_are_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="torchrun"):
        rank_and_size()


def test_each_process_takes_a_device_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_device("auto") == "auto"
    variables = {
        "RANK": 1,
        "WORLD_SIZE": 2,
        "LOCAL_RANK": 1,
        "LOCAL_WORLD_SIZE": 2,
        "MASTER_ADDR": "x",
        "MASTER_PORT": 1,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    assert own_device("auto") == "cpu"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert (own_device("auto"), own_device("cuda"), own_device("cpu"), own_device("cuda:0")) == (
        "cuda:1", "cuda:1", "cpu", "cuda:0",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("message", "is_lost"),
    [
        ("[/x/gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:5516. This is", True),
        ("Application timeout caused pair closure", True),
        ("NCCL error: remote process exited", True),
        ("mat1 and mat2 shapes cannot be multiplied", False),
    ],
)
def test_only_the_engines_errors_tell_of_lost_processes(message: str, is_lost: bool) -> None:
    with pytest.raises(PeerLostError if is_lost else RuntimeError) as caught, peer_errors():
        raise RuntimeError(message)
    assert "\n" not in str(caught.value)
    assert "pair.cc" not in str(caught.value)


def in_two(work: Callable[[World], Any], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What two processes with a real process group between them give."""
    context = torch.multiprocessing.get_context("fork")
    answers = context.SimpleQueue()

    def run(rank: int) -> None:
        os.environ.update(RANK=str(rank))
        with open_world(CPU, seconds=20) as world:
            try:
                answers.put((rank, work(world)))
            except SystemExit as end:
                answers.put((rank, f"exit {end.code}"))
            except DataError as error:
                answers.put((rank, f"error {error.problem}"))

    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    for name, value in shared.items():
        monkeypatch.setenv(name, value)
    processes = [context.Process(target=run, args=(rank,)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    return [answer for _, answer in sorted(answers.get() for _ in range(2))]


def test_two_processes_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(world: Peers) -> Any:
        arrays: dict[str, np.ndarray] = {}
        if world.rank == 0:
            arrays = {"a": np.arange(3), "b": np.full(2, 0.5, np.float32), "c": np.array(7.0)}
        received = world.broadcast(arrays)
        return (
            world.all_reduce([float(world.rank), 2.0], "sum"),
            world.all_reduce([float(world.rank), 2.0], "max"),
            world.all_gather(f"of {world.rank}"),
            world.on_rank_zero(lambda: f"said by {world.rank}"),
            {name: (str(array.dtype), array.tolist()) for name, array in received.items()},
        )

    arrays = {"a": ("int64", [0, 1, 2]), "b": ("float32", [0.5, 0.5]), "c": ("float64", 7.0)}
    expected = ([1.0, 4.0], [1.0, 2.0], ["of 0", "of 1"], "said by 0", arrays)
    assert in_two(work, monkeypatch) == [expected, expected]


def test_what_fails_in_the_first_ends_the_other_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_two(lambda world: world.on_rank_zero(_fails), monkeypatch) == ["error no", "exit 3"]

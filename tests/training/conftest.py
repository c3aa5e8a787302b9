"""Fixtures of training, and the engines that its loop is put through."""

import pytest

from bigbird_cli.backend import BACKENDS
from tests.training.runs import data, start

__all__ = ["data", "engine", "start"]

ENGINES = {"pytorch": BACKENDS["pytorch"], "jax": BACKENDS["jax"], "toy": "tests.training.toy"}


@pytest.fixture(autouse=True)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The engine that trains, PyTorch's unless a test is marked by `runs.every_engine`."""
    name: str = getattr(request, "param", "pytorch")
    monkeypatch.setitem(BACKENDS, "pytorch", ENGINES[name])
    return name

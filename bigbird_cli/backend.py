"""The door to a framework: what the rooms above may ask of one, and what they hear back.

A backend is a room with the doors of `Backend`; `BACKENDS` names the rooms. The rooms above speak in recipes, features
and numpy arrays, so that they never learn which framework did the work.
"""

import importlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from bigbird_cli.errors import UsageError, nearest
from bigbird_cli.events import Checked, Event

if TYPE_CHECKING:
    from bigbird_cli.bigbird.config import BigBirdConfig
    from bigbird_cli.recipe.schema import Recipe
    from bigbird_cli.tasks.base import Feature
    from bigbird_cli.weights.formats.pickled import PickleIO
    from bigbird_cli.weights.store import ModelFolder

BACKENDS = {"pytorch": "bigbird_cli.pytorch"}


class Predictor(Protocol):
    """A model with a head, ready to read features."""

    device: str
    """Where it computes, and in what, where that is not float32: "cpu, int8"."""
    attention: str
    """The config's attention type, `block_sparse` or `original_full`."""

    def predict(
        self, features: "Iterable[Feature]", *, batch_size: int
    ) -> "Iterator[tuple[Feature, dict[str, np.ndarray]]]":
        """Yield each feature with the head's outputs for it, in order, as float32 arrays cut to its length."""
        ...


class Backend(Protocol):
    def train(
        self,
        recipe: "Recipe",
        out: Path,
        *,
        resume: str | None = None,
        device: str = "auto",
        threads: int | None = None,
        offline: bool = False,
    ) -> Iterator[Event]: ...

    def check(
        self, recipe: "Recipe", *, device: str = "auto", threads: int | None = None, offline: bool = False
    ) -> Checked: ...

    def open_predictor(
        self,
        folder: "ModelFolder",
        *,
        head: str,
        device: str = "auto",
        threads: int | None = None,
        quantize: str | None = None,
    ) -> Predictor: ...

    def probe(
        self,
        config: "BigBirdConfig",
        tensors: Mapping[str, np.ndarray],
        ids: np.ndarray,
        *,
        head: str,
        where: str,
    ) -> dict[str, np.ndarray]: ...


def open_backend(name: str = "pytorch") -> Backend:
    """Import a framework's room.

    Raises:
        UsageError: no backend has this name.
    """
    if name not in BACKENDS:
        raise UsageError(
            f"no backend is called {name!r}", fix=f"did you mean {nearest(name, BACKENDS) or 'pytorch'!r}?"
        )
    return cast(Backend, importlib.import_module(BACKENDS[name]))


def open_pickles() -> "PickleIO":
    """What reads and writes pickled weights; PyTorch is imported when it is first asked to."""
    return cast("PickleIO", importlib.import_module(BACKENDS["pytorch"]))

"""The door to a framework: what the rooms above may ask of one, and what they hear back.

A backend is a room with three doors, `train`, `check` and `open_predictor`; `BACKENDS` names the rooms. The rooms
above speak in recipes, features and numpy arrays, so that they never learn which framework did the work.
"""

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from bigbird_cli.errors import UsageError, nearest

if TYPE_CHECKING:
    from bigbird_cli.recipe.schema import FinetuneRecipe
    from bigbird_cli.tasks.base import Feature
    from bigbird_cli.weights.store import ModelFolder

BACKENDS = {"pytorch": "bigbird_cli.pytorch"}


@dataclass(frozen=True)
class Started:
    """A run has its model and data and is about to take its first step."""

    run: Path
    device: str
    n_parameters: int
    n_features: int
    """Training inputs an epoch: windows, not documents."""
    n_steps: int
    """Optimiser steps of the whole run."""
    resumed_from: Path | None = None


@dataclass(frozen=True)
class Step:
    """An optimiser step was taken; loss and rates are means since the last such event."""

    step: int
    n_steps: int
    epoch: float
    loss: float
    lr: float
    tokens_per_second: float
    """Real tokens, padding not counted."""
    padding: float
    """Share of padding among the tokens computed, 0 to 1."""
    grad_norm: float
    """Norm of the gradient before clipping."""
    eta_seconds: float


@dataclass(frozen=True)
class Evaluated:
    """The dev set was scored; `best` says that the model became the run's best and was kept."""

    step: int
    scores: dict[str, float]
    best: bool
    seconds: float


@dataclass(frozen=True)
class Saved:
    """A whole checkpoint stands at `path`."""

    step: int
    path: Path


@dataclass(frozen=True)
class Finished:
    """The run is over; the folder holds its best model."""

    step: int
    best_scores: dict[str, float] | None
    run: Path
    seconds: float


@dataclass(frozen=True)
class Checked:
    """Recipe, data and one optimiser step hold; nothing was written."""

    n_examples: int
    n_features: int
    n_tokens: int
    """Real tokens an epoch."""
    loss: float
    seconds_per_step: float
    n_steps: int


Event = Started | Step | Evaluated | Saved | Finished


class Predictor(Protocol):
    """A model with a head, ready to read features."""

    device: str
    attention: str
    """The config's attention type, `block_sparse` or `original_full`."""

    def predict(self, features: "Iterable[Feature]", *, batch_size: int) -> Iterator[dict[str, np.ndarray]]:
        """Yield the head's outputs for each feature, in order, as float32 arrays cut to the feature's length."""
        ...


class Backend(Protocol):
    def train(
        self,
        recipe: "FinetuneRecipe",
        out: Path,
        *,
        resume: str | None = None,
        device: str = "auto",
        threads: int | None = None,
    ) -> Iterator[Event]: ...

    def check(self, recipe: "FinetuneRecipe", *, device: str = "auto", threads: int | None = None) -> Checked: ...

    def open_predictor(
        self, folder: "ModelFolder", *, head: str, device: str = "auto", threads: int | None = None
    ) -> Predictor: ...


def open_backend(name: str = "pytorch") -> Backend:
    """Import a framework's room.

    Raises:
        UsageError: no backend has this name.
    """
    if name not in BACKENDS:
        raise UsageError(f"no backend is called {name!r}", fix=f"did you mean {nearest(name, BACKENDS) or 'pytorch'!r}?")
    return cast(Backend, importlib.import_module(BACKENDS[name]))

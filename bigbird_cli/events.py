"""The events of a training run, and those of reading documents.

They stand on the ground floor: training and reading yield them, and the command line shows them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Started:
    """A run has its model and data and is about to take its first step."""

    run: Path
    device: str
    n_parameters: int
    n_features: int | None
    """Training inputs an epoch: windows, not documents. None in a stream."""
    n_steps: int
    """Optimiser steps of the whole run."""
    resumed_from: Path | None = None
    new_head: str | None = None
    """What a head with new weights is for, such as "5 labels"; None where the start model had it, or a run goes on."""
    task: str = ""
    """Its type, such as qa."""
    step: int = 0
    """After which the run goes on."""
    eval_every: int | None = None
    """Steps between two evaluations; None without a dev set."""
    save_every: int | None = None
    """Steps between two checkpoints."""


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
    memory_mb: float
    """The most that was in use so far: of a CUDA device by tensors, else of the whole process."""
    n_compiled: int = 0
    """Programs that were compiled so far, where the framework compiles one for each shape of inputs."""
    seconds_per_step: float = 0.0


@dataclass(frozen=True)
class Evaluated:
    """The dev set was scored; `best` says that the model became the run's best and was kept."""

    step: int
    scores: dict[str, float]
    best: bool
    seconds: float
    metric: str
    """The score that the best model is chosen by."""


@dataclass(frozen=True)
class Scored:
    """The finished model was scored on data.test."""

    step: int
    """After which it was the best model."""
    scores: dict[str, float]
    seconds: float
    metric: str


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
    metric: str | None = None
    """The score that the best model was chosen by."""
    stopped_early: bool = False
    """The scores had not become better for run.patience evaluations."""


@dataclass(frozen=True)
class Checked:
    """Recipe, data and one optimiser step hold; nothing was written."""

    n_examples: int | None
    """None in a stream, as the next two."""
    n_features: int | None
    n_tokens: int | None
    """Real tokens an epoch."""
    loss: float
    seconds_per_step: float
    n_steps: int
    checkpoint_bytes: int
    """Of one checkpoint, which was written, read back and gone on from."""
    disk_bytes: int
    """What the whole run needs on disk at most: prepared data, checkpoints, the best model."""
    free_bytes: int
    """What is free where the run folder will be."""
    unknown: float
    """Share of the tokens of some texts, 0 to 1, that stand for what the vocabulary lacks."""
    changed: float
    """Share of these texts that have other tokens once they were decoded and encoded again."""
    fit_seconds: float | None = None
    """What it took to fit the head to the training data, which training begins with; None where it is not fitted."""
    odd: tuple[str, ...] = ()
    """Settings that training goes through with, and that can hardly be meant: which, and what they do."""


Event = Started | Step | Evaluated | Scored | Saved | Finished


Work = Literal[
    "starting",
    "looking through the data",
    "opening the model",
    "preparing the data",
    "fitting the head",
    "training",
    "evaluating",
    "testing",
    "saving",
    "stopping",
]


@dataclass(frozen=True)
class Doing:
    """What a run is about, told so often that it can be watched: at every step, and every window that is evaluated.

    It is told to a function besides the events, and stands in no log.
    """

    work: Work
    n_done: int = 0
    """Steps of training; windows of other work."""
    n_all: int | None = None
    loss: float | None = None
    """Of the step."""


OnDoing = Callable[[Doing], None]


def ignore(_: object) -> None:
    """Take no note of anything."""


@dataclass(frozen=True)
class Tokenizing:
    """A document is being tokenised: so many of its characters are."""

    name: str
    n_done: int
    n_characters: int


@dataclass(frozen=True)
class Embedding:
    """The sentences of a document are being embedded, to choose its windows by: so many are."""

    name: str
    n_done: int
    n_sentences: int


@dataclass(frozen=True)
class WindowRead:
    """A window more of a document has gone through the model.

    Attributes:
        name: the document's.
        n_done, n_windows: its windows that have been read, and all of them.
        n_done_in_all, n_windows_in_all: those of all documents so far, and of all that are planned yet.
        n_tokens_in_all: tokens of the windows that have been read.
    """

    name: str
    n_done: int
    n_windows: int
    n_done_in_all: int
    n_windows_in_all: int
    n_tokens_in_all: int


ReadingEvent = Tokenizing | Embedding | WindowRead

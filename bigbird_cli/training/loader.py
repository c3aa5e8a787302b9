"""Which features an optimiser step learns from: a function of the recipe and the step's number, and of nothing else.

So a resumed run needs no state of a loader: it asks for its next step.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from threading import Lock
from typing import Any, Protocol

import numpy as np

from bigbird_cli.data.shuffle import shuffled
from bigbird_cli.tasks.base import Feature, Features, Task
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer
from bigbird_cli.training.batching import epoch_batches

STREAM_POOL = 8
"""Optimiser batches of a stream that are sorted by length together."""

_EPOCHS_KEPT = 1000
"""Steps of a stream whose epoch is remembered; more than threads prepare ahead."""

Prepare = Callable[[Feature, tuple[int, ...]], Feature]


class Loader(Protocol):
    """Gives each step its features, ready to learn from."""

    n_features: int | None
    """Training inputs an epoch; None of a stream."""
    steps_per_epoch: int | None

    def batch(self, step: int) -> list[Feature]:
        """The features of a step, counted from 1."""

    def epoch(self, step: int) -> float:
        """Passes over the data when a step is over."""


class EpochLoader:
    """Gives features in batches, epoch by epoch, each epoch in an order of its own.

    Args:
        features: all of them, read when they are asked for.
        prepare: makes a feature ready for a batch, given the seed of what is random about it.
        seed: of the run.
        batch_size, batch_tokens: as `epoch_batches` takes them.
    """

    def __init__(
        self,
        features: Features,
        prepare: Prepare,
        *,
        seed: int,
        batch_size: int,
        batch_tokens: int | None,
    ) -> None:
        self.features, self.lengths = features, np.asarray(features.lengths)
        self.n_features: int | None = len(features)
        self._prepare, self._seed = prepare, seed
        self._settings: dict[str, Any] = {"batch_size": batch_size, "batch_tokens": batch_tokens}
        self._ends = [0]  # the last step of the epochs so far, with batch_tokens not all of one length
        self._cached: tuple[int, list[np.ndarray]] = (-1, [])
        self._lock = Lock()  # several threads may ask for batches
        self.steps_per_epoch: int | None = len(self._batches_of(0))

    def batch(self, step: int) -> list[Feature]:
        with self._lock:
            epoch, index = self._position(step)
            chosen = self._batches_of(epoch)[index]
        return [self.ready(int(i), epoch=epoch) for i in chosen]

    def ready(self, index: int, *, epoch: int) -> Feature:
        """One feature as an epoch learns from it."""
        return self._prepare(self.features[index], (self._seed, epoch, index))

    def epoch(self, step: int) -> float:
        with self._lock:
            epoch, index = self._position(max(1, step))
            return epoch + (index + 1) / len(self._batches_of(epoch)) if step else 0.0

    def _position(self, step: int) -> tuple[int, int]:
        while self._ends[-1] < step:
            epoch = len(self._ends) - 1
            self._ends.append(self._ends[-1] + len(self._batches_of(epoch)))
        epoch = bisect_right(self._ends, step - 1) - 1
        return epoch, step - 1 - self._ends[epoch]

    def _batches_of(self, epoch: int) -> list[np.ndarray]:
        if self._cached[0] != epoch:
            self._cached = (epoch, epoch_batches(self.lengths, seed=self._seed, epoch=epoch, **self._settings))
        return self._cached[1]


class StreamLoader:
    """Reads the data over and over, and draws batches from a buffer of it; a step is found again by reading up to it.

    Args:
        read: reads the training features once, in order.
        prepare: as of EpochLoader.
        seed: of the run.
        batch_size: features a step.
        buffer: features among which the next is drawn.
    """

    def __init__(
        self, read: Callable[[], Iterator[Feature]], prepare: Prepare, *, seed: int, batch_size: int, buffer: int
    ) -> None:
        self.n_features: int | None = None
        self.steps_per_epoch: int | None = None
        self._read, self._prepare = read, prepare
        self._seed, self._batch_size, self._buffer = seed, batch_size, buffer
        self._stream: Iterator[tuple[int, list[tuple[int, Feature]]]] = iter(())
        self._step: int | None = None  # the last that was given
        self._epochs: dict[int, int] = {}

    def batch(self, step: int) -> list[Feature]:
        if self._step is None or step <= self._step:
            self._stream, self._step = self._batches(), 0
        for _ in range(step - 1 - self._step):
            next(self._stream)
        epoch, batch = next(self._stream)
        self._step, self._epochs[step] = step, epoch
        self._epochs.pop(step - _EPOCHS_KEPT, None)
        return [self._prepare(feature, (self._seed, epoch, index)) for index, feature in batch]

    def epoch(self, step: int) -> float:
        return float(self._epochs.get(step, 0))

    def _batches(self) -> Iterator[tuple[int, list[tuple[int, Feature]]]]:
        """Batches of numbered features, and the epoch of each one's last."""
        stream = self._features()
        while pool := list(islice(stream, STREAM_POOL * self._batch_size)):
            epoch = pool[-1][0]
            rng = np.random.default_rng([self._seed, epoch, pool[-1][1]])
            pool.sort(key=lambda entry: len(entry[2]))
            batches = [pool[i : i + self._batch_size] for i in range(0, len(pool), self._batch_size)]
            for i in rng.permutation(len(batches)):
                yield epoch, [(index, feature) for _, index, feature in batches[i]]

    def _features(self) -> Iterator[tuple[int, int, Feature]]:
        epoch = 0
        while True:
            rng = np.random.default_rng([self._seed, epoch])
            found = 0
            for index, feature in shuffled(enumerate(self._read()), buffer=self._buffer, rng=rng):
                found += 1
                yield epoch, index, feature
            if not found:
                return
            epoch += 1


class AheadLoader:
    """Another loader's batches, those of the next steps made ready by threads in the meantime.

    Args:
        loader: whose batches they are.
        workers: threads; a stream has use for one only.
    """

    def __init__(self, loader: Loader, *, workers: int) -> None:
        self.n_features, self.steps_per_epoch = loader.n_features, loader.steps_per_epoch
        self._loader = loader
        self._ahead = 2 * workers
        self._threads = ThreadPoolExecutor(1 if isinstance(loader, StreamLoader) else workers, "batches")
        self._begun: dict[int, Future[list[Feature]]] = {}

    def batch(self, step: int) -> list[Feature]:
        for number in [number for number in self._begun if not step <= number <= step + self._ahead]:
            self._begun.pop(number).cancel()
        for number in range(step, step + self._ahead + 1):
            if number not in self._begun:
                self._begun[number] = self._threads.submit(self._loader.batch, number)
        return self._begun.pop(step).result()

    def epoch(self, step: int) -> float:
        return self._loader.epoch(step)


def preparing(task: Task, tokenizer: Tokenizer) -> Prepare:
    """How a task makes a feature ready for a batch."""
    return lambda feature, seed: task.corrupt(feature, tokenizer, seed=seed)

"""A backend without a framework: answers are told from a token and the one before it, by stochastic gradient descent.

It shows what an engine has to do so that the loop trains, evaluates, saves and resumes it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from bigbird_cli.backend import Alone, Compute, EngineState, MicroBatch, Peers, StartModel, StepResult
from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.recipe.schema import Recipe
from bigbird_cli.tasks.base import Feature

ENDS = ("start", "end")
MOMENTUM = 0.5


@contextmanager
def connect(compute: Compute, *, wait: float | None) -> Iterator[Peers]:
    del compute, wait
    yield Alone()


def open_engine(recipe: Recipe, start: StartModel, *, compute: Compute, peers: Peers) -> "ToyEngine":
    del compute, peers
    assert start.folder is not None
    return ToyEngine(BigBirdConfig.from_file(start.folder), recipe)


class ToyEngine:
    """A logit for each token as the start, and as the end, of the answer: the sum of two weights."""

    device, head_is_new = "cpu", False

    def __init__(self, config: BigBirdConfig, recipe: Recipe) -> None:
        rng = np.random.default_rng(recipe.seed)
        self.config = config
        self.peak = recipe.optim.lr
        names = [f"{end}.{which}" for end in ENDS for which in ("own", "previous")]
        self.model = {name: rng.normal(0, 0.1, config.vocab_size).astype(np.float32) for name in names}
        self.momentum = {name: np.zeros_like(weight) for name, weight in self.model.items()}

    @property
    def n_parameters(self) -> int:
        return sum(weight.size for weight in self.model.values())

    def _logits(self, ids: np.ndarray, end: str) -> np.ndarray:
        logits: np.ndarray = self.model[f"{end}.own"][ids] + self.model[f"{end}.previous"][np.roll(ids, 1)]
        return logits

    def step(self, batch: Sequence[MicroBatch], *, step: int, share: float) -> StepResult:
        del step
        gradient = {name: np.zeros_like(weight) for name, weight in self.model.items()}
        n_features = sum(len(part.features) for part in batch)
        losses = []
        for part in batch:
            rng, losses_of_part = np.random.default_rng(part.seed), 0.0
            for feature in part.features:
                kept = rng.random(len(feature)) < 0.9  # its dropout
                for end in ENDS:
                    right = int(feature.labels[f"{end}_positions"])
                    logits = self._logits(feature.ids, end).astype(np.float64)
                    shares = np.exp(logits - np.logaddexp.reduce(logits))
                    losses_of_part -= np.log(shares[right]) / 2 / n_features
                    shares[right] -= 1
                    np.add.at(gradient[f"{end}.own"], feature.ids, kept * shares / 2 / n_features)
                    np.add.at(gradient[f"{end}.previous"], np.roll(feature.ids, 1), kept * shares / 2 / n_features)
            losses.append(losses_of_part)
        n_tokens = sum(len(feature) for part in batch for feature in part.features)
        n_padded = sum(len(part.features) * max(map(len, part.features)) for part in batch)
        norm = float(np.sqrt(sum((each.astype(np.float64) ** 2).sum() for each in gradient.values())))
        not_finite = tuple(index for index, loss in enumerate(losses) if not np.isfinite(loss))
        if not_finite or not np.isfinite(norm):
            return StepResult(float(sum(losses)), norm, n_tokens, n_padded, diverged=True, not_finite=not_finite)
        for name, weight in self.model.items():
            self.momentum[name] = MOMENTUM * self.momentum[name] + gradient[name]
            weight -= np.float32(self.peak * share) * self.momentum[name]
        return StepResult(float(sum(losses)), norm, n_tokens, n_padded)

    def predict(
        self,
        features: Iterable[Feature],
        *,
        batch_size: int,
        head: str | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[tuple[Feature, dict[str, np.ndarray]]]:
        del batch_size
        assert head is None
        for feature in features:
            if stop():
                return
            yield feature, {f"{end}_logits": self._logits(feature.ids, end) for end in ENDS}

    def averaged(self) -> AbstractContextManager[None]:
        return nullcontext()

    def weights(self) -> dict[str, np.ndarray]:
        return {name: weight.copy() for name, weight in self.model.items()}

    def assign(self, weights: Mapping[str, np.ndarray]) -> None:
        for name, weight in weights.items():
            self.model[name][:] = weight

    def count_not_finite(self) -> dict[str, tuple[int, int]]:
        counts = {name: (int((~np.isfinite(weight)).sum()), weight.size) for name, weight in self.model.items()}
        return {name: count for name, count in counts.items() if count[0]}

    def state(self) -> EngineState:
        return EngineState(self._arrays(), {"momentum": MOMENTUM})

    def mismatch(self, state: EngineState) -> str | None:
        if state.values != {"momentum": MOMENTUM}:
            return f"it has {state.values}"
        own: dict[str, Any] = {name: (array.shape, array.dtype) for name, array in self._arrays().items()}
        found = {name: (array.shape, array.dtype) for name, array in state.arrays.items()}
        return None if own == found else f"it has {found}"

    def load(self, state: EngineState) -> None:
        for name, array in state.arrays.items():
            part, _, rest = name.partition(".")
            {"model": self.model, "momentum": self.momentum}[part][rest] = array.copy()

    def peak_memory(self) -> float:
        return 0.0

    def _arrays(self) -> dict[str, np.ndarray]:
        return {f"model.{name}": weight.copy() for name, weight in self.model.items()} | {
            f"momentum.{name}": array.copy() for name, array in self.momentum.items()
        }

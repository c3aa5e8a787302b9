"""Scoring a model on the dev set, in one process or several."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from bigbird_cli.backend import Engine, Peers
from bigbird_cli.events import ignore
from bigbird_cli.tasks.base import Features, Task
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer
from bigbird_cli.training.signals import StopSignals

BATCH_SIZE = 32
"""Windows a forward pass, within predict's own bound on tokens."""

LOOK_AHEAD = 16
"""Batches' worth of features that each process is given at a time, to put those of like length together."""


@dataclass(frozen=True, eq=False)
class DevSet:
    """Examples that the best model is chosen by."""

    examples: Sequence[Any]
    features: Features


def evaluate(
    engine: Engine,
    task: Task,
    tokenizer: Tokenizer,
    dev: DevSet,
    *,
    stop: StopSignals,
    peers: Peers,
    on_done: Callable[[int], None] = ignore,
) -> dict[str, float] | None:
    """Score the model on examples, by the way that `predict` goes; None when a signal came meanwhile.

    Every process computes its part of the features; that of rank zero scores them all for everybody. `on_done` is
    called with about how many features are done.
    """
    n_done = 0
    decoder = task.decoder(dev.examples, tokenizer) if peers.is_rank_zero else None
    features = iter(dev.features)
    while ahead := list(islice(features, LOOK_AHEAD * BATCH_SIZE * peers.size)):
        own = ahead[peers.rank :: peers.size]
        predicted = engine.predict(own, batch_size=BATCH_SIZE, stop=lambda: stop.caught is not None)
        own_outputs = []
        for _, outputs in predicted:
            own_outputs.append(outputs)
            on_done(n_done + len(own_outputs) * peers.size)
        n_done += len(ahead)
        outputs_by_rank = peers.all_gather(own_outputs)
        if peers.all_reduce([float(stop.caught is not None)], "max")[0]:
            return None
        if decoder is not None:
            for i, feature in enumerate(ahead):
                decoder.add(feature, outputs_by_rank[i % peers.size][i // peers.size])
    return peers.on_rank_zero(lambda: dict(task.score(decoder.finish(), dev.examples)) if decoder else {})

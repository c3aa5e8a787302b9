"""Heads that are fitted to the training data before the first step, such as a linear classifier."""

import numpy as np

from bigbird_cli.backend import Engine, Peers
from bigbird_cli.events import Doing, OnDoing, ignore
from bigbird_cli.tasks.base import Features, HeadFit

BATCH_SIZE = 32


def fit_head(engine: Engine, fit: HeadFit, features: Features, peers: Peers, on_doing: OnDoing = ignore) -> None:
    """Fit the head to what the encoder, which stays as it is, makes of the training features.

    Args:
        engine: whose head it is.
        fit: how the task fits it.
        features: with labels.
        peers: all of which take what the one of rank zero fitted.
        on_doing: is called at every window that the encoder reads.

    Raises:
        ResourceError: memory did not suffice.
    """
    outputs = []
    on_doing(Doing("fitting the head", 0, len(features)))
    for _, each in engine.predict(features, batch_size=BATCH_SIZE, head=fit.head):
        outputs.append(each[fit.output])
        on_doing(Doing("fitting the head", len(outputs), len(features)))
    labels, examples = [each.labels["labels"] for each in features], [each.example for each in features]
    weights = fit.fit(np.stack(outputs), labels, examples)
    engine.assign(peers.broadcast(dict(zip(fit.parameters, weights, strict=True))))

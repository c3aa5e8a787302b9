"""A graph in a file beside a model's weights, which it takes as they stand there."""

from pathlib import Path
from typing import Final

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.names import name_among
from bigbird_cli.files.names import GRAPH
from bigbird_cli.onnx.model import model_graph
from bigbird_cli.onnx.weights import wanted_tensors
from bigbird_cli.weights.int8 import SCALE
from bigbird_cli.weights.tensors import tensor_places

_ENCODERS: Final = ("embedding", "masked_lm", "pretraining")
"""Heads whose graph is the bare encoder's, which gives embeddings too, and no scores of a vocabulary for each token."""


def write_graph(weights: Path, config: BigBirdConfig, head: str) -> None:
    """Write the graph of a model beside its weights; as `weights.convert.GraphIO` has it."""
    if head in _ENCODERS:
        head = "none"
    stored = tensor_places(weights)
    places = {}
    for name in wanted_tensors(config, head, stored):
        home = name_among(name, stored)
        places[name] = stored[home]
        if home + SCALE in stored:
            places[name + SCALE] = stored[home + SCALE]
    (weights.parent / GRAPH).write_bytes(model_graph(config, head, places))

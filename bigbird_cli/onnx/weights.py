"""A folder's tensors as a graph takes them."""

from collections.abc import Collection

import numpy as np

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.heads import HEADS
from bigbird_cli.bigbird.names import POOLER, PREFIX, expected_names, name_among
from bigbird_cli.weights.contract import Shape
from bigbird_cli.weights.fitting import fit
from bigbird_cli.weights.store import ModelFolder, check_layers, read_tensors, unwrapped


def model_tensors(folder: ModelFolder, head: str) -> dict[str, np.ndarray]:
    """The tensors of a model with a head, by the names of `expected_names`, in float32.

    Raises:
        ModelError: the folder does not hold such a model, or its head was never trained.
    """
    where, config = str(folder.path), folder.config
    stored = unwrapped(read_tensors(folder.path), where=where)
    check_layers(config.num_hidden_layers, len(stored), where=where)
    fitted = fit(
        stored,
        wanted_tensors(config, head, stored),
        config=config,
        prefix="" if head == "none" else PREFIX,
        label_parameters=HEADS[head].label_parameters,
        where=where,
        trained=True,
    )
    return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in fitted.tensors.items()}


def wanted_tensors(config: BigBirdConfig, head: str, stored: Collection[str]) -> dict[str, Shape]:
    """Name -> shape of what a graph takes; with a pooler where the head uses it, or an encoder has it stored."""
    has_pooler = HEADS[head].uses_pooler and (
        head != "none" or all(name_among(name, stored) in stored for name in POOLER)
    )
    return {
        name: shape
        for name, shape in expected_names(config, head).items()
        if has_pooler or name.removeprefix(PREFIX) not in POOLER
    }

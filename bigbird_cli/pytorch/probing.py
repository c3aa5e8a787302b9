"""What a model in memory returns for some ids, as numpy arrays."""

import warnings
from collections.abc import Mapping

import numpy as np
import torch

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.heads import HEADS
from bigbird_cli.bigbird.names import POOLER, name_among
from bigbird_cli.errors import BigBirdWarning
from bigbird_cli.pytorch.devices import memory_errors
from bigbird_cli.pytorch.model.base import BigBirdModel
from bigbird_cli.pytorch.model.pretrained import PretrainedModel
from bigbird_cli.pytorch.objectives import head_named


def probe(
    config: BigBirdConfig, tensors: Mapping[str, np.ndarray], ids: np.ndarray, *, head: str, where: str
) -> dict[str, np.ndarray]:
    """Run a model once, in float32 on the processor.

    Args:
        config: the model's settings.
        tensors: arrays by transformers' names; those of other heads are passed over.
        ids: whole numbers (B, S) below the vocabulary's size.
        head: one of bigbird.heads.HEADS; one without parameters of its own has a pooler where the tensors have one.
        where: the model, for errors.

    Returns:
        Every output of the class by name; `hidden_states`, where it gives them, stacked, (layers + 1, B, S, D).

    Raises:
        ModelError: a tensor is missing or of another shape.
        ResourceError: memory did not suffice.
    """
    with memory_errors("compare a smaller model"):
        with torch.device("meta"):
            model = _build(config, tensors, head)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BigBirdWarning)  # tensors of other heads are the caller's to tell
            model.load_tensors(tensors, where=where, trained=True)
        input_ids = torch.from_numpy(ids.astype(np.int64))
        if HEADS[head].reads_choices:
            input_ids = input_ids[:, None]
        with torch.inference_mode():
            output = model.eval()(input_ids, output_hidden_states=True, return_dict=True)
    found = {name: output[name] for name in type(output).__dataclass_fields__ if name in output}
    arrays = {name: value.numpy() for name, value in found.items() if isinstance(value, torch.Tensor)}
    if output.hidden_states is not None:
        arrays["hidden_states"] = torch.stack(output.hidden_states).numpy()
    return arrays


def _build(config: BigBirdConfig, tensors: Mapping[str, np.ndarray], head: str) -> PretrainedModel:
    if not HEADS[head].parameters:
        return BigBirdModel(config, add_pooling_layer=any(name_among(name, tensors) in tensors for name in POOLER))
    return head_named(head).model(config)

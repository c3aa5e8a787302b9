"""What a model in memory returns for some ids, as numpy arrays."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.heads import HEADS
from bigbird_cli.bigbird.names import POOLER, name_among
from bigbird_cli.jax.devices import memory_errors, pick_devices
from bigbird_cli.jax.model.loading import turned
from bigbird_cli.jax.model.models import FlaxBigBirdModel
from bigbird_cli.jax.model.pretrained import FlaxBigBirdPreTrainedModel
from bigbird_cli.jax.objectives import head_named
from bigbird_cli.weights.fitting import fit
from bigbird_cli.weights.formats.flax import to_flax


def probe(
    config: BigBirdConfig, tensors: Mapping[str, np.ndarray], ids: np.ndarray, *, head: str, where: str
) -> dict[str, np.ndarray]:
    """Run a model once, in float32 on the processor; arguments, outputs and errors as of `backend.Backend.probe`.

    `hidden_states`, where there are any, are stacked, (layers + 1, B, S, D).
    """
    with memory_errors("compare a smaller model"), jax.default_device(pick_devices("cpu")[0]):
        model = _build(config, tensors, head)
        shapes = flatten_dict(model.params_shape_tree, sep="/")
        fitted = fit(
            tensors,
            turned({path: like.shape for path, like in shapes.items()}, config),
            config=config,
            prefix=model.prefix,
            label_parameters=HEADS[head].label_parameters,
            where=where,
            trained=True,
        )
        found = {path: jnp.asarray(x, jnp.float32) for path, x in to_flax(fitted.tensors).items()}
        input_ids = ids[:, None] if HEADS[head].reads_choices else ids
        output = model(input_ids, params=unflatten_dict(found, sep="/"), output_hidden_states=True, return_dict=True)
    arrays = {name: np.asarray(value) for name, value in output.items() if isinstance(value, jax.Array)}
    return arrays if output.hidden_states is None else arrays | {"hidden_states": np.stack(output.hidden_states)}


def _build(config: BigBirdConfig, tensors: Mapping[str, np.ndarray], head: str) -> FlaxBigBirdPreTrainedModel:
    if not HEADS[head].parameters:
        has_pooler = any(name_among(name, tensors) in tensors for name in POOLER)
        return FlaxBigBirdModel(config, _do_init=False, add_pooling_layer=has_pooler)
    return head_named(head).model(config, _do_init=False)

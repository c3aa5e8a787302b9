"""Features -> a module's outputs as numpy arrays, in the order the features came."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import UsageError
from bigbird_cli.jax.batches import Buckets, fill, narrowed
from bigbird_cli.jax.devices import Placement, memory_errors, pick_devices, use_threads
from bigbird_cli.jax.model.pretrained import Params
from bigbird_cli.jax.objectives import Objective, head_named
from bigbird_cli.jax.programs import Programs
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.padding import pad
from bigbird_cli.tasks.passes import MAX_TOKENS, each_ones, in_passes
from bigbird_cli.weights.store import ModelFolder

MEMORY_FIX = "lower batch_size= or window="


class Predictor:
    """A module with a head that computes its outputs for features: `backend.Predictor`.

    Args:
        module: of the class of a head.
        params: gives its parameters, on the devices, when they are asked for.
        head: the name of the head.
        placement: the devices.
        max_tokens: padded tokens a forward pass at most; a longer feature goes alone.
        memory_fix: what the user can do when memory runs out.
    """

    def __init__(
        self,
        module: Any,
        params: Callable[[], Params],
        *,
        head: str,
        placement: Placement,
        programs: Programs | None = None,
        max_tokens: int = MAX_TOKENS,
        memory_fix: str = MEMORY_FIX,
    ) -> None:
        self._config: BigBirdConfig = module.config
        self._params = params
        self._objective: Objective = head_named(head).objective(module, head_named(head).spec)
        self._placement = placement
        self._max_tokens = max_tokens
        self._memory_fix = memory_fix
        self.programs = programs or Programs()
        self.device = f"{placement}, jax"
        self.attention: str = self._config.attention_type
        self._run = self.programs.compiled(
            self._outputs, static_argnames="are_long", out_shardings=placement.everywhere
        )

    def predict(
        self, features: Iterable[Feature], *, batch_size: int, stop: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[Feature, dict[str, np.ndarray]]]:
        """Yield each feature with the head's outputs for it, as `tasks.passes.in_passes` has it."""
        buckets = Buckets.of(self._config, n_devices=len(self._placement.devices), most_rows=batch_size)

        def forward(together: list[Feature]) -> list[dict[str, np.ndarray]]:
            return self._forward(together, buckets)

        return in_passes(features, forward, batch_size=batch_size, max_tokens=self._max_tokens, stop=stop)

    def _forward(self, features: list[Feature], buckets: Buckets) -> list[dict[str, np.ndarray]]:
        spec, pad_id = self._objective.spec, self._config.pad_token_id or 0
        padded = pad(features, pad_id=pad_id, labels=spec.predicts_from_labels, per_token=spec.has_token_labels)
        filled = fill(padded, buckets, pad_id=pad_id)
        arrays = narrowed(self._objective.prepare(filled.arrays, buckets))
        with memory_errors(self._memory_fix):
            outputs = self._run(self._params(), self._placement.put_batch(arrays), are_long=filled.are_long)
            found = {name: np.asarray(output) for name, output in outputs.items()}
        return each_ones(found, features, spec)

    def _outputs(self, params: Params, arrays: dict[str, Array], *, are_long: bool) -> dict[str, Array]:
        outputs = self._objective.predict(params, arrays, deterministic=True, are_long=are_long)
        return {name: x if x.dtype == bool else x.astype(jnp.float32) for name, x in outputs.items()}


def open_predictor(
    folder: ModelFolder, *, head: str, device: str = "auto", threads: int | None = None, quantize: str | None = None
) -> Predictor:
    """Open a model folder for prediction, on one device, as `backend.Backend` has it; 8 bits are refused."""
    if quantize is not None:
        raise UsageError(
            "backend jax does not compute in 8 bits", where="quantize", fix="leave it out, or use backend pytorch"
        )
    use_threads(threads)
    placement = Placement(pick_devices(device)[:1])
    with memory_errors('use a smaller model, or device="cpu"'):
        model = head_named(head).model.from_pretrained(folder.path, from_pt=True, trained=True)
        params = placement.put_weights(model.params)
    return Predictor(model.module, lambda: params, head=head, placement=placement)

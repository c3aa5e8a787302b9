"""Features -> a model's outputs as numpy arrays, in the order the features came."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch

from bigbird_cli.pytorch.batches import collate
from bigbird_cli.pytorch.devices import keep_memory, memory_errors, pick_device, use_threads
from bigbird_cli.pytorch.model.pretrained import PretrainedModel
from bigbird_cli.pytorch.objectives import head_named
from bigbird_cli.pytorch.quantised import quantise
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.passes import MAX_TOKENS, each_ones, in_passes
from bigbird_cli.weights.store import ModelFolder

MEMORY_FIX = "lower batch_size= or window="


class Predictor:
    """A model with a head that computes its outputs for features.

    Args:
        model: a model class of objectives.HEADS, on its device. Its training mode is the same after each prediction.
        head: the name of its head.
        max_tokens: padded tokens a forward pass at most; a longer feature goes alone.
        memory_fix: what the user can do when memory runs out.
    """

    def __init__(
        self, model: PretrainedModel, *, head: str, max_tokens: int = MAX_TOKENS, memory_fix: str = MEMORY_FIX
    ) -> None:
        self._model = model
        self._spec = head_named(head).spec
        self._objective = head_named(head).objective(model)
        self._max_tokens = max_tokens
        self._memory_fix = memory_fix
        self._device = next(model.parameters()).device
        self.device = str(self._device)
        self.attention: str = model.config.attention_type

    def predict(
        self, features: Iterable[Feature], *, batch_size: int, stop: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[Feature, dict[str, np.ndarray]]]:
        """Yield each feature with the head's outputs for it, in order, as float32 arrays cut to its length.

        Features are taken ahead within bounds and those of like length computed together; no feature's result
        depends on its mates beyond float rounding.

        Args:
            features: any number, taken lazily.
            batch_size: features a forward pass at most.
            stop: asked before each forward pass; what follows is left out if it says so.

        Raises:
            UsageError: batch_size is not positive.
            ResourceError: memory did not suffice.
        """
        return in_passes(features, self._forward, batch_size=batch_size, max_tokens=self._max_tokens, stop=stop)

    def _forward(self, features: list[Feature]) -> list[dict[str, np.ndarray]]:
        padded = collate(
            features,
            pad_id=self._model.config.pad_token_id or 0,
            device=self._device,
            labels=self._spec.predicts_from_labels,
            per_token=self._spec.has_token_labels,
        )
        was_training = self._model.training
        self._model.eval()
        try:
            with memory_errors(self._memory_fix), torch.inference_mode():
                outputs = self._objective.predict(padded.inputs)
                arrays = {name: _as_array(output) for name, output in outputs.items()}
        finally:
            self._model.train(was_training)
        return each_ones(arrays, features, self._spec)


def _as_array(output: torch.Tensor) -> np.ndarray:
    array: np.ndarray = (output if output.dtype == torch.bool else output.float()).cpu().numpy()
    return array


def open_predictor(
    folder: ModelFolder, *, head: str, device: str = "auto", threads: int | None = None, quantize: str | None = None
) -> Predictor:
    """Open a model folder for prediction.

    Args:
        folder: from weights.store.open_folder.
        head: the name of one of objectives.HEADS.
        device: `auto`, `cpu`, `cuda:N` or `mps`.
        threads: processor threads; None leaves torch's own choice.
        quantize: "int8" computes the encoder's products in 8 bits, on a processor.

    Raises:
        UsageError: there is no such head, device or quantization.
        ModelError: the folder does not hold such a model, or its head was never trained.
    """
    target = pick_device(device)
    use_threads(threads)
    keep_memory()
    with memory_errors('use a smaller model, or device="cpu"'):
        model = head_named(head).model.from_pretrained(folder.path, trained=True).to(target).eval()
        if quantize is not None:
            quantise(model, quantize, device=target)
    predictor = Predictor(model, head=head)
    if quantize is not None:
        predictor.device += f", {quantize}"
    return predictor

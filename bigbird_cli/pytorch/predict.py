"""Features -> a model's outputs as numpy arrays, in the order the features came."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch

from bigbird_cli.errors import UsageError
from bigbird_cli.pytorch.batches import collate
from bigbird_cli.pytorch.devices import keep_memory, memory_errors, pick_device, use_threads
from bigbird_cli.pytorch.model.pretrained import PretrainedModel
from bigbird_cli.pytorch.objectives import head_named
from bigbird_cli.pytorch.quantised import quantise
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.padding import stackable
from bigbird_cli.weights.store import ModelFolder

MAX_TOKENS = 16_384
"""Padded tokens a forward pass at most, whatever the batch size: memory stays flat on long windows."""

LOOK_AHEAD = 16
"""Batches' worth of features that are taken ahead, to put those of like length together."""

MAX_TOKENS_AHEAD = 262_144
"""Tokens taken ahead at most."""

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
        if batch_size < 1:
            raise UsageError(f"a batch of {batch_size} holds nothing", where="batch_size", fix="give 1 or more")
        for ahead in _take_ahead(iter(features), n_features=LOOK_AHEAD * batch_size):
            results: dict[int, dict[str, np.ndarray]] = {}
            n_given = 0
            for group in _group(ahead, batch_size=batch_size, max_tokens=self._max_tokens):
                if stop():
                    return
                results.update(zip(group, self._forward([ahead[i] for i in group]), strict=True))
                while n_given in results:  # each as soon as those before it are there
                    yield ahead[n_given], results.pop(n_given)
                    n_given += 1

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
        return [
            {name: self._cut(name, array[row], len(feature)) for name, array in arrays.items()}
            for row, feature in enumerate(features)
        ]

    def _cut(self, name: str, row: np.ndarray, n_tokens: int) -> np.ndarray:
        """One input's part of an output, as a copy: a short row must not keep a whole batch in memory."""
        return row[:n_tokens].copy() if name in self._spec.token_outputs else row.copy()


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


def _take_ahead(features: Iterator[Feature], *, n_features: int) -> Iterator[list[Feature]]:
    ahead: list[Feature] = []
    n_tokens = 0
    for feature in features:
        ahead.append(feature)
        n_tokens += feature.ids.size
        if len(ahead) == n_features or n_tokens >= MAX_TOKENS_AHEAD:
            yield ahead
            ahead, n_tokens = [], 0
    if ahead:
        yield ahead


def _group(features: list[Feature], *, batch_size: int, max_tokens: int) -> Iterator[list[int]]:
    """Indices of features to compute together: of like length, so that at most about a fifth is padding."""
    sizes = [feature.ids.size for feature in features]
    for alike in stackable(features):
        group: list[int] = []
        for i in sorted(alike, key=sizes.__getitem__):
            full = len(group) == batch_size or (len(group) + 1) * sizes[i] > max_tokens
            if group and (full or sizes[i] > 1.25 * sizes[group[0]] + 32):
                yield group
                group = []
            group.append(i)
        yield group

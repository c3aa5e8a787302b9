"""Features -> a model's outputs as numpy arrays, in the order the features came."""

from collections.abc import Iterable, Iterator
from typing import get_args

import numpy as np

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.heads import HEADS
from bigbird_cli.bigbird.names import layer_of
from bigbird_cli.choices import Quantize
from bigbird_cli.errors import ModelError, UsageError
from bigbird_cli.onnx.model import INPUTS, model_graph
from bigbird_cli.onnx.sessions import Session, signed_products_fit
from bigbird_cli.onnx.weights import model_tensors
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.padding import pad
from bigbird_cli.tasks.passes import Outputs, each_ones, in_passes
from bigbird_cli.weights.int8 import quantized
from bigbird_cli.weights.store import ModelFolder
from bigbird_cli.weights.tensors import Place


class Predictor:
    """A graph with a head that computes its outputs for features.

    Args:
        session: of a graph of that head.
        head: one of onnx.model.GRAPHS.
        config: of the model.
        device: what the receipt says.
    """

    def __init__(self, session: Session, *, head: str, config: BigBirdConfig, device: str) -> None:
        self._session = session
        self._spec = HEADS[head]
        self._config = config
        self.device = device
        self.attention: str = config.attention_type

    def predict(self, features: Iterable[Feature], *, batch_size: int) -> Iterator[tuple[Feature, Outputs]]:
        """Yield each feature with the head's outputs for it, as `backend.Predictor` has it."""
        return in_passes(features, self._forward, batch_size=batch_size)

    def _forward(self, features: list[Feature]) -> list[Outputs]:
        padded = pad(features, pad_id=self._config.pad_token_id or 0, labels=False).arrays
        inputs = {"attention_mask": np.ones_like(padded["input_ids"]), **padded}
        self._check(inputs)
        return each_ones(self._session.run({name: inputs[name] for name in INPUTS}), features, self._spec)

    def _check(self, inputs: dict[str, np.ndarray]) -> None:
        """Refuse what has no row in a table of vectors: a graph has no words for it."""
        config, n_tokens = self._config, inputs["input_ids"].shape[-1]
        if n_tokens > config.max_position_embeddings:
            raise ModelError(
                f"an input of {n_tokens} tokens is longer than the model's {config.max_position_embeddings} positions",
                fix="read it in windows",
            )
        for name, setting in (("input_ids", "vocab_size"), ("token_type_ids", "type_vocab_size")):
            n_rows, largest = getattr(config, setting), int(inputs[name].max())
            if largest >= n_rows:
                raise ModelError(
                    f"{name} hold {largest}, but the model's {setting} is {n_rows}",
                    fix="use the tokenizer that belongs to the model",
                )


def open_predictor(
    folder: ModelFolder, *, head: str, device: str = "auto", threads: int | None = None, quantize: str | None = None
) -> Predictor:
    """Compose the graph of a model folder and open it, as `backend.Backend` has it.

    Raises:
        UsageError: another device than the processor, or no such quantization.
        ModelError: the folder does not hold such a model, its head was never trained, or no graph is made of it.
        ResourceError: memory did not suffice.
    """
    if device not in ("auto", "cpu"):
        raise UsageError(
            f"onnx computes on the processor, not on {device}", where="device", fix="leave it out, or the backend"
        )
    if quantize is not None and quantize not in get_args(Quantize):
        raise UsageError(f"there is no {quantize!r}", where="quantize", fix=f"use {' or '.join(get_args(Quantize))}")
    tensors = model_tensors(folder, head)
    if quantize is not None:
        tensors |= quantized({name: array for name, array in tensors.items() if layer_of(name) is not None})
    places = {name: Place("", 0, array.dtype.name, array.shape) for name, array in tensors.items()}
    signed = quantize is not None and signed_products_fit()
    session = Session(model_graph(folder.config, head, places, signed=signed), tensors, threads=threads)
    named = "cpu, onnx" if quantize is None else f"cpu, onnx, {quantize}"
    return Predictor(session, head=head, config=folder.config, device=named)

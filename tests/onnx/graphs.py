"""Tiny models and their graphs, to be compared. Blocks of 4 tokens: documents of up to 44 run dense attention."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.heads import HEADS
from bigbird_cli.onnx.model import INPUTS, model_graph
from bigbird_cli.onnx.sessions import Session
from bigbird_cli.pytorch.model.base import BigBirdModel
from bigbird_cli.pytorch.model.pretrained import PretrainedModel
from bigbird_cli.pytorch.objectives import head_named
from bigbird_cli.weights.tensors import Place

SEP = 3


def build(head: str, **changes: Any) -> PretrainedModel:
    """A model of two layers with random weights, far enough from zero that every input matters."""
    config = BigBirdConfig(
        **{
            "vocab_size": 40,
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "max_position_embeddings": 128,
            "block_size": 4,
            "sep_token_id": SEP,
            "num_labels": 1 if head == "choices" else 3,
            "initializer_range": 0.3,
            **changes,
        }
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BigBirdModel(config) if head == "none" else head_named(head).model(config)
        for parameter in model.parameters():
            parameter.data += torch.randn_like(parameter) * 0.1
    return model.eval()


def open_graph(model: PretrainedModel, head: str) -> Session:
    tensors = {name: array.astype(np.float32) for name, array in model.to_tensors().items()}
    return Session(model_graph(model.config, head, places(tensors)), tensors, threads=1)


def places(tensors: Mapping[str, np.ndarray]) -> dict[str, Place]:
    return {name: Place("", 0, array.dtype.name, array.shape) for name, array in tensors.items()}


def batch(*lengths: int, choices: bool = False) -> dict[str, np.ndarray]:
    """Documents of these lengths, padded on the right, each of a question of three tokens and what follows."""
    S = max(lengths)
    ids = np.random.default_rng(0).integers(5, 40, (len(lengths), S))
    ids[:, 2:3] = SEP
    mask = (np.arange(S) < np.array(lengths)[:, None]).astype(np.int64)
    arrays = {
        "input_ids": ids,
        "attention_mask": mask,
        "token_type_ids": np.broadcast_to(np.arange(S) > 2, ids.shape).astype(np.int64),
    }
    return {name: array[:, None] for name, array in arrays.items()} if choices else arrays


def expected(model: PretrainedModel, head: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the PyTorch model gives for each document by itself, without padding, one below the other."""
    rows = []
    for row, n_tokens in enumerate(inputs["attention_mask"].reshape(len(inputs["input_ids"]), -1).sum(axis=1)):
        alone = {name: torch.tensor(array[row : row + 1, ..., :n_tokens]) for name, array in inputs.items()}
        del alone["attention_mask"]
        with torch.inference_mode():
            if head == "none":
                output = model(**alone, return_dict=True)
                rows.append({name: output[name] for name in ("last_hidden_state", "pooler_output")})
            else:
                rows.append(head_named(head).objective(model).predict(alone))
    tokens = {"last_hidden_state"} if head == "none" else {*HEADS[head].token_outputs}
    S = inputs["input_ids"].shape[-1]
    return {
        name: np.concatenate([_filled(row[name].numpy(), S if name in tokens else None) for row in rows])
        for name in rows[0]
    }


def _filled(array: np.ndarray, n_tokens: int | None) -> np.ndarray:
    if n_tokens is None:
        return array
    return np.pad(array, [(0, 0), (0, n_tokens - array.shape[1]), *[(0, 0)] * (array.ndim - 2)])


def largest_difference(session: Session, model: PretrainedModel, head: str, inputs: Mapping[str, np.ndarray]) -> float:
    """The largest one between a graph, given a batch, and the PyTorch model, given its documents one by one."""
    found, wanted = session.run({name: inputs[name] for name in INPUTS}), expected(model, head, inputs)
    is_token = inputs["attention_mask"].astype(bool)
    differences = []
    for name, want in wanted.items():
        difference = np.abs(found[name] - want)
        real = difference[is_token] if difference.shape[:2] == is_token.shape else difference
        differences.append(float(real.max()))
    return max(differences)

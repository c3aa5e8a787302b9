"""TensorFlow's BigBirds in our names and layouts."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.names import (
    PREFIX,
    TENSORFLOW_STATE,
    TENSORFLOW_TO_BIGBIRD,
    TIED,
    TRIVIA_QA_TO_BIGBIRD,
    count_layers,
    expand,
    expected_names,
    head_of,
    is_kernel,
)
from bigbird_cli.errors import ModelError
from bigbird_cli.weights.contract import Shape, check_present, misshapen

_FETCH_AGAIN: Final = "fetch the checkpoint again"


def from_tensorflow(
    tensors: dict[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], dict[str, str], dict[str, str]]:
    """Give a BigBird's tensors Hugging Face's names and layouts.

    Sizes are those that the tensors themselves tell: the embeddings, the first layer and the number of layers.

    Args:
        tensors: what `read` gave, of google-research/bigbird or of the TriviaQA model; emptied on the way, so that
            memory holds them once.

    Returns:
        Name -> array, source name -> that name, and source name -> why it was left behind.

    Raises:
        ModelError: a parameter is missing, misshapen or unknown; the error names it.
    """
    is_trivia = any(name.startswith("transformer_scaffold/") for name in tensors)
    table = TRIVIA_QA_TO_BIGBIRD if is_trivia else TENSORFLOW_TO_BIGBIRD
    n_layers = max(1, count_layers(tensors))
    table = expand(table, n_layers)
    if is_trivia:  # Keras numbers from the second on
        table = {name.replace("transformer_scaffold_0/", "transformer_scaffold/"): ours for name, ours in table.items()}
    unused = {name: _why_unused(name, tensors, table) for name in tensors if name not in table}
    for name in unused:  # what an optimiser keeps is twice the weights
        del tensors[name]
    used = {name: ours for name, ours in table.items() if name in tensors}
    wanted = _wanted_shapes(tensors, table, n_layers)
    present = set(used.values())
    check_present({name: None for name, ours in table.items() if ours in wanted}, used, fix=_FETCH_AGAIN)
    bare = all(ours.startswith(PREFIX) for ours in present)  # as in the folder of a BigBirdModel
    arrays = {}
    for name, ours in used.items():
        used[name] = ours.removeprefix(PREFIX) if bare else ours
        arrays[used[name]] = _laid_out(name, ours, tensors.pop(name), wanted[ours])
    return arrays, used, unused


def _why_unused(name: str, tensors: Mapping[str, np.ndarray], table: Mapping[str, str]) -> str:
    parts = name.split("/")
    if TENSORFLOW_STATE.intersection(parts) or name.rpartition("/")[0] in tensors:
        return "the optimiser's"
    if name.startswith("bert/classifier/"):
        # it reads tanh(pooler); transformers' head for documents puts hidden_act there, so its scores would differ
        return "a classifier on the pooler, which no class of transformers has; train a new head"
    scopes = {source.split("/")[0] for source in table}
    if parts[0] in scopes:
        raise ModelError(
            f"the tensor {name} is no parameter of a BigBird", fix="convert a checkpoint of google-research/bigbird"
        )
    return "no parameter of a BigBird"


def _wanted_shapes(tensors: Mapping[str, np.ndarray], table: Mapping[str, str], n_layers: int) -> dict[str, Shape]:
    """Our name -> shape, for what this checkpoint must have."""
    sources = {ours: name for name, ours in table.items()}

    def size(ours: str, axis: int) -> int:
        name = sources[PREFIX + ours]
        check_present({name: None}, tensors, fix="name a checkpoint of a BigBird encoder")
        shape: Shape = tensors[name].shape
        if len(shape) <= axis or not shape[axis]:
            raise ModelError(f"the tensor {name} has the shape {shape}", fix=_FETCH_AGAIN)
        return shape[axis]

    present = {ours for name, ours in table.items() if name in tensors}
    head = head_of(dict.fromkeys(present, ()))
    if head == "none":
        head = "masked_lm"  # its encoder's names have the prefix, as the table's
    config = BigBirdConfig(
        vocab_size=size("embeddings.word_embeddings.weight", 0),
        hidden_size=size("embeddings.word_embeddings.weight", 1),
        num_hidden_layers=n_layers,
        num_attention_heads=1,  # shapes do not depend on it
        intermediate_size=size("encoder.layer.0.intermediate.dense.bias", 0),
        max_position_embeddings=size("embeddings.position_embeddings.weight", 0),
        type_vocab_size=size("embeddings.token_type_embeddings.weight", 0),
        use_bias=any(".attention.self." in name and name.endswith(".bias") for name in present),
        pad_token_id=None,
        bos_token_id=None,
        eos_token_id=None,
        sep_token_id=None,
    )
    shapes = {name: shape for name, shape in expected_names(config, head).items() if name not in TIED}
    if head != "masked_lm":
        return shapes
    absent = tuple(part for part in ("bert.pooler.", "cls.") if not any(name.startswith(part) for name in present))
    return {name: shape for name, shape in shapes.items() if not name.startswith(absent)}


def _laid_out(name: str, ours: str, array: np.ndarray, shape: Shape) -> np.ndarray:
    """Our layout of a stored array: heads that stand apart are put together, and a kernel is transposed."""
    stored = array
    if array.ndim == len(shape) + 1 and ".attention.self." in ours:  # kernels (D, N, H), biases (N, H)
        array = array.reshape(*array.shape[:-2], math.prod(array.shape[-2:]))
    elif array.ndim == len(shape) + 1 and ours.endswith(".attention.output.dense.weight"):  # (N, H, D)
        array = array.reshape(math.prod(array.shape[:2]), array.shape[2])
    if is_kernel(name):
        array = array.T
    if array.shape != shape:
        of_source = shape[::-1] if is_kernel(name) else shape
        raise misshapen(name, stored.shape, of_source, asker="the others ask", fix=_FETCH_AGAIN)
    return np.ascontiguousarray(array)

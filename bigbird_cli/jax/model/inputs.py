"""A call's inputs: looked at while they still have values, and filled up to whole blocks, before XLA sees shapes alone.

Shape letters: B documents, S sequence.
"""

from collections.abc import Mapping
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import ModelError
from bigbird_cli.jax.model.embeddings import check_length

Inputs = Mapping[str, Any]
"""Arrays by the names of arguments; those that were not given are absent."""

BY_TOKEN: Final = ("input_ids", "attention_mask", "token_type_ids", "position_ids", "global_attention_mask")
"""Those whose last dimension is the tokens."""

_TABLES: Final = {
    "input_ids": "vocab_size",
    "token_type_ids": "type_vocab_size",
    "position_ids": "max_position_embeddings",
}
"""Those that name rows of a table, and the setting that counts its rows."""


def as_arrays(given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given: arrays of JAX as they are, all else as NumPy's, whose values can be looked at without a wait."""
    return {name: x if isinstance(x, jax.Array) else np.asarray(x) for name, x in given.items() if x is not None}


def check_inputs(inputs: Inputs, config: BigBirdConfig, *, n_dims: int, has_cache: bool) -> None:
    """Refuse what XLA would compute wrongly without a word, where the values are known.

    Raises:
        ModelError: a number is out of range, or the input longer than the model has positions.
        ValueError: an input of another shape than the batch, or one that the model would have to ignore.
    """
    ids = inputs["input_ids"]
    if ids.ndim != n_dims:
        raise ValueError(f"input_ids has shape {list(ids.shape)}; it takes {n_dims} dimensions")
    for name in BY_TOKEN:
        may_be_longer = name == "attention_mask" and has_cache
        if name in inputs and inputs[name].shape != ids.shape and not may_be_longer:
            raise ValueError(f"{name} has shape {list(inputs[name].shape)}, the input {list(ids.shape)}")
    for name, setting in _TABLES.items():
        values, size = inputs.get(name), getattr(config, setting)
        if values is None or isinstance(values, jax.core.Tracer):
            continue
        is_wrong = (values < 0) | (values >= size)
        if is_wrong.any():
            raise ModelError(
                f"{name} hold {int(values[is_wrong][0])}, but the model's {setting} is {size}",
                fix="use the tokenizer that belongs to the model"
                if name == "input_ids"
                else f"they must be from 0 to {size - 1}",
            )
    if "position_ids" not in inputs:
        check_length(ids.shape[-1], config.max_position_embeddings)
    if "encoder_hidden_states" in inputs and not config.add_cross_attention:
        raise ValueError("encoder_hidden_states is for cross-attention: the config must say add_cross_attention")


def check_room(cache: Mapping[tuple[str, ...], Any], n_tokens: int, *, max_positions: int) -> None:
    """Refuse tokens that a cache, by paths, has no room for: XLA would put them over the last ones."""
    held = next(value for path, value in cache.items() if path[-1] == "cache_index")
    room = next(value.shape[2] for path, value in cache.items() if path[-1] == "cached_key")
    room = min(room, max_positions)
    if not isinstance(held, jax.core.Tracer) and int(held) + n_tokens > room:
        raise ValueError(f"the cache holds {int(held)} tokens and has room for {room}, not for {n_tokens} more")


def fills_rows(inputs: Inputs, *, block_size: int) -> bool:
    """Whether every document is known to reach into the last block of the batch."""
    attention_mask = inputs.get("attention_mask")
    if attention_mask is None:
        return True
    if isinstance(attention_mask, jax.core.Tracer):
        return False
    last = (attention_mask.shape[-1] - 1) // block_size * block_size
    return bool(np.asarray(attention_mask)[..., last:].any(axis=-1).all())


def most_globals(mask: Any) -> int:
    """How many tokens of a document a global_attention_mask chooses at most, rounded up so that few are compiled.

    Raises:
        ValueError: its values are not known, in a program that is being compiled.
    """
    if isinstance(mask, jax.core.Tracer):
        raise ValueError(
            "under jit the number of global tokens is not known: give the module most_globals=, such as 64"
        )
    n = int(np.asarray(mask).astype(bool).sum(axis=-1).max())
    return n and 1 << (n - 1).bit_length()


def filled(inputs: Inputs, *, block_size: int, max_positions: int) -> dict[str, Any]:
    """Fill rows up to whole blocks, with a mask that says so; positions stay within the model's."""
    shape = inputs["input_ids"].shape
    n_tokens, fill = shape[-1], -shape[-1] % block_size
    if not fill:
        return {**inputs}
    given = {"attention_mask": np.ones(shape, np.int32), **inputs}
    if n_tokens <= max_positions < n_tokens + fill:
        given.setdefault("position_ids", np.broadcast_to(np.arange(n_tokens), shape))
    ends = [(0, 0)] * (len(shape) - 1) + [(0, fill)]
    return {
        name: (np if isinstance(x, np.ndarray) else jnp).pad(x, ends) if name in BY_TOKEN else x
        for name, x in given.items()
    }

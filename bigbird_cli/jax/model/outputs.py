"""What a model returns: fields by name, by position, or as a tuple of those that are there; JAX looks inside.

Names are those of the Hugging Face documentation (v4.44).
Shape letters: B documents, S sequence, D width, N heads, E tokens of the text of cross-attention, V vocabulary,
C choices, L labels.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any, Self

import flax.struct
from jax import Array

from bigbird_cli.jax.model.structs import struct

_AXES = "axes of tokens"


def _over_tokens(*axes: int) -> Any:
    """A field, None by default, of arrays or tuples of arrays whose `axes` are a token each."""
    return flax.struct.field(default=None, metadata={_AXES: axes})


def _states() -> Any:
    """`hidden_states`: the embeddings and each block's output, (B, S, D) each; None unless asked for."""
    return _over_tokens(1)


def _attentions() -> Any:
    """`attentions`: the weights of each block, (B, N, S, S); None unless asked for."""
    return _over_tokens(2, 3)


def _cross_attentions() -> Any:
    """`cross_attentions`: those over the other text, (B, N, S, E)."""
    return _over_tokens(2)


class FlaxModelOutput:
    """Fields in order, as attributes, by name and by position; those that are None count as absent."""

    def to_tuple(self) -> tuple[Any, ...]:
        """Return the fields that are there, in order."""
        return tuple(value for _, value in self.items())

    def items(self) -> list[tuple[str, Any]]:
        """Return names and values of the fields that are there."""
        pairs = [(field.name, getattr(self, field.name)) for field in dataclasses.fields(self)]  # type: ignore[arg-type]
        return [(name, value) for name, value in pairs if value is not None]

    def keys(self) -> list[str]:
        """Return the names of the fields that are there."""
        return [name for name, _ in self.items()]

    def values(self) -> list[Any]:
        """Return the fields that are there."""
        return [value for _, value in self.items()]

    def __getitem__(self, key: str | int | slice) -> Any:
        return dict(self.items())[key] if isinstance(key, str) else self.to_tuple()[key]

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.items())

    def cut(self, n_tokens: int) -> Self:
        """The same without what stands behind `n_tokens`: padding that filled a block."""
        changes = {}
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value, axes = getattr(self, field.name), field.metadata.get(_AXES, ())
            if value is not None and axes:
                changes[field.name] = _cut(value, axes, n_tokens)
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]


def _cut(value: Any, axes: tuple[int, ...], n_tokens: int) -> Any:
    if isinstance(value, tuple):
        return tuple(_cut(part, axes, n_tokens) for part in value)
    return value[tuple(slice(n_tokens) if axis in axes else slice(None) for axis in range(value.ndim))]


@struct
class FlaxBaseModelOutputWithPooling(FlaxModelOutput):
    """Of the bare encoder or decoder."""

    last_hidden_state: Array | None = _over_tokens(1)
    """(B, S, D)"""
    pooler_output: Array | None = None
    """(B, D): the first token's state through the pooler's linear layer and tanh."""
    hidden_states: tuple[Array, ...] | None = _states()
    past_key_values: Any = None
    """The cache with these tokens in it, where one was given."""
    attentions: tuple[Array, ...] | None = _attentions()
    cross_attentions: tuple[Array, ...] | None = _cross_attentions()


@struct
class FlaxBigBirdForPreTrainingOutput(FlaxModelOutput):
    """Of the pretraining heads."""

    prediction_logits: Array | None = _over_tokens(1)
    """(B, S, V): score of each vocabulary entry at each position."""
    seq_relationship_logits: Array | None = None
    """(B, 2): scores of "the second part follows the first" and "it was drawn at random"."""
    hidden_states: tuple[Array, ...] | None = _states()
    attentions: tuple[Array, ...] | None = _attentions()


@struct
class FlaxCausalLMOutputWithCrossAttentions(FlaxModelOutput):
    """Of the causal-LM head."""

    logits: Array | None = _over_tokens(1)
    """(B, S, V): score of each vocabulary entry as the one after each position."""
    past_key_values: Any = None
    """The cache with these tokens in it, where one was given."""
    hidden_states: tuple[Array, ...] | None = _states()
    attentions: tuple[Array, ...] | None = _attentions()
    cross_attentions: tuple[Array, ...] | None = _cross_attentions()


@struct
class FlaxMaskedLMOutput(FlaxModelOutput):
    """Of the masked-LM head."""

    logits: Array | None = _over_tokens(1)
    """(B, S, V): score of each vocabulary entry at each position."""
    hidden_states: tuple[Array, ...] | None = _states()
    attentions: tuple[Array, ...] | None = _attentions()


@struct
class FlaxSequenceClassifierOutput(FlaxModelOutput):
    """Of the head that labels a document."""

    logits: Array | None = None
    """(B, L): score of each label, or the values of a regression."""
    hidden_states: tuple[Array, ...] | None = _states()
    attentions: tuple[Array, ...] | None = _attentions()


@struct
class FlaxMultipleChoiceModelOutput(FlaxModelOutput):
    """Of the multiple-choice head. The states and weights have B * C rows, the choices of a question in a row."""

    logits: Array | None = None
    """(B, C): score of each choice."""
    hidden_states: tuple[Array, ...] | None = _states()
    attentions: tuple[Array, ...] | None = _attentions()


@struct
class FlaxTokenClassifierOutput(FlaxModelOutput):
    """Of the head that labels tokens."""

    logits: Array | None = _over_tokens(1)
    """(B, S, L): score of each label at each token."""
    hidden_states: tuple[Array, ...] | None = _states()
    attentions: tuple[Array, ...] | None = _attentions()


@struct
class FlaxBigBirdForQuestionAnsweringModelOutput(FlaxModelOutput):
    """Of the question-answering head."""

    start_logits: Array | None = _over_tokens(1)
    """(B, S): score of each token as the first of the answer."""
    end_logits: Array | None = _over_tokens(1)
    """(B, S): score of each token as the last of the answer."""
    pooled_output: Array | None = None
    """(B, D), where the model was built with a pooler."""
    hidden_states: tuple[Array, ...] | None = _states()
    attentions: tuple[Array, ...] | None = _attentions()

"""What a model returns: fields by name, by position, or as a tuple of those that are there.

Names are those of the Hugging Face documentation (v4.44).
Shape letters: B documents, S sequence, D width, N heads, E tokens of the text that is read across, V vocabulary,
C choices, L labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor

States = tuple[Tensor, ...] | None
"""`hidden_states`: the embeddings and each block's output, (B, S, D) each; None where not asked for."""

Attentions = tuple[Any, ...] | None
"""`attentions`: the weights of each block, (B, N, S, S), or what `output_attentions="sparse"` gives; None where not
asked for. `cross_attentions`: those over the other text, (B, N, S, E)."""

Cache = Sequence[tuple[Tensor, ...]] | None
"""`past_key_values`: one tuple (keys, values) a block, and the other text's where that is read; None where not kept."""


@dataclass(frozen=True)
class ModelOutput:
    """Fields in order; a field that is None counts as absent in `to_tuple` and in positions."""

    def to_tuple(self) -> tuple[Any, ...]:
        """Return the fields that are there, in order."""
        values = (getattr(self, field.name) for field in fields(self))
        return tuple(value for value in values if value is not None)

    def __getitem__(self, key: str | int | slice) -> Any:
        if isinstance(key, str):
            if key not in self:
                raise KeyError(key)
            return getattr(self, key)
        return self.to_tuple()[key]

    def __contains__(self, name: object) -> bool:
        return any(field.name == name and getattr(self, field.name) is not None for field in fields(self))


@dataclass(frozen=True)
class BaseModelOutputWithPoolingAndCrossAttentions(ModelOutput):
    """Of the bare encoder or decoder."""

    last_hidden_state: Tensor
    """(B, S, D)"""
    pooler_output: Tensor | None = None
    """(B, D): the first token's state through the pooler's linear layer and tanh."""
    hidden_states: States = None
    past_key_values: Cache = None
    attentions: Attentions = None
    cross_attentions: Attentions = None


@dataclass(frozen=True)
class BigBirdForPreTrainingOutput(ModelOutput):
    """Of the pretraining heads."""

    loss: Tensor | None = None
    """Sum of the masked-LM loss and the next-sentence loss, as far as their labels were given."""
    prediction_logits: Tensor | None = None
    """(B, S, V): score of each vocabulary entry at each position."""
    seq_relationship_logits: Tensor | None = None
    """(B, 2): scores of "the second part follows the first" and "it was drawn at random"."""
    hidden_states: States = None
    attentions: Attentions = None


@dataclass(frozen=True)
class CausalLMOutputWithCrossAttentions(ModelOutput):
    """Of the causal-LM head."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    """(B, S, V): score of each vocabulary entry as the one after each position."""
    past_key_values: Cache = None
    hidden_states: States = None
    attentions: Attentions = None
    cross_attentions: Attentions = None


@dataclass(frozen=True)
class MaskedLMOutput(ModelOutput):
    """Of the masked-LM head."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    """(B, S, V): score of each vocabulary entry at each position."""
    hidden_states: States = None
    attentions: Attentions = None


@dataclass(frozen=True)
class SequenceClassifierOutput(ModelOutput):
    """Of the head that labels a document."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    """(B, L): score of each label, or the values of a regression."""
    hidden_states: States = None
    attentions: Attentions = None


@dataclass(frozen=True)
class MultipleChoiceModelOutput(ModelOutput):
    """Of the multiple-choice head. The states and weights have B * C rows, the choices of a question in a row."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    """(B, C): score of each choice."""
    hidden_states: States = None
    attentions: Attentions = None


@dataclass(frozen=True)
class TokenClassifierOutput(ModelOutput):
    """Of the head that labels tokens."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    """(B, S, L): score of each label at each token."""
    hidden_states: States = None
    attentions: Attentions = None


@dataclass(frozen=True)
class BigBirdForQuestionAnsweringModelOutput(ModelOutput):
    """Of the question-answering head."""

    loss: Tensor | None = None
    start_logits: Tensor | None = None
    """(B, S): score of each token as the first of the answer."""
    end_logits: Tensor | None = None
    """(B, S): score of each token as the last of the answer."""
    pooler_output: Tensor | None = None
    """(B, D), where the model was built with a pooler."""
    hidden_states: States = None
    attentions: Attentions = None

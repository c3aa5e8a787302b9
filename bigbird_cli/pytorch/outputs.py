"""What a model returns: fields by name, by position, or as a tuple of those that are there.

Names are those of the Hugging Face documentation (v4.44).
Shape letters: B documents, S sequence, D width, V vocabulary.
"""

from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor


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
class BaseModelOutput(ModelOutput):
    """Of the bare encoder."""

    last_hidden_state: Tensor
    """(B, S, D)"""
    pooler_output: Tensor | None = None
    """(B, D): the first token's state through the pooler's linear layer and tanh."""
    hidden_states: tuple[Tensor, ...] | None = None
    """The embeddings and each block's output, (B, S, D) each."""


@dataclass(frozen=True)
class QuestionAnsweringOutput(ModelOutput):
    """Of the question-answering head."""

    loss: Tensor | None = None
    start_logits: Tensor | None = None
    """(B, S): score of each token as the first of the answer."""
    end_logits: Tensor | None = None
    """(B, S): score of each token as the last of the answer."""
    pooler_output: Tensor | None = None
    """(B, D), where the model was built with a pooler."""
    hidden_states: tuple[Tensor, ...] | None = None


@dataclass(frozen=True)
class MaskedLMOutput(ModelOutput):
    """Of the masked-LM head."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    """(B, S, V): score of each vocabulary entry at each position."""
    hidden_states: tuple[Tensor, ...] | None = None

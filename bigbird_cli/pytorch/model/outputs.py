"""What a model returns: fields by name, by position, or as a tuple of those that are there.

Names are those of the Hugging Face documentation (v4.44).
Shape letters: B documents, S sequence, D width, N heads, E tokens of the text of cross-attention, V vocabulary,
C choices, L labels.
"""

import copy
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import torch.utils._pytree as pytree
from torch import Tensor

States = tuple[Tensor, ...] | None
"""`hidden_states`: the embeddings and each block's output, (B, S, D) each; None unless asked for."""

Attentions = tuple[Any, ...] | None
"""`attentions`: the weights of each block, (B, N, S, S), or what `output_attentions="sparse"` gives; None where not
asked for. `cross_attentions`: those over the other text, (B, N, S, E)."""

Cache = Sequence[tuple[Tensor, ...]] | None
"""`past_key_values`: one tuple (keys, values) a block, and in cross-attention the other text's; None if not cached."""


@dataclass(eq=False)
class ModelOutput(dict[str, Any]):
    """Fields in order, as attributes and as a dictionary of those that are not None.

    Positions and slices count the fields that are there too. What is assigned to a name is assigned to the attribute;
    a field that is set to None, or deleted, is absent. The first argument may also be a mapping of names to values, or
    an iterator of such pairs: what torch.nn.DataParallel and others build a dictionary from.
    """

    def __init_subclass__(cls) -> None:
        """Let torch's tools look inside: torch.export, torch.func, DistributedDataParallel."""
        pytree.register_pytree_node(
            cls,
            lambda output: (list(output.values()), tuple(output)),
            lambda values, names: cls(zip(names, values, strict=True)),
            serialized_type_name=f"{cls.__module__}.{cls.__qualname__}",
            to_dumpable_context=list,
            from_dumpable_context=tuple,
            flatten_with_keys_fn=lambda output: (
                [(pytree.MappingKey(name), value) for name, value in output.items()],
                tuple(output),
            ),
        )

    def __post_init__(self) -> None:
        first = fields(self)[0].name
        given = getattr(self, first)
        if isinstance(given, Mapping | Iterator):
            setattr(self, first, None)
            self.update(given)

    def __setattr__(self, name: str, value: Any) -> None:
        self._need_field(name, AttributeError)
        super().__setattr__(name, value)
        there = {field.name: vars(self).get(field.name) for field in fields(self)}
        dict.clear(self)
        dict.update(self, {name: value for name, value in there.items() if value is not None})

    def __setitem__(self, name: str, value: Any) -> None:
        self._need_field(name, KeyError)
        setattr(self, name, value)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        setattr(self, name, None)

    def __getitem__(self, key: str | int | slice) -> Any:
        return super().__getitem__(key) if isinstance(key, str) else self.to_tuple()[key]

    # by way of the three above, as dict's own are not
    clear = MutableMapping.clear
    pop = MutableMapping.pop
    popitem = MutableMapping.popitem
    setdefault = MutableMapping.setdefault
    update = MutableMapping.update

    def copy(self) -> Self:
        """Another output of the same values."""
        return copy.copy(self)

    def to_tuple(self) -> tuple[Any, ...]:
        """Return the fields that are there, in order."""
        return tuple(self.values())

    def _need_field(self, name: str, kind: type[Exception]) -> None:
        if all(field.name != name for field in fields(self)):
            raise kind(f"{type(self).__name__} has no field {name!r}")


@dataclass(eq=False)
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


@dataclass(eq=False)
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


@dataclass(eq=False)
class CausalLMOutputWithCrossAttentions(ModelOutput):
    """Of the causal-LM head."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    """(B, S, V): score of each vocabulary entry as the one after each position."""
    past_key_values: Cache = None
    hidden_states: States = None
    attentions: Attentions = None
    cross_attentions: Attentions = None


@dataclass(eq=False)
class MaskedLMOutput(ModelOutput):
    """Of the masked-LM head."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    """(B, S, V): score of each vocabulary entry at each position."""
    hidden_states: States = None
    attentions: Attentions = None


@dataclass(eq=False)
class SequenceClassifierOutput(ModelOutput):
    """Of the head that labels a document."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    """(B, L): score of each label, or the values of a regression."""
    hidden_states: States = None
    attentions: Attentions = None


@dataclass(eq=False)
class MultipleChoiceModelOutput(ModelOutput):
    """Of the multiple-choice head. The states and weights have B * C rows, the choices of a question in a row."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    """(B, C): score of each choice."""
    hidden_states: States = None
    attentions: Attentions = None


@dataclass(eq=False)
class TokenClassifierOutput(ModelOutput):
    """Of the head that labels tokens."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    """(B, S, L): score of each label at each token."""
    hidden_states: States = None
    attentions: Attentions = None


@dataclass(eq=False)
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

"""A sentence encoder: texts as points on a sphere, where texts of like meaning are neighbours.

Shape letters: B texts, S sequence, D width.
"""

from typing import Any

import jax.numpy as jnp
from jax import Array

from bigbird_cli.jax.model.modules import FlaxModuleWithHead
from bigbird_cli.jax.model.outputs import FlaxSequenceClassifierOutput
from bigbird_cli.jax.model.pretrained import FlaxBigBirdPreTrainedModel

TINY = 1e-24
"""Least square of a length."""


class FlaxSentenceEncoderModule(FlaxModuleWithHead):
    """An encoder without a head, whose mean state stands for a text."""

    def setup(self) -> None:
        self.bert = self.encoder()

    def __call__(self, input_ids: Array, attention_mask: Array | None = None, *inputs: Any, **options: Any) -> Array:
        """Embed texts: float32 (B, D) of length 1."""
        return self.embed(input_ids, attention_mask, *inputs, **options)

    def embed(self, input_ids: Array, attention_mask: Array | None = None, *inputs: Any, **options: Any) -> Array:
        """The mean of a text's states, special tokens counting as all others do, cut to length 1: float32 (B, D).

        Source: Reimers and Gurevych, 2019, arXiv:1908.10084.
        """
        states_BSD = self.bert(input_ids, attention_mask, *inputs, **options).last_hidden_state.astype(jnp.float32)
        mask_BS = jnp.ones(input_ids.shape) if attention_mask is None else attention_mask
        sum_BD = (states_BSD * (mask_BS > 0)[..., None]).sum(axis=1)
        # a text of no tokens has no length to divide by
        return sum_BD / jnp.sqrt(jnp.maximum(jnp.square(sum_BD).sum(axis=1, keepdims=True), TINY))


class FlaxSentenceClassifierModule(FlaxSentenceEncoderModule):
    """One linear layer over a text's embedding: few examples suffice for it."""

    def setup(self) -> None:
        super().setup()
        self.linear = self.bricks.dense(self.config.num_labels or 0)

    def __call__(self, input_ids: Array, attention_mask: Array | None = None, *inputs: Any, **options: Any) -> Any:
        """Score every label."""
        return FlaxSequenceClassifierOutput(self.linear(self.embed(input_ids, attention_mask, *inputs, **options)))


class FlaxSentenceEncoder(FlaxBigBirdPreTrainedModel):
    """An encoder without a head, whose mean state stands for a text."""

    module_class = FlaxSentenceEncoderModule


class FlaxSentenceClassifier(FlaxBigBirdPreTrainedModel):
    """One linear layer over a text's embedding."""

    module_class = FlaxSentenceClassifierModule

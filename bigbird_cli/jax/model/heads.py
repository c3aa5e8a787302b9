"""Heads: what turns the encoder's states into a task's scores. Losses are the caller's, as in Hugging Face's Flax.

Shape letters: B documents, S sequence, D width, F feed-forward width, V vocabulary, L labels.
"""

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from bigbird_cli.jax.model.layers import Activation, Bricks, FeedForwardUp, OutputProjection

MASKED_SCORE = -1e6
"""Added to the score of what cannot be an answer, as Hugging Face does."""


class LMTransform(nn.Module):
    """Linear, activation, LayerNorm: what a language-model head does before it meets the vocabulary."""

    width: int
    act: Activation
    bricks: Bricks

    @nn.compact
    def __call__(self, x_BSD: Array) -> Array:
        return self.bricks.norm(name="LayerNorm")(self.act(self.bricks.dense(self.width, name="dense")(x_BSD)))


class LMPredictionHead(nn.Module):
    """Transform, then a score for every vocabulary entry, through the word embeddings or a matrix of its own."""

    width: int
    vocab_size: int
    act: Activation
    tied: bool
    bricks: Bricks

    @nn.compact
    def __call__(self, x_BSD: Array, words_VD: Array) -> Array:
        """Score, (B, S, V); the word embeddings `words_VD` count only where they are tied to the output."""
        x_BSD = LMTransform(self.width, self.act, self.bricks, name="transform")(x_BSD)
        bias_V = self.param("bias", nn.initializers.zeros_init(), (self.vocab_size,))
        if self.tied:
            scores_BSV = x_BSD @ words_VD.T.astype(x_BSD.dtype)
        else:
            scores_BSV = self.bricks.dense(self.vocab_size, bias=False, name="decoder")(x_BSD)
        return scores_BSV + bias_V.astype(scores_BSV.dtype)


class LanguageModelHead(nn.Module):
    """A score for every vocabulary entry at every position, and in pretraining one for the two parts' relation."""

    width: int
    vocab_size: int
    act: Activation
    tied: bool
    bricks: Bricks

    def setup(self) -> None:
        self.predictions = LMPredictionHead(self.width, self.vocab_size, self.act, self.tied, self.bricks)

    def __call__(self, x_BSD: Array, words_VD: Array) -> Array:
        """Score, (B, S, V)."""
        scores_BSV: Array = self.predictions(x_BSD, words_VD)
        return scores_BSV


class PretrainingHead(LanguageModelHead):
    """The same, and from the pooled first token whether the second part follows the first."""

    def setup(self) -> None:
        super().setup()
        self.seq_relationship = self.bricks.dense(2)

    def relation(self, pooled_BD: Array) -> Array:
        """Score "it follows" and "it was drawn at random", (B, 2)."""
        scores_B2: Array = self.seq_relationship(pooled_BD)
        return scores_B2


class SequenceClassificationHead(nn.Module):
    """Two layers over the first token's state, which did not pass the pooler."""

    width: int
    n_labels: int
    act: Activation
    dropout: float
    bricks: Bricks

    @nn.compact
    def __call__(self, x_BSD: Array, *, deterministic: bool) -> Array:
        """Score every label, (B, L)."""
        x_BD = nn.Dropout(self.dropout)(x_BSD[:, 0], deterministic=deterministic)
        x_BD = self.act(self.bricks.dense(self.width, name="dense")(x_BD))
        x_BD = nn.Dropout(self.dropout)(x_BD, deterministic=deterministic)
        return self.bricks.dense(self.n_labels, name="out_proj")(x_BD)


class QuestionAnsweringHead(nn.Module):
    """Two layers and a residual over every token, then a start and an end score (BigBird, appendix E.2)."""

    width: int
    inner_width: int
    act: Activation
    dropout: float
    bricks: Bricks

    @nn.compact
    def __call__(self, x_BSD: Array, is_masked_BS: Array, *, deterministic: bool) -> tuple[Array, Array]:
        """Score every token as start and as end, two (B, S), with MASKED_SCORE added where `is_masked_BS`."""
        inner_BSD = nn.Dropout(self.dropout)(x_BSD, deterministic=deterministic)
        inner_BSF = FeedForwardUp(self.inner_width, self.act, self.bricks, name="intermediate")(inner_BSD)
        output = OutputProjection(self.width, self.dropout, self.bricks, name="output")
        logits_BS2 = self.bricks.dense(2, name="qa_outputs")(output(inner_BSF, x_BSD, deterministic=deterministic))
        # in float32: half precision ends at 65,504
        logits_BS2 = logits_BS2.astype(jnp.float32) + is_masked_BS[..., None] * MASKED_SCORE
        return logits_BS2[..., 0], logits_BS2[..., 1]


def question_mask(ids_BS: Array, question_lengths: Array | None, *, sep_id: int | None) -> Array | None:
    """Tell which positions belong to the question, (B, S) bool; None where nothing is known of it.

    The question reaches over `question_lengths`, or from the first token to the first [SEP], both included. Without a
    [SEP] only the first token counts.
    """
    if question_lengths is None:
        if sep_id is None:
            return None
        question_lengths = (ids_BS == sep_id).argmax(axis=-1) + 1
    return jnp.arange(ids_BS.shape[1]) < question_lengths.reshape(-1, 1)


def masked_from_answers(is_question_BS: Array | None, is_token_BS: Array) -> Array:
    """Tell which positions cannot be an answer, (B, S) bool: the question and padding.

    The first token, [CLS], stays open: it stands for "no answer".
    """
    is_masked_BS = ~is_token_BS if is_question_BS is None else ~is_token_BS | is_question_BS
    return is_masked_BS.at[:, 0].set(False)

"""Token, position and type embeddings, summed.

Shape letters: B documents, S sequence, V vocabulary, D width.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from bigbird_cli.errors import ModelError
from bigbird_cli.jax.model.layers import Bricks


class Embeddings(nn.Module):
    """Sum of word, token-type and learned absolute position vectors, then dropout, then LayerNorm.

    Dropout stands before the LayerNorm, where the pretraining code has it (BERT's stands behind).
    """

    vocab_size: int
    max_positions: int
    n_types: int
    width: int
    padding_id: int | None
    rescale: bool
    dropout: float
    bricks: Bricks

    def setup(self) -> None:
        self.word_embeddings = self.bricks.embed(self.vocab_size, self.width)
        self.position_embeddings = self.bricks.embed(self.max_positions, self.width)
        self.token_type_embeddings = self.bricks.embed(self.n_types, self.width)
        self.LayerNorm = self.bricks.norm()
        self.drop = nn.Dropout(self.dropout)

    def __call__(
        self,
        ids_BS: Array,
        types_BS: Array | None,
        positions_BS: Array | None,
        *,
        n_tokens: int,
        first_position: Array | None,
        deterministic: bool,
    ) -> Array:
        """Embed ids, (B, S, D).

        Args:
            ids_BS: of tokens; the padding token's vector gets no gradient.
            types_BS: by default 0.
            positions_BS: by default those from `first_position` on, None being 0.
            n_tokens: how many of S are no padding that was added to fill a block.
            first_position: tokens that are cached.
            deterministic: no dropout.

        Raises:
            ModelError: the input is longer than there are positions.
        """
        words_BSD = self.word_embeddings(ids_BS)
        if self.padding_id is not None:
            is_padding_BS1 = (ids_BS == self.padding_id)[..., None]
            words_BSD = jnp.where(is_padding_BS1, jax.lax.stop_gradient(words_BSD), words_BSD)
        if self.rescale:
            words_BSD = words_BSD * self.width**0.5
        if positions_BS is None:
            check_length(n_tokens, self.max_positions)
            start = 0 if first_position is None else first_position
            positions_BS = jnp.minimum(start + jnp.arange(ids_BS.shape[1]), self.max_positions - 1)[None]
        types_BS = jnp.zeros_like(ids_BS) if types_BS is None else types_BS
        x_BSD = words_BSD + self.position_embeddings(positions_BS) + self.token_type_embeddings(types_BS)
        return self.LayerNorm(self.drop(x_BSD, deterministic=deterministic))

    def words(self) -> Array:
        """The table of word vectors, (V, D)."""
        return self.word_embeddings.embedding


def check_length(n_tokens: int, max_positions: int) -> None:
    """ModelError for an input that is longer than there are positions."""
    if n_tokens > max_positions:
        raise ModelError(
            f"an input of {n_tokens} tokens is longer than the model's {max_positions} positions",
            fix="read it in windows (bigbird qa does), or extend the positions with bigbird convert --max-positions",
        )

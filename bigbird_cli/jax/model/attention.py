"""Attention: project, attend in each document, put the heads together again.

Shape letters: B documents, S sequence, D width, N heads, H head width, T keys, L blocks of b tokens, R query blocks, W
key blocks of a row.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array, lax

from bigbird_cli.jax.model.dense import dense
from bigbird_cli.jax.model.documents import Documents
from bigbird_cli.jax.model.layers import Bricks
from bigbird_cli.jax.model.plans import PatternSettings, causal_key_blocks, key_blocks
from bigbird_cli.jax.model.sparse import Keys, Rows, Settings, attend_by_rows, attend_in_document, rows_per_step
from bigbird_cli.jax.model.structs import static, struct
from bigbird_cli.jax.model.weights import attention_weights, block_counts, with_ends


@struct
class Context:
    """What every layer of one call shares, besides the states."""

    documents: Documents
    encoder_BTD: Array | None
    """States of an encoder, for cross-attention."""
    is_encoder_token_BT: Array | None
    first_position: Array | None
    """How many tokens are cached; None: there is no cache."""
    cache_tokens: int = static()
    """Tokens that a cache is to be made for; 0: none."""
    deterministic: bool = static()
    """No dropout."""
    wants_weights: bool = static()
    """Return attention weights too."""


class SelfAttention(nn.Module):
    """Multi-head self-attention: dense in short documents, by blocks in long ones."""

    width: int
    n_heads: int
    bias: bool
    dropout: float
    sparse_dropout: float
    full_attention_limit: int
    pattern: PatternSettings
    bricks: Bricks

    @nn.compact
    def __call__(self, x_BSD: Array, context: Context, head_mask_N: Array | None) -> tuple[Array, Array | None]:
        """Return what the heads found, (B, S, D), and their weights, (B, N, S, T), where asked for."""
        q_BNSH, k_BNSH, v_BNSH = project(self, x_BSD, ("query", "key", "value"))
        if context.cache_tokens:
            self._make_cache(k_BNSH, context.cache_tokens)
        if context.first_position is not None:
            k_BNSH, v_BNSH = self._cached(k_BNSH, v_BNSH, context.first_position)
        qkv, blocks_BNLW = (q_BNSH, k_BNSH, v_BNSH), None
        if not context.documents.is_sparse:
            out_BNSH = self._dense(qkv, context)
        else:
            blocks_BNLW = self._key_blocks(context, k_BNSH.shape[2] // self.pattern.block_size)
            if context.first_position is not None:
                out_BNSH = self._sparse_after(qkv, context, blocks_BNLW, context.first_position)
            else:
                out_BNSH = self._sparse(qkv, context, blocks_BNLW)
        weights = self._weights(q_BNSH, k_BNSH, context, blocks_BNLW) if context.wants_weights else None
        return by_head(out_BNSH, weights, head_mask_N)

    def _dense(self, qkv: tuple[Array, Array, Array], context: Context, *, n_tokens: int | None = None) -> Array:
        start = jnp.int32(0) if context.first_position is None else context.first_position
        rate, dropout_key = dropout_of(self, self.dropout, context)
        q_BNSH, k_BNTH, v_BNTH = (x[:, :, :n_tokens] for x in qkv)
        return dense(
            q_BNSH,
            k_BNTH,
            v_BNTH,
            context.documents.is_token_BS[:, :n_tokens],
            first_position=start if self.pattern.is_causal else None,
            dropout=rate,
            dropout_key=dropout_key,
        )

    def _sparse(self, qkv: tuple[Array, Array, Array], context: Context, blocks_BNLW: Array) -> Array:
        """Attend in texts from their beginning."""
        documents = context.documents
        B, N, S, H = qkv[0].shape
        L, b = S // self.pattern.block_size, self.pattern.block_size
        rate, dropout_key = dropout_of(self, self.sparse_dropout, context)
        q, k, v = (x.reshape(B, N, L, b, H) for x in qkv)
        settings = self._settings(q, blocks_BNLW, rate)
        is_token_BLb = documents.is_token_BS.reshape(B, L, b)
        if self.pattern.is_causal:
            return _by_rows(settings, q, k, v, is_token_BLb, blocks_BNLW, jnp.arange(L), dropout_key).reshape(
                B, N, S, H
            )

        def of_head(
            q: Array, k: Array, v: Array, is_token: Array, blocks: Array, n: Array, key: Any, places: Any
        ) -> Array:
            return attend_in_document(settings, q, Keys(k, v, is_token), blocks, n, key, places)

        of_document = jax.vmap(of_head, in_axes=(0, 0, 0, None, 0, None, 0, None))
        keys_BN, places_BG = split_keys(dropout_key, B, N), documents.global_BG
        out = jax.vmap(of_document)(q, k, v, is_token_BLb, blocks_BNLW, documents.n_blocks_B, keys_BN, places_BG)
        out_BNSH = out.reshape(B, N, S, H)
        if documents.is_short_B is None:
            return out_BNSH
        limit = self.full_attention_limit
        dense_BNSH = self._dense(qkv, context, n_tokens=limit)
        start_BNSH = jnp.where(documents.is_short_B[:, None, None, None], dense_BNSH, out_BNSH[:, :, :limit])
        return jnp.concatenate((start_BNSH, out_BNSH[:, :, limit:]), axis=2)

    def _sparse_after(
        self, qkv: tuple[Array, Array, Array], context: Context, blocks_BNLW: Array, start: Array
    ) -> Array:
        """Attend from the tokens that follow the cached ones, put into blocks where they stand in the whole text."""
        q_BNSH, k_BNTH, v_BNTH = qkv
        B, N, S, H = q_BNSH.shape
        b = self.pattern.block_size
        L, R = k_BNTH.shape[2] // b, -(-(S + b - 1) // b)
        number_R = start // b + jnp.arange(R)
        blocks_BNRW = jnp.take(blocks_BNLW, number_R, axis=2, mode="clip")
        q_BNTH = lax.dynamic_update_slice(jnp.zeros((B, N, R * b, H), q_BNSH.dtype), q_BNSH, (0, 0, start % b, 0))
        q, k, v = (x.reshape(B, N, -1, b, H) for x in (q_BNTH, k_BNTH, v_BNTH))
        is_token_BLb = context.documents.is_token_BS.reshape(B, L, b)
        rate, dropout_key = dropout_of(self, self.sparse_dropout, context)
        settings = self._settings(q, blocks_BNRW, rate)
        out = _by_rows(settings, q, k, v, is_token_BLb, blocks_BNRW, number_R, dropout_key).reshape(B, N, R * b, H)
        return lax.dynamic_slice_in_dim(out, start % b, S, axis=2)

    def _key_blocks(self, context: Context, n_blocks: int) -> Array:
        n_blocks_B = context.documents.n_blocks_B
        if self.pattern.is_causal:
            blocks_NLW = jnp.asarray(causal_key_blocks(self.pattern, n_blocks))
            return jnp.broadcast_to(blocks_NLW, (len(n_blocks_B), *blocks_NLW.shape))
        draws = self.pattern.variant == "transformers" and not context.deterministic and self.has_rng("indices")
        return key_blocks(self.pattern, n_blocks, n_blocks_B, indices_key=self.make_rng("indices") if draws else None)

    def _settings(self, q_BNRbH: Array, blocks_BNRW: Array, rate: float) -> Settings:
        B, N, R, b, H = q_BNRbH.shape
        width, n_bytes = blocks_BNRW.shape[3], q_BNRbH.dtype.itemsize
        size = rows_per_step(R, width=width, block_size=b, head_width=H, n_together=B * N, n_bytes=n_bytes)
        return Settings(size, is_causal=self.pattern.is_causal, dropout=rate)

    def _weights(self, q_BNSH: Array, k_BNTH: Array, context: Context, blocks_BNLW: Array | None) -> Array:
        documents = context.documents
        counts_BNLL = None
        if blocks_BNLW is not None:
            counts_BNLL = block_counts(blocks_BNLW)
            counts_BNLL = counts_BNLL if self.pattern.is_causal else with_ends(counts_BNLL, documents)
        return attention_weights(
            q_BNSH,
            k_BNTH,
            documents.is_token_BS,
            counts_BNLL=counts_BNLL,
            global_BG=documents.global_BG,
            first_position=0 if context.first_position is None else context.first_position,
            is_causal=self.pattern.is_causal,
        )

    def _make_cache(self, like_BNSH: Array, n_tokens: int) -> None:
        B, N, _, H = like_BNSH.shape
        for name in ("cached_key", "cached_value"):
            self.put_variable("cache", name, jnp.zeros((B, N, n_tokens, H), like_BNSH.dtype))

    def _cached(self, k_BNSH: Array, v_BNSH: Array, start: Array) -> tuple[Array, Array]:
        """Put keys and values behind those in the cache, and return all that it holds."""
        held = []
        for name, new in (("cached_key", k_BNSH), ("cached_value", v_BNSH)):
            value = lax.dynamic_update_slice(self.get_variable("cache", name), new, (0, 0, start, 0))
            self.put_variable("cache", name, value)
            held.append(value)
        return held[0], held[1]


def _by_rows(
    settings: Settings, q: Array, k: Array, v: Array, is_token_BLb: Array, blocks: Array, number_R: Array, key: Any
) -> Array:
    """Map `attend_by_rows` over documents and heads."""

    def of_head(q: Array, k: Array, v: Array, is_token: Array, blocks: Array, key: Any) -> Array:
        return attend_by_rows(settings, Rows(q, blocks, number_R), Keys(k, v, is_token), key)

    of_document = jax.vmap(of_head, in_axes=(0, 0, 0, None, 0, 0))
    return jax.vmap(of_document)(q, k, v, is_token_BLb, blocks, split_keys(key, *q.shape[:2]))


class CrossAttention(nn.Module):
    """A decoder's attention to the states of an encoder: dense, at every length."""

    width: int
    n_heads: int
    bias: bool
    dropout: float
    bricks: Bricks

    @nn.compact
    def __call__(self, x_BSD: Array, context: Context, head_mask_N: Array | None) -> tuple[Array, Array | None]:
        encoder_BTD, is_token_BT = context.encoder_BTD, context.is_encoder_token_BT
        assert encoder_BTD is not None  # the block asks before it calls
        assert is_token_BT is not None
        (q_BNSH,) = project(self, x_BSD, ("query",))
        k_BNTH, v_BNTH = project(self, encoder_BTD, ("key", "value"))
        rate, dropout_key = dropout_of(self, self.dropout, context)
        out_BNSH = dense(q_BNSH, k_BNTH, v_BNTH, is_token_BT, dropout=rate, dropout_key=dropout_key)
        weights = None
        if context.wants_weights:
            weights = attention_weights(q_BNSH, k_BNTH, is_token_BT, masks_queries=False)
        return by_head(out_BNSH, weights, head_mask_N)


class Attention(nn.Module):
    """Attention and the sum with its input."""

    make_attention: Callable[..., nn.Module]
    """Makes a SelfAttention or a CrossAttention, given its name."""
    make_output: Callable[..., nn.Module]

    @nn.compact
    def __call__(self, x_BSD: Array, context: Context, head_mask_N: Array | None) -> tuple[Array, Array | None]:
        out_BSD, weights = self.make_attention(name="self")(x_BSD, context, head_mask_N)
        return self.make_output(name="output")(out_BSD, x_BSD, deterministic=context.deterministic), weights


def project(module: Any, x_BSD: Array, names: tuple[str, ...]) -> list[Array]:
    """Project to heads, (B, N, S, H) each, by linear layers of the given names."""
    B, S, _ = x_BSD.shape
    projected = (module.bricks.dense(module.width, bias=module.bias, name=name)(x_BSD) for name in names)
    return [x.reshape(B, S, module.n_heads, -1).swapaxes(1, 2) for x in projected]


def join_heads(x_BNSH: Array) -> Array:
    """(B, N, S, H) to (B, S, D)."""
    B, _, S, _ = x_BNSH.shape
    return x_BNSH.swapaxes(1, 2).reshape(B, S, -1)


def by_head(out_BNSH: Array, weights: Array | None, head_mask_N: Array | None) -> tuple[Array, Array | None]:
    """Multiply each head by its factor, and join the heads.

    What a head returns is linear in its weights, so that one is as good.
    """
    if head_mask_N is not None:
        out_BNSH = out_BNSH * head_mask_N[:, None, None]
        weights = None if weights is None else weights * head_mask_N[:, None, None]
    return join_heads(out_BNSH), weights


def dropout_of(module: nn.Module, rate: float, context: Context) -> tuple[float, Array | None]:
    """The probability of dropping a weight in this call, and randomness where there is any."""
    if context.deterministic or rate == 0.0:
        return 0.0, None
    return rate, module.make_rng("dropout")


def split_keys(key: Array | None, *shape: int) -> Array | None:
    """Randomness for each head of each document."""
    return None if key is None else jax.random.split(key, shape)

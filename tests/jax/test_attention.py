"""The two attentions against the definition: the whole matrix of weights, each key counted as often as it is named."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("flax", reason="needs the extra bigbird-cli[jax]")

import jax
import jax.numpy as jnp
from jax import Array

from bigbird_cli.jax.model import dense as dense_file
from bigbird_cli.jax.model.dense import dense
from bigbird_cli.jax.model.sparse import Keys, Settings, attend_in_document, rows_per_step
from bigbird_cli.jax.model.weights import attention_weights

L, b, H = 10, 4, 8
NAMED = 7
"""Blocks of the document; the others are padding."""


def inputs() -> tuple[Array, Array, Array, Array, np.ndarray]:
    """Queries, keys, values, a mask with holes, and key blocks of which some are named twice."""
    generator = np.random.RandomState(0)
    q, k, v = (jnp.asarray(generator.randn(L, b, H), jnp.float32) for _ in range(3))
    is_token = np.arange(L * b) < NAMED * b - 1
    is_token[[3, 9]] = False
    key_blocks = np.full((L, 5), -1, np.int32)
    key_blocks[1 : NAMED - 1] = generator.randint(0, NAMED, (NAMED - 2, 5))
    key_blocks[2, :3] = [1, 1, -1]
    return q, k, v, jnp.asarray(is_token.reshape(L, b)), key_blocks


def by_definition(
    q: Array, k: Array, v: Array, is_token: Array, key_blocks: np.ndarray, global_G: Array | None
) -> Array:
    counts = np.array([[(row == block).sum() for block in range(L)] for row in key_blocks])
    counts[[0, NAMED - 1]] = 1
    q, k, v = (x.reshape(1, 1, L * b, H) for x in (q, k, v))
    weights = attention_weights(
        q,
        k,
        is_token.reshape(1, -1),
        counts_BNLL=jnp.asarray(counts)[None, None],
        global_BG=None if global_G is None else global_G[None],
    )
    return (weights @ v).reshape(L, b, H)


@pytest.mark.parametrize(("size", "positions"), [(10, None), (3, None), (3, [1, 6, 13, 14, 17, L * b])])
def test_attention_by_blocks_and_its_gradients_are_those_of_the_definition(
    size: int, positions: list[int] | None
) -> None:
    q, k, v, is_token, key_blocks = inputs()
    there = is_token[..., None]
    global_G = None if positions is None else jnp.array(positions)

    def by_blocks(q: Array, k: Array, v: Array) -> Array:
        keys = Keys(k, v, is_token)
        blocks, n_blocks = jnp.asarray(key_blocks), jnp.int32(NAMED)
        return attend_in_document(Settings(size), q, keys, blocks, n_blocks, None, global_G) * there

    def defined(q: Array, k: Array, v: Array) -> Array:
        return by_definition(q, k, v, is_token, key_blocks, global_G) * there

    found, pull = jax.jit(lambda *qkv: jax.vjp(by_blocks, *qkv))(q, k, v)
    wanted, pull_wanted = jax.vjp(defined, q, k, v)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    for own, theirs in zip(jax.jit(pull)(wanted), pull_wanted(wanted), strict=True):
        np.testing.assert_allclose(own, theirs, atol=1e-5)


@pytest.mark.slow
def test_memory_of_the_gradient_grows_with_the_length_and_no_faster() -> None:
    def bytes_of(n_blocks: int) -> int:
        q = jax.ShapeDtypeStruct((n_blocks, b, H), jnp.float32)
        blocks = jnp.zeros((n_blocks, 8), jnp.int32)

        def loss(q: Array, k: Array, v: Array) -> Array:
            keys = Keys(k, v, jnp.ones((n_blocks, b), bool))
            return attend_in_document(Settings(4), q, keys, blocks, jnp.int32(n_blocks), None).sum()

        memory: Any = jax.jit(jax.grad(loss, argnums=(0, 1, 2))).lower(q, q, q).compile().memory_analysis()
        return int(memory.temp_size_in_bytes)

    assert bytes_of(2048) < 4.5 * bytes_of(512)
    assert bytes_of(512) < 8 * 512 * 8 * b * H * 4 / 4  # a fourth of what the gathered keys would take


def test_dense_attention_in_steps_is_dense_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.RandomState(0)
    q, k, v = (jnp.asarray(generator.randn(2, 2, n, H), jnp.float32) for n in (7, 9, 9))
    is_token = jnp.asarray(generator.rand(2, 9) < 0.7)
    whole = attention_weights(q, k, is_token, first_position=2, is_causal=True, masks_queries=False) @ v
    monkeypatch.setattr(dense_file, "STEP_BYTES", 2 * 2 * 3 * 9 * 4)
    np.testing.assert_allclose(dense(q, k, v, is_token, first_position=jnp.int32(2)), whole, atol=1e-6)


def test_steps_are_few_and_even() -> None:
    size = rows_per_step(62, width=8, block_size=64, head_width=64, n_together=12, n_bytes=4)
    assert size == 9  # 7 steps of 14 MiB each
    assert rows_per_step(3, width=8, block_size=64, head_width=64, n_together=999, n_bytes=4) == 1

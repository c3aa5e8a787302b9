"""The key blocks of each query block, of documents of any number of blocks at once.

PyTorch makes a pattern for each number of blocks that it meets. A compiled program meets numbers that it does not know
beforehand: it looks up the random blocks, which are the same for most lengths, in a table that it carries, and computes
the window and the ends.

Shape letters: B documents, N heads, L blocks of the longest document, P plans, r random blocks, K blocks that they are
drawn from, W key blocks of a row.
"""

from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from bigbird_cli.bigbird.pattern import (
    SPECIAL_LENGTHS,
    WINDOW_BLOCKS,
    causal_pattern,
    fewest_blocks,
    random_blocks,
    random_candidates,
)


class PatternSettings(NamedTuple):
    """What a layer's pattern depends on; as in bigbird.pattern."""

    block_size: int
    n_heads: int
    n_random: int
    layer: int
    n_window: int = WINDOW_BLOCKS
    variant: str = "original"
    max_tokens: int = 4096
    is_causal: bool = False


class Plans(NamedTuple):
    """The random blocks of documents of up to L blocks."""

    blocks_PNLr: np.ndarray
    """int32; the rows of a document's first and last block are not used."""
    plan_of_L: np.ndarray
    """Which plan a document of so many blocks has; L + 1 entries."""


@lru_cache(maxsize=256)
def plans(settings: PatternSettings, n_blocks: int) -> Plans:
    """Draw for documents of up to `n_blocks` blocks; where not `original`, for those of exactly so many."""
    drawn = {}
    if settings.variant == "original":
        general = n_blocks
        while general * settings.block_size in SPECIAL_LENGTHS["original"]:
            general += 1
        drawn[0] = _draw(settings, general)[:, : n_blocks - 2]
        for n_tokens in SPECIAL_LENGTHS["original"]:
            special, rest = divmod(n_tokens, settings.block_size)
            if not rest and fewest_blocks(settings.n_random, settings.n_window) <= special <= n_blocks:
                drawn[special] = _draw(settings, special)
    else:
        drawn[0] = _draw(settings, n_blocks)
    table = np.zeros((len(drawn), settings.n_heads, n_blocks, settings.n_random), dtype=np.int32)
    plan_of = np.zeros(n_blocks + 1, dtype=np.int32)
    for number, (of_blocks, random_NRr) in enumerate(drawn.items()):
        table[number, :, 1 : 1 + random_NRr.shape[1]] = random_NRr
        plan_of[of_blocks] = number
    return Plans(table, plan_of)


def _draw(settings: PatternSettings, n_blocks: int) -> np.ndarray:
    drawn = random_blocks(
        n_tokens=n_blocks * settings.block_size,
        block_size=settings.block_size,
        n_heads=settings.n_heads,
        n_random=settings.n_random,
        seed=settings.layer,
        n_window=settings.n_window,
        max_tokens=settings.max_tokens,
        plan="original" if settings.variant == "original" else "transformers",
    )
    return np.zeros_like(drawn) if settings.variant == "transformers-eval" else drawn


def draw_anew(settings: PatternSettings, n_blocks: int, key: Array) -> Array:
    """Random blocks of randomness, int32 (N, L, r), out of those that the plan of this length is drawn from."""
    may_be_LK = random_candidates(
        n_tokens=n_blocks * settings.block_size,
        block_size=settings.block_size,
        n_random=settings.n_random,
        n_window=settings.n_window,
        max_tokens=settings.max_tokens,
        plan="transformers",
    )
    order_NLK = jax.random.uniform(key, (settings.n_heads, *may_be_LK.shape))
    _, drawn_NLr = lax.top_k(jnp.where(may_be_LK, order_NLK, -1.0), settings.n_random)
    return jnp.pad(drawn_NLr, ((0, 0), (1, 1), (0, 0)))


def key_blocks(
    settings: PatternSettings, n_blocks: int, n_blocks_B: Array, *, indices_key: Array | None = None
) -> Array:
    """The key blocks of each query block, int32 (B, N, L, W), -1 for none, with L given as `n_blocks`.

    What `bigbird.pattern.block_pattern` names, in another order. The ends, which attend to every block, and what stands
    behind a document have no key blocks here. With `indices_key` the random blocks are drawn anew.
    """
    if indices_key is not None:
        random_NLr = draw_anew(settings, n_blocks, indices_key)
        random_BNLr = jnp.broadcast_to(random_NLr, (len(n_blocks_B), *random_NLr.shape))
    else:
        drawn = plans(settings, n_blocks)
        random_BNLr = jnp.asarray(drawn.blocks_PNLr)[jnp.asarray(drawn.plan_of_L)[n_blocks_B]]
    row_L1 = jnp.arange(n_blocks)[:, None]
    last_B11 = n_blocks_B[:, None, None] - 1
    n_aside = settings.n_window // 2
    window_LW = row_L1 + jnp.arange(-n_aside, n_aside + 1)
    window_BLW = jnp.where((window_LW >= 1) & (window_LW < last_B11), window_LW, -1)
    ends_BL2 = jnp.broadcast_to(
        jnp.concatenate((jnp.zeros_like(last_B11), last_B11), axis=2), (len(n_blocks_B), n_blocks, 2)
    )
    fixed_BLW = jnp.concatenate((ends_BL2, window_BLW), axis=2)[:, None]
    fixed_BNLW = jnp.broadcast_to(fixed_BLW, (*random_BNLr.shape[:3], fixed_BLW.shape[3]))
    has_row_BL1 = (row_L1 >= 1) & (row_L1 < last_B11)
    return jnp.where(has_row_BL1[:, None], jnp.concatenate((fixed_BNLW, random_BNLr), axis=3), -1).astype(jnp.int32)


def causal_key_blocks(settings: PatternSettings, n_blocks: int) -> np.ndarray:
    """The same of a decoder, int32 (N, L, W): of a text of any length."""
    pattern = causal_pattern(
        n_blocks=n_blocks,
        block_size=settings.block_size,
        n_heads=settings.n_heads,
        n_random=settings.n_random,
        n_window=settings.n_window,
        layer=settings.layer,
    )
    return pattern.key_blocks

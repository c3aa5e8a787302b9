"""Attention weights themselves, for those who ask: by definition, with quadratic memory.

A key that a pattern names c times counts c times in the softmax, which is the same as adding ln c to its score.

Shape letters: B documents, N heads, S queries, T keys, G global tokens, H head width, L blocks, W key blocks of a row.
"""

import jax
import jax.numpy as jnp
from jax import Array

from bigbird_cli.jax.model.dense import scores
from bigbird_cli.jax.model.documents import Documents


def attention_weights(
    q_BNSH: Array,
    k_BNTH: Array,
    is_token_BT: Array,
    *,
    counts_BNLL: Array | None = None,
    global_BG: Array | None = None,
    first_position: Array | int = 0,
    is_causal: bool = False,
    masks_queries: bool = True,
) -> Array:
    """How much each query takes from each key, (B, N, S, T).

    Args:
        q_BNSH: queries; they stand from `first_position` on.
        k_BNTH: keys.
        is_token_BT: bool, False where nothing may be attended to.
        counts_BNLL: how often a query block attends to a key block; None: once to each.
        global_BG: where tokens stand that attend to every token and are attended to by each, T for a filler.
        first_position: of the queries among the keys.
        is_causal: no query attends to what stands behind it.
        masks_queries: give a query that is no token no weights; not where queries and keys are of two texts.
    """
    S, T = q_BNSH.shape[2], k_BNTH.shape[2]
    position_S = first_position + jnp.arange(S)
    is_attended = is_token_BT[:, None, None, :]
    if is_causal:
        is_attended = is_attended & (jnp.arange(T) <= position_S[:, None])
    scores_BNST = scores(q_BNSH, k_BNTH)
    if counts_BNLL is not None:
        block = T // counts_BNLL.shape[3]
        counts_BNST = jnp.repeat(counts_BNLL[:, :, position_S // block], block, axis=3)
        if global_BG is not None:
            is_global_BT = (global_BG[..., None] == jnp.arange(T)).any(axis=1)
            is_met_BST = is_global_BT[:, position_S, None] | is_global_BT[:, None]
            counts_BNST = jnp.where(is_met_BST[:, None], 1, counts_BNST)
        is_attended = is_attended & (counts_BNST > 0)
        scores_BNST = scores_BNST + jnp.log(jnp.maximum(counts_BNST, 1))
    weights_BNST = jax.nn.softmax(jnp.where(is_attended, scores_BNST, jnp.finfo(scores_BNST.dtype).min), axis=-1)
    return weights_BNST * is_token_BT[:, position_S][:, None, :, None] if masks_queries else weights_BNST


def block_counts(key_blocks_BNLW: Array) -> Array:
    """How often each query block names each block, (B, N, L, L)."""
    blocks_L = jnp.arange(key_blocks_BNLW.shape[2])
    return (key_blocks_BNLW[..., None] == blocks_L).sum(axis=3)


def with_ends(counts_BNLL: Array, documents: Documents) -> Array:
    """The counts of an encoder, whose ends attend to every block once, and so do all blocks of a short document."""
    row_L = jnp.arange(counts_BNLL.shape[2])
    is_full_BL = (row_L == 0) | (row_L >= documents.n_blocks_B[:, None] - 1)
    if documents.is_short_B is not None:
        is_full_BL = is_full_BL | documents.is_short_B[:, None]
    return jnp.where(is_full_BL[:, None, :, None], 1, counts_BNLL)

"""Dense attention: every query attends to every token, or to all up to itself.

Shape letters: B documents, N heads, S queries, C queries of a step, T keys, H head width.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

STEP_BYTES = 64 * 2**20
"""Size that the scores of one step may have. Long texts are attended to some queries at a time."""


def attend(
    q_SH: Array,
    k_TH: Array,
    v_TH: Array,
    is_attended_ST: Array,
    *,
    dropout: float = 0.0,
    dropout_key: Array | None = None,
) -> Array:
    """Softmax(q kᵀ / √H) v, (..., S, H), any dimensions before S and T being the same; the softmax in float32 at least.

    A key that is masked gets the lowest finite score, so that a query that may attend to nothing gives a number.
    """
    scores_ST = scores(q_SH, k_TH)
    weights_ST = jax.nn.softmax(jnp.where(is_attended_ST, scores_ST, jnp.finfo(scores_ST.dtype).min), axis=-1)
    if dropout:
        assert dropout_key is not None
        is_kept_ST = jax.random.bernoulli(dropout_key, 1.0 - dropout, weights_ST.shape)
        weights_ST = jnp.where(is_kept_ST, weights_ST / (1.0 - dropout), 0.0)
    return jnp.einsum("...st,...th->...sh", weights_ST.astype(v_TH.dtype), v_TH)


def scores(q_SH: Array, k_TH: Array) -> Array:
    """Products of queries and keys over √H, (..., S, T), in float32 at least."""
    kind = jnp.promote_types(q_SH.dtype, jnp.float32)
    return jnp.einsum("...sh,...th->...st", q_SH, k_TH, preferred_element_type=kind) / q_SH.shape[-1] ** 0.5


def dense(
    q_BNSH: Array,
    k_BNTH: Array,
    v_BNTH: Array,
    is_token_BT: Array,
    *,
    first_position: Array | None = None,
    dropout: float = 0.0,
    dropout_key: Array | None = None,
) -> Array:
    """Attend to every token, (B, N, S, H), some queries at a time; scores are computed again for the backward pass.

    Args:
        q_BNSH: queries.
        k_BNTH: keys.
        v_BNTH: values.
        is_token_BT: bool, False where nothing may be attended to.
        first_position: where the queries begin among the keys, in causal attention; None: every query attends to all.
        dropout: probability of dropping a weight.
        dropout_key: randomness, where there is dropout.
    """
    B, N, S, H = q_BNSH.shape
    n_steps = -(-B * N * S * k_BNTH.shape[2] * 4 // STEP_BYTES)
    size = -(-S // n_steps)

    @jax.checkpoint
    def step(given: tuple[Array, Array]) -> Array:
        number, q_BNCH = given
        is_attended = is_token_BT[:, None, None, :]
        if first_position is not None:
            position_C = first_position + number * size + jnp.arange(size)
            is_attended = is_attended & (jnp.arange(k_BNTH.shape[2]) <= position_C[:, None])
        key = None if dropout_key is None else jax.random.fold_in(dropout_key, number)
        return attend(q_BNCH, k_BNTH, v_BNTH, is_attended, dropout=dropout, dropout_key=key)

    n_missing = -S % size
    q_BNKCH = jnp.pad(q_BNSH, ((0, 0), (0, 0), (0, n_missing), (0, 0))).reshape(B, N, -1, size, H)
    out_KBNCH = lax.map(step, (jnp.arange(q_BNKCH.shape[2]), jnp.moveaxis(q_BNKCH, 2, 0)))
    return jnp.moveaxis(out_KBNCH, 0, 2).reshape(B, N, -1, H)[:, :, :S]

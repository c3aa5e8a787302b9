"""Block-sparse attention as an XLA program: gather the key blocks of each query block, then attend to them densely.

Query blocks are taken a few at a time by a loop, and are gathered again for the backward pass instead of being kept:
memory is that of q, k, v and the output, linear in the length. The gradient is written out (`jax.custom_vjp`) because
JAX's own would add a gradient of all keys in every step of the loop, which is quadratic.

Tokens chosen to be global are taken out of the gathered blocks and put behind them, so that each counts once; their own
queries attend to every token.

Everything here is about one head of one document; the caller maps it over both, so that a batch can be spread over
devices.

Shape letters: L key blocks and R query blocks of b tokens, T tokens, C query blocks in a step of the loop, W key blocks
of a row, G global tokens, H head width.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from bigbird_cli.jax.model.dense import attend

STEP_BYTES = 16 * 2**20
"""Size that the gathered keys of one step may have; their values take as much again."""


class Rows(NamedTuple):
    """Query blocks, and the key blocks of each."""

    q_RbH: Array
    key_blocks_RW: Array
    """int32, -1 for no block; a block named twice counts twice."""
    number_R: Array
    """Which block of the text each query block is; only causal attention asks."""


class Keys(NamedTuple):
    """What may be attended to."""

    k_LbH: Array
    v_LbH: Array
    is_token_Lb: Array
    """bool, False where nothing may be attended to."""
    of_globals: tuple[Array, Array] | None = None
    """Keys and values, (G, H) each, that every row attends to besides its blocks."""
    is_global_G: Array | None = None
    """bool, False for a filler among them."""


class Settings(NamedTuple):
    """What decides what is compiled."""

    rows_per_step: int
    is_causal: bool = False
    dropout: float = 0.0


def attend_in_document(
    settings: Settings,
    q_LbH: Array,
    keys: Keys,
    key_blocks_LW: Array,
    n_blocks: Array,
    dropout_key: Array | None,
    global_G: Array | None = None,
) -> Array:
    """Attend by an encoder's pattern, (L, b, H): rows by their key blocks, the two ends to every token.

    Args:
        settings: as of `attend_by_rows`.
        q_LbH: queries.
        keys: keys and values.
        key_blocks_LW: int32, -1 for no block.
        n_blocks: how many blocks the document has; what is found behind them is unspecified, but finite.
        dropout_key: randomness, where there is dropout.
        global_G: positions of tokens that attend to every token and are attended to by each, T for a filler.
    """
    L, b, H = q_LbH.shape
    own = keys if global_G is None else _with_globals(keys, global_G)
    out_LbH = attend_by_rows(settings, Rows(q_LbH, key_blocks_LW, jnp.arange(L)), own, dropout_key)
    k_TH, v_TH = keys.k_LbH.reshape(L * b, H), keys.v_LbH.reshape(L * b, H)

    @jax.checkpoint
    def to_all(given: tuple[Array, Array]) -> Array:
        number, q_bH = given
        key = None if dropout_key is None else jax.random.fold_in(dropout_key, number)
        return attend(q_bH, k_TH, v_TH, keys.is_token_Lb.reshape(1, L * b), dropout=settings.dropout, dropout_key=key)

    ends_2 = jnp.stack((jnp.zeros_like(n_blocks), n_blocks - 1))
    q_KbH = q_LbH[ends_2]
    if global_G is not None:
        q_KbH = jnp.concatenate((q_KbH, _cut(_taken(q_LbH, global_G), b)))
    # numbers that no step of the rows has: each step draws its own dropout
    out_KbH = lax.map(to_all, (L + jnp.arange(len(q_KbH)), q_KbH))
    out_LbH = out_LbH.at[ends_2].set(out_KbH[:2])
    if global_G is None:
        return out_LbH
    out_GH = _joined(out_KbH[2:], len(global_G))
    return out_LbH.reshape(L * b, H).at[global_G].set(out_GH, mode="drop").reshape(L, b, H)


def _with_globals(keys: Keys, global_G: Array) -> Keys:
    """Take the global tokens out of the blocks, and put them beside."""
    shape = keys.is_token_Lb.shape
    is_local_Lb = keys.is_token_Lb.reshape(-1).at[global_G].set(False, mode="drop").reshape(shape)
    of_globals = _taken(keys.k_LbH, global_G), _taken(keys.v_LbH, global_G)
    return Keys(keys.k_LbH, keys.v_LbH, is_local_Lb, of_globals, global_G < is_local_Lb.size)


def _taken(x_LbH: Array, position_G: Array) -> Array:
    """What stands at positions, (G, H); anything for a filler."""
    return x_LbH.reshape(-1, x_LbH.shape[2]).at[position_G].get(mode="clip")


def rows_per_step(n_rows: int, *, width: int, block_size: int, head_width: int, n_together: int, n_bytes: int) -> int:
    """How many query blocks a step of the loop takes: as few steps as STEP_BYTES allows, all about equally long.

    Args:
        n_rows: query blocks.
        width: key blocks of each.
        block_size: tokens of a block.
        head_width: numbers of a key.
        n_together: documents times heads.
        n_bytes: of a number.
    """
    per_row = n_together * width * block_size * head_width * n_bytes
    n_steps = -(-n_rows // max(1, STEP_BYTES // per_row))
    return -(-n_rows // n_steps)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def attend_by_rows(settings: Settings, rows: Rows, keys: Keys, dropout_key: Array | None) -> Array:
    """Return what each query takes from the values of its row's blocks, (R, b, H).

    Args:
        settings: how many rows at a time, causal or not, and the probability of dropping a weight.
        rows: queries; what a row without any block gives is unspecified, but finite.
        keys: keys and values.
        dropout_key: randomness, where there is dropout.
    """

    def step(_: None, chunk: tuple[Array, Rows]) -> tuple[None, Array]:
        return None, _attend(settings, *chunk, keys, dropout_key)

    _, out_KCbH = lax.scan(step, None, _in_steps(rows, settings.rows_per_step))
    return _joined(out_KCbH, len(rows.q_RbH))


def _forward(settings: Settings, rows: Rows, keys: Keys, dropout_key: Array | None) -> tuple[Array, Any]:
    return attend_by_rows(settings, rows, keys, dropout_key), (rows, keys, dropout_key)


def _backward(settings: Settings, saved: Any, d_out_RbH: Array) -> tuple[Any, ...]:
    rows, keys, dropout_key = saved

    def step(sums: tuple[Any, ...], given: tuple[tuple[Array, Rows], Array]) -> tuple[tuple[Any, ...], Array]:
        (number, chunk), d_out_CbH = given
        index_CW = jnp.maximum(chunk.key_blocks_RW, 0)

        def attended(q_CbH: Array, k_CWbH: Array, v_CWbH: Array, of_globals: Any) -> Array:
            own = keys._replace(of_globals=of_globals)
            return _attend_gathered(settings, number, chunk._replace(q_RbH=q_CbH), k_CWbH, v_CWbH, own, dropout_key)

        gathered = keys.k_LbH[index_CW], keys.v_LbH[index_CW]
        _, pull = jax.vjp(attended, chunk.q_RbH, *gathered, keys.of_globals)
        dq_CbH, dk_CWbH, dv_CWbH, d_globals = pull(d_out_CbH)
        dk, dv, total = sums
        return (
            dk.at[index_CW].add(dk_CWbH),
            dv.at[index_CW].add(dv_CWbH),
            jax.tree.map(jnp.add, total, d_globals),
        ), dq_CbH

    n_rows, size = len(rows.q_RbH), settings.rows_per_step
    zeros = jax.tree.map(jnp.zeros_like, (keys.k_LbH, keys.v_LbH, keys.of_globals))
    (dk, dv, d_globals), dq_KCbH = lax.scan(step, zeros, (_in_steps(rows, size), _cut(d_out_RbH, size)))
    none: Any = None  # of numbers of blocks, masks and randomness
    return Rows(_joined(dq_KCbH, n_rows), none, none), Keys(dk, dv, none, d_globals), none


attend_by_rows.defvjp(_forward, _backward)


def _attend(settings: Settings, number: Array, chunk: Rows, keys: Keys, dropout_key: Array | None) -> Array:
    index_CW = jnp.maximum(chunk.key_blocks_RW, 0)
    return _attend_gathered(settings, number, chunk, keys.k_LbH[index_CW], keys.v_LbH[index_CW], keys, dropout_key)


def _attend_gathered(
    settings: Settings, number: Array, chunk: Rows, k_CWbH: Array, v_CWbH: Array, keys: Keys, dropout_key: Array | None
) -> Array:
    """Attend in one step's rows, given their keys and values."""
    C, W, b, H = k_CWbH.shape
    is_attended_CWb = keys.is_token_Lb[jnp.maximum(chunk.key_blocks_RW, 0)] & (chunk.key_blocks_RW >= 0)[..., None]
    is_attended = is_attended_CWb.reshape(C, 1, W * b)
    if settings.is_causal:
        within_b = jnp.arange(b)
        key_position_CT = (chunk.key_blocks_RW[..., None] * b + within_b).reshape(C, 1, W * b)
        is_attended = is_attended & (key_position_CT <= (chunk.number_R[:, None] * b + within_b)[..., None])
    k_CTH, v_CTH = k_CWbH.reshape(C, W * b, H), v_CWbH.reshape(C, W * b, H)
    if keys.of_globals is not None and keys.is_global_G is not None:
        G = len(keys.is_global_G)
        k_CTH, v_CTH = (
            jnp.concatenate((x_CTH, jnp.broadcast_to(x_GH, (C, G, H))), axis=1)
            for x_CTH, x_GH in zip((k_CTH, v_CTH), keys.of_globals, strict=True)
        )
        is_attended = jnp.concatenate((is_attended, jnp.broadcast_to(keys.is_global_G, (C, 1, G))), axis=2)
    return attend(
        chunk.q_RbH,
        k_CTH,
        v_CTH,
        is_attended,
        dropout=settings.dropout,
        dropout_key=None if dropout_key is None else jax.random.fold_in(dropout_key, number),
    )


def _in_steps(rows: Rows, size: int) -> tuple[Array, Rows]:
    """Number the steps of the loop and cut the rows into them."""
    cut = Rows(*(_cut(x, size) for x in rows))
    return jnp.arange(len(cut.number_R)), cut


def _cut(x_R: Array, size: int) -> Array:
    """(R, ...) to (steps, size, ...), filled up with zeros."""
    n_missing = -len(x_R) % size
    filled_R = jnp.pad(x_R, [(0, n_missing)] + [(0, 0)] * (x_R.ndim - 1))
    return filled_R.reshape(-1, size, *x_R.shape[1:])


def _joined(x_KC: Array, n_rows: int) -> Array:
    """Undo `_cut`."""
    return x_KC.reshape(-1, *x_KC.shape[2:])[:n_rows]

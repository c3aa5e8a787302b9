"""The documents of one batch: where each ends, and by which attention it is read, in shapes that no mask decides.

Padding stands on the right: a document ends after its last token, and its blocks, its random blocks and the choice
between dense and block-sparse attention are its own, whatever the batch is padded to. A compiled program knows the
batch's shape alone: where documents may be of any length it computes both kinds of attention, the dense one as far as
short documents reach, and each document keeps its own.

Shape letters: B documents, S sequence, of whole blocks, G global tokens of a document.
"""

import jax.numpy as jnp
from jax import Array

from bigbird_cli.jax.model.structs import static, struct


@struct
class Documents:
    """How attention finds the documents of a batch."""

    is_token_BS: Array
    """bool, False where nothing may be attended to."""
    n_blocks_B: Array
    """Blocks of each document."""
    is_short_B: Array | None
    """True for a document under dense attention; None where all are of one kind."""
    global_BG: Array | None
    """Where the tokens chosen to be global stand, S for a filler; None: there are none."""
    is_sparse: bool = static()
    """Whether any may be under block-sparse attention."""


def find_documents(
    is_token_BS: Array,
    *,
    block_size: int,
    full_attention_limit: int,
    attention_type: str,
    fills_rows: bool,
    are_long: bool,
    is_global_BS: Array | None = None,
    most_globals: int = 0,
) -> Documents:
    """Find the documents of a batch.

    Args:
        is_token_BS: bool, False where nothing may be attended to.
        block_size: tokens per block.
        full_attention_limit: longest document, in tokens, that runs dense attention in a block-sparse model.
        attention_type: the config's, `block_sparse` or `original_full`.
        fills_rows: every document is known, or taken, to reach into the batch's last block.
        are_long: every document is known to be longer than `full_attention_limit`.
        is_global_BS: bool, True at tokens chosen to be global.
        most_globals: how many of them a document has at most; those beyond are not global.
    """
    B, n_tokens = is_token_BS.shape
    is_sparse = attention_type != "original_full" and n_tokens > full_attention_limit
    global_BG = None
    if is_sparse and is_global_BS is not None and most_globals:
        place_BS = jnp.where(is_global_BS & is_token_BS, jnp.arange(n_tokens), n_tokens)
        global_BG = jnp.sort(place_BS, axis=1)[:, :most_globals]
    if fills_rows or not is_sparse:
        return Documents(is_token_BS, jnp.full(B, n_tokens // block_size), None, global_BG, is_sparse)
    # after its last token, but after one position at least
    ends_B = (is_token_BS * jnp.arange(1, n_tokens + 1)).max(axis=1).clip(1)
    is_short_B = None if are_long else ends_B <= full_attention_limit
    return Documents(is_token_BS, -(-ends_B // block_size), is_short_B, global_BG, is_sparse)

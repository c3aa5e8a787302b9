"""Which key blocks a query block attends to.

A sequence is cut into L blocks. The first and the last block are global: they attend to every block and every block
attends to them. A block between attends to itself, its two neighbours, the two global blocks and r random blocks. The
random blocks are a pure function of (length, block size, heads, r, layer): a model meets in inference the very blocks
it was trained with.

The draws are those of google-research/bigbird, traps included: a row may name a block that is global already, and
attention then counts that block twice. A pattern is therefore a list with repeats, never a boolean mask.

A decoder's blocks attend backwards only, and the same ones however long the text grows: see `causal_pattern`. A window
of another width than the pretraining's three blocks is drawn for by the same rules.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

VARIANTS: Final = ("original", "transformers", "transformers-eval")
"""`original`: the pretraining draws. `transformers`: what Hugging Face draws in training. `transformers-eval`: what
it uses in inference, where every random slot names block 0, which is then counted 1 + r times."""

PRETRAINING_TOKENS: Final = 4096
"""The length that google-research/bigbird draws for and then cuts, whatever the model's own number of positions."""

SPECIAL_LENGTHS: Final = {"original": (1024, 2048, 3072, 4096), "transformers": (1024, 3072, 4096)}
"""Lengths in tokens with a plan of their own; Hugging Face's list lacks 2048."""

SPECIAL_REACH: Final = 1024
"""The plan for special lengths draws from the first 1024 tokens only."""

WINDOW_BLOCKS: Final = 3
"""Blocks of the pretraining's window: a block and its two neighbours."""

CACHED_PATTERNS: Final = 1024
"""Patterns kept in memory: about 25 kB each at 4096 tokens and 12 heads, so 25 MB when full."""


def fewest_blocks(n_random: int, n_window: int = WINDOW_BLOCKS) -> int:
    """The fewest blocks at which block-sparse attention is defined; a shorter sequence takes full attention."""
    return 2 * n_random + n_window + 3


@dataclass(frozen=True, eq=False)
class BlockPattern:
    """Which key blocks each query block attends to.

    In a causal pattern every query block has a row, whose first entry is the block itself, up to the query. In
    any other the rows serve the query blocks between the first and the last, which attend to every block once.

    Attributes:
        key_blocks: int32 array (n_heads, rows, width), read-only. A block named twice is counted twice. -1 stands for
            no block, and only at the end of a row.
        block_size: tokens per block.
        is_causal: whether a query attends to nothing behind itself.
    """

    key_blocks: np.ndarray
    block_size: int
    is_causal: bool = False

    @property
    def n_heads(self) -> int:
        return int(self.key_blocks.shape[0])

    @property
    def first_row(self) -> int:
        """The query block that the first row serves."""
        return 0 if self.is_causal else 1

    @property
    def n_blocks(self) -> int:
        return int(self.key_blocks.shape[1]) + 2 * self.first_row

    def counts(self) -> np.ndarray:
        """How often a query block attends to a key block: int32 array (n_heads, n_blocks, n_blocks)."""
        counts = np.zeros((self.n_heads, self.n_blocks, self.n_blocks), dtype=np.int32)
        if not self.is_causal:
            counts[:, [0, -1]] = 1
        head, row, slot = np.nonzero(self.key_blocks >= 0)
        np.add.at(counts, (head, row + self.first_row, self.key_blocks[head, row, slot]), 1)
        return counts


def random_blocks(
    *,
    n_tokens: int,
    block_size: int,
    n_heads: int,
    n_random: int,
    seed: int,
    n_window: int = WINDOW_BLOCKS,
    max_tokens: int = PRETRAINING_TOKENS,
    plan: str = "original",
) -> np.ndarray:
    """Draw the key blocks that each query block attends to besides its window and the two global ends.

    Q counts the query blocks but the first and the last, which attend to everything and have no row. A row may
    name a block that an end covers too; attention then counts it twice, as in training: do not deduplicate.

    The special lengths (1024, 2048, 3072, 4096 tokens; not 2048 in Hugging Face) draw from the first 1024 tokens, all
    others from the first 2 * n_random + n_window + 2 blocks. Where a special length has too few blocks within reach
    (blocks of 128 tokens with n_random 5, or of 256; the originals raise there), it draws as the other lengths do.

    Args:
        n_tokens: sequence length in tokens, a multiple of block_size; at least `fewest_blocks`.
        block_size: tokens per block.
        n_heads: heads of the layer; each draws for itself.
        n_random: blocks drawn per row.
        seed: index of the layer, 0 nearest the embeddings.
        n_window: blocks of the window, which no row draws from; 3 in pretraining.
        max_tokens: the model's number of positions; only Hugging Face's plan depends on it.
        plan: "original" or "transformers".

    Returns:
        int32 array (n_heads, Q, n_random) of key-block indices, each in [1, n_tokens / block_size).

    Raises:
        ValueError: the sequence is too short to draw from (the caller uses full attention instead), or an argument
            is out of range.

    Source: Zaheer et al., 2020, arXiv:2007.14062; the draws of google-research/bigbird@5e7d375,
    core/attention.py:85-290, and of transformers 4.44 (models/big_bird) for the same seed, without numpy's global
    generator.
    """
    if plan not in SPECIAL_LENGTHS:
        raise ValueError(f"unknown plan {plan!r}; there are {', '.join(SPECIAL_LENGTHS)}")
    if block_size < 1 or n_heads < 1 or n_random < 0 or max_tokens < 1:
        raise ValueError(
            f"block_size {block_size}, n_heads {n_heads} and max_tokens {max_tokens} must be at least 1, "
            f"n_random {n_random} at least 0"
        )
    if n_window < 1 or n_window % 2 == 0:
        raise ValueError(f"n_window {n_window} must be odd: a block and as many neighbours on either side")
    if n_tokens % block_size:
        raise ValueError(f"{n_tokens} tokens are no whole number of blocks of {block_size}")
    n_blocks = n_tokens // block_size
    if n_blocks < (fewest := fewest_blocks(n_random, n_window)):
        raise ValueError(f"{n_blocks} blocks are too few to draw {n_random} random ones; it takes {fewest}")

    generator = np.random.RandomState(seed)
    special = _special_candidates(n_tokens, block_size, n_random, n_window, max_tokens, plan)
    if special is not None:
        return _draw_head_by_head(generator, special, n_heads, n_random)[:, : n_blocks - 2]
    return _draw_row_by_row(generator, n_blocks, n_heads, n_random, n_window)


def random_candidates(
    *, n_tokens: int, block_size: int, n_random: int, n_window: int, max_tokens: int, plan: str
) -> np.ndarray:
    """The blocks that the random ones of each row are drawn from, bool (Q, K); arguments as for `random_blocks`."""
    n_blocks = n_tokens // block_size
    special = _special_candidates(n_tokens, block_size, n_random, n_window, max_tokens, plan)
    if special is None:
        return np.stack([_general_candidates(row, n_random, n_window) for row in range(1, n_blocks - 1)])
    reach_K = np.arange(max(map(max, special)) + 1)
    return np.stack([np.isin(reach_K, blocks) for blocks in special[: n_blocks - 2]])


def _special_candidates(
    n_tokens: int, block_size: int, n_random: int, n_window: int, max_tokens: int, plan: str
) -> list[np.ndarray] | None:
    """The blocks that each row of the special lengths' plan may name; None where this length has no such plan.

    The last candidate may be the global last block of a shorter sequence (block 15 at 1024 tokens), and the two last
    rows do not leave their window out: slips of the original, kept because the models were trained with them.
    """
    n_planned = (PRETRAINING_TOKENS if plan == "original" else max_tokens) // block_size
    if n_tokens not in SPECIAL_LENGTHS[plan] or n_tokens // block_size > n_planned:
        return None
    last = n_planned - 1
    if 2 * block_size < SPECIAL_REACH:
        last = SPECIAL_REACH // block_size - 1
    reach = np.arange(1, min(last, n_planned - 2) + 1, dtype=np.int32)
    n_aside = n_window // 2
    rows = [reach[np.abs(reach - row) > n_aside] if row < n_planned - 3 else reach for row in range(1, n_planned - 1)]
    return rows if min(map(len, rows)) >= n_random else None


def _draw_head_by_head(
    generator: np.random.RandomState, candidates: list[np.ndarray], n_heads: int, n_random: int
) -> np.ndarray:
    drawn = np.empty((n_heads, len(candidates), n_random), dtype=np.int32)
    for head in range(n_heads):
        for row, blocks in enumerate(candidates):
            drawn[head, row] = generator.permutation(blocks)[:n_random]
    return drawn


def _draw_row_by_row(
    generator: np.random.RandomState, n_blocks: int, n_heads: int, n_random: int, n_window: int
) -> np.ndarray:
    drawn = np.empty((n_heads, n_blocks - 2, n_random), dtype=np.int32)
    if n_random == 0:
        return drawn
    for row in range(1, n_blocks - 1):
        allowed = _general_candidates(row, n_random, n_window)
        for head in range(n_heads):
            order = generator.permutation(len(allowed))
            drawn[head, row - 1] = order[allowed[order]][:n_random]
    return drawn


def _general_candidates(row: int, n_random: int, n_window: int) -> np.ndarray:
    """Which of the first 2r + w + 2 blocks a row may name: not their own first and last, and not the row's window."""
    reach, n_aside = 2 * n_random + n_window + 2, n_window // 2
    allowed = np.ones(reach, dtype=bool)
    allowed[[0, -1]] = False
    allowed[max(row - n_aside, 0) : row + n_aside + 1] = False
    # The plan was meant for sequences that end with the reach: row 1 and the row before its end leave out each
    # other's neighbour, so that the pattern is the same read from either side.
    if row == 1:
        allowed[-2] = False
    if row == reach - 2:
        allowed[1] = False
    return allowed


@lru_cache(maxsize=CACHED_PATTERNS)
def block_pattern(
    *,
    n_blocks: int,
    block_size: int,
    n_heads: int,
    n_random: int,
    layer: int,
    n_window: int = WINDOW_BLOCKS,
    variant: str = "original",
    max_tokens: int = PRETRAINING_TOKENS,
) -> BlockPattern:
    """The pattern of one layer for sequences of n_blocks blocks.

    A row is [0, window..., last, random...]. A window that reaches beyond the first or the last block, or covers
    one, is cut there, and the row filled up with -1.

    Args:
        n_blocks: blocks of the sequence, at least `fewest_blocks`.
        block_size: tokens per block; it decides which lengths are special.
        n_heads: heads of the layer.
        n_random: random blocks per row, the model's num_random_blocks.
        layer: index of the layer, 0 nearest the embeddings.
        n_window: blocks of the window, an odd number; the model's num_window_blocks.
        variant: one of VARIANTS.
        max_tokens: the model's max_position_embeddings.

    Returns:
        A pattern with a read-only array; the same object for the same arguments while it stays in the cache.

    Raises:
        ValueError: too few blocks (the caller uses full attention instead), or an unknown variant.
    """
    if variant not in VARIANTS:
        raise ValueError(f"unknown pattern {variant!r}; there are {', '.join(VARIANTS)}")
    random = random_blocks(
        n_tokens=n_blocks * block_size,
        block_size=block_size,
        n_heads=n_heads,
        n_random=n_random,
        seed=layer,
        n_window=n_window,
        max_tokens=max_tokens,
        plan="original" if variant == "original" else "transformers",
    )
    if variant == "transformers-eval":
        random = np.zeros_like(random)

    row = np.arange(1, n_blocks - 1, dtype=np.int32)[:, None]
    window = row + np.arange(-(n_window // 2), n_window // 2 + 1, dtype=np.int32)
    window[(window < 1) | (window > n_blocks - 2)] = -1  # the ends are named as globals
    fixed = np.concatenate([np.zeros_like(row), window, np.full_like(row, n_blocks - 1)], axis=1)
    key_blocks = np.concatenate([np.broadcast_to(fixed, (n_heads, *fixed.shape)), random], axis=2)
    return BlockPattern(_fillers_last(key_blocks), block_size)


def random_tables(
    *,
    n_blocks: int,
    block_size: int,
    n_heads: int,
    n_random: int,
    layer: int,
    n_window: int = WINDOW_BLOCKS,
    variant: str = "original",
    max_tokens: int = PRETRAINING_TOKENS,
) -> tuple[np.ndarray, np.ndarray]:
    """The random blocks of sequences of all lengths at once, for a program that learns the length as it runs.

    They are two tables, for the rows of a shorter sequence are the first ones of a longer sequence: one of the special
    lengths' plan, and one of the plan of all others.

    Args:
        n_blocks: blocks of the longest sequence, at least `fewest_blocks`.
        block_size, n_heads, n_random, layer, n_window, variant, max_tokens: as for `block_pattern`.

    Returns:
        int64 (2, n_heads, n_blocks - 1, n_random): the blocks that row 1 and each further one names, zeros where a
        table does not reach; and int64 (n_blocks + 1,): the table of each number of blocks.
    """
    plan = "original" if variant == "original" else "transformers"
    special = [length // block_size for length in SPECIAL_LENGTHS[plan] if length % block_size == 0]
    fewest = fewest_blocks(n_random, n_window)
    special = [count for count in special if fewest <= count <= n_blocks]
    others = next(
        count for count in range(n_blocks + 1, n_blocks + 3) if count * block_size not in SPECIAL_LENGTHS[plan]
    )
    tables = np.zeros((2, n_heads, n_blocks - 1, n_random), dtype=np.int64)
    for table, longest in enumerate([others, *special[-1:]]):
        if variant == "transformers-eval":
            continue
        drawn = random_blocks(
            n_tokens=longest * block_size,
            block_size=block_size,
            n_heads=n_heads,
            n_random=n_random,
            seed=layer,
            n_window=n_window,
            max_tokens=max_tokens,
            plan=plan,
        )[:, : n_blocks - 1]
        tables[table, :, : drawn.shape[1]] = drawn
    return tables, np.isin(np.arange(n_blocks + 1), special).astype(np.int64)


def causal_pattern(
    *,
    n_blocks: int,
    block_size: int,
    n_heads: int,
    n_random: int,
    layer: int,
    n_window: int = WINDOW_BLOCKS,
) -> BlockPattern:
    """The pattern of one layer of a decoder, for the first n_blocks blocks of a text of any length.

    Query block i attends to [i, i-1, 0, random...]: itself up to the query, the window's half before it, the first
    block, and those random blocks that lie before the window. They are the pretraining's for 4,096 tokens, whose last
    row serves all further blocks. The first 2r + w + 2 blocks attend to every block before them. Nothing here depends
    on the text's length, so a token that is appended changes nothing before it. No variant of `block_pattern` applies:
    transformers' sparse decoder attends ahead.

    Args:
        n_blocks: blocks of the sequence, at least 1.
        block_size, n_heads, n_random, layer, n_window: as for `block_pattern`.
    """
    # Rounded up, so that a text that grows block by block finds its pattern in the cache.
    enough = 1 << (n_blocks - 1).bit_length()
    whole = _causal_rows(enough, block_size, n_heads, n_random, layer, n_window)
    return BlockPattern(whole[:, :n_blocks], block_size, is_causal=True)


@lru_cache(maxsize=CACHED_PATTERNS)
def _causal_rows(n_blocks: int, block_size: int, n_heads: int, n_random: int, layer: int, n_window: int) -> np.ndarray:
    planned = max(PRETRAINING_TOKENS // block_size, fewest_blocks(n_random, n_window))
    random = random_blocks(
        n_tokens=planned * block_size,
        block_size=block_size,
        n_heads=n_heads,
        n_random=n_random,
        seed=layer,
        n_window=n_window,
    )
    n_aside = n_window // 2
    all_before = fewest_blocks(n_random, n_window) - 1
    key_blocks = np.full((n_heads, n_blocks, max(all_before, n_aside + 2 + n_random)), -1, dtype=np.int32)
    for block in range(n_blocks):
        if block < all_before:
            key_blocks[:, block, : block + 1] = np.arange(block, -1, -1)
            continue
        drawn = random[:, min(block, planned - 2) - 1]
        key_blocks[:, block, : n_aside + 1] = np.arange(block, block - n_aside - 1, -1)
        key_blocks[:, block, n_aside + 1] = 0
        key_blocks[:, block, n_aside + 2 : n_aside + 2 + n_random] = np.where(drawn < block - n_aside, drawn, -1)
    return _fillers_last(key_blocks)


def _fillers_last(key_blocks: np.ndarray) -> np.ndarray:
    """Move every -1 to its row's end, in a read-only copy."""
    order = np.argsort(key_blocks < 0, axis=-1, kind="stable")
    ordered = np.take_along_axis(key_blocks, order, axis=-1)
    ordered.flags.writeable = False
    return ordered

"""Features -> padded arrays of few shapes: XLA compiles a program for each that it meets.

Rows and tokens are filled up to the next size of a short list, of which each is at most a third larger than the one
before. What is added is computed, and counts in no loss and no output.

Shape letters: B rows, S tokens.
"""

from dataclasses import dataclass

import numpy as np

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.heads import IGNORED
from bigbird_cli.tasks.padding import Padded

STEPS_PER_DOUBLING = 4
"""Sizes between a size and its double: at most a quarter is added to what is larger than a few blocks."""


def next_size(n: int) -> int:
    """The least size that is not below n: 1 to 8, 10, 12, 14, 16, 20, 24, 28, 32, 40 and so on."""
    step = 1
    while n > 2 * STEPS_PER_DOUBLING * step:
        step *= 2
    return -(-n // step) * step


@dataclass(frozen=True)
class Buckets:
    """The shapes that batches are filled up to.

    Attributes:
        block_size: of the model: lengths are whole blocks.
        limit: the longest length under dense attention, which is a size too: no short document pays for a long one.
        most_tokens: the model's positions.
        every_length: any number of blocks is a size; for the patterns that depend on a batch's padded length.
        n_devices: rows are as many for each.
        most_rows: as many rows are a size of their own, above which there is none; None where there is no most.
    """

    block_size: int
    limit: int
    most_tokens: int
    every_length: bool = False
    n_devices: int = 1
    most_rows: int | None = None

    @classmethod
    def of(cls, config: BigBirdConfig, *, n_devices: int = 1, most_rows: int | None = None) -> "Buckets":
        """Those of a model."""
        return cls(
            block_size=config.block_size,
            limit=config.full_attention_limit,
            most_tokens=config.max_position_embeddings,
            every_length=config.pattern != "original",
            n_devices=n_devices,
            most_rows=most_rows,
        )

    def tokens(self, n: int) -> int:
        """The length for n tokens; n itself, where it is more than the model takes."""
        n_blocks = -(-n // self.block_size)
        size = (n_blocks if self.every_length else next_size(n_blocks)) * self.block_size
        if n <= self.limit < size:
            size = self.limit
        return max(n, min(size, self.most_tokens))

    def rows(self, n: int) -> int:
        """The number of rows for n of them."""
        size = next_size(n) if self.most_rows is None else max(n, min(next_size(n), self.most_rows))
        return -(-size // self.n_devices) * self.n_devices


@dataclass(frozen=True, eq=False)
class Filled:
    """Padded features filled up to a bucket.

    Attributes:
        arrays: as of `tasks.padding.Padded`; `attention_mask` always, all ones in the rows that were added; and
            `is_row`, bool (B,), False for those.
        n_padded: tokens that are computed.
        are_long: every document is longer than full attention reaches.
    """

    arrays: dict[str, np.ndarray]
    n_padded: int
    are_long: bool


def fill(padded: Padded, buckets: Buckets, *, pad_id: int) -> Filled:
    """Fill padded features up to the next bucket."""
    shape = padded.arrays["input_ids"].shape
    n_rows, n_tokens = buckets.rows(shape[0]), buckets.tokens(shape[-1])
    whole = (n_rows, *shape[1:-1], n_tokens)
    given = {"attention_mask": np.ones(shape, np.int64), **padded.arrays}
    arrays = {name: _filled(array, shape, whole, filling=_FILLING.get(name, IGNORED)) for name, array in given.items()}
    arrays["input_ids"] = _filled(given["input_ids"], shape, whole, filling=pad_id)
    arrays["attention_mask"][shape[0] :] = 1  # a row of padding would be a short document
    lengths = (arrays["attention_mask"] * np.arange(1, n_tokens + 1)).max(axis=-1)
    return Filled(
        arrays=arrays | {"is_row": np.arange(n_rows) < shape[0]},
        n_padded=arrays["input_ids"].size,
        are_long=bool((lengths > buckets.limit).all()),
    )


_FILLING = {"attention_mask": 0, "token_type_ids": 0}
"""What stands where there is nothing; else it is IGNORED among whole numbers, and 0 among others."""


def _filled(array: np.ndarray, shape: tuple[int, ...], whole: tuple[int, ...], *, filling: int) -> np.ndarray:
    """Fill an array of a number a token, or of anything else a row."""
    is_whole_numbers = np.issubdtype(array.dtype, np.integer)
    target = whole if is_whole_numbers and array.shape == shape else (whole[0], *array.shape[1:])
    filled = np.full(target, filling if is_whole_numbers else 0, dtype=array.dtype)
    filled[tuple(slice(length) for length in array.shape)] = array
    return filled


def narrowed(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays as JAX takes them, whose whole numbers have 32 bits."""
    return {name: array.astype(np.int32) if array.dtype == np.int64 else array for name, array in arrays.items()}

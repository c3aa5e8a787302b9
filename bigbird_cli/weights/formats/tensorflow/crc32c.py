"""CRC-32C, the checksum of LevelDB and of TensorFlow's bundles, by numpy alone."""

from functools import lru_cache
from typing import Final

import numpy as np

_POLYNOMIAL: Final = 0x82F63B78
_MAX_ROW: Final = 14


def masked(crc: int) -> int:
    """A checksum as LevelDB stores it, so that checksums of data with checksums in it are no special case."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def crc32c(data: np.ndarray) -> int:
    """The checksum of bytes, about 1 GB a second.

    A CRC is linear: the state after a word and n more zero words is a table's xor. So the bytes are laid out in rows
    of 2^k words, each row is moved on by a row's length and added to the next, and the last row is folded in halves.

    Args:
        data: uint8 array (n,), contiguous.
    """
    power = min(_MAX_ROW, (len(data) // 4).bit_length())
    row = 4 << power
    n_zeros = -len(data) % row
    if n_zeros < 4:
        n_zeros += row
    # zeros in front of everything leave a state of zeros; then a word that makes it all ones, where a CRC begins
    n_head = -n_zeros % row
    head = np.concatenate([np.zeros(n_zeros, dtype=np.uint8), data[:n_head]])
    head[n_zeros - 4 : n_zeros] = np.frombuffer(_word_before_ones().to_bytes(4, "little"), dtype=np.uint8)
    state = np.zeros(1 << power, dtype=np.uint32)
    for rows in (head, data[n_head:]):
        for words in rows.view("<u4").reshape(-1, 1 << power):
            state = _moved_on(state, power) ^ words
    for half in range(power - 1, -1, -1):
        state = _moved_on(state[: 1 << half], half) ^ state[1 << half :]
    return int(_moved_on(state, 0)[0]) ^ 0xFFFFFFFF


def _moved_on(states: np.ndarray, power: int) -> np.ndarray:
    """Each state after 2^power words of zeros."""
    low, high = _tables(power)
    moved: np.ndarray = low[states & 0xFFFF] ^ high[states >> 16]
    return moved


@lru_cache(maxsize=_MAX_ROW + 1)
def _tables(power: int) -> np.ndarray:
    """What `_moved_on` makes of each lower and of each upper half, uint32 (2, 65536)."""
    bits = np.left_shift(np.uint32(1), np.arange(32, dtype=np.uint32))
    if power:
        moved = _moved_on(_moved_on(bits, power - 1), power - 1)
    else:
        moved = bits
        for _ in range(32):
            moved = moved >> 1 ^ np.where(moved & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    tables = np.zeros((2, 1 << 16), dtype=np.uint32)
    for bit in range(16):
        for half in (0, 1):
            tables[half, 1 << bit : 2 << bit] = tables[half, : 1 << bit] ^ moved[16 * half + bit]
    return tables


def _word_before_ones() -> int:
    """The word that turns a state of zeros into one of ones."""
    state = 0xFFFFFFFF
    for _ in range(32):
        state = ((state ^ _POLYNOMIAL) << 1 | 1) if state >> 31 else state << 1
    return state

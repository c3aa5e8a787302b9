"""A table in LevelDB's format: blocks of sorted keys, an index of the blocks, and a footer.

Source: tensorflow 2.21, core/lib/io/format.cc.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from bigbird_cli.files.protobuf import read_varint
from bigbird_cli.weights.formats.tensorflow.crc32c import crc32c, masked

MAX_KEYS: Final = 16 << 20
"""Bytes of all keys together; a large model's are below a million."""

_FOOTER: Final = 48
_MAGIC: Final = 0xDB4775248B80FB57


def read_table(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values, the keys ascending.

    Raises:
        ValueError: it is no such table, or its checksums differ.
    """
    if len(file) < _FOOTER or int.from_bytes(file[-8:], "little") != _MAGIC:
        raise ValueError("it does not end as an index does")
    footer = file[-_FOOTER:]
    at = 0
    for _ in range(2):  # of the block of metadata, which is empty
        _, at = read_varint(footer, at)
    offset, at = read_varint(footer, at)
    size, at = read_varint(footer, at)
    last = None
    n_key_bytes = 0
    for _, handle in read_block(file, offset, size):
        offset, at = read_varint(handle, 0)
        size, _ = read_varint(handle, at)
        for key, value in read_block(file, offset, size):
            n_key_bytes += len(key)
            if (last is not None and key <= last) or n_key_bytes > MAX_KEYS:
                raise ValueError("its keys are not in order")
            last = key
            yield key, value


def read_block(file: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block; a key says how much of its beginning is the last one's."""
    end = offset + size
    if end + 5 > len(file) - _FOOTER or size < 4:
        raise ValueError("a block lies outside the file")
    block = file[offset:end]
    crc = crc32c(np.frombuffer(file, dtype=np.uint8, count=size + 1, offset=offset))
    if masked(crc) != int.from_bytes(file[end + 1 : end + 5], "little"):
        raise ValueError("the checksum of a block differs")
    if file[end]:
        raise ValueError("it is compressed, which is not read here")
    n_restarts = int.from_bytes(block[-4:], "little")
    stop = size - 4 - 4 * n_restarts
    if stop < 0:
        raise ValueError("a block is too short")
    at, key = 0, b""
    while at < stop:
        shared, at = read_varint(block, at)
        n_new, at = read_varint(block, at)
        n_value, at = read_varint(block, at)
        if shared > len(key) or at + n_new + n_value > stop:
            raise ValueError("a key reaches beyond its block")
        key = key[:shared] + block[at : at + n_new]
        at += n_new
        yield key, block[at : at + n_value]
        at += n_value

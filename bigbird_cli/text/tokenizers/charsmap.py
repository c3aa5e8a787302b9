"""The compiled normaliser in a sentencepiece vocabulary, checked before a library follows its pointers.

A map is the size of a trie in bytes (4, little-endian), the trie as units of 32 bits, and the texts that it points to,
each ended by NUL. Both libraries that read it trust every pointer: a broken one ends the process.

Source: the double array of https://github.com/s-yata/darts-clone, as google/sentencepiece's normalizer.cc and Hugging
Face's spm_precompiled walk it.
"""

import numpy as np

_BYTES = np.arange(1, 256, dtype=np.int64)
_TOGETHER = 4096


def check_charsmap(charsmap: bytes) -> None:
    """Walk every path of the trie; ValueError where one leads out of the map. An empty map changes nothing."""
    if not charsmap:
        return
    size = int.from_bytes(charsmap[:4], "little")
    if len(charsmap) < 8 or size % 4 or not 4 <= size <= len(charsmap) - 4:
        raise ValueError(f"its character map of {len(charsmap)} bytes cannot hold a trie of {size}")
    units = np.frombuffer(charsmap, dtype="<u4", count=size // 4, offset=4).astype(np.int64)
    texts = np.frombuffer(charsmap, dtype=np.uint8, offset=4 + size)
    try:
        texts.tobytes().decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("its character map holds text that is not UTF-8") from None
    if len(texts) and texts[-1]:
        raise ValueError("the last text of its character map has no end")
    _walk(units, texts)


def _walk(units: np.ndarray, texts: np.ndarray) -> None:
    is_start = (texts & 0xC0) != 0x80  # of a character
    seen = np.zeros(len(units), dtype=bool)
    waiting = [_offset(units[:1])]
    while waiting:
        bases = waiting.pop()
        if len(bases) > _TOGETHER:
            waiting.append(bases[_TOGETHER:])
            bases = bases[:_TOGETHER]
        if len(bases) and int(bases.max()) >= len(units):
            raise ValueError("its character map points outside itself")
        bases = np.unique(bases[~seen[bases]])
        seen[bases] = True
        children = bases[:, None] ^ _BYTES
        if children.size and int(children.max()) >= len(units):
            raise ValueError("its character map points outside itself")
        found = units[children]
        follows = (found & (1 << 31 | 0xFF)) == _BYTES
        below = children[follows] ^ _offset(found[follows])
        leaves = below[(found[follows] >> 8 & 1).astype(bool)]
        if len(leaves):
            starts = units[leaves[leaves < len(units)]] & ((1 << 31) - 1)
            if len(starts) < len(leaves) or int(starts.max()) >= len(texts) or not is_start[starts].all():
                raise ValueError("its character map points outside its texts")
        if len(below):
            waiting.append(below)


def _offset(units: np.ndarray) -> np.ndarray:
    return units >> 10 << ((units & 1 << 9) >> 6)

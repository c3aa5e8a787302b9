"""A long text tokenised chunk by chunk: the tokens of the whole, in memory that does not grow with its length.

The libraries take hundreds of bytes a character while they work, and abort the process when there are none left. So
they are given chunks that overlap. Two chunks are joined inside their overlap, between two tokens around which
both have the same tokens at the same characters: neither where the one ends nor where the other begins is felt there
any more, so the whole text has these tokens too. That asks no more of a tokenizer than that the tokens of a word depend
on what stands near it.

Where nothing can be joined, as in a million times one letter, the second chunk begins at a token of the first.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bigbird_cli.text.tokenizers.tokens import Tokens

CHUNK = 1 << 16
"""Characters of a chunk."""

OVERLAP = 1 << 10
"""Characters that two chunks share."""

_TRIES = ((1, 1), (2, 16), (4, 32))
"""How many times longer a chunk and its overlap are encoded, one after the other, until it joins the next one."""

_ALIKE = 8
"""Tokens on either side of a join that both chunks must have in common."""

_BYTES_A_CHARACTER = 1000
"""What the libraries take for a chunk at most."""


def encode_in_chunks(
    encode: Callable[[str], Tokens],
    text: str,
    *,
    chunk: int = CHUNK,
    overlap: int = OVERLAP,
    on_progress: Callable[[int], None] | None = None,
) -> Tokens:
    """Tokenise a text of any length.

    Args:
        encode: tokenises a short text at once.
        text: what to tokenise; `encode` is given it as it is unless it is longer than a chunk.
        chunk: characters to tokenise at once.
        overlap: characters that two chunks share.
        on_progress: is called after each chunk with the number of characters encoded.

    Raises:
        MemoryError: there is not enough of it for a chunk.
    """
    everything = len(text) + 1  # behind the last token, an empty one at the end included

    def encode_at(start: int, length: int) -> _Chunk:
        stop = min(start + length, len(text))
        np.empty((stop - start) * _BYTES_A_CHARACTER, dtype=np.uint8)  # raises where a library would abort
        tokens = encode(text[start:stop])
        if on_progress is not None:
            on_progress(stop)
        return _Chunk(start, stop, _moved(tokens, start) if start else tokens)

    def followed(this: _Chunk) -> tuple[_Chunk, int, _Chunk]:
        """A chunk, a longer one if need be; the character where the next one takes over; and that one."""
        for longer, wider in _TRIES:
            if longer > 1:
                this = encode_at(this.start, chunk * longer)
                if this.stop == len(text):
                    return this, everything, encode_at(this.stop, 0)
            after = encode_at(this.stop - min(overlap * wider, chunk // 2), chunk)
            join = _join(this, after)
            if join is not None:
                return this, join, after
        join = _token_near(this, this.stop - overlap)
        return this, join, encode_at(join, chunk)

    this = encode_at(0, chunk)
    if this.stop == len(text):
        return this.tokens
    parts: list[Tokens] = []
    begin = 0  # the character from which on a chunk's tokens count
    while this.stop < len(text):
        this, end, after = followed(this)
        parts.append(_part(this.tokens, begin, end))
        this, begin = after, end
    parts.append(_part(this.tokens, begin, everything))
    return Tokens(
        *(np.concatenate([getattr(part, name) for part in parts], dtype=np.int32) for name in ("ids", "starts", "ends"))
    )


class _Chunk(NamedTuple):
    """The tokens of text[start:stop], at their characters in the text."""

    start: int
    stop: int
    tokens: Tokens


def _moved(tokens: Tokens, by: int) -> Tokens:
    return Tokens(ids=tokens.ids, starts=tokens.starts + np.int32(by), ends=tokens.ends + np.int32(by))


def _part(tokens: Tokens, begin: int, end: int) -> Tokens:
    """A copy of the tokens that start in begin..end (not included)."""
    inside = slice(*np.searchsorted(tokens.starts, [begin, end]))
    return Tokens(ids=tokens.ids[inside].copy(), starts=tokens.starts[inside].copy(), ends=tokens.ends[inside].copy())


def _join(this: _Chunk, after: _Chunk) -> int | None:
    """The start of a token, near the middle of their overlap, around which two chunks have the same tokens."""
    ours, theirs = this.tokens, after.tokens
    candidates = np.arange(np.searchsorted(ours.starts, after.start) + _ALIKE, len(ours) - _ALIKE + 1)
    far = abs(ours.starts[candidates] - (after.start + this.stop) // 2)
    for i in candidates[np.argsort(far, kind="stable")].tolist():
        start = int(ours.starts[i])
        j = int(np.searchsorted(theirs.starts, start))
        if start > ours.starts[i - 1] and j >= _ALIKE and _same(ours, i, theirs, j):
            return start
    return None


def _same(ours: Tokens, i: int, theirs: Tokens, j: int) -> bool:
    """Whether the tokens before and behind our token i are those round their token j."""
    return all(
        np.array_equal(one[i - _ALIKE : i + _ALIKE], other[j - _ALIKE : j + _ALIKE])
        for one, other in ((ours.ids, theirs.ids), (ours.starts, theirs.starts), (ours.ends, theirs.ends))
    )


def _token_near(this: _Chunk, character: int) -> int:
    """The start of the first token behind a character; the end of the chunk if there is none."""
    i = int(np.searchsorted(this.tokens.starts, character, side="right"))
    return int(this.tokens.starts[i]) if i < len(this.tokens) else this.stop

"""How tokens are written: what a vocabulary of lower case alone does not tell, and names are known by."""

import unicodedata

import numpy as np

N_CASES = 5
"""Nothing that has case (0), lower case (1), a capital and lower case or nothing behind it (2), capitals alone, two or
more (3), any other order of both (4)."""


class _Cases(dict[int, str]):
    """Code point -> "u" for a capital, "l" for lower case, "-" for what has neither; filled as code points turn up."""

    def __missing__(self, code: int) -> str:
        category = unicodedata.category(chr(code))
        self[code] = found = "u" if category in ("Lu", "Lt") else "l" if category == "Ll" else "-"
        return found


_CASES = _Cases()


def casing_of(text: str, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Tell how each of n tokens is written, as one of the `N_CASES`.

    Args:
        text: the whole text.
        starts: int (n,), first code point of each token, none before the one of the token before it.
        ends: int (n,), the code point after its last.

    Returns:
        int8 (n,).
    """
    if not len(starts):
        return np.zeros(0, dtype=np.int8)
    begin, stop = int(starts[0]), int(ends.max())
    letters = np.frombuffer(text[begin:stop].translate(_CASES).encode(), dtype=np.uint8)
    capitals, small = np.zeros((2, len(letters) + 1), dtype=np.int32)
    capitals[1:], small[1:] = np.cumsum(letters == ord("u")), np.cumsum(letters == ord("l"))
    cased = np.append(np.where(letters == ord("-"), len(letters), np.arange(len(letters))), len(letters))
    next_cased = np.minimum.accumulate(cased[::-1])[::-1]  # the first cased letter from each one on

    first, behind = starts - begin, ends - begin
    n_capitals, n_small = capitals[behind] - capitals[first], small[behind] - small[first]
    begins_so = capitals[np.minimum(next_cased[first] + 1, behind)] > capitals[first]
    cases = np.select(
        [n_capitals + n_small == 0, n_capitals == 0, (n_capitals == 1) & begins_so, n_small == 0],
        [0, 1, 2, 3],
        default=4,
    )
    return cases.astype(np.int8)

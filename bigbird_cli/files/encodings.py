"""Encodings of text: their names, and what to say of text that is not in its own."""

import codecs
from encodings.aliases import aliases
from typing import Final

from bigbird_cli.errors import DataError, UsageError, nearest

TO_UTF8: Final = "convert the file to UTF-8, for instance with iconv -f WINDOWS-1252 -t UTF-8"
"""What to do about text in most other encodings."""

LIKELY: Final = "cp1252"
"""What text that is no UTF-8 most often is: Windows-1252."""

_NO_TEXT: Final = frozenset(
    {"idna", "mbcs", "oem", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}
)
"""Codecs of Python that belong to no text from outside, or give halves of characters."""


class EncodingError(DataError):
    """What is read is not in its encoding.

    The fix is to convert it; a call that may be told the encoding says that instead, see `in_call`.

    Args:
        problem: as of every error, and so are where and fix.
        likely: the encoding that it may be in.
        wrong: the byte that is none of a character's, and two after it, as far as they are at hand.
        place: where it stands, whatever the encoding: " at column 5".
    """

    def __init__(
        self,
        problem: str,
        *,
        where: str | None,
        fix: str | None = TO_UTF8,
        likely: str = LIKELY,
        wrong: bytes = b"",
        place: str = "",
    ) -> None:
        super().__init__(problem, where=where, fix=fix)
        self._likely, self._wrong, self._place = likely, wrong, place

    def in_call(self, encoding: str | None) -> DataError:
        """The error in the words of a call that takes an encoding, and was given this one."""
        if encoding is None or not self._wrong:
            fix = f'name its encoding, such as encoding="{self._likely}"'
            return DataError(self.problem, where=self.where, fix=fix)
        problem = f"{_named(self._wrong)}{self._place} is not {encoding.upper()} text"
        return DataError(problem, where=self.where, fix="name the encoding that it is in, or correct the text there")


def codec_of(name: str) -> str | None:
    """Python's own name for an encoding of text; None where it has none of that name."""
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    is_text = codec._is_text_encoding and codec.name.replace("_", "-") not in _NO_TEXT  # "rot13" is a codec too
    return codec.name if is_text else None


def encodings() -> list[str]:
    """The names of encodings, as far as Python lists them."""
    names = {name.replace("_", "-") for pair in aliases.items() for name in pair}
    return sorted(name for name in names if codec_of(name))


def check_encoding(name: str | None) -> None:
    """UsageError, with the nearest, for the name of no encoding."""
    if name is not None and codec_of(name) is None:
        near = nearest(name, encodings())
        fix = f"did you mean {near}?" if near else "name one such as cp1252, utf-16 or shift_jis"
        raise UsageError(f"there is no encoding {name!r}", where="encoding", fix=fix)


def _named(wrong: bytes) -> str:
    """The byte that `transcoded` made three of."""
    return f"the byte 0x{(wrong[1] & 0x03) << 6 | wrong[2] & 0x3F:02x}" if len(wrong) == 3 else "a byte"

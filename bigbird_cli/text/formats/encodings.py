"""Encodings by the names that mails and pages give them."""

import codecs
from typing import Final

_NO_CHARSETS: Final = frozenset(
    {"idna", "mbcs", "oem", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}
)
"""Codecs of Python that belong to no text from outside, or give halves of characters."""


def charset(name: str | None) -> str | None:
    """The name of Python's codec for a character set; None for one that is not known.

    As in browsers and mail programs, what says that it is ASCII or Latin-1 is Windows-1252, which holds both.
    """
    try:
        codec = codecs.lookup(name or "")
    except (LookupError, ValueError):
        return None
    if not codec._is_text_encoding or codec.name.replace("_", "-") in _NO_CHARSETS:  # "rot13" is a codec too
        return None
    return "cp1252" if codec.name in ("ascii", "iso8859-1") else codec.name

"""Text from outside made fit for a message: on one line, without control characters, and of a length to read."""

import re

OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys or cannot show: controls, delete, line separators, half characters, and the marks that reorder
what stands beside them."""

_QUOTED = re.compile(r"""(?<!\w)(?:'[^']*'|"[^"]*"|«[^«»]*»)(?!\w)""")
_WORD = re.compile(r"\S+")
_LINE_END = re.compile(r"[ \t]*[\r\n]\s*")

LONGEST_PART = 300
"""Characters of a message's part: the problem, the location, or the remedy."""

_LONGEST_VALUE = 80
"""Characters of a quoted value or a word inside a message."""

_LONGEST_PATH = 200
"""Characters of one with slashes, which a reader may want to copy."""


def visible(text: str) -> str:
    """The text with white space as single characters of it and every other control character as an escape."""
    return OBEYED.sub(_escape, text)


def shortened(text: str, *, most: int = LONGEST_PART) -> str:
    """The text on one line with long values and words, then all of it, cut in the middle and their lengths given.

    Args:
        text: words of ours with values of a user's in them.
        most: characters that are given at most.
    """
    text = visible(_LINE_END.sub(" ", text))
    if len(text) > _LONGEST_VALUE:
        text = _WORD.sub(_cut_value, _QUOTED.sub(_cut_value, text))
    return _cut(text, most)


def counted(number: int, noun: str, several: str = "") -> str:
    """A number and what it counts, such as "1 row" or "2,000 rows".

    Args:
        number: of them.
        noun: for one.
        several: for any other number, where that is not `noun` with an s.
    """
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"


def called(document: str) -> str:
    """What a document is called where people read: its name, and what `-` stands for."""
    return "standard input" if document == "-" else document


def sized(n_bytes: int) -> str:
    """A size to read, such as "1.5 MB" or "1,234.5 GB"."""
    return f"{n_bytes / 1e9:,.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:,.1f} MB"


def _cut_value(match: re.Match[str]) -> str:
    value = match[0]
    most = _LONGEST_PATH if "/" in value else _LONGEST_VALUE
    if match.re is _QUOTED and len(value) > most:
        return f"{value[0]}{_middle_cut(value[1:-1], most - 2)}{value[-1]} {_length(len(value) - 2)}"
    return _cut(value, most)


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    length = _length(len(text))
    return f"{_middle_cut(text, most - len(length) - 1)} {length}"


def _middle_cut(text: str, length: int) -> str:
    """The start and the end of a text, `length` characters with the sign between them."""
    end = (length - 1) // 2
    return f"{text[: length - 1 - end]}…{text[len(text) - end :]}"


def _length(n_characters: int) -> str:
    return f"({n_characters:,} characters)"


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in "\t\n\r\v\f\x85\u2028\u2029":
        return " "
    return f"\\x{ord(character):02x}" if ord(character) < 0x100 else f"\\u{ord(character):04x}"

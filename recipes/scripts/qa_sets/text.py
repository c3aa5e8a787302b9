"""Sentences, about how many tokens a text has, and Penn-Treebank tokens as people write them."""

import math
import re
from collections.abc import Sequence

_SENTENCE = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[A-Z0-9])|\n\s*\n|\n(?=\s)")
_WORDS = re.compile(r"\w+|[^\w\s]")
_FUNCTION_WORDS = """
a an the of in on at to for from by with and or is are was were be been being do does did has have had what who
whom whose which when where why how many much long old kind type it its he she they his her their them this that
these those as not i you your we our me my him there than then so if but into about after before during some any
all one something someone would could should will can may might must
"""
_STOP = frozenset(_FUNCTION_WORDS.split())


def sentence_starts(text: str) -> list[int]:
    return [0, *(m.end() for m in _SENTENCE.finditer(text))]


def n_tokens(text: str) -> int:
    """About how many WordPiece tokens a text has: 1.08 for each word or mark in these sets, as measured."""
    return math.ceil(1.08 * len(_WORDS.findall(text)))


def content_words(text: str) -> set[str]:
    """The words that say what a text is about, cut to five letters so that inflections meet."""
    return {w[:5] for w in re.findall(r"\w+", text.lower()) if w not in _STOP}


_LEFT = frozenset([",", ".", ";", ":", "!", "?", ")", "]", "}", "%", "...", "n't", "''", "”", "’", "'s", "'S", "°"])
_RIGHT = frozenset(["(", "[", "{", "$", "£", "€", "#", "``", "“", "‘", "`", "US$"])
_PTB = {
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
    "``": '"',
    "''": '"',
    "`": "'",
}


def detokenise(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Join Penn-Treebank or spaCy tokens as people write them.

    Returns:
        The text, and where each token stands in it.
    """
    text = ""
    spans: list[tuple[int, int]] = []
    glue = True  # nothing stands between the last token and the next
    double_open = single_open = False
    for i, token in enumerate(tokens):
        before = tokens[i - 1] if i else ""
        after = tokens[i + 1] if i + 1 < len(tokens) else ""
        left, right = token in _LEFT, token in _RIGHT or token in ("-LRB-", "-LSB-", "-LCB-")
        if token in ("-RRB-", "-RSB-", "-RCB-"):
            left = True
        elif token == "``":
            double_open = True
        elif token == "''":
            double_open = False
        elif token == '"':
            left, right, double_open = double_open, not double_open, not double_open
        elif token == "'":
            if not single_open and before.endswith("s") and "'" not in tokens[i + 1 :]:
                left = True  # the possessive of a plural
            else:
                left, right, single_open = single_open, not single_open, not single_open
        elif len(token) <= 3 and re.fullmatch(r"['’](s|re|ve|d|ll|m|t)", token, re.IGNORECASE):
            left = True
        elif (token in ("-", "/") and before[-1:].isalnum() and after[:1].isalnum()) or (
            token == "–" and before[-1:].isdigit() and after[:1].isdigit()
        ):
            left = right = True
        elif token in (",", ".") and not before:
            left = False
        written = "–" if token == "--" else _PTB.get(token, token)
        if text and not glue and not left:
            text += " "
        spans.append((len(text), len(text) + len(written)))
        text += written
        glue = right
    return text, spans


def tidy_question(text: str) -> str:
    text = " ".join(text.split())
    text = re.sub(r"\s+([?,.'])", r"\1", text).rstrip(" .?")
    return text[:1].upper() + text[1:] + "?"


def find_flexibly(needle: str, text: str) -> tuple[int, int] | None:
    """Where `needle` stands in `text` when white space and letter case may differ."""
    parts = needle.split()
    if not parts:
        return None
    found = text.find(needle)
    if found >= 0:
        return found, found + len(needle)
    match = re.search(r"\s+".join(map(re.escape, parts)), text, re.IGNORECASE)
    return match.span() if match else None


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without white space and commas at its ends."""
    while start < end and text[start] in " \t\r\n,;":
        start += 1
    while end > start and text[end - 1] in " \t\r\n,;":
        end -= 1
    return start, end


def phrasings(table: str) -> dict[str, tuple[str, ...]]:
    """Lines of «key: question | question» as a table; a line that begins with | goes on with the one before."""
    rows = (line.partition(": ") for line in table.strip().replace("\n    |", " |").splitlines())
    return {key: tuple(asked.split(" | ")) for key, _, asked in rows}

"""What belongs to an answer and what to the sentence around it, by the marks at its ends.

A vocabulary makes each mark a token of its own, and a model may leave one out or take one too many. Signs, currencies
and units belong to a number ("18" of "-18 °C", "250.50" of "$1,250.50": a lost minus misleads); a full stop belongs to
an abbreviation, but not to a place at the end of its sentence.
"""

import re

_SPACE = "[ \u00a0\u2009\u202f]"
_CURRENCY = r"(?:(?<!\w)(?:US|CA|AU|NZ|HK|A|C|R|S))?\$|[€£¥¢₩₪₫₱₹₺₽₿]"
_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+\.\d+|\d+,\d{1,2}")

# What stands right before a number, one mark at a time. Behind a number or a word a minus or plus is no sign (10-18,
# 1990 - 2000, COVID-19), and a currency behind a number is that one's.
_BEFORE_NUMBER = re.compile(
    rf"(?<![\w)\]])(?<!\d{_SPACE})[-+\u2212\u2013]\Z"
    rf"|(?<!\d)(?<!\d{_SPACE})(?:{_CURRENCY}){_SPACE}?\Z"
    rf"|[±≈~§№<≤≥]{_SPACE}?\Z|(?<![\w/\"'])>{_SPACE}?\Z|(?<![\w#])#\Z|(?<![\w.])\.\Z"
)
_BEGINS_NUMBER = re.compile(rf"(?:(?:{_CURRENCY})|[.±≈~<>≤≥]){_SPACE}?\d|\d")
_AFTER_NUMBER = re.compile(
    rf"{_SPACE}?°{_SPACE}?[CFK](?!\w)|{_SPACE}?[%‰‱°℃℉]|[′″]|[²³]"
    rf"|{_SPACE}?(?:{_CURRENCY})(?!{_SPACE}?\d)"
    r"|[A-Za-zµμΩ]{1,4}(?:/[A-Za-z]{1,3})?[²³]?(?!\w)|\+(?!\w)"
)
_BEFORE_WORD = re.compile(r"(?<![\w#@])[#@]\Z")
_AFTER_WORD = re.compile(r"(?:\+\+|[#+²³])(?![\w+#])")
_AFTER_DEGREE = re.compile(rf"{_SPACE}?[CFK](?!\w)")
_BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"))
_QUOTES = (("“", "”"), ("«", "»"), ('"', '"'))

# A single capital is none: of "Saturn V." and "vitamin C." the stop is the sentence's more often than of an initial.
_ABBREVIATION = re.compile(
    r"(?<![\w.])(?:[^\W\d_]{1,3}(?:\.[^\W\d_]{1,2})+"
    r"|Inc|Ltd|Corp|Cos?|Bros|Jr|Sr|Esq|Mr|Mrs|Ms|Dr|Prof|Gen|Col|Capt|Lt|Sgt|Gov|Sen|Rev|Hon|St|Mt|Ave|Blvd|Dept|Univ"
    r"|Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|Dec|etc|al|ca|cf|vs|approx|incl|excl)\.\Z"
)
_GOES_ON = re.compile(r"\w|[,;:]|[ \t]+[a-zß-öø-ÿ]")
"""What comes behind a full stop that ends no sentence."""

_OF_SENTENCES = ".,;:…。，；：、"

_REACH = 8
"""Characters before a place in which a mark or an abbreviation is looked for."""

_LONGEST_NUMBER = 40
"""Characters on either side of a digit in which its number must end: each of a million digits would cost a million."""

_MOST_MARKS = 4
"""Marks on a side at most, as in "≈ -US$ 5"."""


def widen(text: str, start: int, end: int) -> tuple[int, int]:
    """Widen the characters start..end of a text over what belongs to them and stands right beside them.

    That is the rest of a number, its sign, currency and unit; the mark of a #tag, a @name or of C++; an abbreviation's
    full stop; and the bracket that closes or opens one inside.
    """
    if start >= end:
        return start, end
    start = _number_around(text, start)[0]
    end = _number_around(text, end - 1)[1]
    if _BEGINS_NUMBER.match(text, start):
        start = _before(_BEFORE_NUMBER, text, start)
    elif text[start].isalpha():
        start = _before(_BEFORE_WORD, text, start)
    if text[end - 1].isdecimal():
        end = _behind(_AFTER_NUMBER, text, end)
    elif text[end - 1] == "°":
        end = _behind(_AFTER_DEGREE, text, end)
    elif text[end - 1].isalpha():
        end = _behind(_AFTER_WORD, text, end)
        if text.startswith(".", end) and _ABBREVIATION.search(text, max(start, end - _REACH), end + 1):
            end += 1
    return _with_brackets(text, start, end)


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Take from the characters start..end of a text what is their sentence's: of "England and Wales." the full stop.

    That is, at either end, a comma, a colon, a full stop that is no abbreviation's, half a pair of quotes or brackets.
    Question and exclamation marks stay, as many a name has one. What says nothing stays as it is.
    """
    first, stop = start, end
    while first < stop and (text[first].isspace() or _begins_outside(text, first, stop)):
        first += 1
    while first < stop and (text[stop - 1].isspace() or _ends_outside(text, first, stop)):
        stop -= 1
    return (first, stop) if says_something(text[first:stop]) else (start, end)


def says_something(text: str) -> bool:
    """Whether there is a letter or a digit in a text, of any script."""
    return any(map(str.isalnum, text))


def _begins_outside(text: str, first: int, stop: int) -> bool:
    if text[first] in _OF_SENTENCES:
        return text[first] != "." or not text[first + 1 : first + 2].isalnum()  # .5, .NET
    return _is_half(text[first], text[first:stop])


def _ends_outside(text: str, first: int, stop: int) -> bool:
    mark = text[stop - 1]
    if mark == ".":
        return not _ABBREVIATION.search(text, max(first, stop - _REACH), stop) and not _GOES_ON.match(text, stop)
    if mark == '"' and text[stop - 2].isdecimal() and text[first - 1 : first] != '"':  # inches
        return False
    return mark in _OF_SENTENCES or _is_half(mark, text[first:stop])


def _is_half(mark: str, inside: str) -> bool:
    """Whether a mark is of a pair whose other half is not inside."""
    for opening, closing in (*_BRACKETS, *_QUOTES):
        if mark in (opening, closing):
            n_opening, n_closing = inside.count(opening), inside.count(closing)
            return n_opening % 2 == 1 if opening == closing else n_opening != n_closing
    return False


def _number_around(text: str, index: int) -> tuple[int, int]:
    """The number that a digit is part of; the character alone where there is none, as in dates and long codes."""
    alone = index, index + 1
    if text[index] not in "0123456789":
        return alone
    low, high = max(0, index - _LONGEST_NUMBER), min(len(text), index + _LONGEST_NUMBER)
    first, stop = alone
    while first > low and text[first - 1] in "0123456789.,":
        first -= 1
    while stop < high and text[stop] in "0123456789.,":
        stop += 1
    if 0 < first == low or len(text) > stop == high:
        return alone
    run = text[first:stop].strip(".,")
    first += text[first:stop].index(run)
    return (first, first + len(run)) if _NUMBER.fullmatch(run) else alone


def _before(mark: re.Pattern[str], text: str, start: int) -> int:
    for _ in range(_MOST_MARKS):
        found = mark.search(text, max(0, start - _REACH), start)
        if found is None:
            break
        start = found.start()
    return start


def _behind(mark: re.Pattern[str], text: str, end: int) -> int:
    for _ in range(_MOST_MARKS):
        found = mark.match(text, end)
        if found is None:
            break
        end = found.end()
    return end


def _with_brackets(text: str, start: int, end: int) -> tuple[int, int]:
    for opening, closing in _BRACKETS:
        inside = text[start:end]
        surplus = inside.count(opening) - inside.count(closing)
        if surplus == 1 and text[end : end + 1] == closing:
            end += 1
        elif surplus == -1 and text[start - 1 : start] == opening:
            start -= 1
    return start, end

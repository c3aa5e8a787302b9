"""Answers without what belongs to the sentence around them, as short as people mark them.

"in 1977" answers "When ...?" with "1977"; "the American physicist Robert Oppenheimer" answers "Who ...?" with the name.
"""

import re
from collections.abc import Iterator

from .items import Question

_LEADING = re.compile(r"(?:the|a|an|in|on|at|by|from|to|of|for|with|during|since|until|as|into|near|through|that)\s+")
_BECAUSE = re.compile(r"(?:because(?:\s+of)?|due\s+to|since|as)\s+", re.IGNORECASE)
_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_DATE = re.compile(
    rf"(?:\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+\d{{4}})?|{_MONTH}(?:\s+\d{{1,2}}(?:st|nd|rd|th)?\b(?!\d))?"
    r"(?:,?\s+\d{4})?|\b(?:1[0-9]|20)\d\d(?:s\b|\b))"
)
_YEAR = re.compile(r"\b(?:1[0-9]|20)\d\d\b")
_WORDS_FOR_NUMBERS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand dozen"
)
_NUMBER = re.compile(
    r"(?:\d[\d,.]*\d|\d|\b(?:" + "|".join(_WORDS_FOR_NUMBERS.split()) + r")\b(?:[\s-](?:"
    + "|".join(_WORDS_FOR_NUMBERS.split()) + r")\b)*)(?:\s(?:hundred|thousand|million|billion|trillion)\b)?",
    re.IGNORECASE,
)  # fmt: skip
_NAME = re.compile(r"[A-Z][\w.'’-]*(?:\s+(?:(?:of|de|van|von|the|la|le|du|di|al)\s+)*[A-Z][\w.'’-]*)*")
_ADDED = re.compile(r"\s*,\s+(?:who|which|where|whose|when|but)\s|\s+(?:who|which)\s")
LONG = 40  # characters


def tight(question: str, text: str, start: int, end: int) -> tuple[int, int]:
    """The part of an answer, characters start..end of the text, that is the answer itself; never empty."""
    asked = question.lower()
    start, end = _bare(text, start, end)
    if asked.startswith("why"):
        found = _BECAUSE.match(text, start, end)
        return _bare(text, found.end(), end) if found else (start, end)
    if asked.startswith("how") and not asked.startswith(("how many", "how much", "how long", "how old", "how far")):
        return start, end
    while (found := _LEADING.match(text, start, end)) and found.end() < end:
        start = found.end()
    if end - start > LONG and (found := _ADDED.search(text, start + 3, end)):
        end = found.start()
    return _bare(text, *next(_narrow(asked, text, start, end), (start, end)))


def _narrow(asked: str, text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A span inside that alone is of the kind that is asked for."""
    if re.search(r"\b(?:what|which) year\b", asked):
        yield from _only(_YEAR, text, start, end)
    elif asked.startswith("when") or re.search(r"\b(?:what|which) (?:date|day|month)\b", asked):
        yield from (span for span in _only(_DATE, text, start, end) if any(c.isdigit() for c in text[slice(*span)]))
    elif asked.startswith("how many"):
        yield from _only(_NUMBER, text, start, end)
    elif re.match(r"(?:by |to |with |for |from )?who[mse]*\b", asked) and end - start > 15:
        names = list(_NAME.finditer(text, start, end))
        one = " and " not in text[start:end] and ", " not in text[start:end]
        if one and names and names[-1].end() == end and " " in names[-1].group():
            yield names[-1].span()


def _only(pattern: re.Pattern[str], text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    found = [match.span() for match in pattern.finditer(text, start, end)]
    alone = len(found) == 1 and text[found[0][0] - 1 : found[0][0]] not in ("-", "–", "/")
    if alone and text[found[0][1] : found[0][1] + 1] not in ("-", "–", "/"):
        yield found[0]


def _bare(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without punctuation at its ends; brackets and quotation marks go by pairs, or one left alone."""
    low, high = start, end
    while low < high and text[low] in " \t\r\n,;:.!?-–":
        if text[low] in ".-" and text[low + 1 : low + 2].isdigit():
            break
        low += 1
    while high > low and text[high - 1] in " \t\r\n,;:!?-–":
        high -= 1
    if (
        high > low
        and text[high - 1] == "."
        and not re.search(r"(?:\b[A-Z]|\b(?:Inc|Co|Corp|Ltd|Jr|Sr|etc|Mr|Dr|St))\.$", text[low:high])
    ):
        high -= 1
    for opening, closing in ('""', "“”", "()", "''", "‘’"):
        inside = text[low:high]
        if inside.startswith(opening) and closing not in inside[1:]:
            low += 1
        elif inside.endswith(closing) and opening not in inside[:-1] and not (closing in "'’" and inside[-2:-1] == "s"):
            high -= 1
        elif (
            inside.startswith(opening)
            and inside.endswith(closing)
            and inside.count(opening) + inside.count(closing) in (2, 4)
        ):
            low, high = low + 1, high - 1
    return (low, high) if low < high else (start, end)


def tightened(question: Question) -> Question:
    """The question with tight answers, each once."""
    document = question.document
    spans = tuple(dict.fromkeys(tight(question.text, document.text, a, b) for a, b in question.spans))
    return Question(document, question.text, spans, whole=question.whole, narrow=question.narrow)

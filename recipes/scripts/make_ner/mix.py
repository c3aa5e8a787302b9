"""Rows to learn from: what taggers agree on, what people annotated, and both as text is met outside of books.

Of two taggers' spans those that both give are entities; a span that they name differently is an entity of either type;
any other span of one of them is unsure. To rows that people annotated, the taggers' say is added on types that their
set lacks, and narrows "GPE|LOC|FAC" where both choose the same of them.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from gold import TITLE, Row, Span, trimmed

COUNTED = frozenset(["CARDINAL", "DATE", "MONEY", "ORDINAL", "PERCENT", "QUANTITY", "TIME"])
"""Types that taggers hardly miss: where neither finds one, there is none."""


SHORT = frozenset(["PERSON", "ORG", "GPE", "LOC", "FAC", "NORP", "PRODUCT", "LANGUAGE"])
"""Types whose names have few words."""

COMMON_TOO = COUNTED | {"NORP", "LANGUAGE"}
"""Types of which a word may be that is written small as well."""

MISTAKEN = frozenset(["ORG", "PRODUCT", "NORP", "WORK_OF_ART", "FAC", "LAW", "EVENT"])
"""Types that taggers give to persons' bare names."""


def agreed(row: Row) -> Row:
    """Of a text with two taggers' spans, "first" and "second": the row that they make together."""
    text = row["text"]
    first, second = (_kept(trimmed(text, tuple(span)) for span in row[name]) for name in ("first", "second"))
    types: dict[tuple[int, int], list[str]] = {}
    for start, end, type_ in sorted(first & second):
        types[start, end] = [type_]
    of_first = {(start, end): type_ for start, end, type_ in first}
    for start, end, type_ in sorted(second):
        other = of_first.get((start, end))
        if other is not None and other != type_:
            types[start, end] = sorted({other, type_})
    entities = [[start, end, "|".join(names)] for (start, end), names in sorted(types.items())]
    lone = {(start, end) for start, end, _ in first ^ second} - types.keys()
    unsure = [[start, end] for start, end in sorted(lone) if not _touches(start, end, entities)]
    return {"text": text, "entities": entities, "unsure": unsure}


def informed(row: Row, tagged: Row) -> Row:
    """A row that people annotated, with what two taggers find in its text."""
    said = agreed(tagged)
    gold, types = row["entities"], set(row["types"])
    named = {(start, end): type_ for start, end, type_ in said["entities"]}
    entities = []
    for start, end, type_ in gold:
        narrower = named.get((start, end))
        entities.append([start, end, narrower if narrower in type_.split("|") else type_])
    unsure = list(row.get("unsure", []))
    taken = [*gold, *([start, end, ""] for start, end in unsure)]
    for start, end, type_ in said["entities"]:
        if types.isdisjoint(type_.split("|")) and not _touches(start, end, taken):
            entities.append([start, end, type_])
    found = [(start, end, type_) for name in ("first", "second") for start, end, type_ in tagged[name]]
    for start, end, type_ in sorted(found):
        if type_ in COUNTED - types and not _touches(start, end, [*entities, *([*span, ""] for span in unsure)]):
            unsure.append([start, end])
    return {
        "text": row["text"],
        "entities": sorted(entities),
        "unsure": sorted(unsure),
        "types": sorted(types | COUNTED),
    }


def consistent(rows: Iterable[Row], *, terms: bool = False) -> list[Row]:
    """The rows of one text, with what taggers leave open settled by what they say elsewhere in it.

    A name that they call by one type 3 times in 4 is of that type wherever they differ. One word that ends a person's
    name elsewhere or stands behind a title, as "Yost" in "Shelly Yost" and "Mrs. Yost", is that person unless they call
    it a place. What is too long for a name, such as a heading, is unsure, and so is a word that the text also writes
    small, such as "Company".

    Args:
        rows: texts with two taggers' spans.
        terms: several such words are no name either, as in contracts with their "Effective Date".
    """
    rows = list(rows)
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    persons: Counter[str] = Counter()
    for row in rows:
        for name in ("first", "second"):
            for start, end, type_ in (trimmed(row["text"], tuple(span)) for span in row[name]):
                said = row["text"][start:end]
                votes[said][type_] += 1
                if type_ == "PERSON" and len(words := said.split()) > 1:
                    persons[words[-1]] += 1
                elif (title := TITLE.search(row["text"], max(0, start - 12), end)) and title.end() == start:
                    persons[said] += 1

    small = Counter(word for row in rows for word in re.findall(r"\b[a-z]+\b", row["text"]))

    def is_common(said: str, types: Sequence[str]) -> bool:
        """Whether a name is made of words that are none elsewhere."""
        words = re.findall(r"\w+", said)
        return (
            not COMMON_TOO.issuperset(types)
            and persons[said] < 2
            and (len(words) == 1 or terms)
            and all(small[word.lower()] >= 2 for word in words)
        )

    def settled(said: str, types: Sequence[str]) -> str | None:
        """The type of a name; None where nothing tells."""
        counts = votes[said]
        if persons[said] >= 2 and not {"GPE", "LOC"} & counts.keys() and not COUNTED & counts.keys():
            return "PERSON"
        [(type_, n), *_] = counts.most_common(1) or [("", 0)]
        return type_ if n >= 4 and n >= 0.75 * counts.total() and (not types or type_ in types) else None

    found = []
    for row in rows:
        said = agreed(row)
        text, kept, unsure = row["text"], [], []
        for start, end, type_ in said["entities"]:
            types = type_.split("|")
            is_long = len(text[start:end].split()) > 7 or "\n\n" in text[start:end]
            if (is_long and SHORT.issuperset(types)) or is_common(text[start:end], types):
                unsure.append([start, end])
                continue
            other = settled(text[start:end], types) if len(types) > 1 or type_ in MISTAKEN else None
            kept.append([start, end, other or type_])
        for start, end in said["unsure"]:
            type_ = settled(text[start:end], ())
            if type_ in COUNTED or type_ is None or is_common(text[start:end], [type_]) or _touches(start, end, kept):
                unsure.append([start, end])
            else:
                kept.append([start, end, type_])
        unsure = [span for span in unsure if not _touches(*span, kept)]
        found.append({"text": text, "entities": sorted(kept), "unsure": unsure})
    return found


def _kept(spans: Iterable[Span]) -> set[Span]:
    return {span for span in spans if span[0] < span[1]}


def _touches(start: int, end: int, spans: Iterable[Sequence[Any]]) -> bool:
    return any(span[0] < end and start < span[1] for span in spans)


# rows of other lengths


def part(row: Row, start: int, end: int) -> Row:
    """The characters start..end of a row, with the spans that lie in them whole; those that are cut are unsure."""
    cut = [span for span in row["entities"] if span[0] < start < span[1] or span[0] < end < span[1]]
    unsure = [*row.get("unsure", []), *(span[:2] for span in cut)]
    pieces = ([max(s, start) - start, min(e, end) - start] for s, e in unsure if s < end and start < e)
    return {
        **row,
        "text": row["text"][start:end],
        "entities": [[s - start, e - start, t] for s, e, t in row["entities"] if start <= s and e <= end],
        "unsure": sorted(pieces),
    }


def together(rows: Sequence[Row], between: str = "\n\n") -> Row:
    """Rows of one source as one."""
    text, entities, unsure = "", [], []
    for row in rows:
        text += between if text else ""
        entities += [[s + len(text), e + len(text), t] for s, e, t in row["entities"]]
        unsure += [[s + len(text), e + len(text)] for s, e in row.get("unsure", [])]
        text += row["text"]
    return {**rows[0], "text": text, "entities": entities, "unsure": unsure}


_SENTENCE = re.compile(r"(?<=[.!?][\"”’)\s])\s*(?=[A-Z\"“(])|\n+")


def shorter(row: Row, n_characters: int) -> Iterator[Row]:
    """A row in parts of about so many characters, cut between sentences, never in an entity."""
    begin = 0
    ends = [found.end() for found in _SENTENCE.finditer(row["text"])]
    for end in [*ends, len(row["text"])]:
        is_end = end == len(row["text"])
        if (end - begin >= n_characters or is_end) and end > begin:
            if not is_end and any(s < end < e for s, e, _ in row["entities"]):
                continue
            piece = part(row, begin, end)
            if piece["text"].strip():
                yield piece
            begin = end


# text as it is met


Change = Callable[[Row, random.Random], Row | None]


def in_capitals(row: Row, _luck: random.Random) -> Row | None:
    return _as_long(row, row["text"].upper())


def in_lower_case(row: Row, _luck: random.Random) -> Row | None:
    return _as_long(row, row["text"].lower())


def _as_long(row: Row, text: str) -> Row | None:
    """The row with another text, where every character kept its place."""
    return {**row, "text": text} if len(text) == len(row["text"]) else None


def wrapped(row: Row, luck: random.Random) -> Row:
    """Lines of 40 to 80 characters, as in mails and old books: some end inside names."""
    width, text, column = luck.randint(40, 80), list(row["text"]), 0
    for i, character in enumerate(text):
        column = 0 if character == "\n" else column + 1
        if character == " " and column > width:
            text[i], column = "\n", 0
    return {**row, "text": "".join(text)}


def _broken_names(row: Row, luck: random.Random) -> Row:
    """A line's end inside every third name of several words."""
    text = list(row["text"])
    for start, end, _ in row["entities"]:
        blanks = [i for i in range(start, end) if text[i] == " "]
        if blanks and luck.random() < 0.33:
            text[luck.choice(blanks)] = "\n"
    return {**row, "text": "".join(text)}


def _headed(row: Row, luck: random.Random) -> Row | None:
    """A name of the text as its heading."""
    names = [
        span for span in row["entities"] if span[2] in ("PERSON", "ORG", "GPE", "EVENT", "WORK_OF_ART", "LOC", "FAC")
    ]
    if not names:
        return None
    start, end, type_ = luck.choice(names)
    name = row["text"][start:end].replace("\n", " ")
    name = luck.choice((name, name.upper(), name))
    name = name if len(name) == end - start else row["text"][start:end]
    mark = luck.choice(("", "# ", "## ", "1. ", "Chapter 1: ", "* "))
    heading = {**row, "text": mark + name, "entities": [[len(mark), len(mark) + len(name), type_]], "unsure": []}
    return together([heading, row], luck.choice(("\n\n", "\n", "\n\n\n")))


def _unended(row: Row, _luck: random.Random) -> Row:
    """Without the signs that end sentences."""
    blank = re.sub(r"[.!?](?=\s|$)", " ", row["text"])
    return {**row, "text": blank}


CHANGES: tuple[tuple[float, Change], ...] = (
    (0.05, in_capitals),
    (0.05, in_lower_case),
    (0.05, wrapped),
    (0.03, _broken_names),
    (0.03, _headed),
    (0.01, _unended),
)
"""Shares of the rows that are changed, and how."""


def as_met(row: Row, luck: random.Random) -> Row:
    """A row as it is, or changed in one of the ways of CHANGES."""
    draw = luck.random()
    for share, change in CHANGES:
        if draw < share:
            return change(row, luck) or row
        draw -= share
    return row


def listed(row: Row, luck: random.Random) -> Row | None:
    """The names of a row as a list, or as a table with a column a type."""
    spans = {row["text"][s:e].replace("\n", " "): t for s, e, t in row["entities"] if "|" not in t and e - s < 60}
    names = list(spans)
    if len(names) < 6:
        return None
    luck.shuffle(names)
    names = names[: luck.randint(6, 24)]
    mark, between, behind = luck.choice(
        (
            ("- ", "\n", ""),
            ("* ", "\n", ""),
            ("", "\n", ""),
            ("", ", ", ""),
            ("", "; ", ""),
            ("", "\t", ""),
            ("| ", " ", " |"),
        )
    )
    per_line = luck.randint(2, 5) if between in ("\t", " ") else 0
    style = luck.choice((str, str, str, str.upper, str.lower))
    text, entities = "", []
    for i, name in enumerate(names):
        if text:
            text += "\n" if per_line and i % per_line == 0 else between
        text += mark if between != " " or not per_line or i % per_line == 0 else ""
        shown = style(name) if len(style(name)) == len(name) else name
        entities.append([len(text), len(text) + len(shown), spans[name]])
        text += shown + behind
    return {"text": text, "entities": entities, "unsure": [], **({"types": row["types"]} if "types" in row else {})}

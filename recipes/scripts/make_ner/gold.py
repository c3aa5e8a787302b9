"""Sets that people annotated, mapped to OntoNotes' 18 types: rows that say which of these their set annotates.

A row: {"text", "entities": [[start, end, type], ...], "types": [...], "unsure": [[start, end], ...]}. A type may name
several, "GPE|LOC|FAC": the set calls all of these a place. Of a type that "types" lacks the row is no evidence. Spans
are unsure where the set's idea of a name is not OntoNotes'.

    uner-ewt   PER, ORG, LOC (GPE|LOC|FAC)
    wnut17     person, corporation and group (ORG), location (GPE|LOC|FAC), product, creative-work (WORK_OF_ART)
    wikigold   PER, ORG, LOC (GPE|LOC|FAC), MISC (whatever else has a name)
    BTC        as uner-ewt; user names, which it counts as persons or organisations, are unsure
    litbank    names among its mentions of PER, ORG, GPE, LOC, FAC, and VEH (PRODUCT); what other mentions say beside
               names, if it has capitals, is unsure
    redocred   PER, ORG, LOC (GPE|LOC|FAC|NORP), TIME (DATE|TIME), MISC; NUM is annotated here and there only: where it
               is, it is a number of some kind, where it is not, nothing is said

Left out for tests: uner-ewt's last 60 documents, all of wnut17's dev, litbank's last 10 books, redocred's last 100.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Span = tuple[int, int, str]

PLACE = "GPE|LOC|FAC"
OTHER = "NORP|EVENT|WORK_OF_ART|PRODUCT|LAW|LANGUAGE"
NUMBER = "CARDINAL|ORDINAL|PERCENT|MONEY|QUANTITY"

NAMES = {"PER": "PERSON", "ORG": "ORG", "LOC": PLACE}
WNUT = {
    "person": "PERSON",
    "corporation": "ORG",
    "group": "ORG",
    "location": PLACE,
    "product": "PRODUCT",
    "creative-work": "WORK_OF_ART",
}
WIKIGOLD = {**NAMES, "MISC": OTHER}
LITBANK = {"PER": "PERSON", "ORG": "ORG", "GPE": "GPE", "LOC": "LOC", "FAC": "FAC", "VEH": "PRODUCT"}
REDOCRED = {"PER": "PERSON", "ORG": "ORG", "LOC": f"{PLACE}|NORP", "TIME": "DATE|TIME", "MISC": OTHER, "NUM": NUMBER}

N_TESTS = {"uner-ewt": 60, "litbank": 10, "redocred": 100}

TESTS = ("uner-ewt", "wnut17", "litbank", "redocred")


def gold_sets(sets: Path) -> dict[str, tuple[list[Row], list[Row]]]:
    """Rows to learn from and rows to test by, for each set in its folder under `sets`."""
    uner, litbank, redocred = list(_uner(sets)), list(_litbank(sets)), list(_redocred(sets))
    return {
        "uner-ewt": _split(uner, N_TESTS["uner-ewt"]),
        "wnut17": (_wnut(sets, "wnut17train.conll"), _wnut(sets, "emerging.dev.conll")),
        "wikigold": (list(_wikigold(sets)), []),
        "BTC": (list(_btc(sets)), []),
        "litbank": _split(litbank, N_TESTS["litbank"]),
        "redocred": _split(redocred, N_TESTS["redocred"]),
    }


def _split(rows: list[Row], n_test: int) -> tuple[list[Row], list[Row]]:
    return rows[:-n_test], rows[-n_test:]


# tokens to text

_NO_SPACE_BEFORE = re.compile(r"[,.;:!?)\]}%…]+|'(?:s|m|d|re|ve|ll|S)|’(?:s|m|d|re|ve|ll)|n't|n’t|\.\.\.")
_NO_SPACE_AFTER = re.compile(r"[(\[{$#£€]")


def joined(sentences: Iterable[tuple[list[str], list[Span]]], *, between: str = " ") -> tuple[str, list[Span]]:
    """Write tokens as a person would, and count entities' tokens as characters.

    Args:
        sentences: tokens, and entities by their first token, the one behind their last, and their type.
        between: what stands between sentences.
    """
    text, entities = "", []
    for words, spans in sentences:
        if text:
            text += between
        starts, ends = [], []
        quote_open = False
        glue = True
        for word in words:
            is_quote = word in ('"', "``", "''")
            if not glue and not _NO_SPACE_BEFORE.fullmatch(word) and not (is_quote and quote_open):
                text += " "
            glue = bool(_NO_SPACE_AFTER.fullmatch(word)) or (is_quote and not quote_open)
            quote_open ^= is_quote
            starts.append(len(text))
            text += '"' if is_quote else word
            ends.append(len(text))
        entities += [(starts[first], ends[stop - 1], type_) for first, stop, type_ in spans]
    return text, entities


def tagged_spans(tags: list[str]) -> list[Span]:
    """Runs of IOB tags, by their tokens; I- after another type or O begins a new one."""
    spans: list[Span] = []
    for i, tag in enumerate(tags):
        mark, _, type_ = tag.partition("-")
        if mark == "O":
            continue
        if mark == "I" and spans and spans[-1][1] == i and spans[-1][2] == type_:
            spans[-1] = (spans[-1][0], i + 1, type_)
        else:
            spans.append((i, i + 1, type_))
    return spans


def _conll(path: Path, tag_column: int = -1) -> list[tuple[list[str], list[str]]]:
    """Sentences of words and tags."""
    sentences = []
    for is_blank, lines in groupby(path.read_text(encoding="utf-8").splitlines(), key=lambda line: not line.strip()):
        if not is_blank:
            cells = [line.split("\t") if "\t" in line else line.split() for line in lines]
            cells = [row for row in cells if len(row) > 1 and row[0] != "-DOCSTART-"]
            if cells:
                sentences.append(([row[0] for row in cells], [row[tag_column] for row in cells]))
    return sentences


def make_row(text: str, entities: Iterable[Span], types: Iterable[str], unsure: Iterable[tuple[int, int]] = ()) -> Row:
    """A row; its entities are trimmed as `trimmed` says, and those of no characters left out."""
    spans = [trimmed(text, span) for span in entities]
    annotated = sorted({name for type_ in types for name in type_.split("|")})
    row: Row = {"text": text, "entities": sorted([*span] for span in spans if span[0] < span[1]), "types": annotated}
    if cut := sorted([start, end] for start, end in unsure):
        row["unsure"] = cut
    return row


# spans, one way for all sets and teachers

_ARTICLE = re.compile(r"(?:the|an?)\s+(?=\S)", re.IGNORECASE)
TITLE = re.compile(
    r"(?:(?:Mr|Mrs|Ms|Miss|Messrs|Dr|Sir|Lady|Lord|Madame|Madam|Mme|Monsieur|Mlle|Master|Captain|Capt|Colonel|Col|Major"
    r"|General|Gen|Lieutenant|Lt|Sergeant|Sgt|Professor|Prof|Rev|Reverend|President|Senator|Sen|Aunt|Uncle|St)"
    r"\b\.?\s+)+(?=\S)"
)
_POSSESSIVE = re.compile(r"\s*['’]s?$", re.IGNORECASE)
_ARTICLED = frozenset(["GPE", "LOC", "FAC", "ORG", "NORP", "EVENT", "PRODUCT", "LAW", "LANGUAGE"])


def trimmed(text: str, span: Span) -> Span:
    """The span as in all sets: no article, no title before a person's name, no possessive 's; money has its sign."""
    start, end, type_ = span
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    types = type_.split("|")
    if not _ARTICLED.isdisjoint(types) and (found := _ARTICLE.match(text, start, end)):
        start = found.end()
    if type_ == "PERSON" and (found := TITLE.match(text, start, end)) and not text.startswith("St", start):
        start = found.end()
    if (not _ARTICLED.isdisjoint(types) or type_ == "PERSON") and (found := _POSSESSIVE.search(text[start:end])):
        end = start + found.start()
    if type_ == "MONEY" and start and text[start - 1] in "$£€¥":
        start -= 1
    return start, end, type_


# the sets


def _uner(sets: Path) -> Iterator[Row]:
    lines = (sets / "uner-ewt/en_ewt-ud-dev.iob2").read_text(encoding="utf-8").splitlines()
    documents: list[list[str]] = []
    for line in lines:
        if line.startswith("# newdoc"):
            documents.append([])
        documents[-1].append(line)
    for document in documents:
        text, spans = "", []
        for is_blank, group in groupby(document, key=lambda line: not line.strip()):
            if is_blank:
                continue
            sentence = list(group)
            raw = next(line.removeprefix("# text = ") for line in sentence if line.startswith("# text = "))
            cells = [line.split("\t") for line in sentence if not line.startswith("#")]
            cells = [row for row in cells if row[0].isdigit()]
            text += " " if text else ""
            at, starts, ends = 0, [], []
            for _, word, *_rest in cells:
                at = raw.index(word, at)
                starts.append(len(text) + at)
                at += len(word)
                ends.append(len(text) + at)
            spans += [
                (starts[i], ends[j - 1], NAMES[t]) for i, j, t in tagged_spans([row[2] for row in cells]) if t in NAMES
            ]
            text += raw
        yield make_row(text, spans, NAMES.values())


def _wnut(sets: Path, name: str) -> list[Row]:
    rows = []
    for words, tags in _conll(sets / "wnut17" / name):
        text, spans = joined([(words, [(i, j, WNUT[t]) for i, j, t in tagged_spans(tags)])])
        rows.append(make_row(text, spans, WNUT.values()))
    return rows


def _wikigold(sets: Path) -> Iterator[Row]:
    document: list[tuple[list[str], list[Span]]] = []
    path = sets / "ner-misc/wikigold/CONLL-format/data/wikigold.conll.txt"
    text = path.read_text(encoding="utf-8")
    for part in re.split(r"^-DOCSTART-.*$", text, flags=re.MULTILINE):
        document = []
        for is_blank, group in groupby(part.splitlines(), key=lambda line: not line.strip()):
            if not is_blank:
                cells = [line.split() for line in group]
                spans = [(i, j, WIKIGOLD[t]) for i, j, t in tagged_spans([row[1] for row in cells])]
                document.append(([row[0] for row in cells], spans))
        if document:
            whole, entities = joined(document)
            yield make_row(whole, entities, WIKIGOLD.values())


def _btc(sets: Path) -> Iterator[Row]:
    for path in sorted((sets / "ner-misc/BTC/CONLL-format/data").glob("*.conll")):
        for words, tags in _conll(path):
            words, tags, users = _user_names(words, tags)
            found = tagged_spans(tags)
            spans = [(i, j, NAMES[t]) for i, j, t in found if t in NAMES] + [(i, i + 1, "user") for i in users]
            text, entities = joined([(words, spans)])
            unsure = [(start, end) for start, end, type_ in entities if type_ == "user"]
            yield make_row(text, [e for e in entities if e[2] != "user"], NAMES.values(), unsure)


def _user_names(words: list[str], tags: list[str]) -> tuple[list[str], list[str], list[int]]:
    """Words with "@" and the name behind it as one, untagged; and which these are."""
    kept, kept_tags, users = [], [], []
    for word, tag in zip(words, tags, strict=True):
        if kept and kept[-1] == "@":
            kept[-1] += word
        else:
            kept.append(word)
            kept_tags.append(tag)
        if kept[-1].startswith("@"):
            kept_tags[-1] = "O"
            users = [*users, len(kept) - 1] if len(kept) - 1 not in users else users
    return kept, kept_tags, users


_SMALL = frozenset(
    [
        "of",
        "the",
        "de",
        "la",
        "du",
        "le",
        "von",
        "van",
        "der",
        "den",
        "and",
        "&",
        "'s",
        "’s",
        "'",
        ".",
        "-",
        "a",
        "in",
        "on",
        "at",
    ]
)
"""Words of names that have no capital."""


def _is_name(words: list[str]) -> bool:
    """Whether a mention is a name: capitals but for small words, beginning with a capital or an article."""
    if words and words[0].lower() in ("the",):
        words = words[1:]
    if (
        not words
        or not words[0][0].isupper()
        or words[0] in ("I", "My", "His", "Her", "Our", "Their", "Your", "A", "An")
    ):
        return False
    return all(word in _SMALL or word[0].isupper() or not word[0].isalpha() for word in words) and any(
        len(word) > 1 and word[0].isupper() for word in words
    )


_COMMON = frozenset(
    ["he", "she", "him", "they", "them", "it", "we", "us", "you", "man", "woman", "people", "father", "mother", "sir"]
)


def _litbank(sets: Path) -> Iterator[Row]:
    for path in sorted((sets / "litbank/entities/brat").glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        names: list[Span] = []
        unsure: list[tuple[int, int]] = []
        for line in path.with_suffix(".ann").read_text(encoding="utf-8").splitlines():
            type_, start, end = line.split("\t")[1].split()[:3]
            begin, stop = int(start), int(end)
            words = text[begin:stop].split()
            if _is_name(words) and not (len(words) == 1 and words[0].lower() in _COMMON):
                names.append((begin, stop, LITBANK[type_]))
            elif any(word[0].isupper() for word in words[1:]) or (type_ != "PER" and words[0][0].isupper()):
                unsure.append((begin, stop))
        # of nested names the longest; what else holds or touches none of them
        kept: list[Span] = []
        for span in sorted(names, key=lambda s: (s[0] - s[1], s[0])):
            if all(span[1] <= other[0] or other[1] <= span[0] for other in kept):
                kept.append(span)
        pieces = [piece for span in unsure for piece in _without(span, kept)]
        yield _detokenised(make_row(text, kept, LITBANK.values(), pieces))


def _without(span: tuple[int, int], names: list[Span]) -> Iterator[tuple[int, int]]:
    """What is left of a span beside names."""
    start, end = span
    for first, stop, _ in sorted(names):
        if first < end and start < stop:
            if start < first:
                yield start, first
            start = max(start, stop)
    if start < end:
        yield start, end


_BLANK = re.compile(
    r" (?=(?:[,.;:!?)\]]|['’](?:s|m|d|re|ve|ll)\b|n['’]t\b))|(?<=[(\[]) |(?<=--) | (?=--)|(?<=[^\n]) ?\n(?=[^\n])"
)


def _detokenised(row: Row) -> Row:
    """The row with its text as printed: no blanks before commas, sentences of a paragraph in one line."""
    text, cuts, pieces, at = row["text"], [], [], 0
    for found in _BLANK.finditer(text):
        put = " " if "\n" in found[0] else ""
        pieces += [text[at : found.start()], put]
        cuts.append((found.end(), len(found[0]) - len(put)))
        at = found.end()
    pieces.append(text[at:])

    def moved(offset: int) -> int:
        return offset - sum(n for end, n in cuts if end <= offset)

    return {
        **row,
        "text": "".join(pieces),
        "entities": [[moved(s), moved(e), t] for s, e, t in row["entities"]],
        **({"unsure": [[moved(s), moved(e)] for s, e in row["unsure"]]} if "unsure" in row else {}),
    }


def _redocred(sets: Path) -> Iterator[Row]:
    for article in json.loads((sets / "redocred/dev_revised.json").read_text(encoding="utf-8")):
        spans: list[set[Span]] = [set() for _ in article["sents"]]
        for entity in article["vertexSet"]:
            for mention in entity:
                first, stop = mention["pos"]
                spans[mention["sent_id"]].add((first, stop, REDOCRED[mention["type"]]))
        text, entities = joined(zip(article["sents"], map(sorted, spans), strict=True))
        kept: list[Span] = []
        for span in sorted(entities, key=lambda s: (s[0] - s[1], s[0])):
            if all(span[1] <= other[0] or other[1] <= span[0] for other in kept):
                kept.append(span)
        yield make_row(text, kept, [type_ for type_ in REDOCRED.values() if type_ != NUMBER])

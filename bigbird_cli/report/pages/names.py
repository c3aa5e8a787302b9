"""Named entities, their mentions together."""

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bigbird_cli.api.reading.ner import NERResult, together
from bigbird_cli.report.pages.layout import Mark
from bigbird_cli.report.pages.view import Cell, Found, View, percent
from bigbird_cli.report.writer import SURE
from bigbird_cli.tasks.ner.entity_types import DESCRIPTIONS

HUES = {
    "PERSON": 0,
    "PER": 0,
    "ORG": 1,
    "GPE": 2,
    "LOC": 3,
    "FAC": 4,
    "NORP": 5,
    "LANGUAGE": 5,
    "DATE": 6,
    "TIME": 7,
    "CARDINAL": 8,
    "MONEY": 8,
    "ORDINAL": 8,
    "PERCENT": 8,
    "QUANTITY": 8,
    "EVENT": 9,
    "WORK_OF_ART": 10,
    "LAW": 11,
    "MISC": 11,
    "PRODUCT": 11,
}
"""Number of a type's colour in the style sheet; a type that is not among them has one by its name."""

N_HUES = 12

COUNTED = frozenset({"CARDINAL", "DATE", "MONEY", "ORDINAL", "PERCENT", "QUANTITY", "TIME"})
"""Types of what is counted or dated, which stand behind those of what has a name."""

_UNSURE = " unsure"

_IN_INDEX = 5
"""Names of a document that its row of the index shows."""


@dataclass(frozen=True)
class Kind:
    """A type of names, how many mentions it has, and what it is for."""

    name: str
    count: int
    hue: int
    description: str


@dataclass(frozen=True)
class Name(Found):
    """A name, and its type by its number among the document's."""

    kind: int = 0


@dataclass(frozen=True)
class Names:
    """The names of a document, the most frequent first, what is counted or dated last; and their types, likewise."""

    names: tuple[Name, ...]
    kinds: tuple[Kind, ...]
    n_unsure: int


def names_view(results: Sequence[NERResult]) -> View:
    """The names of one document."""
    [result] = results
    found = sorted(together(result.entities()), key=lambda name: name["type"] in COUNTED)
    counts: Counter[str] = Counter()
    for record in found:
        counts[record["type"]] += record["count"]
    types = sorted(counts, key=lambda type_: (type_ in COUNTED, -counts[type_]))
    kinds = tuple(Kind(type_, counts[type_], hue_of(type_), DESCRIPTIONS.get(type_, "")) for type_ in types)
    number = {kind.name: n for n, kind in enumerate(kinds)}
    names, marks = [], []
    for key, record in enumerate(found):
        kind = number[record["type"]]
        first = record["mentions"][0]
        names.append(
            Name(key, record["text"], record["score"], record["count"], first["start"], first.get("page"), kind=kind)
        )
        for mention in record["mentions"]:
            style = f"hue h{kinds[kind].hue} t{kind}" + (_UNSURE if mention["score"] < SURE else "")
            marks.append(Mark(mention["start"], mention["end"], key, style, percent(mention["score"])))
    top = [Cell(f"{name.text} {name.count:,}", name.score, kinds[name.kind].hue) for name in names[:_IN_INDEX]]
    n_unsure = sum(mark.style.endswith(_UNSURE) for mark in marks)
    return View(
        "ner",
        Names(tuple(names), kinds, n_unsure),
        marks,
        {"names": [Cell(f"{len(names):,}")], "mentions": [Cell(f"{len(marks):,}")], "most frequent": top},
    )


def hue_of(type_: str) -> int:
    """The number of a type's colour, the same in all documents."""
    return HUES.get(type_, zlib.crc32(type_.encode()) % N_HUES)

"""What a training row is, how labels are worded, and how texts are cut."""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NONE = "none of these"
"""The label of a text that no label describes; in training it is one more label."""

LEAST_WORDS, MOST_WORDS = 40, 180
"""Of a piece of a long text: 180 words are about 240 tokens."""

MOST_LABELS = 8


@dataclass(frozen=True)
class Label:
    """A label under several names, which mean the same, and described in several ways."""

    names: tuple[str, ...]
    descriptions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """A text, the labels to choose among, and the number of the right one."""

    text: str
    labels: tuple[str, ...]
    label: int
    source: str

    def as_json(self) -> dict[str, object]:
        return {"text": self.text, "labels": list(self.labels), "label": self.label, "source": self.source}


def label(names: str, *descriptions: str) -> Label:
    """A label whose names stand in one string with bars between."""
    return Label(tuple(name.strip() for name in names.split("|")), descriptions)


def worded(labels: Sequence[Label], rng: random.Random) -> list[str]:
    """Name labels of one choice in one manner: bare, described, or described alone."""
    described = all(each.descriptions for each in labels)
    manner = rng.choice(("name", "both", "both", "description") if described else ("name",))
    written = []
    for each in labels:
        name = rng.choice(each.names)
        if manner == "name":
            written.append(name)
        else:
            description = rng.choice(each.descriptions)
            written.append(f"{name}: {description}" if manner == "both" else description)
    return written


def choice(
    text: str, right: str | None, wrong: Sequence[str], *, source: str, rng: random.Random, none: float = 0.1
) -> Row:
    """A row with its labels in any order.

    Args:
        text: what is to be labelled.
        right: what describes it; None where nothing does, and then `none of these` is right.
        wrong: what does not; as many of them are drawn as there is room for.
        source: the set's name.
        rng: draws.
        none: the share of rows whose right label is taken away; as many have `none of these` as one more wrong label.
    """
    if right is not None and rng.random() < none:
        right = None
    known = [] if right is None else [right]
    others = [each for each in dict.fromkeys(wrong) if each != right]
    n_others = min(len(others), rng.choice((1, 3, 5, MOST_LABELS - 1)) if len(others) > 2 else len(others))
    labels = known + rng.sample(others, n_others)
    if right is None or rng.random() < none:
        labels.append(NONE)
    rng.shuffle(labels)
    return Row(text, tuple(labels), labels.index(NONE if right is None else right), source)


def pieces(text: str, rng: random.Random, *, least: int = LEAST_WORDS, most: int = MOST_WORDS) -> Iterator[str]:
    """Cut a text at white space into pieces of between least and most words; a shorter rest is left out."""
    words = [match.span() for match in re.finditer(r"\S+", text)]
    first = 0
    while first < len(words):
        length = rng.randint(least, most)
        part = words[first : first + length]
        if len(part) >= least:
            yield text[part[0][0] : part[-1][1]]
        first += length


def tidy(text: str) -> str:
    """Single spaces."""
    return " ".join(text.split())

"""QAMR: questions written about single sentences of Wikipedia and Wikinews."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from .items import Document, Question
from .text import content_words, detokenise, tidy_question

DEV = 8  # our own choice: articles, so that dev holds passages of many short questions too


def read(folder: Path) -> tuple[list[Question], list[Question]]:
    """Questions written about single sentences; those of one article are joined in their order."""
    sentences = {}
    with (folder / "qamr/wiki-sentences.tsv").open(encoding="utf-8") as lines:
        for line in lines:
            name, _, words = line.rstrip("\n").partition("\t")
            sentences[name] = words.split()
    rows: dict[str, list[tuple[str, list[str]]]] = defaultdict(list)
    for part in ("dev", "test"):  # both are train here: the names are of another task
        with (folder / f"qamr/filtered/{part}.tsv").open(encoding="utf-8") as lines:
            for line in lines:
                cells = line.rstrip("\n").split("\t")
                if cells[0] in sentences:
                    rows[cells[0]].append((cells[5], [c.rpartition(":")[2] for c in cells[6:9]]))
    articles: dict[str, list[str]] = defaultdict(list)
    for name in rows:
        articles[":".join(name.split(":")[:3])].append(name)

    train: list[Question] = []
    dev: list[Question] = []
    for n, article in enumerate(sorted(articles)):
        names = sorted(articles[article], key=lambda name: tuple(int(part) for part in name.split(":")[3:]))
        text, paragraph_before = "", ""
        breaks: list[int] = []
        places: dict[str, list[tuple[int, int]]] = {}
        for name in names:
            joined, spans = detokenise(sentences[name])
            paragraph = name.split(":")[3]
            if text:
                text += " " if paragraph == paragraph_before else "\n"
            paragraph_before = paragraph
            breaks.append(len(text))
            places[name] = [(s + len(text), e + len(text)) for s, e in spans]
            text += joined
        document = Document("qamr", article, text, breaks)
        into = dev if n < DEV else train
        seen = set()
        for name in names:
            said = {w for token in sentences[name] for w in content_words(token)}
            for written, picks in rows[name]:
                asked = tidy_question(written)
                span = _agreed_span(picks, sentences[name])
                if (asked, name) in seen or span is None:
                    continue
                seen.add((asked, name))
                # A question must say enough to be found among other sentences: "Who are they?" does not.
                shared = len(content_words(asked) & said)
                if shared < 1 or len(asked.split()) < 4:
                    continue
                start, end = places[name][span[0]][0], places[name][span[1]][1]
                into.append(Question(document, asked, ((start, end),), narrow=shared < 2))
    return train, dev


def _agreed_span(picks: Sequence[str], tokens: Sequence[str]) -> tuple[int, int] | None:
    """Of the spans that three readers chose, the one that shares most with the others (first and last token)."""
    sets = [frozenset(int(i) for i in c.split()) for c in picks if re.fullmatch(r"\d+( \d+)*", c)]
    usable = [s for s in sets if max(s) - min(s) <= len(s) and max(s) < len(tokens)]  # one word may be left out
    if len(sets) < 2 or not usable:
        return None

    def agreement(s: frozenset[int]) -> float:
        return sum(2 * len(s & other) / (len(s) + len(other)) for other in sets)

    best = max(usable, key=lambda s: (round(agreement(s), 6), -len(s)))
    if agreement(best) < 1.5:  # itself counts 1: nobody else saw it there
        return None
    first, last = min(best), max(best)
    while first < last and not any(c.isalnum() for c in tokens[first]):
        first += 1
    while last > first and not any(c.isalnum() for c in tokens[last]):
        last -= 1
    return first, last

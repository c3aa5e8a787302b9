"""Pieces of texts with their subject, as the start model's own sentence space tells it.

Nobody labelled these: they keep the space where it is while it learns other things, and let a subject's names and its
description mean the same.
"""

import json
import random
import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rows import Label, Row, choice, label, pieces, tidy, worded

LEAST_WORDS, MOST_WORDS = 35, 70
MOST_OF_A_SET = 220
LEAST_MARGIN = 0.02
"""Cosine by which a subject must be ahead of all others."""
NEAR = 8
"""Subjects next to the first are no wrong labels: some fit as well."""
DEV_SHARE = 25


def subjects() -> list[Label]:
    """The subjects of subjects.txt: `name|another name: description`."""
    lines = (Path(__file__).parent / "subjects.txt").read_text(encoding="utf-8").splitlines()
    return [label(*line.split(": ", 1)) for line in lines]


class Subjects:
    """A source of rows that asks a start model, once, what the pieces are about."""

    def __init__(self, teacher: Path) -> None:
        self._teacher = teacher
        self._told: list[tuple[str, list[int], float]] | None = None

    def rows(self, folder: Path, *, dev: bool, rng: random.Random) -> Iterator[Row]:
        """Each piece twice, with its subject among those that it is not about."""
        known = subjects()
        if self._told is None:
            self._told = list(_told(list(_pieces(folder)), known, self._teacher))
        for number, (text, ranked, margin) in enumerate(self._told):
            if margin >= LEAST_MARGIN and (number % DEV_SHARE == 0) == dev:
                for _ in range(1 if dev else 2):
                    drawn = [ranked[0], *rng.sample(ranked[NEAR:], 7)]
                    right, *wrong = worded([known[i] for i in drawn], rng)
                    yield choice(text, right, wrong, source="subject", rng=rng)


def _told(texts: list[str], known: list[Label], teacher: Path) -> Iterator[tuple[str, list[int], float]]:
    """Each text with the subjects from the nearest to the farthest, and how far the first is ahead."""
    from bigbird_cli.backend import open_backend
    from bigbird_cli.tasks.zero_shot import ZeroShot
    from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer
    from bigbird_cli.weights.store import open_folder

    task, tokenizer = ZeroShot(window=512, overlap=32), load_tokenizer(teacher)
    predictor = open_backend().open_predictor(open_folder(teacher), head=ZeroShot.head)

    def embedded(names: list[str]) -> np.ndarray:
        features = [task.label_feature(name, tokenizer, where=name) for name in names]
        return np.stack([out["embedding"] for _, out in predictor.predict(features, batch_size=32)])

    wordings = [[*each.names, f"{each.names[0]}: {each.descriptions[0]}"] for each in known]
    places_KD = np.stack([embedded(each).mean(axis=0) for each in wordings])
    for first in range(0, len(texts), 256):
        part = texts[first : first + 256]
        for text, cosines_K in zip(part, embedded(part) @ places_KD.T, strict=True):
            ranked = np.argsort(-cosines_K).tolist()
            yield text, ranked, float(cosines_K[ranked[0]] - cosines_K[ranked[1]])


def _pieces(folder: Path) -> Iterator[str]:
    rng = random.Random(0)
    for texts in _texts(folder):
        cut = [tidy(p) for text in texts for p in list(pieces(text, rng, least=LEAST_WORDS, most=MOST_WORDS))[:4]]
        yield from rng.sample(cut, min(MOST_OF_A_SET, len(cut)))


def _texts(folder: Path) -> Iterator[list[str]]:
    """The texts of one set after the other."""
    yield [json.loads(line)["paragraph_text"] for line in (folder / "qed/qed-dev.jsonlines").open(encoding="utf-8")][
        :-200
    ]
    yield [
        " ".join(word for sent in each["sents"] for word in sent)
        for each in json.loads((folder / "redocred/dev_revised.json").read_text(encoding="utf-8"))[:-100]
    ]
    articles: dict[str, list[str]] = {}
    for line in (folder / "qamr/wiki-sentences.tsv").open(encoding="utf-8"):
        name, _, sentence = line.partition("\t")
        articles.setdefault(":".join(name.split(":")[:3]), []).append(sentence)
    yield [" ".join(sentences) for sentences in articles.values()]
    tree = ET.parse(folder / "hyperpartisan/articles.xml").getroot()
    yield [" ".join("".join(p.itertext()) for p in each.iter("p")) for each in tree]
    papers = (folder / "scitldr/SciTLDR-A/train.jsonl").open(encoding="utf-8")
    yield [" ".join(json.loads(line)["source"]) for line in papers][::8]
    covid = json.loads((folder / "covid-qa/200423_covidQA.json").read_text(encoding="utf-8"))["data"][:-18]
    yield [each["paragraphs"][0]["context"] for each in covid]
    with zipfile.ZipFile(folder / "nltk/state_union.zip") as archive:
        yield [archive.read(n).decode("latin-1") for n in sorted(archive.namelist()) if n.endswith(".txt")]
    meetings = sorted((folder / "qmsum/ALL/train").glob("*.json"))
    yield [
        re.sub(
            r"\{[a-z]+\} ?", "", " ".join(t["content"] for t in json.loads(p.read_text())["meeting_transcripts"][i:])
        )
        for p in meetings
        for i in (40, 120)
    ]
    stories = (folder / "squality/v1-3/txt/train.jsonl").open(encoding="utf-8")
    yield [json.loads(line)["document"][3000:] for line in stories]

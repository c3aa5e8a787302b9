"""Claim: labels named at call time are predicted without training, and the probabilities mean what they say.

    BIGBIRD_DATA=FOLDER python benchmarks/classify_quality.py --model classify-mini --model runs/minilm-bigbird

FOLDER holds nltk, mini-newsgroups and imdb unpacked side by side. Of each set, at most 200 texts (seed 0) are given one
of its labels, each with a description; one of them is always right (closed=True):

    qc              questions of TREC's test part, 6 kinds of answer
    subjectivity    sentences on films, an opinion or the plot
    newsgroups      posts of mini-newsgroups, subject and body without the other headers, 20 groups
    imdb            film reviews, for or against

"majority" is the accuracy of always giving the commonest label; "error" the expected calibration error: how far the
probability of the label given is from the share of right ones, over ten bins of equal width (Guo et al., 2017).

Of qc and newsgroups each text is read again with every second label alone, and may be none of them: "right of half" is
the accuracy where the right label is there, "none of half" the share that is given none where it is not.
"""

import argparse
import json
import os
import random
import re
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

MOST = 200
BINS = 10

Labelled = tuple[str, str]
"""A text and its label."""

KINDS = {
    "ABBR": ("abbreviation", "asks what letters stand for"),
    "DESC": ("description", "asks for a definition, a reason or an explanation"),
    "ENTY": ("thing", "asks for an animal, a product, a work, an event or another thing"),
    "HUM": ("person", "asks for a person or a group of people"),
    "LOC": ("place", "asks for a city, a country or another place"),
    "NUM": ("number", "asks for a count, a date, a price or another number"),
}
VIEWS = {
    "plot": ("objective", "facts, a description of the plot"),
    "quote": ("subjective", "an opinion, a judgement on the film"),
}
SIDES = {
    "neg": ("negative", "the reviewer did not like the film"),
    "pos": ("positive", "the reviewer liked the film"),
}
GROUPS = {
    "alt.atheism": ("atheism", "unbelief, and arguments about the existence of God"),
    "comp.graphics": ("computer graphics", "images, rendering and graphics formats"),
    "comp.os.ms-windows.misc": ("Microsoft Windows", "the operating system and its programs"),
    "comp.sys.ibm.pc.hardware": ("PC hardware", "IBM compatible computers, drives, cards and monitors"),
    "comp.sys.mac.hardware": ("Mac hardware", "Apple Macintosh computers and their parts"),
    "comp.windows.x": ("X Window System", "X11, Motif, widgets and window managers on Unix"),
    "misc.forsale": ("for sale", "things offered for sale, with price and condition"),
    "rec.autos": ("cars", "automobiles, driving and dealers"),
    "rec.motorcycles": ("motorcycles", "bikes, riding and helmets"),
    "rec.sport.baseball": ("baseball", "players, teams and games of baseball"),
    "rec.sport.hockey": ("hockey", "players, teams and games of ice hockey"),
    "sci.crypt": ("cryptography", "encryption, keys, the Clipper chip and privacy"),
    "sci.electronics": ("electronics", "circuits, chips and components"),
    "sci.med": ("medicine", "diseases, drugs, doctors and health"),
    "sci.space": ("space", "space flight, NASA, rockets and astronomy"),
    "soc.religion.christian": ("Christianity", "the Christian faith, the Bible and the church"),
    "talk.politics.guns": ("guns", "gun control, firearms and the right to bear arms"),
    "talk.politics.mideast": ("Middle East", "Israel, Arabs, Turks and Armenians"),
    "talk.politics.misc": ("politics", "government, laws, taxes and social issues"),
    "talk.religion.misc": ("religion", "beliefs, sects and morality in general"),
}


@dataclass(frozen=True)
class Result:
    """What a model scored on a set; shares in percent."""

    model: str
    set: str
    n: int
    labels: int
    majority: float
    accuracy: float
    error: float
    right_of_half: float | None
    none_of_half: float | None
    seconds_a_text: float


def questions(data: Path) -> list[Labelled]:
    with zipfile.ZipFile(data / "nltk/qc.zip") as archive:
        lines = archive.read("qc/test.txt").decode("latin-1").splitlines()
    return [(text, kind.partition(":")[0]) for kind, _, text in (line.partition(" ") for line in lines) if text]


def sentences(data: Path) -> list[Labelled]:
    with zipfile.ZipFile(data / "nltk/subjectivity.zip") as archive:
        return [
            (line, view)
            for view in VIEWS
            for line in archive.read(f"subjectivity/{view}.tok.gt9.5000").decode("latin-1").splitlines()
        ]


def posts(data: Path) -> list[Labelled]:
    files = [file for group in GROUPS for file in sorted((data / "mini-newsgroups").rglob(f"{group}/*"))]
    return [(_post(file.read_text(encoding="latin-1")), file.parent.name) for file in files]


def reviews(data: Path) -> list[Labelled]:
    files = [file for side in SIDES for file in sorted((data / "imdb").rglob(f"{side}/*.txt"))]
    return [(file.read_text(encoding="utf-8"), file.parent.name) for file in files]


SETS: dict[str, tuple[Callable[[Path], list[Labelled]], dict[str, tuple[str, str]]]] = {
    "qc": (questions, KINDS),
    "subjectivity": (sentences, VIEWS),
    "newsgroups": (posts, GROUPS),
    "imdb": (reviews, SIDES),
}


def calibration_error(confidence: Sequence[float], right: Sequence[bool]) -> float:
    """Expected calibration error in percent, over bins of equal width, each weighted by its members."""
    sure, was_right = np.asarray(confidence), np.asarray(right, dtype=float)
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    members = [bins == each for each in np.unique(bins)]
    return 100 * sum(abs(float((was_right[each] - sure[each]).sum())) for each in members) / len(sure)


def measure(model: str, name: str, data: Path) -> Result:
    """Classify the texts of a set, one after the other, as a caller would."""
    import bigbird_cli as bb

    read, labels = SETS[name]
    texts = read(data)
    sample = random.Random(0).sample(texts, min(MOST, len(texts)))
    described = dict(labels.values())
    key_of = {label: key for key, (label, _) in labels.items()}
    bb.classify("warm", labels=described, model=model, closed=True)
    began = time.perf_counter()
    records = [bb.classify(text, labels=described, model=model, closed=True) for text, _ in sample]
    seconds = time.perf_counter() - began
    right = [key_of[record["label"]] == gold for record, (_, gold) in zip(records, sample, strict=True)]
    there, away = measure_half(model, sample, labels) if len(labels) > 2 else (None, None)
    return Result(
        model=model,
        set=name,
        n=len(sample),
        labels=len(labels),
        majority=100 * max(Counter(gold for _, gold in sample).values()) / len(sample),
        accuracy=100 * float(np.mean(right)),
        error=calibration_error([record["score"] for record in records], right),
        right_of_half=there,
        none_of_half=away,
        seconds_a_text=seconds / len(sample),
    )


def measure_half(model: str, sample: Sequence[Labelled], labels: dict[str, tuple[str, str]]) -> tuple[float, float]:
    """Leave every second label away: in percent, right where the right one is there, and none where it is not."""
    import bigbird_cli as bb

    half = dict(list(labels.items())[::2])
    outcomes: dict[bool, list[bool]] = {True: [], False: []}
    for text, gold in sample:
        label = bb.classify(text, labels=dict(half.values()), model=model)["label"]
        outcomes[gold in half].append(label == (half[gold][0] if gold in half else None))
    return 100 * float(np.mean(outcomes[True])), 100 * float(np.mean(outcomes[False]))


def _post(text: str) -> str:
    headers, _, body = text.partition("\n\n")
    subject = re.search(r"^Subject: *(.*)$", headers, re.MULTILINE)
    return f"{subject[1] if subject else ''}\n\n{body}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", required=True, help="once for each model to compare")
    parser.add_argument("--set", action="append", choices=SETS, help="by default all")
    parser.add_argument("--json", type=Path, help="write the results here too")
    options = parser.parse_args()
    data = Path(os.environ["BIGBIRD_DATA"])
    results = []
    print(
        "| set | texts | labels | majority | model | accuracy | error | right of half | none of half | seconds a text |"
    )
    print("|---|---:|---:|---:|---|---:|---:|---:|---:|---:|")
    for name in options.set or SETS:
        for model in options.model:
            found = measure(model, name, data)
            results.append(asdict(found))
            half = ["" if each is None else f"{each:.1f}" for each in (found.right_of_half, found.none_of_half)]
            print(f"| {name} | {found.n} | {found.labels} | {found.majority:.1f} | {model} | {found.accuracy:.1f} |"
                  f" {found.error:.1f} | {half[0]} | {half[1]} | {found.seconds_a_text:.3f} |", flush=True)  # fmt: skip
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""A sentence and what follows from it: MultiNLI, counterfactual SNLI (CAD) and ConjNLI."""

import csv
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from rows import Row, choice, tidy

DEV_SHARE = 20
"""One premise of so many is kept for dev."""


def pairs(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Premise, hypothesis, and entailment, neutral or contradiction."""
    for name in ("train", "dev"):
        for row in json.loads((folder / f"cl-benchmark/NLI/MNLI/{name}.json").read_text(encoding="utf-8")):
            premise, _, hypothesis = row["sentence"].partition("\nsentence 2: ")
            yield premise.removeprefix("sentence 1: "), hypothesis, row["label"]
    for name in ("cad/NLI/all_combined/train.tsv", "cad/NLI/all_combined/dev.tsv", "conjnli/adversarial_train_15k.tsv"):
        with (folder / name).open(encoding="utf-8-sig", newline="") as lines:
            for cells in list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]:
                if len(cells) == 3:
                    yield cells[0].strip('"'), cells[1].strip('"'), cells[2]


def rows(folder: Path, *, dev: bool, rng: random.Random) -> Iterator[Row]:
    """Premises, each with what follows, what does not follow, and what was said of others."""
    by_premise: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for premise, hypothesis, relation in pairs(folder):
        if premise.strip() and hypothesis.strip():
            by_premise[tidy(premise)][relation].append(tidy(hypothesis))
    premises = list(by_premise)
    hypotheses = [h for kinds in by_premise.values() for h in kinds["entailment"]]
    for number, premise in enumerate(premises):
        if (number % DEV_SHARE == 0) != dev:
            continue
        kinds = by_premise[premise]
        near = kinds["contradiction"] + kinds["neutral"]
        for follows in kinds["entailment"] or [None]:
            far = rng.sample(hypotheses, 4)
            if follows is None and (dev or rng.random() < 0.75):
                continue  # no more rows of nothing than of everything else
            yield choice(premise, follows, near[:3] + far, source="inference", rng=rng, none=0.05)

"""Claim: a handful of examples a label make a useful classifier in seconds, and training the whole model more of it.

    BIGBIRD_DATA=FOLDER python benchmarks/few_shot.py qc subjectivity imdb --examples 8 16 64
    BIGBIRD_DATA=FOLDER python benchmarks/few_shot.py qc --examples 16 --steps 100

FOLDER holds nltk, mini-newsgroups and imdb unpacked side by side, see `classify_quality.py`. Of each set, so many texts
of each label are drawn for training (seeds 0 to 2) and 200 others to be labelled. "linear" is `recipes/few-shot.yaml`
as it is: a linear classifier over classify-mini's embeddings; "whole" goes on from there with `optim.steps`. "named" is
classify-mini with the names and descriptions of the labels and no example. Seconds are of the processor, on one thread,
from the rows to the model.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "benchmarks"))

import numpy as np  # noqa: E402
from classify_quality import SETS, Labelled  # noqa: E402

import bigbird_cli as bb  # noqa: E402

MOST = 200


def texts_of(name: str, data: Path) -> tuple[list[Labelled], list[Labelled]]:
    """Texts to draw examples from, and others to be labelled, in an order of their own."""
    texts = SETS[name][0](data)
    if name == "qc":  # whose other part is for training
        with zipfile.ZipFile(data / "nltk/qc.zip") as archive:
            lines = archive.read("qc/train.txt").decode("latin-1").splitlines()
        parts = (line.partition(" ") for line in lines)
        train = [(text, kind.partition(":")[0]) for kind, _, text in parts if text]
        random.Random(0).shuffle(texts)
        return train, texts[:MOST]
    random.Random(0).shuffle(texts)
    return texts[MOST:], texts[:MOST]


def drawn(texts: Sequence[Labelled], n: int, seed: int) -> list[Labelled]:
    """So many texts of each label."""
    by_label: dict[str, list[Labelled]] = defaultdict(list)
    for each in texts:
        by_label[each[1]].append(each)
    rng = random.Random(seed)
    return [each for label in sorted(by_label) for each in rng.sample(by_label[label], n)]


def train(examples: Sequence[Labelled], steps: int, folder: Path) -> float:
    """Train on examples; gives the processor's seconds."""
    rows = folder / "train.jsonl"
    rows.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in examples))
    began = time.process_time()
    overrides = [f"data.train={rows}", f"optim.steps={steps}", f"data.cache={folder / 'cache'}"]
    for _ in bb.finetune("few-shot", out=folder / "run", overrides=overrides, threads=1):
        pass
    return time.process_time() - began


def accuracy(texts: Sequence[Labelled], **options: Any) -> float:
    """The share in percent of texts whose label is found."""
    records = bb.classify([text for text, _ in texts], threads=1, **options)
    right = [record["label"] == label for record, (_, label) in zip(records, texts, strict=True)]
    return 100 * float(np.mean(right))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", choices=SETS)
    parser.add_argument("--examples", nargs="+", type=int, default=[8, 16, 64], help="of each label")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=0, help="of training the whole model; 0 for the classifier alone")
    given = parser.parse_args()
    data = Path(os.environ["BIGBIRD_DATA"])
    print("| set | labels | examples a label | training | accuracy, by seed | mean | seconds |")
    print("|---|---:|---:|---|---|---:|---:|")
    for name in given.sets:
        texts, others = texts_of(name, data)
        labels = SETS[name][1]
        called = {label: names for label, (names, _) in labels.items()}
        named = accuracy([(text, called[label]) for text, label in others], labels=dict(labels.values()), closed=True)
        print(f"| {name} | {len(labels)} | 0 | named | | {named:.1f} | |", flush=True)
        for n in given.examples:
            found, seconds = [], []
            for seed in range(given.seeds):
                with tempfile.TemporaryDirectory() as folder:
                    seconds.append(train(drawn(texts, n, seed), given.steps, Path(folder)))
                    found.append(accuracy(others, model=Path(folder) / "run"))
            how = f"whole, {given.steps} steps" if given.steps else "linear"
            scores = ", ".join(f"{each:.1f}" for each in found)
            cells = f"{how} | {scores} | {statistics.mean(found):.1f} | {statistics.mean(seconds):.0f}"
            print(f"| {name} | {len(labels)} | {n} | {cells} |", flush=True)


if __name__ == "__main__":
    main()

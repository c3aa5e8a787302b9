"""Make the training and development rows of classify-mini from public sets.

    python recipes/scripts/make_classify FOLDER --teacher runs/minilm-bigbird --out data/classify

FOLDER holds the sets unpacked side by side: nltk, cl-benchmark, cad, conjnli, cuad, policyqa, scitldr, hyperpartisan,
qed, redocred, qmsum, fairytaleqa, qamr, covid-qa, squality and litbank. The teacher is the start model, which tells
what texts are about that nobody labelled. What is written is JSON lines: a text, labels to choose among, the number of
the right one, and the set's name; texts are pieces of at most 180 words, and whole ones in dev-whole.jsonl. The same
folder and seed give the same files.

Never read: nltk's qc and subjectivity, imdb, mini-newsgroups, and what the other sets keep for testing.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import inference
import kinds
import sentiment
import subjects
import topics
from rows import Row

SOURCES = (
    sentiment.rows,
    inference.rows,
    topics.contracts,
    topics.policies,
    topics.titles,
    kinds.kinds,
    kinds.questions,
    kinds.opinions,
    kinds.bias,
)

MOST_OF_A_SOURCE = 20_000
DEV_OF_A_SOURCE = 120


def main() -> None:
    """Write train.jsonl and dev.jsonl, say how many rows of each source they hold, and write dev-whole.jsonl."""
    parser = argparse.ArgumentParser(prog="make_classify", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the sets, unpacked side by side")
    parser.add_argument("--teacher", type=Path, required=True, help="folder of the start model")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sources = (*SOURCES, subjects.Subjects(options.teacher).rows)
    options.out.mkdir(parents=True, exist_ok=True)
    for part, most in (("train", MOST_OF_A_SOURCE), ("dev", DEV_OF_A_SOURCE)):
        rng = random.Random(f"{part} {options.seed}")
        rows = []
        for source in sources:
            found = list(source(options.folder, dev=part == "dev", rng=rng))
            rows += found if len(found) <= most else rng.sample(found, most)
        write(options.out / f"{part}.jsonl", rows)
        counts = Counter(row.source for row in rows)
        words = Counter()
        for row in rows:
            words[row.source] += len(row.text.split())
        print(
            part, sum(counts.values()), *(f"{n} {c} ({words[n]:,} words)" for n, c in counts.most_common()), sep="\n  "
        )
    rng = random.Random(f"whole {options.seed}")
    whole = [*sentiment.whole(options.folder, rng=rng), *kinds.whole_news(options.folder, rng=rng)]
    write(options.out / "dev-whole.jsonl", whole)


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as JSON lines."""
    with path.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row.as_json(), ensure_ascii=False) + "\n" for row in rows)


if __name__ == "__main__":
    main()

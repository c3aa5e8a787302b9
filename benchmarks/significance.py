"""How often `bigbird compare` calls two models different that are as good as each other: about 5 % of pairs should be.

    python benchmarks/significance.py --pairs 1000

Pairs are drawn, not trained: every document has a difficulty that both models share and one that is each model's own,
so that what a model gets wrong comes in clusters. Three scores are tried: the accuracy of labels, the F1 of questions,
several on a document, and the F1 of entities over documents of many lengths. For questions the table also says what
comes of drawing each question by itself, as if those of one document had nothing in common.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bigbird_cli.scoring import Tally, differences, mean_of, share

Pair = tuple[Tally, Tally]

N_DOCUMENTS = 200


def labels(rng: np.random.Generator) -> Pair:
    """Right or wrong, one label a document."""
    shared, own = rng.normal(0, 1, N_DOCUMENTS), rng.normal(0, 0.5, (2, N_DOCUMENTS))
    right = rng.random((2, N_DOCUMENTS)) < _chance(shared + own)
    a, b = (Tally(np.column_stack([np.ones(N_DOCUMENTS), each]), {"accuracy": mean_of(1)}) for each in right)
    return a, b


def questions(rng: np.random.Generator, *, by_document: bool = True) -> Pair:
    """Five questions a document, each right or wrong."""
    documents = np.repeat(np.arange(N_DOCUMENTS // 5), 5)
    shared, own = rng.normal(0, 1, N_DOCUMENTS), rng.normal(0, 1, (2, N_DOCUMENTS // 5))
    tallies = []
    for model in range(2):
        right = rng.random(N_DOCUMENTS) < _chance(shared + own[model][documents])
        tally = Tally(np.column_stack([np.ones(N_DOCUMENTS), right]), {"f1": mean_of(1)})
        tallies.append(tally.by(documents.tolist()) if by_document else tally)
    return tallies[0], tallies[1]


def entities(rng: np.random.Generator) -> Pair:
    """Counts of right, gold and found entities, of documents that have one to fifty."""
    gold = np.ceil(50 ** rng.random(N_DOCUMENTS))
    shared = rng.normal(0, 1, N_DOCUMENTS)
    tallies = []
    for _ in range(2):
        right = rng.binomial(gold.astype(int), _chance(shared + rng.normal(0, 0.5, N_DOCUMENTS)))
        wrong = rng.poisson(0.3 * gold)
        counts = np.column_stack([right, gold, right + wrong]).astype(np.float64)
        tallies.append(Tally(counts, {"f1": lambda sums: share(2 * sums[..., 0], sums[..., 1] + sums[..., 2])}))
    return tallies[0], tallies[1]


def rate(draw: Callable[[np.random.Generator], Pair], *, pairs: int, shuffles: int) -> float:
    """The share of pairs that differ at p <= 0.05."""
    n_significant = 0
    for seed in range(pairs):
        a, b = draw(np.random.default_rng(seed))
        [found] = differences(a, b, n_bootstrap=2, n_shuffles=shuffles, seed=seed).values()
        n_significant += found.p <= 0.05
    return n_significant / pairs


def _chance(ability: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-1 - ability)))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--shuffles", type=int, default=999)
    settings = parser.parse_args(argv)
    drawn: dict[str, Callable[[np.random.Generator], Pair]] = {
        "labels, accuracy": labels,
        "questions, F1": questions,
        "questions as if each had a document": lambda rng: questions(rng, by_document=False),
        "entities, F1": entities,
    }
    print("| score | significant at 5 % |\n|---|---:|")
    for name, draw in drawn.items():
        print(f"| {name} | {100 * rate(draw, pairs=settings.pairs, shuffles=settings.shuffles):.1f} % |", flush=True)


if __name__ == "__main__":
    main()

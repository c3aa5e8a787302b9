"""Claim: a masked language model of a genome says more of a hidden stretch than the stretch's neighbours' counts do.

    BIGBIRD_DATA=FOLDER python benchmarks/dna.py contexts --out OUT
    BIGBIRD_DATA=FOLDER python benchmarks/dna.py masked --out OUT --model runs/pretrain-dna
    BIGBIRD_DATA=FOLDER python benchmarks/dna.py promoters --out OUT --start runs/pretrain-dna --start runs/untrained

FOLDER holds ecoli-genome/NC_008253.fna.gz and promoters/ side by side; OUT keeps what is cut from them.

contexts    bits a base of the held-out twentieth (test.fa of recipes/scripts/make_dna.py) by the counts of order-k
            contexts, k = 1 to 12, of both strands of the training part. Each order is smoothed by the next lower one:
            p_k = (n_k + a_k p_(k-1)) / (N_k + a_k), with a_k chosen on dev.fa.
masked      bits a base of the tokens that the model has to predict in test.fa (15 %, of 512-token windows): the sum of
            -log2 p(token) by the number of their bases. The model sees what stands on both sides of a token, other
            hidden ones aside, and that it is one token. Beside it, over the same tokens: their frequency in train.fa;
            order-k contexts on the left, as above; and order-k contexts on both sides, which know how many bases are
            missing: p(stretch and what follows | what precedes) by the sum of that over all stretches of its length.
            Both see neighbours that are hidden from the model.
promoters   Matthews' coefficient, F1 of promoters and accuracy on a fifth of each set (seed 0; a tenth is for choosing
            settings and the best epoch; a sequence that occurs twice is taken once), of
                kmers       logistic regression on counts of 1- to 6-mers
                positions   logistic regression on the letter at each position: the sets are aligned
                            at the start of transcription, and cut anywhere in genes otherwise
                the models  fine-tuned by recipes/promoter.yaml
            beside what CNNProm's authors report on these sets (Umarov and Solovyev, 2017: another split).
"""

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "recipes/scripts"))

HIGHEST = 12
STRENGTHS = [2.0**power for power in range(-2, 15)]
"""What a_k is chosen from."""

TWO_SIDED = (2, 4, 6, 8, 10, 11, 12)
LETTERS = "ACGT"
SEED = 0

SETS: dict[str, tuple[str, str, float]] = {
    "E. coli": ("Ecoli_prom", "Ecoli_non_prom", 84),
    "B. subtilis": ("Bacillus_prom", "Bacillus_non_prom", 86),
    "Arabidopsis, TATA": ("Arabidopsis_tata", "Arabidopsis_non_prom", 91),
    "Arabidopsis, others": ("Arabidopsis_non_tata", "Arabidopsis_non_prom_big", 86),
    "mouse, TATA": ("Mouse_tata", "Mouse_nonprom", 93),
}
"""Files of promoters and of others, and Matthews' coefficient of CNNProm, times 100."""


def sequences(path: Path) -> list[str]:
    from bigbird_cli.data.rows import read_rows

    return [row.fields["text"] for row in read_rows(path)]


# order-k contexts


def codes_of(letters: str) -> np.ndarray:
    """int8 (n,): 0 to 3 for A, C, G, T; -1 for anything else."""
    table = np.full(256, -1, dtype=np.int8)
    table[[ord(letter) for letter in LETTERS]] = range(4)
    return table[np.frombuffer(letters.encode(), dtype=np.uint8)]


def contexts_of(bases: np.ndarray, order: int) -> np.ndarray:
    """int64 (n - order,): the number in base 4 of the `order` bases before each from the order-th on; -1 for none."""
    found = np.zeros(len(bases) - order, dtype=np.int64)
    known = np.ones(len(found), dtype=bool)
    for k in range(order):
        before = bases[k : len(bases) - order + k]
        found = found * 4 + before
        known &= before >= 0
    return np.where(known, found, -1)


class Contexts:
    """Counts of contexts of each order up to HIGHEST, and what they say of the base that follows.

    Args:
        texts: to count in.
        chosen_on: others, on which the strength of each order's prior is chosen, the lowest order's first.
    """

    def __init__(self, texts: Sequence[str], chosen_on: Sequence[str]) -> None:
        bases = np.concatenate([np.append(codes_of(text), -1) for text in texts])
        self._counts = []
        for order in range(HIGHEST + 1):
            grams = contexts_of(bases, order + 1)  # a context and what follows it
            counts = np.bincount(grams[grams >= 0], minlength=4 ** (order + 1))
            self._counts.append(counts.astype(np.int32).reshape(-1, 4))
        self.strengths: list[float] = []
        contexts, targets = (np.concatenate(both) for both in zip(*map(_targets, chosen_on), strict=True))
        known = (contexts >= 0) & (targets >= 0)
        contexts, targets = contexts[known], targets[known]
        found = np.full(len(targets), 0.25)
        for order in range(HIGHEST + 1):
            tried = [self._mixed(order, strength, found, contexts, targets) for strength in STRENGTHS]
            best = int(np.argmax([np.log(each).mean() for each in tried]))
            self.strengths.append(STRENGTHS[best])
            found = tried[best]

    def _mixed(
        self, order: int, strength: float, lower: np.ndarray, contexts: np.ndarray, bases: np.ndarray
    ) -> np.ndarray:
        place = contexts % 4**order
        seen = self._counts[order]
        return (seen[place, bases] + strength * lower) / (seen[place].sum(-1) + strength)

    def by_order(self, contexts: np.ndarray, bases: np.ndarray) -> Iterator[np.ndarray]:
        """Probabilities of bases after contexts, both as numbers that broadcast: of order 0, 1 and so on."""
        found = np.full(np.broadcast(contexts, bases).shape, 0.25)
        for order, strength in enumerate(self.strengths):
            found = self._mixed(order, strength, found, contexts, bases)
            yield found

    def probabilities(self, order: int, contexts: np.ndarray, bases: np.ndarray) -> np.ndarray:
        """The same of one order."""
        return next(islice(self.by_order(contexts, bases), order, None))

    def bits(self, text: str) -> np.ndarray:
        """float64 (HIGHEST + 1, n): bits of each base from the HIGHEST-th on by the orders; NaN where unknown."""
        contexts, bases = _targets(text)
        known = (contexts >= 0) & (bases >= 0)
        found = np.full((HIGHEST + 1, len(bases)), np.nan)
        for order, probabilities in enumerate(self.by_order(contexts[known], bases[known])):
            found[order, known] = -np.log2(probabilities)
        return found

    def two_sided_bits(self, text: str, start: int, stop: int, *, order: int) -> float:
        """Bits of the bases start..stop, given `order` bases on each side and that so many are missing."""
        bases = codes_of(text[start - order : stop + order]).astype(np.int64)
        n_missing = stop - start

        def context(end: int) -> int:
            return int("0" + "".join(map(str, bases[end - order : end])), 4)

        true = sum(
            float(np.log2(self.probabilities(order, np.int64(context(i)), bases[i]))) for i in range(order, len(bases))
        )
        reached, weights = np.array([context(order)]), np.ones(1)
        for _ in range(n_missing):
            weights = (weights[:, None] * self.probabilities(order, reached[:, None], np.arange(4))).ravel()
            reached = (reached[:, None] * 4 + np.arange(4)).ravel()
            if len(reached) > 4**order:  # those that differ in a base that no longer counts go on as one
                weights = weights.reshape(4, -1).sum(0)
                reached = reached[: len(weights)]
            reached %= 4**order
        for base in bases[order + n_missing :]:
            weights = weights * self.probabilities(order, reached, base)
            reached = (reached * 4 + base) % 4**order
        return float(np.log2(weights.sum())) - true


def _targets(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Contexts of the highest order, and the bases after them."""
    bases = codes_of(text)
    return contexts_of(bases, HIGHEST), bases[HIGHEST:].astype(np.int64)


def cut(out: Path) -> dict[str, list[str]]:
    """The parts of the genome, as the recipe's script cuts it."""
    import make_dna

    if not (out / "dna").is_dir():
        make_dna.main(
            [str(Path(os.environ["BIGBIRD_DATA"], "ecoli-genome/NC_008253.fna.gz")), "--out", str(out / "dna")]
        )
    return {part: sequences(out / "dna" / f"{part}.fa") for part in ("train", "dev", "test")}


def measure_contexts(out: Path) -> Iterator[dict[str, Any]]:
    parts = cut(out)
    contexts = Contexts(parts["train"], parts["dev"])
    bits = np.concatenate([contexts.bits(text) for text in parts["test"]], axis=1)
    for order, mean in enumerate(np.nanmean(bits, axis=1)):
        yield {"order": order, "a": contexts.strengths[order], "bits a base": round(float(mean), 4)}
    yield {"bases": int(np.isfinite(bits[0]).sum())}


# the masked language model


@dataclass(frozen=True)
class Hidden:
    """A token that was to be predicted: its document, its bases start..stop there, and the model's bits."""

    document: int
    start: int
    stop: int
    token: int
    bits: float
    correct: bool


def hidden_tokens(model: Path, source: Path, texts: Sequence[str]) -> Iterator[Hidden]:
    from bigbird_cli.backend import open_backend
    from bigbird_cli.bigbird.heads import IGNORED
    from bigbird_cli.tasks.mlm import MaskedLanguageModelling
    from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer
    from bigbird_cli.weights.store import open_folder

    settings = json.loads((model / "task.json").read_text(encoding="utf-8"))
    task = MaskedLanguageModelling.model_validate(settings)
    tokenizer = load_tokenizer(model)
    features = task.encode(list(task.read(source)), tokenizer)
    predictor = open_backend("pytorch").open_predictor(open_folder(model), head=task.head)
    ends = np.cumsum([len(text) for text in texts])
    place = 0
    for feature, outputs in predictor.predict(features, batch_size=4):
        targets = np.asarray(feature.labels["labels"])
        stops = place + np.cumsum(feature.characters)
        place = int(stops[-1])
        for i in np.flatnonzero(targets != IGNORED):
            start, stop = int(stops[i] - feature.characters[i]), int(stops[i])
            document = int(np.searchsorted(ends, start, side="right"))
            before = int(ends[document - 1]) if document else 0
            bits = float(outputs["nll"][i]) / np.log(2)
            yield Hidden(document, start - before, stop - before, int(targets[i]), bits, bool(outputs["correct"][i]))
    if place != ends[-1]:
        raise ValueError("the tokens' bases are not those of the sequences: some are unknown to the vocabulary")


def token_frequencies(model: Path, texts: Sequence[str]) -> np.ndarray:
    """float64 (vocabulary,), one of each added."""
    from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(model)
    counts = np.ones(tokenizer.vocab_size)
    for text in texts:
        counts += np.bincount(tokenizer.encode(text).ids, minlength=tokenizer.vocab_size)
    return counts / counts.sum()


def measure_masked(out: Path, model: Path, n_two_sided: int) -> Iterator[dict[str, Any]]:
    parts = cut(out)
    texts = parts["test"]
    found = [
        one
        for one in hidden_tokens(model, out / "dna/test.fa", texts)
        if one.start >= HIGHEST and one.stop + HIGHEST <= len(texts[one.document])
    ]
    n_bases = sum(one.stop - one.start for one in found)
    frequencies = token_frequencies(model, parts["train"])
    rows = {
        "frequency alone": -sum(float(np.log2(frequencies[one.token])) for one in found),
        "the model": sum(one.bits for one in found),
    }
    for by, bits in rows.items():
        yield {"by": by, "bits a base": round(bits / n_bases, 4), "tokens": len(found), "bases": n_bases}
    yield {"by": "the model, right", "percent": round(100 * float(np.mean([one.correct for one in found])), 2)}
    contexts = Contexts(parts["train"], parts["dev"])
    bits = [contexts.bits(text) for text in texts]
    of_spans = sum(bits[one.document][:, one.start - HIGHEST : one.stop - HIGHEST].sum(axis=1) for one in found)
    for order in range(1, HIGHEST + 1):
        yield {"by": f"order {order}, left", "bits a base": round(float(of_spans[order]) / n_bases, 4)}
    some = random.Random(SEED).sample(found, min(n_two_sided, len(found)))
    n_some = sum(one.stop - one.start for one in some)
    yield {
        "by": "the model, of these",
        "bits a base": round(sum(one.bits for one in some) / n_some, 4),
        "bases": n_some,
    }
    for order in TWO_SIDED:
        both = sum(contexts.two_sided_bits(texts[one.document], one.start, one.stop, order=order) for one in some)
        yield {"by": f"order {order}, both sides", "bits a base": round(both / n_some, 4)}


# promoters


@dataclass(frozen=True)
class Split:
    """Sequences and whether each is a promoter."""

    texts: list[str]
    labels: np.ndarray


def split_of(promoters: Sequence[str], others: Sequence[str]) -> dict[str, Split]:
    """Seven tenths to learn from, a tenth to choose by and two tenths to measure on, of either class."""
    parts: dict[str, list[tuple[str, int]]] = {"train": [], "dev": [], "test": []}
    either = set(promoters) & set(others)
    for label, texts in ((1, promoters), (0, others)):
        unique = [text for text in dict.fromkeys(texts) if text not in either]
        random.Random(SEED).shuffle(unique)
        ends = [0, 7 * len(unique) // 10, 8 * len(unique) // 10, len(unique)]
        for part, (start, stop) in zip(parts.values(), pairwise(ends), strict=True):
            part += [(text, label) for text in unique[start:stop]]
    return {
        name: Split([text for text, _ in part], np.array([label for _, label in part])) for name, part in parts.items()
    }


def kmers(texts: Sequence[str], longest: int = 6) -> np.ndarray:
    """float32 (texts, features): how often each k-mer occurs, k = 1 to longest."""
    rows = []
    for text in texts:
        bases = codes_of(text)
        found = [contexts_of(np.append(bases, 0), k) for k in range(1, longest + 1)]
        counts = [np.bincount(each[each >= 0], minlength=4**k) for k, each in enumerate(found, start=1)]
        rows.append(np.concatenate(counts).astype(np.float32))
    return np.stack(rows)


def positions(texts: Sequence[str]) -> np.ndarray:
    """float32 (texts, features): which letter stands where."""
    bases = np.stack([codes_of(text[: min(map(len, texts))]) for text in texts])
    return (bases[:, :, None] == np.arange(4)).reshape(len(texts), -1).astype(np.float32)


def regression(features: Any, split: dict[str, Split]) -> np.ndarray:
    """What a logistic regression says of the test part, its regularisation chosen on dev."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import matthews_corrcoef
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    read = {name: features(part.texts) for name, part in split.items()}
    models = [
        make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=500)).fit(
            read["train"], split["train"].labels
        )
        for strength in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
    ]
    best = max(models, key=lambda model: matthews_corrcoef(split["dev"].labels, model.predict(read["dev"])))
    return np.asarray(best.predict(read["test"]))


def finetuned(start: Path, overrides: Sequence[str], split: dict[str, Split]) -> np.ndarray:
    """What a model says of the test part once it was fine-tuned by the recipe."""
    import bigbird_cli as bb

    with tempfile.TemporaryDirectory() as folder:
        for name, part in split.items():
            for label in (0, 1):
                path = Path(folder, name, f"{('other', 'promoter')[label]}.fa")
                path.parent.mkdir(exist_ok=True)
                chosen = [text for text, found in zip(part.texts, part.labels, strict=True) if found == label]
                path.write_text("".join(f">{i}\n{text}\n" for i, text in enumerate(chosen)), encoding="ascii")
        settings = [f"model.start={start}", f"data.train={folder}/train", f"data.dev={folder}/dev", "data.test=null"]
        run = bb.finetune(ROOT / "recipes/promoter.yaml", overrides=[*settings, *overrides], out=Path(folder, "run"))
        for _ in run:
            pass
        records = bb.classify([bb.Document("", text) for text in split["test"].texts], model=Path(folder, "run"))
        return np.array([record["label"] == "promoter" for record in records], dtype=int)


def measure_promoters(
    starts: Sequence[Path], sets: Sequence[str], overrides: Sequence[str]
) -> Iterator[dict[str, Any]]:
    from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

    folder = Path(os.environ["BIGBIRD_DATA"], "promoters")
    for name in sets:
        promoters, others, published = SETS[name]
        split = split_of(*(sequences(folder / f"{each}.fa") for each in (promoters, others)))
        gold = split["test"].labels
        ways: list[tuple[str, Callable[[dict[str, Split]], np.ndarray]]] = [
            ("kmers", partial(regression, kmers)),
            ("positions", partial(regression, positions)),
            *((start.name, partial(finetuned, start, overrides)) for start in starts),
        ]
        for way, predict in ways:
            said = predict(split)
            yield {
                "set": name,
                "by": way,
                "mcc": round(100 * float(matthews_corrcoef(gold, said)), 1),
                "f1": round(100 * float(f1_score(gold, said)), 1),
                "accuracy": round(100 * float(accuracy_score(gold, said)), 1),
                "train": len(split["train"].texts),
                "test": len(gold),
                "promoters": int(gold.sum()),
            }
        yield {"set": name, "by": "CNNProm, reported", "mcc": published}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("contexts", "masked", "promoters"))
    parser.add_argument("--out", type=Path, required=True, help="a folder for the parts of the genome")
    parser.add_argument("--model", type=Path, help="of masked")
    parser.add_argument("--stretches", type=int, default=1000, help="of masked: those tried by both sides")
    parser.add_argument("--start", type=Path, action="append", default=[], help="of promoters: models to fine-tune")
    parser.add_argument("--set", action="append", choices=SETS, help="of promoters; by default all")
    parser.add_argument("--override", action="append", default=[], help="of promoters: a setting of the recipe")
    options = parser.parse_args()
    if options.what == "contexts":
        rows = measure_contexts(options.out)
    elif options.what == "masked":
        rows = measure_masked(options.out, options.model, options.stretches)
    else:
        rows = measure_promoters(options.start, options.set or list(SETS), options.override)
    for row in rows:
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()

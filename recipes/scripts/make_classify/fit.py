"""Take a share of a trained model's weights, the rest from its start, and fit what turns cosines into probabilities.

    python recipes/scripts/make_classify/fit.py TRAINED START --dev data/classify/dev.jsonl \\
        --dev data/classify/dev-whole.jsonl --share 0.5 --share 0.7 --share 1 --out runs/classify-mini

Weights between the start's and the trained ones keep more of what the start knew (Wortsman et al., 2021,
arXiv:2109.01903): of several shares, the least is taken that costs at most a point of the best. A temperature is fitted
by likelihood where one label is right, together with the logit of none of them, on rows whose right label was taken
away; and a scale and a bias where each label is right or wrong (Platt, 1999).
"""

import argparse
import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rows import NONE

from bigbird_cli.backend import open_backend
from bigbird_cli.files.names import TASK, WEIGHTS
from bigbird_cli.tasks.zero_shot import Likeness, TextWithLabels, ZeroShot, calibrated
from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer
from bigbird_cli.weights.store import open_folder, read_tensors
from bigbird_cli.weights.tensors import write_tensor_file

BATCH_SIZE = 32

MAY_COST = 0.01
"""Mean accuracy over the sources that a smaller share of the trained weights may cost."""


@dataclass(frozen=True, eq=False)
class WindowSums:
    """A text's cosines with its labels (L,), and the number of the right one; None where none is right."""

    source: str
    cosines: np.ndarray
    right: int | None


def mix(trained: Path, start: Path, out: Path, *, share: float) -> None:
    """Write a model folder whose weights lie between those of two models of one shape."""
    shutil.copytree(trained, out, ignore=shutil.ignore_patterns("checkpoints", "*.jsonl"), dirs_exist_ok=True)
    before = {name.removeprefix("bert."): value for name, value in read_tensors(start).items()}
    mixed = {}
    for name, value in read_tensors(trained).items():
        old = before[name.removeprefix("bert.")].astype(np.float32)
        mixed[name] = (old + share * (value.astype(np.float32) - old)).astype(value.dtype)
    write_tensor_file(out / WEIGHTS, mixed)


def score(folder: Path, rows: Sequence[dict]) -> list[WindowSums]:
    """Compare every row's text with its labels."""
    task = ZeroShot.model_validate(json.loads((folder / TASK).read_text(encoding="utf-8")))
    tokenizer = load_tokenizer(folder)
    examples = []
    for number, row in enumerate(rows):
        labels = tuple(label for label in row["labels"] if label != NONE)
        examples.append(TextWithLabels(str(number), row["text"], labels, 0))
    features = task.encode(examples, tokenizer)
    decoder = task.decoder(examples, tokenizer)
    predictor = open_backend().open_predictor(open_folder(folder), head=ZeroShot.head)
    for feature, outputs in predictor.predict(features, batch_size=BATCH_SIZE):
        decoder.add(feature, outputs)
    scored = []
    for number, row in enumerate(rows):
        right = row["labels"][row["label"]]
        index = None if right == NONE else examples[number].labels.index(right)
        scored.append(WindowSums(row["source"], decoder.cosines(number)[1], index))
    return scored


def accuracies(scored: Sequence[WindowSums]) -> dict[str, float]:
    """By source, the share of texts nearest to their own label, of those that have one."""
    right = defaultdict(list)
    for each in scored:
        if each.right is not None:
            right[each.source].append(int(each.cosines.argmax()) == each.right)
    return {source: float(np.mean(found)) for source, found in right.items()}


def fitted(task: ZeroShot, scored: Sequence[WindowSums]) -> ZeroShot:
    """The task with its calibration as it fits best, each source weighing the same."""
    counts = Counter(each.source for each in scored)
    weights = np.array([1 / counts[each.source] for each in scored])
    return calibrated(task, [Likeness(each.cosines, each.right) for each in scored], weights)


def main() -> None:
    parser = argparse.ArgumentParser(prog="fit", description=__doc__.splitlines()[0])
    parser.add_argument("trained", type=Path)
    parser.add_argument("start", type=Path)
    parser.add_argument("--dev", type=Path, action="append", required=True, help="rows that were not trained on")
    parser.add_argument("--share", type=float, action="append", help="of the trained weights; 1 by default")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    rows = [json.loads(line) for file in options.dev for line in file.read_text(encoding="utf-8").splitlines()]
    means: dict[float, float] = {}
    found: dict[float, list[WindowSums]] = {}
    for share in options.share or [1.0]:
        mix(options.trained, options.start, options.out, share=share)
        found[share] = score(options.out, rows)
        by_source = accuracies(found[share])
        means[share] = float(np.mean(list(by_source.values())))
        by_name = ", ".join(f"{source} {100 * value:.1f}" for source, value in sorted(by_source.items()))
        print(f"share {share}: mean {100 * means[share]:.1f}; {by_name}", flush=True)
    taken = min(share for share, mean in means.items() if mean >= max(means.values()) - MAY_COST)
    mix(options.trained, options.start, options.out, share=taken)
    settings = json.loads((options.out / TASK).read_text(encoding="utf-8"))
    task = fitted(ZeroShot.model_validate(settings), found[taken])
    (options.out / TASK).write_text(json.dumps(task.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")
    print(f"share {taken} is taken: {task.scale=} {task.none_logit=} {task.several_scale=} {task.several_bias=}")


if __name__ == "__main__":
    main()

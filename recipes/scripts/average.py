"""Average models that were trained from one: better on texts unlike those they learnt from than each of them alone.

    python recipes/scripts/average.py OUT MODEL MODEL ... [--weights 3,1,1]

As in "Model soups" (Wortsman et al., 2022, arXiv:2203.05482) and, with the model that the others began from among
them, in "Robust fine-tuning of zero-shot models" (arXiv:2109.01903). All must have the same tensors; what else is in
OUT comes from the first.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bigbird_cli.files.names import TASK
from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer
from bigbird_cli.weights.store import ModelFolder, open_folder, read_tensors, write_model


def averaged(models: Sequence[ModelFolder], weights: Sequence[float]) -> dict[str, np.ndarray]:
    """The weighted mean of every tensor, in float32; weights add up to 1."""
    total: dict[str, np.ndarray] = {}
    for model, weight in zip(models, weights, strict=True):
        tensors = read_tensors(model.path)
        if total and tensors.keys() != total.keys():
            raise SystemExit(f"{model.path}: not the tensors of the first: {min(tensors.keys() ^ total.keys())}")
        for name, array in tensors.items():
            total[name] = total.get(name, np.float32(0)) + np.float32(weight) * array.astype(np.float32)
    return total


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line and write the mean."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("models", nargs="+", help="folders, or names of models that ship")
    parser.add_argument("--weights", help="a number a model, comma-separated (equal)")
    given = parser.parse_args(argv)
    numbers = [float(n) for n in given.weights.split(",")] if given.weights else [1.0] * len(given.models)
    if len(numbers) != len(given.models):
        parser.error(f"{len(numbers)} weights for {len(given.models)} models")
    models = [open_folder(name) for name in given.models]
    first = models[0]
    write_model(
        given.out,
        config=first.config,
        tensors=averaged(models, [n / sum(numbers) for n in numbers]),
        tokenizer=load_tokenizer(first.path),
        files={TASK: (first.path / TASK).read_bytes()},
    )


if __name__ == "__main__":
    main()

"""Fit the temperature of a names model: what its scores are divided by, so that one of 0.8 is right 8 times in 10.

    python recipes/scripts/make_ner/calibrate.py MODEL DEV.jsonl [--write]

DEV.jsonl are rows as gold.py describes them; those that people annotated, which say their "types", are used. Found
entities are put in bins by their scores; the calibration error is the mean distance between a bin's mean score and the
share of its entities that are right. --write puts the best temperature into MODEL/task.json.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from bigbird_cli.backend import open_backend
from bigbird_cli.files.names import TASK
from bigbird_cli.tasks.ner.decoding import NERPrediction
from bigbird_cli.tasks.ner.gold import NERExample
from bigbird_cli.tasks.ner.scores import is_annotated, resolved
from bigbird_cli.tasks.ner.task import NamedEntities
from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer
from bigbird_cli.weights.store import open_folder

N_BINS = 10

TEMPERATURES = np.round(np.geomspace(0.6, 3.0, 33), 3)


def main() -> None:
    """Read the command line, try each temperature, and say which is best."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("dev", type=Path)
    parser.add_argument("--write", action="store_true", help="put the temperature into the model's task.json")
    given = parser.parse_args()
    folder = open_folder(given.model)
    task = NamedEntities.model_validate(folder.task)
    tokenizer = load_tokenizer(folder.path)
    examples = [example for example in task.read(given.dev) if example.types is not None]
    features = task.encode(examples, tokenizer)
    predictor = open_backend("pytorch").open_predictor(folder, head=task.head)
    predicted = list(predictor.predict(features, batch_size=8))
    errors = {}
    for temperature in (1.0, *TEMPERATURES.tolist()):
        mild = task.model_copy(update={"temperature": temperature})
        decoder = mild.decoder(examples, tokenizer)
        for feature, output in predicted:
            decoder.add(feature, output)
        scores, is_right = scored(mild, examples, decoder.finish())
        if not len(scores):
            parser.error(f"the model finds no name in {given.dev} of which its rows tell whether it is right")
        errors[temperature] = calibration_error(scores, is_right)
        print(f"{temperature:6.3f}  error {errors[temperature]:.4f}  mean score {scores.mean():.3f}", flush=True)
    best = min(errors, key=errors.__getitem__)
    print(
        f"best {best}: {errors[best]:.4f}, and {errors[1.0]:.4f} at 1; {is_right.mean():.3f} of {len(is_right)} right"
    )
    if given.write:
        path = folder.path / TASK
        settings = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({**settings, "temperature": best}, indent=2) + "\n", encoding="utf-8")


def scored(
    task: NamedEntities, examples: list[NERExample], predictions: list[NERPrediction]
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the entities of which the examples tell whether they are right, and whether they are."""
    scores, is_right = [], []
    for example, prediction in zip(examples, predictions, strict=True):
        for entity in prediction.entities:
            span = (entity.type, entity.start, entity.end)
            if is_annotated(task, span, example):
                scores.append(entity.score)
                is_right.append(any(resolved(task, gold, {span}) == span for gold in example.entities))
    return np.array(scores), np.array(is_right)


def calibration_error(scores: np.ndarray, is_right: np.ndarray) -> float:
    """Mean distance between score and share of right ones, over bins of as many entities each."""
    order = np.array_split(np.argsort(scores), min(N_BINS, len(scores)))
    return float(np.mean([abs(scores[some].mean() - is_right[some].mean()) for some in order]))


if __name__ == "__main__":
    main()

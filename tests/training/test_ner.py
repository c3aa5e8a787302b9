"""Named entities are learnt from a recipe, and the run reads documents as its evaluation did."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bigbird_cli.backend import Compute
from bigbird_cli.errors import BigBirdWarning
from bigbird_cli.events import Evaluated, Finished
from bigbird_cli.pytorch.predict import open_predictor
from bigbird_cli.recipe.schema import FinetuneRecipe
from bigbird_cli.tasks.ner.task import NamedEntities
from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer
from bigbird_cli.training.train import train
from bigbird_cli.weights.store import open_folder

CPU = Compute("cpu")
PEOPLE = ("ada", "bel", "cora", "dov")
PLACES = ("harbour", "town", "tower")
OTHERS = ("the", "of", "lit", "built", "kept", "signed", ".", ",", "storm")


def write_conll(path: Path, *, n_documents: int, seed: int) -> Path:
    """Documents of one sentence, with names of one word and of two; the longest need several windows."""
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(n_documents):
        lines.append("-DOCSTART- O\n")
        for _ in range(int(rng.integers(8, 40))):
            kind = rng.random()
            if kind < 0.3:
                lines += [f"{rng.choice(PEOPLE)} B-PER", "keeper I-PER"][: int(rng.integers(1, 3))]
            elif kind < 0.5:
                lines.append(f"{rng.choice(PLACES)} B-LOC")
            else:
                lines.append(f"{rng.choice(OTHERS)} O")
        lines.append("")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("scheme", ["iob2", "bioes"])
def test_entities_are_learnt_and_found_by_the_run(tiny_qa_model: Path, tmp_path: Path, scheme: str) -> None:
    recipe: dict[str, Any] = {
        "model": {"start": str(tiny_qa_model), "dropout": 0.0, "attention_dropout": 0.0},
        "task": {"type": "ner", "window": 32, "overlap": 8, "scheme": scheme},
        "data": {
            "train": str(write_conll(tmp_path / "train.conll", n_documents=60, seed=0)),
            "dev": str(write_conll(tmp_path / "dev.conll", n_documents=10, seed=1)),
            "cache": str(tmp_path / "cache"),
        },
        "optim": {"lr": 1e-2, "batch_size": 16, "micro_batch_size": 16, "epochs": 20},
        "run": {"eval_every": 1000},
    }
    run = tmp_path / "run"
    with pytest.warns(BigBirdWarning, match=r"new: classifier\.weight"):
        events = list(train(FinetuneRecipe.model_validate(recipe), run, compute=CPU))
    [evaluated] = [event for event in events if isinstance(event, Evaluated)]
    assert evaluated.scores["f1"] > 97
    assert evaluated.scores["unalignable"] == 0
    assert isinstance(events[-1], Finished)

    task = NamedEntities.model_validate(json.loads((run / "task.json").read_text(encoding="utf-8")))
    assert task.labels == ("LOC", "PER")
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    assert [config["id2label"][str(i)] for i in range(len(task.output_tags))] == list(task.output_tags)

    examples = list(task.read(tmp_path / "dev.conll"))
    tokenizer = load_tokenizer(run)
    features = task.encode(examples, tokenizer)
    assert len(features) > len(examples)
    decoder = task.decoder(examples, tokenizer)
    predictor = open_predictor(open_folder(str(run)), head="token_labels", device="cpu")
    for feature, outputs in predictor.predict(features, batch_size=8):
        decoder.add(feature, outputs)
    predictions = decoder.finish()
    assert task.score(predictions, examples) == evaluated.scores
    for prediction, example in zip(predictions, examples, strict=True):
        assert prediction.coverage.n_read == prediction.coverage.n_tokens
        assert all(example.text[entity.start : entity.end] == entity.text for entity in prediction.entities)

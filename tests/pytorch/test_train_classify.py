"""Classes, numbers and choices are learnt from a recipe, and the run's model gives the scores of its evaluation."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bigbird_cli.errors import BigBirdWarning
from bigbird_cli.events import Evaluated, Finished
from bigbird_cli.pytorch.predict import open_predictor
from bigbird_cli.pytorch.training import train
from bigbird_cli.recipe.schema import FinetuneRecipe
from bigbird_cli.tasks.classify import Classification
from bigbird_cli.tasks.multiple_choice import MultipleChoice
from bigbird_cli.text.tokenizer import load_tokenizer
from bigbird_cli.weights.store import open_folder

COLOURS = {"ada": "red", "bel": "blue", "cora": "green"}
FILLERS = ("the", "of", "lit", "built", "kept", "signed", "storm", "sea")


def words(rng: np.random.Generator, *marked: str) -> str:
    """A text of words that mean nothing and some that do, in more than one window as often as not."""
    text = [str(rng.choice(FILLERS)) for _ in range(int(rng.integers(4, 40)))]
    for mark in marked:
        for k in range(0, len(text) + 8, 8):  # in every window
            text.insert(min(k + int(rng.integers(8)), len(text)), mark)
    return " ".join(text)


def single(rng: np.random.Generator) -> dict[str, Any]:
    mark = str(rng.choice(list(COLOURS)))
    return {"text": words(rng, mark), "label": COLOURS[mark]}


def multi(rng: np.random.Generator) -> dict[str, Any]:
    marked = [mark for mark in COLOURS if rng.random() < 0.5]
    return {"text": words(rng, *marked), "label": [COLOURS[mark] for mark in marked]}


def number(rng: np.random.Generator) -> dict[str, Any]:
    mark = str(rng.choice(list(COLOURS)))
    return {"text": words(rng, mark), "label": {"ada": -1.0, "bel": 0.5, "cora": 2.0}[mark]}


def pair(rng: np.random.Generator) -> dict[str, Any]:
    mark = str(rng.choice(list(COLOURS)))
    return {"text": words(rng), "pair": f"who {mark}", "label": COLOURS[mark]}


def choice(rng: np.random.Generator) -> dict[str, Any]:
    """Two choices or three; the right one has `lamp` in it."""
    choices = ["ada", "bel", "cora"][: int(rng.integers(2, 4))]
    right = int(rng.integers(len(choices)))
    choices[right] = "lamp"
    return {"context": words(rng), "question": "who", "choices": choices, "label": right}


def write(path: Path, make: Callable[[np.random.Generator], dict[str, Any]], *, n: int, seed: int) -> str:
    rng = np.random.default_rng(seed)
    path.write_text("".join(json.dumps(make(rng)) + "\n" for _ in range(n)), encoding="utf-8")
    return str(path)


CASES: list[tuple[dict[str, Any], Callable[[np.random.Generator], dict[str, Any]], str]] = [
    ({"type": "classify"}, single, "accuracy"),
    ({"type": "classify", "pair_column": "pair"}, pair, "accuracy"),
    ({"type": "classify", "problem": "multi"}, multi, "f1_micro"),
    ({"type": "classify", "problem": "regression"}, number, "pearson"),
    ({"type": "multiple_choice"}, choice, "accuracy"),
]


@pytest.mark.parametrize(("task", "make", "metric"), CASES, ids=["single", "pair", "multi", "number", "choice"])
def test_it_is_learnt_and_the_saved_model_scores_the_same(
    tiny_qa_model: Path, tmp_path: Path, task: dict[str, Any], make: Any, metric: str
) -> None:
    recipe: dict[str, Any] = {
        "model": {"start": str(tiny_qa_model), "dropout": 0.0, "attention_dropout": 0.0},
        "task": {"window": 32, "overlap": 8} | task,
        "data": {
            "train": write(tmp_path / "train.jsonl", make, n=200, seed=0),
            "dev": write(tmp_path / "dev.jsonl", make, n=20, seed=1),
            "cache": str(tmp_path / "cache"),
        },
        "optim": {"lr": 3e-3, "batch_size": 8, "micro_batch_size": 8, "epochs": 12},
        "run": {"eval_every": 1000},
    }
    run = tmp_path / "run"
    with pytest.warns(BigBirdWarning, match=r"new: "):
        events = list(train(FinetuneRecipe.model_validate(recipe), run, device="cpu"))
    assert isinstance(events[-1], Finished)
    [evaluated] = [event for event in events if isinstance(event, Evaluated)]
    assert evaluated.scores[metric] > 85

    saved = json.loads((run / "task.json").read_text(encoding="utf-8"))
    opened = (MultipleChoice if task["type"] == "multiple_choice" else Classification).model_validate(saved)
    assert opened.main_metric == metric
    if isinstance(opened, Classification) and opened.problem != "regression":
        assert opened.labels == ("blue", "green", "red")
        config = json.loads((run / "config.json").read_text(encoding="utf-8"))
        assert config["id2label"] == {"0": "blue", "1": "green", "2": "red"}

    examples = list(opened.read(tmp_path / "dev.jsonl"))
    tokenizer = load_tokenizer(run)
    features = opened.encode(examples, tokenizer)  # type: ignore[arg-type]
    assert len(features) > len(examples)
    decoder = opened.decoder(examples, tokenizer)  # type: ignore[arg-type]
    predictor = open_predictor(open_folder(str(run)), head=opened.head, device="cpu")
    for feature, outputs in zip(features, predictor.predict(features, batch_size=8), strict=True):
        decoder.add(feature, outputs)
    scores = opened.score(decoder.finish(), examples)  # type: ignore[arg-type]
    assert scores == pytest.approx(evaluated.scores, abs=1e-4)

"""Classes, numbers and choices are learnt from a recipe, and the run's model gives the scores of its evaluation."""

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from bigbird_cli.backend import Compute
from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import BigBirdWarning
from bigbird_cli.events import Evaluated, Finished
from bigbird_cli.pytorch.model.models import BigBirdForSequenceClassification
from bigbird_cli.pytorch.predict import open_predictor
from bigbird_cli.recipe.schema import FinetuneRecipe
from bigbird_cli.tasks.classify.task import Classification
from bigbird_cli.tasks.multiple_choice import MultipleChoice
from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer
from bigbird_cli.training.train import train
from bigbird_cli.weights.store import open_folder, read_tensors

CPU = Compute("cpu")
SPIECE = Path(__file__).parents[1] / "text" / "fixtures" / "tiny-spiece.model"
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


def drug(rng: np.random.Generator) -> dict[str, Any]:
    is_taken = bool(rng.integers(2))
    return {"text": words(rng, "<drug>" if is_taken else "ada"), "label": "yes" if is_taken else "no"}


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
        events = list(train(FinetuneRecipe.model_validate(recipe), run, compute=CPU))
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
    for feature, outputs in predictor.predict(features, batch_size=8):
        decoder.add(feature, outputs)
    scores = opened.score(decoder.finish(), examples)  # type: ignore[arg-type]
    assert scores == pytest.approx(evaluated.scores, abs=1e-4)


@pytest.mark.parametrize("as_spiece", [False, True])
def test_words_that_a_recipe_adds_to_the_vocabulary_are_tokens_of_the_runs_model(
    tiny_qa_model: Path, tmp_path: Path, as_spiece: bool
) -> None:
    start = tmp_path / "start"
    shutil.copytree(tiny_qa_model, start)
    if as_spiece:
        (start / "tokenizer.json").unlink(missing_ok=True)
        (start / "tokenizer_config.json").unlink(missing_ok=True)
        shutil.copy(SPIECE, start / "spiece.model")
        names: dict[str, Any] = {"pad_token_id": 0, "vocab_size": 700, "hidden_size": 16, "num_attention_heads": 2}
        BigBirdForSequenceClassification(
            BigBirdConfig(**names, num_hidden_layers=1, intermediate_size=32, max_position_embeddings=64)
        ).save_pretrained(start)
    before = load_tokenizer(start)
    recipe: dict[str, Any] = {
        "model": {"start": str(start), "added_tokens": ["<drug>", "xyzzy"]},
        "task": {"type": "classify", "window": 32, "overlap": 8},
        "data": {"train": write(tmp_path / "train.jsonl", drug, n=8, seed=0), "cache": str(tmp_path / "cache")},
        "optim": {"lr": 1e-3, "batch_size": 4, "micro_batch_size": 4, "epochs": 1},
    }
    run = tmp_path / "run"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BigBirdWarning)  # of the head that is new
        list(train(FinetuneRecipe.model_validate(recipe), run, compute=CPU))
    tokenizer, model = load_tokenizer(run), BigBirdForSequenceClassification.from_pretrained(run)
    assert tokenizer.vocab_size == before.vocab_size + 2
    assert model.config.vocab_size == (before.vocab_size + 2 if as_spiece else 160)  # the other has rows to spare
    ids = tokenizer.encode("lit <drug> xyzzy").ids.tolist()
    assert ids[-2:] == [before.vocab_size, before.vocab_size + 1]
    plain = "the storm of the sea,\nbuilt"
    assert tokenizer.encode(plain).ids.tolist() == before.encode(plain).ids.tolist()
    assert model(torch.tensor([ids])).logits.shape == (1, 2)
    theirs = transformers.AutoTokenizer.from_pretrained(run)
    assert theirs("lit <drug> xyzzy", add_special_tokens=False)["input_ids"] == ids


def test_added_words_are_no_features_of_the_vocabulary_without_them(tiny_qa_model: Path, tmp_path: Path) -> None:
    recipe: dict[str, Any] = {
        "model": {"start": str(tiny_qa_model)},
        "task": {"type": "classify", "window": 32, "overlap": 8},
        "data": {"train": write(tmp_path / "train.jsonl", drug, n=8, seed=0), "cache": str(tmp_path / "cache")},
        "optim": {"lr": 1e-3, "batch_size": 4, "micro_batch_size": 4, "epochs": 1},
    }
    for added in ([], ["<drug>"]):
        recipe["model"]["added_tokens"] = added
        with pytest.warns(BigBirdWarning, match="new: "):
            list(train(FinetuneRecipe.model_validate(recipe), tmp_path / f"run-{len(added)}", compute=CPU))
    assert len(list((tmp_path / "cache").iterdir())) == 2


def few_shot(start: Path, folder: Path, **optim: Any) -> FinetuneRecipe:
    return FinetuneRecipe.model_validate(
        {
            "model": {"start": str(start), "dropout": 0.0, "attention_dropout": 0.0},
            "task": {"type": "classify", "classifier": "linear", "window": 32, "overlap": 8},
            "data": {
                "train": write(folder / "train.jsonl", single, n=60, seed=0),
                "dev": write(folder / "dev.jsonl", single, n=40, seed=1),
                "cache": str(folder / "cache"),
            },
            "optim": {"lr": 3e-3, "batch_size": 8, **optim},
        }
    )


def test_a_linear_classifier_is_fitted_without_a_step_and_leaves_the_encoder_as_it_was(
    tiny_label_model: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with pytest.warns(BigBirdWarning, match="new: linear"):
        events = list(train(few_shot(tiny_label_model, tmp_path, steps=0), run, compute=CPU))
    [evaluated] = [event for event in events if isinstance(event, Evaluated)]
    assert isinstance(events[-1], Finished)
    assert (evaluated.step, events[-1].step) == (0, 0)
    assert evaluated.scores["accuracy"] > evaluated.scores["majority"] + 10
    before, after = read_tensors(tiny_label_model), read_tensors(run)
    assert after.keys() - before.keys() == {"linear.weight", "linear.bias"}
    assert all(np.array_equal(before[name], after[name]) for name in before)

    again = json.loads((run / "task.json").read_text(encoding="utf-8"))
    task = Classification.model_validate(again)
    examples, tokenizer = list(task.read(tmp_path / "dev.jsonl")), load_tokenizer(run)
    decoder = task.decoder(examples, tokenizer)
    features = list(task.encode(examples, tokenizer))
    predictor = open_predictor(open_folder(run), head=task.head, device="cpu")
    for feature, outputs in predictor.predict(features, batch_size=8):
        decoder.add(feature, outputs)
    assert task.score(decoder.finish(), examples) == pytest.approx(evaluated.scores)


def test_the_whole_is_trained_from_the_fitted_head_on_and_the_better_is_kept(
    tiny_label_model: Path, tmp_path: Path
) -> None:
    recipe = few_shot(tiny_label_model, tmp_path, steps=24)
    with pytest.warns(BigBirdWarning, match="new: linear"):
        events = list(train(recipe, tmp_path / "run", compute=CPU))
    evaluated = [event for event in events if isinstance(event, Evaluated)]
    assert evaluated[0].step == 0
    assert evaluated[-1].step == 24
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.best_scores is not None
    assert finished.best_scores["accuracy"] == max(event.scores["accuracy"] for event in evaluated)

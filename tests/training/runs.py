"""What tests of training share: a tiny model to start from, questions to learn, and how to look at a run."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
import torch

from bigbird_cli.backend import Compute
from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.events import Event, Saved, Step
from bigbird_cli.pytorch.model.models import BigBirdForQuestionAnswering
from bigbird_cli.recipe.schema import FinetuneRecipe, Recipe
from bigbird_cli.training.plan_costs import Trial
from bigbird_cli.training.plan_trials import Opened, take_steps
from bigbird_cli.weights.checkpoint import read_checkpoint

CPU = Compute("cpu")
every_engine = pytest.mark.parametrize("engine", ["pytorch", "toy"], indirect=True)
"""Marks what the loop promises whatever the engine."""

JAX = pytest.param("jax", marks=pytest.mark.slow)
every_backend = pytest.mark.parametrize("engine", ["pytorch", JAX, "toy"], indirect=True)
"""The same, where every backend is tried, though compiling takes a minute: a new one adds its name here and in
conftest's table."""

WORDS = [f"w{number}" for number in range(40)]
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model with a tokenizer of one piece a word; documents over 28 tokens run block-sparse."""
    folder = tmp_path_factory.mktemp("start")
    vocabulary = {piece: number for number, piece in enumerate([*SPECIALS, "red", *WORDS])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    config = BigBirdConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        block_size=4,
        num_random_blocks=1,
        pad_token_id=0,
        sep_token_id=3,
    )
    BigBirdForQuestionAnswering(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts of words, of which the one behind `red` is asked for: 30 to learn from, 6 to evaluate on."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)

    def paragraph(number: int) -> dict[str, Any]:
        words = [WORDS[int(i)] for i in rng.integers(0, len(WORDS), int(rng.integers(6, 50)))]
        place = int(rng.integers(0, len(words) - 1))
        words[place] = "red"
        answer = {"text": words[place + 1], "answer_start": len(" ".join(words[: place + 1])) + 1}
        question = {"id": f"q{number}", "question": "red", "answers": [answer], "is_impossible": False}
        return {"context": " ".join(words), "qas": [question]}

    for name, numbers in (("train", range(30)), ("dev", range(100, 106))):
        articles = [{"title": "words", "paragraphs": [paragraph(number) for number in numbers]}]
        (folder / f"{name}.json").write_text(json.dumps({"version": "v2.0", "data": articles}), encoding="utf-8")
    return folder


def recipe(start: Path, data: Path, *, dev: bool = True, **changes: Any) -> FinetuneRecipe:
    """A small run: 12 steps of 5 inputs over 30, so 2 epochs; `optim__lr=...` changes one setting."""
    values: dict[str, Any] = {
        "seed": 1,
        "model": {"start": str(start), "dropout": 0.1, "attention_dropout": 0.1},
        "task": {"type": "qa", "window": 64, "overlap": 8, "max_answer_tokens": 4},
        "data": {"train": str(data / "train.json")} | ({"dev": str(data / "dev.json")} if dev else {}),
        "optim": {"lr": 1e-3, "batch_size": 5, "micro_batch_size": 5, "steps": 12},
        "run": {"log_every": 3, "keep_after": 9},
    }
    for name, value in changes.items():
        section, _, key = name.partition("__")
        values[section] = values[section] | {key: value} if key else value
    return FinetuneRecipe.model_validate(values)


def steps_here(recipe: Recipe, **given: Any) -> tuple[Opened, list[Trial]]:
    """Take the steps of a plan in this process: `plan_trials.run_trials` without another one."""
    del given["on_trial"]
    opened, *trials = take_steps(recipe, room=None, **given)
    assert isinstance(opened, Opened)
    return opened, [each for each in trials if isinstance(each, Trial)]


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def weights(run: Path, step: int) -> dict[str, np.ndarray]:
    tensors, _ = read_checkpoint(run / "checkpoints" / f"step-{step}")
    return {name: array for name, array in tensors.items() if name.startswith("model.")}


def metrics(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def follow(run: Iterator[Event], events: list[Event], act: Callable[[Event], None] = lambda _: None) -> None:
    """Note a run's events and do something at each."""
    for event in run:
        events.append(event)
        act(event)


def stop_after(events: Iterator[Event], kind: type[Step] | type[Saved], *, step: int) -> None:
    """Leave a run as a crash would: nothing of it goes on after this event."""
    for event in events:
        if isinstance(event, kind) and event.step == step:
            break
    events.close()  # type: ignore[attr-defined]

"""Language models are pretrained from a recipe: from nothing, from a BigBird, from a BERT, and from a stream."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bigbird_cli.backend import Compute
from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import BigBirdWarning, ModelError, RecipeError
from bigbird_cli.events import Evaluated, Finished, Saved, Started, Step
from bigbird_cli.pytorch.model.models import BigBirdForCausalLM, BigBirdForMaskedLM
from bigbird_cli.recipe.schema import PretrainRecipe
from bigbird_cli.training.check import check
from bigbird_cli.training.train import train
from bigbird_cli.weights.checkpoint import read_checkpoint
from tests.conftest import write_wordpiece

CPU = Compute("cpu")
LINES = ("the keeper lit the lamp in the tower", "ada and bel signed the lease in 1887", "the sea was in a storm")


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(4):
        (folder / f"{number}.txt").write_text("\n".join(rng.choice(LINES, 80)))
    return folder


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    folder = tmp_path / "vocabulary"
    folder.mkdir()
    write_wordpiece(folder)
    return folder


SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
    "block_size": 4,
    "num_random_blocks": 1,
}


def recipe(model: dict[str, Any], texts: Path, **changes: Any) -> PretrainRecipe:
    values: dict[str, Any] = {
        "model": model,
        "task": {"type": "mlm", "window": 48},
        "data": {"train": str(texts), "dev": str(texts), "cache": str(texts.parent / "cache")},
        "optim": {"lr": 1e-2, "batch_size": 8, "micro_batch_size": 4, "steps": 12},
        "run": {"log_every": 4, "eval_every": 6, "keep_after": 9},
    }
    for name, value in changes.items():
        section, _, key = name.partition("__")
        values[section] = values[section] | {key: value} if key else value
    return PretrainRecipe.model_validate(values)


def weights(run: Path, step: int) -> dict[str, np.ndarray]:
    return read_checkpoint(run / "checkpoints" / f"step-{step}")[0]


@pytest.mark.parametrize("task", [{"type": "mlm"}, {"type": "mlm", "next_sentence": True}, {"type": "causal"}])
def test_a_model_learns_from_nothing(texts: Path, vocabulary: Path, tmp_path: Path, task: dict[str, Any]) -> None:
    extra = {"overlap": 8} if task["type"] == "causal" else {}
    settings = recipe(
        {"tokenizer": str(vocabulary), "config": SIZES}, texts, task={**task, "window": 48, **extra},
        optim__steps=120, run__eval_every=60,
    )  # fmt: skip
    events = list(train(settings, tmp_path / "run", compute=CPU))
    losses = [event.loss for event in events if isinstance(event, Step)]
    assert losses[-1] < 0.7 * losses[0]
    bits = [event.scores["bits_per_character"] for event in events if isinstance(event, Evaluated)]
    assert bits[-1] < bits[0]
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["scores"]["bits_per_character"] for line in lines if line["event"] == "evaluated"] == bits
    config = BigBirdConfig.from_file(tmp_path / "run" / "config.json")
    assert config.is_decoder is (task["type"] == "causal")
    with warnings.catch_warnings():
        warnings.simplefilter("error", BigBirdWarning)  # nothing is missing
        if task == {"type": "mlm"}:
            BigBirdForMaskedLM.from_pretrained(tmp_path / "run")
        elif task["type"] == "causal":
            BigBirdForCausalLM.from_pretrained(tmp_path / "run")


@pytest.mark.parametrize("changes", [{}, {"data__streaming": True, "data__shuffle_buffer": 20}, {"run__ema": 0.9}])
def test_a_resumed_run_is_the_run(texts: Path, vocabulary: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    settings = recipe({"tokenizer": str(vocabulary), "config": SIZES}, texts, run__save_every=5, **changes)
    list(train(settings, tmp_path / "straight", compute=CPU))
    run = train(settings, tmp_path / "broken", compute=CPU)
    for event in run:
        if isinstance(event, Saved) and event.step == 5:
            break
    run.close()  # type: ignore[attr-defined]
    list(train(settings, tmp_path / "broken", resume="auto", compute=CPU))
    straight, broken = weights(tmp_path / "straight", 12), weights(tmp_path / "broken", 12)
    assert straight.keys() == broken.keys()
    for name, array in straight.items():
        np.testing.assert_array_equal(broken[name], array, err_msg=name)
    assert any(name.startswith("average.") for name in straight) == ("run__ema" in changes)


def test_the_kept_model_is_the_average(texts: Path, vocabulary: Path, tmp_path: Path) -> None:
    settings = recipe({"tokenizer": str(vocabulary), "config": SIZES}, texts, run__ema=0.9)
    events = list(train(settings, tmp_path / "run", compute=CPU))
    assert [event.best for event in events if isinstance(event, Evaluated)] == [True, True]
    kept = dict(BigBirdForMaskedLM.from_pretrained(tmp_path / "run").state_dict())
    state = weights(tmp_path / "run", 12)
    for name, value in kept.items():
        np.testing.assert_array_equal(value.numpy(), state[f"average.{name}"])
        assert not np.array_equal(value.numpy(), state[f"model.{name}"])


def test_a_run_stops_when_its_scores_rise_no_more(texts: Path, vocabulary: Path, tmp_path: Path) -> None:
    settings = recipe(
        {"tokenizer": str(vocabulary), "config": SIZES}, texts, optim__lr=1e-9, optim__warmup=0.0,
        optim__schedule="constant", optim__steps=40, run__eval_every=2, run__patience=3, run__metric="accuracy",
    )  # fmt: skip
    events = list(train(settings, tmp_path / "run", compute=CPU))
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.stopped_early
    assert finished.step == 8  # the first is the best, and three are not better
    again = list(train(settings, tmp_path / "run", resume="auto", compute=CPU))
    assert [type(event) for event in again] == [Started, Finished]
    bare = settings.model_copy(update={"data": settings.data.model_copy(update={"dev": None})})
    with pytest.raises(RecipeError, match=r"patience needs data\.dev"):
        list(train(bare, tmp_path / "other", compute=CPU))


def test_a_bert_becomes_the_start(texts: Path, tmp_path: Path) -> None:
    import transformers

    folder = tmp_path / "bert"
    of_bert = transformers.BertConfig(
        vocab_size=200,
        max_position_embeddings=32,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
    )
    bert = transformers.BertModel(of_bert)
    bert.save_pretrained(folder)
    write_wordpiece(folder)
    settings = recipe({"start": str(folder), "config": {"max_position_embeddings": 64, "block_size": 4}}, texts)
    with pytest.warns(BigBirdWarning, match="new: cls"):
        events = list(train(settings, tmp_path / "run", compute=CPU))
    assert isinstance(events[-1], Finished)
    config = BigBirdConfig.from_file(tmp_path / "run" / "config.json")
    assert (config.max_position_embeddings, config.block_size, config.vocab_size) == (64, 4, 200)
    short = settings.model_copy(update={"model": settings.model.model_copy(update={"config": {}})})
    with pytest.warns(BigBirdWarning, match="new: cls"):
        assert check(short, compute=CPU).n_steps == 12  # 4,096 positions, as convert gives them


def test_the_first_step_of_check_leaves_nothing_behind(
    texts: Path, vocabulary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(path for path in tmp_path.rglob("*"))
    stream = {"data__streaming": True}
    for changes in ({}, stream):
        checked = check(recipe({"tokenizer": str(vocabulary), "config": SIZES}, texts, **changes), compute=CPU)
        assert np.isfinite(checked.loss)
        assert (checked.n_features is None) == (changes is stream)
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_a_new_model_needs_a_vocabulary_and_possible_sizes(texts: Path, vocabulary: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="tokenize --train"):
        list(train(recipe({"tokenizer": str(texts), "config": SIZES}, texts), tmp_path / "run", compute=CPU))
    odd = {**SIZES, "num_attention_heads": 3}
    with pytest.raises(RecipeError, match=r"model\.config"):
        list(train(recipe({"tokenizer": str(vocabulary), "config": odd}, texts), tmp_path / "run2", compute=CPU))


def test_half_floats_need_a_gpu(texts: Path, vocabulary: Path, tmp_path: Path) -> None:
    settings = recipe({"tokenizer": str(vocabulary), "config": SIZES}, texts, run__precision="float16")
    with pytest.raises(RecipeError, match="float16 needs a CUDA device"):
        list(train(settings, tmp_path / "run", compute=CPU))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the compiler
def test_a_compiled_run_learns_the_same(texts: Path, vocabulary: Path, tmp_path: Path) -> None:
    model = {"tokenizer": str(vocabulary), "config": SIZES, "dropout": 0.0, "attention_dropout": 0.0}
    losses = []
    for compiled in (False, True):
        settings = recipe(model, texts, run__compile=compiled, run__log_every=1, optim__steps=3)
        events = list(train(settings, tmp_path / f"run-{compiled}", compute=CPU))
        losses.append([event.loss for event in events if isinstance(event, Step)])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-3)

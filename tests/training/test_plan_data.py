"""How long documents are, what a cut would lose of them, and the batches that a run would make."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bigbird_cli.recipe.schema import FinetuneRecipe, PretrainRecipe
from bigbird_cli.tasks.base import Feature, FeatureList
from bigbird_cli.tasks.padding import pad
from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer
from bigbird_cli.training import plan_data
from bigbird_cli.training.batching import split
from bigbird_cli.training.loader import EpochLoader, StreamLoader
from bigbird_cli.training.plan_data import Bin, Inputs, Sample, cuts, epoch_of, histogram, take_sample
from tests.training.runs import recipe


def sampled(recipe: Any, start: Path, *, is_stream: bool = False) -> Sample:
    """What a recipe's training data hold."""

    def read() -> Iterator[Any]:
        return iter(recipe.task.read(recipe.data.train[0]))

    return take_sample(read, recipe.task, load_tokenizer(start), is_stream=is_stream)


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def question(context: str, *answers: str) -> dict[str, Any]:
    found = {"text": list(answers), "answer_start": [context.index(answer) for answer in answers]}
    return {"id": f"{context}{answers}", "context": context, "question": "red", "answers": found}


def test_an_answer_is_lost_where_no_gold_answer_stands_whole_before_the_cut(start: Path, tmp_path: Path) -> None:
    ten = " ".join(f"w{n}" for n in range(10))
    rows = [question(ten, "w4 w5", "w8"), question(ten, "w9"), question("w1 w2", "w1"), question("w1 w2")]
    trial = recipe(start, tmp_path, data__train=str(write_rows(tmp_path / "rows.jsonl", rows)), dev=False)
    sample = sampled(trial, start)
    assert (sample.what, sample.n_examples, sample.n_documents) == ("answers", 4, 2)
    # [CLS] red [SEP], the tokens up to the answer's last, and [SEP]
    assert sample.needed.tolist() == [10, 14, 5]
    assert [cut.lost for cut in cuts(sample, (4, 5, 10, 13, 14))] == pytest.approx([1, 2 / 3, 1 / 3, 1 / 3, 0])
    # of 12 tokens in all, 4 - 2 of the first document and both of the second are read
    assert cuts(sample, (4,))[0].tokens == pytest.approx(8 / 12)


def test_each_entity_is_counted(start: Path, tmp_path: Path) -> None:
    text = "w1 w2 w3 w4 w5"
    entities = [{"start": 0, "end": 2, "label": "A"}, {"start": 9, "end": 14, "label": "B"}]
    path = write_rows(tmp_path / "rows.jsonl", [{"text": text, "entities": entities}])
    trial = recipe(start, tmp_path, task={"type": "ner", "window": 32, "overlap": 4}, data__train=str(path))
    sample = sampled(trial, start)
    assert (sample.what, sample.needed.tolist()) == ("entities", [3, 7])
    assert cuts(sample, (6,))[0].lost == 0.5


def test_other_tasks_lose_documents(start: Path, tmp_path: Path) -> None:
    rows = [{"text": "w1 w2 w3", "label": "a"}, {"text": "w1 w2 w3 w4 w5 w6", "label": "b"}]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    trial = recipe(start, tmp_path, task={"type": "classify", "window": 32, "overlap": 4}, data__train=str(path))
    sample = sampled(trial, start)
    assert (sample.what, sample.lengths.tolist()) == ("documents", [3, 6])
    assert [(cut.lost, cut.tokens) for cut in cuts(sample, (7, 8))] == [(0.5, pytest.approx(1 / 9)), (0, 0)]


def test_of_many_documents_every_nth_is_measured_with_all_that_is_on_it(
    start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_data, "SAMPLED", 3)
    rows = [question(f"w{n} w30 w31", answer) for n in range(7) for answer in ("w30", "w31")]
    trial = recipe(start, tmp_path, data__train=str(write_rows(tmp_path / "rows.jsonl", rows)), dev=False)
    sample = sampled(trial, start)
    assert (sample.n_documents, sample.n_examples, sample.scale) == (7, 14, 14 / 6)
    assert [example.context[:2] for example in sample.examples] == ["w0", "w0", "w3", "w3", "w6", "w6"]


def test_of_a_stream_the_first_documents_are_measured(
    start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_data, "SAMPLED", 2)
    for n in range(4):
        (tmp_path / f"{n}.txt").write_text("w1 " * (n + 1))
    values = {
        "model": {"start": str(start)},
        "task": {"type": "mlm", "window": 16},
        "data": {"train": str(tmp_path), "streaming": True},
        "optim": {"lr": 1e-3, "steps": 2},
    }
    sample = sampled(PretrainRecipe.model_validate(values), start, is_stream=True)
    assert (sample.n_documents, sample.lengths.tolist(), sample.scale) == (None, [1, 2], 1.0)


def test_documents_are_counted_in_bins_that_double() -> None:
    lengths = np.array([65, 128, 129, 700])
    assert histogram(lengths) == (Bin(128, 2), Bin(256, 1), Bin(512, 0), Bin(1024, 1))
    assert histogram(np.array([0, 64])) == (Bin(64, 2),)


def features(n: int, *, choices: int = 0) -> list[Feature]:
    """Inputs of some lengths; with choices, each of them with rows of different lengths."""
    rng = np.random.default_rng(0)
    found = []
    for number, size in enumerate(rng.integers(3, 60, n)):
        shape = (choices, size) if choices else (size,)
        ids = np.ones(shape, dtype=np.int32)
        mask = np.arange(size) < rng.integers(2, size + 1, choices)[:, None] if choices else None
        found.append(Feature(ids, np.zeros(shape, dtype=np.int8), {}, number, mask=mask))
    return found


def padding_of(loader: EpochLoader | StreamLoader, n_steps: int, optim: Any) -> float:
    """The share of padding in the tensors that an engine makes of a loader's batches."""
    parts = [pad(part, pad_id=0) for step in range(1, n_steps + 1) for part in split(loader.batch(step), optim)]
    return 1 - sum(part.n_tokens for part in parts) / sum(part.n_padded for part in parts)


@pytest.mark.parametrize(
    ("choices", "optim"),
    [
        (0, {"batch_size": 8, "micro_batch_size": 4}),
        (0, {"batch_tokens": 300, "max_tokens_per_micro_batch": 120}),
        (3, {"batch_size": 8, "micro_batch_size": 2}),
    ],
)
def test_padding_is_that_of_the_loaders_own_batches(
    start: Path, data: Path, choices: int, optim: dict[str, Any]
) -> None:
    trial: FinetuneRecipe = recipe(start, data, optim={"lr": 1e-3, **optim})
    inputs = FeatureList(features(60, choices=choices))
    epoch = epoch_of(Inputs.of_all(inputs), trial)
    settings: dict[str, Any] = {"batch_size": trial.optim.batch_size, "batch_tokens": trial.optim.batch_tokens}
    loader = EpochLoader(inputs, lambda feature, _: feature, seed=trial.seed, **settings)
    assert epoch.n_steps == len(epoch.steps) == loader.steps_per_epoch
    assert epoch.padding == pytest.approx(padding_of(loader, len(epoch.steps), trial.optim))
    assert epoch.padding > 0


def test_padding_of_a_stream_is_that_of_its_first_batches(start: Path, data: Path) -> None:
    trial = recipe(start, data, data__streaming=True, optim__batch_size=5)
    inputs = FeatureList(features(43))
    epoch = epoch_of(Inputs.of_all(inputs), trial)
    loader = StreamLoader(
        lambda: iter(inputs),
        lambda feature, _: feature,
        seed=trial.seed,
        batch_size=5,
        buffer=trial.data.shuffle_buffer,
    )
    assert len(epoch.steps) == 8
    assert epoch.padding == pytest.approx(padding_of(loader, 8, trial.optim))


def test_the_largest_micro_batch_holds_the_longest_inputs(start: Path, data: Path) -> None:
    trial = recipe(start, data, optim__batch_size=4, optim__micro_batch_size=2)
    epoch = epoch_of(Inputs.of_all(FeatureList(features(60))), trial)
    longest = sorted(len(feature) for feature in features(60))[-4:]
    assert epoch.largest == [tuple(longest[:2]), tuple(longest[2:])]


def test_each_process_has_a_micro_batch(start: Path, data: Path) -> None:
    trial = recipe(start, data, optim__batch_size=4, optim__micro_batch_size=4)
    inputs = Inputs.of_all(FeatureList(features(8)))
    assert {len(step) for step in epoch_of(inputs, trial).steps} == {1}
    assert {len(step) for step in epoch_of(inputs, trial, processes=3).steps} == {3}

"""Training: it learns, splitting changes nothing, a resumed run is the run, and what is not finite stops it."""

import hashlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch

import bigbird_cli as bb
from bigbird_cli.backend import Alone
from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.data import hub
from bigbird_cli.errors import (
    BigBirdWarning,
    DataError,
    ModelError,
    RecipeError,
    ResourceError,
    UsageError,
)
from bigbird_cli.events import Evaluated, Event, Finished, Saved, Started, Step
from bigbird_cli.pytorch.engine import Engine
from bigbird_cli.recipe.load import load_recipe
from bigbird_cli.training.check import check
from bigbird_cli.training.job import Job
from bigbird_cli.training.run import Run
from bigbird_cli.training.train import train
from bigbird_cli.weights.checkpoint import read_checkpoint
from bigbird_cli.weights.store import SMALL_FILES, read_tensors
from tests.training.runs import (
    CPU,
    WORDS,
    every_backend,
    every_engine,
    follow,
    kinds,
    metrics,
    recipe,
    stop_after,
    weights,
)


@every_backend
def test_a_run_tells_its_events_in_order(start: Path, data: Path, tmp_path: Path) -> None:
    events = list(train(recipe(start, data), tmp_path / "run", compute=CPU))
    epoch = ["Step", "Step", "Evaluated", "Saved"]
    assert kinds(events) == ["Started", *epoch, *epoch, "Finished"]
    started, last_step, finished = events[0], events[-4], events[-1]
    assert isinstance(started, Started)
    assert isinstance(last_step, Step)
    assert isinstance(finished, Finished)
    assert (started.n_features, started.n_steps, started.resumed_from) == (30, 12, None)
    assert started.new_head is None  # the start model has one
    assert started.n_parameters == sum(array.size for array in weights(tmp_path / "run", 12).values())
    assert (last_step.step, last_step.epoch, last_step.eta_seconds) == (12, 2.0, 0.0)
    assert last_step.tokens_per_second > 0
    assert 0 < last_step.padding < 0.5
    best = max((event.scores["f1"], event.scores) for event in events if isinstance(event, Evaluated))
    assert finished.best_scores == best[1]
    assert [line["event"] for line in metrics(tmp_path / "run")] == [*["step", "step", "evaluated"] * 2, "finished"]


def test_the_loss_falls_and_the_answers_are_found(start: Path, data: Path, tmp_path: Path) -> None:
    eager = recipe(
        start, data, model__dropout=0.0, model__attention_dropout=0.0, optim__lr=1e-2, optim__steps=200,
        run__log_every=20, run__eval_every=200, data__dev=str(data / "train.json"),
    )  # fmt: skip
    events = list(train(eager, tmp_path / "run", compute=CPU))
    losses = [event.loss for event in events if isinstance(event, Step)]
    assert losses[-1] < 0.2 * losses[0]
    scores = next(event.scores for event in events if isinstance(event, Evaluated))
    assert scores["f1"] > 80


@pytest.mark.parametrize(
    ("engine", "step"),
    [
        *itertools.product(("pytorch", "toy"), (1, 5, 6, 11)),
        pytest.param("jax", 5, marks=pytest.mark.slow),
    ],
    indirect=["engine"],
)
def test_a_resumed_run_is_the_run(start: Path, data: Path, tmp_path: Path, engine: str, step: int) -> None:
    settings = recipe(start, data, run__save_every=step, run__keep=12)
    straight = list(train(settings, tmp_path / "straight", compute=CPU))
    stop_after(train(settings, tmp_path / "broken", compute=CPU), Saved, step=step)
    torch.manual_seed(12345)  # a fresh process stands elsewhere
    resumed = list(train(settings, tmp_path / "broken", resume="auto", compute=CPU))

    assert isinstance(resumed[0], Started)
    assert resumed[0].resumed_from == tmp_path / "broken" / "checkpoints" / f"step-{step}"
    ours, _ = read_checkpoint(tmp_path / "broken" / "checkpoints" / "step-12")
    theirs, _ = read_checkpoint(tmp_path / "straight" / "checkpoints" / "step-12")
    assert ours.keys() == theirs.keys()
    optimiser = "momentum" if engine == "toy" else "optimiser"
    assert {name.partition(".")[0] for name in ours} == {"model", optimiser}
    for name, array in theirs.items():
        np.testing.assert_array_equal(ours[name], array, err_msg=name)
    for name, array in read_tensors(tmp_path / "straight").items():
        np.testing.assert_array_equal(read_tensors(tmp_path / "broken")[name], array)
    assert resumed[-1].best_scores == straight[-1].best_scores  # type: ignore[union-attr]

    def repeatable(run: Path) -> list[dict[str, Any]]:
        timed = {
            "tokens_per_second",
            "seconds_per_step",
            "eta_seconds",
            "seconds",
            "memory_mb",
            "n_compiled",
        }  # of a process
        return [{key: value for key, value in line.items() if key not in timed} for line in metrics(run)]

    assert repeatable(tmp_path / "broken") == repeatable(tmp_path / "straight")


def test_a_resumed_run_may_split_its_batches_otherwise(start: Path, data: Path, tmp_path: Path) -> None:
    stop_after(train(recipe(start, data), tmp_path / "run", compute=CPU), Saved, step=6)
    narrow = recipe(start, data, optim__micro_batch_size=1)
    assert kinds(list(train(narrow, tmp_path / "run", resume="auto", compute=CPU)))[-1] == "Finished"


@every_engine
def test_another_recipe_cannot_go_on(start: Path, data: Path, tmp_path: Path) -> None:
    stop_after(train(recipe(start, data), tmp_path / "run", compute=CPU), Saved, step=6)
    with pytest.raises(UsageError, match=r"optim\.lr"):
        list(train(recipe(start, data, optim__lr=2e-3), tmp_path / "run", resume="auto", compute=CPU))


def test_other_data_cannot_go_on(start: Path, data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "train.json"
    copy.write_bytes((data / "train.json").read_bytes())
    settings = recipe(start, data, data__train=str(copy))
    stop_after(train(settings, tmp_path / "run", compute=CPU), Saved, step=6)
    copy.write_text(copy.read_text(encoding="utf-8").replace("w1 ", "w1 w1 "), encoding="utf-8")
    with pytest.raises((UsageError, DataError)):
        list(train(recipe(start, data, data__train=str(copy), task__on_bad_answer="error"), tmp_path / "run",
                   resume="auto", compute=CPU))  # fmt: skip


@every_engine
def test_other_dev_data_cannot_go_on(start: Path, data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "dev.json"
    copy.write_bytes((data / "dev.json").read_bytes())
    settings = recipe(start, data, data__dev=str(copy))
    stop_after(train(settings, tmp_path / "run", compute=CPU), Saved, step=6)
    copy.write_bytes((data / "train.json").read_bytes())
    with pytest.raises(UsageError, match="the dev data is not what it was"):
        list(train(settings, tmp_path / "run", resume="auto", compute=CPU))


def test_dev_data_edited_in_place_cannot_go_on(start: Path, data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "dev.json"
    copy.write_bytes((data / "dev.json").read_bytes())
    settings = recipe(start, data, data__dev=str(copy))
    stop_after(train(settings, tmp_path / "run", compute=CPU), Saved, step=6)
    copy.write_bytes(copy.read_bytes().replace(b"q100", b"q999"))
    with pytest.raises(UsageError, match="the dev data is not what it was"):
        list(train(settings, tmp_path / "run", resume="auto", compute=CPU))


def test_data_that_is_written_to_while_it_is_read_leaves_no_cache(
    start: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "train.json"
    copy.write_bytes((data / "train.json").read_bytes())
    settings = recipe(start, data, data__train=str(copy), data__cache=str(tmp_path / "cache"))
    made = type(settings.task).training_features

    def rewritten(self: Any, examples: Any, tokenizer: Any) -> Iterator[Any]:
        yield from made(self, examples, tokenizer)
        copy.write_bytes(copy.read_bytes().replace(b"w1 ", b"w2 "))

    monkeypatch.setattr(type(settings.task), "training_features", rewritten)
    with pytest.raises(DataError, match=r"train\.json: it was written to while it was read"):
        list(train(settings, tmp_path / "run", compute=CPU))
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_run_killed_before_its_first_checkpoint_begins_anew_and_keeps_what_it_left(
    start: Path, data: Path, tmp_path: Path
) -> None:
    stop_after(train(recipe(start, data), tmp_path / "run", compute=CPU), Step, step=3)
    assert load_recipe(tmp_path / "run" / "recipe.yaml") == recipe(start, data)  # its name alone will do
    with pytest.warns(BigBirdWarning, match=r"ended before its first checkpoint.*metrics-1\.jsonl"):
        events = list(train(recipe(start, data), tmp_path / "run", resume="auto", compute=CPU))
    assert kinds(events)[-1] == "Finished"
    assert [line["step"] for line in metrics(tmp_path / "run") if line["event"] == "step"] == [3, 6, 9, 12]
    assert len((tmp_path / "run" / "metrics-1.jsonl").read_text().splitlines()) == 1


@pytest.fixture(scope="module")
def finished(start: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with checkpoints of steps 6 and 12 and a moving average."""
    run = tmp_path_factory.mktemp("finished") / "run"
    list(train(recipe(start, data, run__ema=0.9), run, compute=CPU))
    return run


def sealed(checkpoint: Path, name: str, content: bytes) -> None:
    """Change a file of a checkpoint, and its manifest with it."""
    (checkpoint / name).write_bytes(content)
    manifest = json.loads((checkpoint / "manifest.json").read_text())
    manifest["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (checkpoint / "manifest.json").write_text(json.dumps(manifest))


def renamed(tensors: dict[str, np.ndarray], name: str) -> None:
    tensors[f"{name}s"] = tensors.pop(name)


STATES = {
    "no progress": lambda state: state.pop("progress"),
    "no step": lambda state: state["progress"].pop("step"),
    "no loss": lambda state: state["progress"]["window"].pop("loss"),
    "a key more": lambda state: state.update(rng="7"),
    "a progress key more": lambda state: state["progress"].update(lr=1),
    "a step of text": lambda state: state["progress"].update(step="12"),
    "a step below 0": lambda state: state["progress"].update(step=-1),
    "half a step": lambda state: state["progress"].update(step=1.5),
    "a window that is none": lambda state: state["progress"].update(window=None),
    "no window": lambda state: state["progress"].pop("window"),
    "scores of text": lambda state: state["progress"].update(best_scores={"f1": "high"}),
    "other scores": lambda state: state["progress"].update(best_scores={"accuracy": 1.0}),
    "a recipe that is none": lambda state: state.update(recipe=[1]),
    "data that is none": lambda state: state.update(data={"dev data": 3}),
    "a scaler of text": lambda state: state.update(scaler="none"),
    "another scaler": lambda state: state.update(scaler={"scale": 2.0}),
}
TENSORS = {
    "a weight renamed": lambda tensors: renamed(tensors, "model.qa_classifier.qa_outputs.bias"),
    "a moment renamed": lambda tensors: renamed(tensors, "optimiser.exp_avg.qa_classifier.qa_outputs.bias"),
    "no moment": lambda tensors: tensors.pop("optimiser.exp_avg_sq.qa_classifier.qa_outputs.bias"),
    "no average": lambda tensors: tensors.pop("average.qa_classifier.qa_outputs.bias"),
    "an unknown kind": lambda tensors: tensors.update(rng=np.zeros(3, dtype=np.uint8)),
    "another shape": lambda tensors: tensors.update({"model.qa_classifier.qa_outputs.bias": np.zeros(3, np.float32)}),
    "another type": lambda tensors: tensors.update({"model.qa_classifier.qa_outputs.bias": np.zeros(2, np.int64)}),
    "not a number": lambda tensors: tensors["average.qa_classifier.qa_outputs.bias"].fill(np.nan),
}


def assert_passed_over(start: Path, data: Path, run: Path) -> None:
    """Step 12 alone is refused as a whole; `auto` goes on from step 6."""
    settings = recipe(start, data, run__ema=0.9)
    with pytest.raises(ModelError, match=r"not a checkpoint of this version|holds no JSON object|is not JSON"):
        list(train(settings, run, resume=str(run / "checkpoints" / "step-12"), compute=CPU))
    with pytest.warns(BigBirdWarning, match="step-12 is passed over"):
        begun = next(train(settings, run, resume="auto", compute=CPU))
    assert isinstance(begun, Started)
    assert begun.resumed_from == run / "checkpoints" / "step-6"


@pytest.mark.parametrize("change", STATES.values(), ids=STATES)
def test_a_state_of_another_shape_is_passed_over(
    start: Path, data: Path, finished: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    checkpoint = Path(shutil.copytree(finished, tmp_path / "run")) / "checkpoints" / "step-12"
    state = json.loads((checkpoint / "state.json").read_text())
    change(state)
    sealed(checkpoint, "state.json", json.dumps(state).encode())
    assert_passed_over(start, data, tmp_path / "run")


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"\xff", b"[" * 99_999])
def test_a_state_that_is_none_is_passed_over(
    start: Path, data: Path, finished: Path, tmp_path: Path, content: bytes
) -> None:
    checkpoint = Path(shutil.copytree(finished, tmp_path / "run")) / "checkpoints" / "step-12"
    sealed(checkpoint, "state.json", content)
    assert_passed_over(start, data, tmp_path / "run")


@pytest.mark.parametrize("change", TENSORS.values(), ids=TENSORS)
def test_tensors_of_another_shape_are_passed_over(
    start: Path, data: Path, finished: Path, tmp_path: Path, change: Callable[[dict[str, np.ndarray]], object]
) -> None:
    checkpoint = Path(shutil.copytree(finished, tmp_path / "run")) / "checkpoints" / "step-12"
    tensors, _ = read_checkpoint(checkpoint)
    change(tensors)
    sealed(checkpoint, "state.safetensors", safetensors.numpy.save(tensors))
    assert_passed_over(start, data, tmp_path / "run")


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_a_start_model_that_is_not_finite_is_named(start: Path, data: Path, tmp_path: Path, odd: float) -> None:
    broken = Path(shutil.copytree(start, tmp_path / "start"))
    tensors = read_tensors(broken)
    name = "bert.encoder.layer.1.attention.self.key.weight"
    tensors[name][3, 2] = odd
    safetensors.numpy.save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=rf"1 of the 256 numbers of {name} are not finite") as caught:
        list(train(recipe(broken, data), tmp_path / "run", compute=CPU))
    assert caught.value.exit_code == 4


@every_engine
@pytest.mark.parametrize("streaming", [False, True])
def test_threads_that_prepare_batches_change_nothing(start: Path, data: Path, tmp_path: Path, streaming: bool) -> None:
    settings: dict[str, Any] = {"data__streaming": streaming, "run__save_every": 5, "run__keep": 9}
    list(train(recipe(start, data, **settings), tmp_path / "none", compute=CPU))
    threads = recipe(start, data, **settings | {"data__workers": 3})
    stop_after(train(threads, tmp_path / "some", compute=CPU), Saved, step=5)
    list(train(threads, tmp_path / "some", resume="auto", compute=CPU))
    assert [line["loss"] for line in metrics(tmp_path / "none") if "loss" in line] == [
        line["loss"] for line in metrics(tmp_path / "some") if "loss" in line
    ]
    for name, array in weights(tmp_path / "none", 12).items():
        np.testing.assert_array_equal(weights(tmp_path / "some", 12)[name], array, err_msg=name)


@every_engine
def test_checkpoints_come_by_minutes_too(start: Path, data: Path, tmp_path: Path) -> None:
    settings = recipe(start, data, run__save_minutes=1e-9, run__eval_every=6, run__keep=20)
    events = list(train(settings, tmp_path / "run", compute=CPU))
    assert [event.step for event in events if isinstance(event, Saved)] == list(range(1, 13))


def test_room_for_all_checkpoints_is_looked_for_before_the_first_step(
    start: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[int] = []

    def require(where: Path, *, n_bytes: int) -> None:
        assert where == tmp_path / "run"
        wanted.append(n_bytes)
        if len(wanted) == 1:
            raise ResourceError("the disk is full")

    monkeypatch.setattr(sys.modules[Run.__module__], "require_space", require)
    settings = recipe(start, data, run__save_every=1, run__keep=3, run__ema=0.9)
    events = train(settings, tmp_path / "run", compute=CPU)
    assert isinstance(next(events), Started)
    with pytest.raises(ResourceError, match="full"):
        next(events)
    list(train(settings, tmp_path / "run", resume="auto", compute=CPU))
    tensors = sum(file.stat().st_size for file in (tmp_path / "run").rglob("*.safetensors"))
    headers = 4 * 20_000
    of_tensors = wanted[0] - 2 * SMALL_FILES  # the best model before, and the next one beside it
    assert tensors - headers < of_tensors < 2 * tensors


def test_a_data_set_of_the_hub_is_learnt_from(
    start: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"id": f"q{n}", "context": f"w{n} red w7", "question": "red", "answers": {"text": ["w7"], "answer_start": [7]}}
        for n in range(8)
    ]
    asked: list[tuple[str, str]] = []

    def streamed(source: str, split: str, *, offline: bool) -> Iterator[dict[str, Any]]:
        asked.append((source, split))
        assert not offline
        yield from (dict(row) for row in rows)

    monkeypatch.setattr(hub, "rows", streamed)
    monkeypatch.setattr(hub, "revision_of", lambda *_, **__: "1")
    settings = recipe(start, data, data__train="hub:someone/words:train", data__max_examples=5, optim__steps=2)
    events = list(train(settings, tmp_path / "run", compute=CPU))
    assert events[0].n_features == 5  # type: ignore[union-attr]
    assert set(asked) == {("hub:someone/words:train", "train")}


def test_an_existing_run_is_not_written_into_unasked(start: Path, data: Path, tmp_path: Path) -> None:
    stop_after(train(recipe(start, data), tmp_path / "run", compute=CPU), Saved, step=6)
    with pytest.raises(UsageError, match="--resume"):
        next(train(recipe(start, data), tmp_path / "run", compute=CPU))


@every_engine
def test_a_finished_run_has_nothing_left_to_do(start: Path, data: Path, tmp_path: Path) -> None:
    done = list(train(recipe(start, data), tmp_path / "run", compute=CPU))
    again = list(train(recipe(start, data), tmp_path / "run", resume="auto", compute=CPU))
    assert kinds(again) == ["Started", "Finished"]
    assert again[-1].best_scores == done[-1].best_scores  # type: ignore[union-attr]


@every_backend
def test_the_best_model_is_kept(start: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([10.0, 30.0, 20.0, 30.0])
    monkeypatch.setattr(sys.modules[Run.__module__], "evaluate", lambda *_, **__: {"f1": next(scores)})
    settings = recipe(start, data, run__eval_every=3, run__keep=9)
    events = list(train(settings, tmp_path / "run", compute=CPU))
    assert [event.best for event in events if isinstance(event, Evaluated)] == [True, True, False, False]
    kept = read_tensors(tmp_path / "run")
    for name, array in weights(tmp_path / "run", 6).items():
        np.testing.assert_array_equal(kept[name.removeprefix("model.")], array)
    assert "| f1 | 30 |" in (tmp_path / "run" / "README.md").read_text(encoding="utf-8")


@every_engine
@pytest.mark.parametrize("step", [4, 6, 12])
def test_a_run_that_goes_on_in_another_folder_leaves_a_model_there(
    start: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    scores = iter([90.0, 10.0])
    settings = recipe(start, data, run__save_every=2, run__keep=9)
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules[Run.__module__], "evaluate", lambda *_, **__: {"f1": next(scores)})
        list(train(settings, tmp_path / "run", compute=CPU))
    resume = str(tmp_path / "run" / "checkpoints" / f"step-{step}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", BigBirdWarning)
        events = list(train(settings, tmp_path / "other", resume=resume, compute=CPU))
    assert [f"step {step} on" in str(warning.message) for warning in caught] == ([] if step == 4 else [True])
    assert any(event.best for event in events if isinstance(event, Evaluated))
    assert read_tensors(tmp_path / "other").keys() == read_tensors(tmp_path / "run").keys()
    assert events[-1].best_scores["f1"] < 90  # type: ignore[union-attr, index]


@every_engine
def test_without_a_dev_set_the_last_model_is_kept(start: Path, data: Path, tmp_path: Path) -> None:
    events = list(train(recipe(start, data, dev=False), tmp_path / "run", compute=CPU))
    assert "Evaluated" not in kinds(events)
    assert events[-1].best_scores is None  # type: ignore[union-attr]
    kept = read_tensors(tmp_path / "run")
    for name, array in weights(tmp_path / "run", 12).items():
        np.testing.assert_array_equal(kept[name.removeprefix("model.")], array)


def test_a_finished_run_is_a_model_folder(start: Path, data: Path, tmp_path: Path) -> None:
    settings = recipe(start, data, run__save_precision="float16")
    list(train(settings, tmp_path / "run", compute=CPU))
    with warnings.catch_warnings():
        warnings.simplefilter("error", BigBirdWarning)  # nothing is missing
        model = bb.BigBirdForQuestionAnswering.from_pretrained(tmp_path / "run")
    assert model(input_ids=torch.tensor([[2, 5, 3, 6, 7, 3]])).start_logits.shape == (1, 6)
    assert len(bb.load_tokenizer(tmp_path / "run").encode("red w1").ids) == 2
    assert {"config.json", "model.safetensors", "tokenizer.json", "task.json", "recipe.yaml", "metrics.jsonl",
            "README.md"} <= {path.name for path in (tmp_path / "run").iterdir()}  # fmt: skip
    assert json.loads((tmp_path / "run" / "task.json").read_text(encoding="utf-8"))["max_answer_tokens"] == 4
    assert load_recipe(tmp_path / "run" / "recipe.yaml") == settings
    n_weights = sum(array.size for array in weights(tmp_path / "run", 12).values())
    assert (tmp_path / "run" / "model.safetensors").stat().st_size < 2.2 * n_weights + 10_000


@every_engine
@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit), (signal.SIGHUP, SystemExit)]
)
def test_a_signal_saves_at_the_steps_end_and_the_run_goes_on_from_there(
    start: Path,
    data: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    number: signal.Signals,
    error: type[BaseException],
) -> None:
    settings = recipe(start, data, run__log_every=1)
    former = signal.signal(number, signal.default_int_handler)  # nohup and background jobs ignore some
    request.addfinalizer(lambda: signal.signal(number, former))
    events: list[Event] = []

    def send(event: Event) -> None:
        if isinstance(event, Step) and event.step == 4:
            os.kill(os.getpid(), number)

    with pytest.raises(error) as caught:
        follow(train(settings, tmp_path / "run", compute=CPU), events, send)
    assert kinds(events[-2:]) == ["Step", "Saved"]
    assert events[-1].step == 4
    if error is SystemExit:
        assert isinstance(caught.value, SystemExit)
        assert caught.value.code == 128 + number
    assert signal.getsignal(number) is signal.default_int_handler

    list(train(settings, tmp_path / "run", resume="auto", compute=CPU))
    list(train(settings, tmp_path / "straight", compute=CPU))
    for name, array in weights(tmp_path / "straight", 12).items():
        np.testing.assert_array_equal(weights(tmp_path / "run", 12)[name], array)


def test_a_signal_in_an_evaluation_has_it_done_again_after_a_resumption(
    start: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict = Engine.predict

    def interrupted(self: Engine, *args: Any, **options: Any) -> Iterator[Any]:
        for number, outputs in enumerate(predict(self, *args, **options)):
            if number == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            yield outputs

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "predict", interrupted)
        events: list[Event] = []
        with pytest.raises(SystemExit):
            follow(train(recipe(start, data), tmp_path / "run", compute=CPU), events)
    assert kinds(events) == ["Started", "Step", "Step", "Saved"]
    resumed = list(train(recipe(start, data), tmp_path / "run", resume="auto", compute=CPU))
    assert kinds(resumed)[:2] == ["Started", "Evaluated"]
    assert [line["step"] for line in metrics(tmp_path / "run") if line["event"] == "evaluated"] == [6, 12]


def test_a_second_signal_aborts_at_once(start: Path, data: Path, tmp_path: Path) -> None:
    def send_twice(event: Event) -> None:
        if isinstance(event, Step):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    events: list[Event] = []
    with pytest.raises(KeyboardInterrupt):
        follow(train(recipe(start, data, run__log_every=1), tmp_path / "run", compute=CPU), events, send_twice)
    assert kinds(events) == ["Started", "Step"]


@pytest.mark.skipif(sys.platform == "win32", reason="these signals are of POSIX")
def test_a_second_signal_from_a_supervisor_ends_the_process_where_it_stands(repository: Path) -> None:
    script = """
import os, signal
from bigbird_cli.training.signals import StopSignals

class Odd:
    def __del__(self):  # no exception leaves this
        os.kill(os.getpid(), signal.SIGTERM)

with StopSignals() as stop:
    stop.is_preparing = False
    os.kill(os.getpid(), signal.SIGTERM)
    Odd()
print("goes on")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=repository, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "")


@every_engine
def test_check_takes_a_step_and_writes_nothing(
    start: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    checked = check(recipe(start, data), compute=CPU)
    assert (checked.n_examples, checked.n_features, checked.n_steps) == (30, 30, 12)
    assert checked.n_tokens is not None
    assert checked.n_tokens > 30 * 10
    assert np.isfinite(checked.loss)
    assert checked.seconds_per_step > 0
    assert list(tmp_path.iterdir()) == []


def test_a_check_counts_prepared_data_on_the_disk(start: Path, data: Path) -> None:
    few, all_of_them = (check(recipe(start, data, data__max_examples=n), compute=CPU).disk_bytes for n in (3, 30))
    assert all_of_them > few + 4 * 27 * 10  # an id of four bytes a token, of texts of ten words and more


def test_epochs_give_the_number_of_steps(start: Path, data: Path) -> None:
    assert check(recipe(start, data, optim__steps=None, optim__epochs=2.5), compute=CPU).n_steps == 15


def test_examples_can_be_limited(start: Path, data: Path) -> None:
    assert check(recipe(start, data, data__max_examples=7), compute=CPU).n_examples == 7


def test_a_metric_that_the_task_lacks_is_refused_before_training(start: Path, data: Path, tmp_path: Path) -> None:
    settings = recipe(start, data, run__metric="exact_macth")
    with pytest.raises(RecipeError, match="exact_match"):
        check(settings, compute=CPU)
    with pytest.raises(RecipeError, match="exact_match"):
        list(train(settings, tmp_path / "run", compute=CPU))


def squad(path: Path, *rows: tuple[str, str | None]) -> Path:
    """Write a file of contexts, each with the question `red` and its answer, if any."""
    paragraphs = [
        {
            "context": context,
            "qas": [
                {
                    "id": f"{path.stem}{number}",
                    "question": "red",
                    "answers": [] if answer is None else [{"text": answer, "answer_start": context.index(answer)}],
                    "is_impossible": answer is None,
                }
            ],
        }
        for number, (context, answer) in enumerate(rows)
    ]
    path.write_text(json.dumps({"data": [{"title": "words", "paragraphs": paragraphs}]}), encoding="utf-8")
    return path


@pytest.mark.parametrize("metric", ["best_f1", "f1_to_1024_tokens"])
def test_a_metric_that_only_some_examples_give_is_taken(start: Path, data: Path, tmp_path: Path, metric: str) -> None:
    short, long = ("red w1", "w1"), (" ".join(["red", *WORDS * 13]), "w0")
    dev = squad(tmp_path / "dev.json", short, short, short, ("w1 w2", None), long)
    settings = recipe(start, data, data__dev=str(dev), run__metric=metric, optim__steps=1)
    check(settings, compute=CPU)
    finished = list(train(settings, tmp_path / "run", compute=CPU))[-1]
    assert isinstance(finished, Finished)
    assert metric in (finished.best_scores or {})


def test_dev_inputs_longer_than_the_models_positions_are_refused(start: Path, data: Path, tmp_path: Path) -> None:
    dev = squad(tmp_path / "dev.json", (" ".join(["red", *WORDS, *WORDS[:35]]), "w0"))
    settings = recipe(start, data, task__window=80, data__dev=str(dev))
    with pytest.raises(RecipeError, match=r"inputs of 80 tokens; .* task\.window to 64"):
        check(settings, compute=CPU)
    with pytest.raises(RecipeError, match=r"task\.window to 64"):
        next(train(settings, tmp_path / "run", compute=CPU))


def test_inputs_longer_than_the_models_positions_are_refused(start: Path, data: Path) -> None:
    settings = recipe(start, data, task__window=128, model__config={"max_position_embeddings": 64})
    long = settings.model_copy(update={"data": settings.data.model_copy(update={"train": (str(data / "long.json"),)})})
    context = " ".join(["red", *WORDS, *WORDS])
    question = {"id": "q", "question": "red", "answers": [{"text": "w0", "answer_start": 4}]}
    (data / "long.json").write_text(
        json.dumps({"data": [{"paragraphs": [{"context": context, "qas": [question]}]}]}), encoding="utf-8"
    )
    with pytest.raises(RecipeError, match=r"task\.window to 64"):
        check(long, compute=CPU)


def test_a_tokenizer_larger_than_the_models_vocabulary_is_refused(start: Path, data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "start"
    shutil.copytree(start, folder)
    n_embeddings = BigBirdConfig.from_file(start).vocab_size
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    content["model"]["vocab"]["new"] = n_embeddings
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ModelError, match=f"ids up to {n_embeddings}, but the model only {n_embeddings} word"):
        check(recipe(folder, data), compute=CPU)


def test_a_file_without_examples_is_refused(start: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text('{"data": []}', encoding="utf-8")
    with pytest.raises(DataError, match=r"none\.json"):
        check(recipe(start, data, data__train=str(tmp_path / "none.json")), compute=CPU)


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="Windows has no SIGUSR1")
def test_a_request_for_a_checkpoint_that_comes_while_others_are_asked_is_the_next_steps(
    start: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    all_reduce = Alone.all_reduce

    def interrupted(self: Alone, values: Sequence[float], how: Any) -> list[float]:
        nonlocal asked
        if how == "sum":  # of a step's losses
            return all_reduce(self, values, how)
        if asked == 2:  # before step 1, after it, after step 2
            os.kill(os.getpid(), signal.SIGUSR1)
        asked += 1
        return all_reduce(self, values, how)

    monkeypatch.setattr(Alone, "all_reduce", interrupted)
    events = list(train(recipe(start, data, dev=False, optim__steps=5), tmp_path / "run", compute=CPU))
    assert [event.step for event in events if isinstance(event, Saved)] == [3, 5]


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="Windows has no SIGUSR1")
def test_signals_while_data_are_prepared(
    start: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_job = sys.modules[train.__module__].open_job

    def sending(number: int) -> Callable[..., Job]:
        def open_after_signal(*args: Any, **settings: Any) -> Job:
            os.kill(os.getpid(), number)
            return opened_job(*args, **settings)

        return open_after_signal

    monkeypatch.setattr(sys.modules[train.__module__], "open_job", sending(signal.SIGUSR1))
    assert kinds(list(train(recipe(start, data), tmp_path / "run", compute=CPU)))[-1] == "Finished"
    monkeypatch.setattr(sys.modules[train.__module__], "open_job", sending(signal.SIGINT))
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            list(train(recipe(start, data), tmp_path / "other", compute=CPU))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, former)
    assert not list((tmp_path / "other").glob("checkpoints/*"))


def test_an_unknown_option_of_a_call_is_an_error() -> None:
    with pytest.raises(TypeError, match="lr"):
        bb.finetune("squad", lr=1e-3)


def test_a_backend_without_torch_trains_without_torch(
    start: Path, data: Path, tmp_path: Path, repository: Path
) -> None:
    script = f"""
import sys
sys.modules["torch"] = None  # to import it is an error
from pathlib import Path
from bigbird_cli.backend import BACKENDS
from bigbird_cli.recipe import FinetuneRecipe
from bigbird_cli.training.check import check
from bigbird_cli.training.train import train
BACKENDS["pytorch"] = "tests.training.toy"
recipe = FinetuneRecipe.model_validate_json({recipe(start, data).model_dump_json()!r})
print(check(recipe).n_steps, *(type(event).__name__ for event in train(recipe, Path({str(tmp_path / "run")!r}))))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=repository, check=True)
    epoch = "Step Step Evaluated Saved"
    assert done.stdout.strip() == f"12 Started {epoch} {epoch} Finished"

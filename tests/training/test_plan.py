"""A plan tells what the settings of a recipe cost, and which is the cheapest that memory suffices for."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bigbird_cli.backend import Accelerator
from bigbird_cli.errors import DataError, ModelError, ResourceError
from bigbird_cli.events import Step
from bigbird_cli.recipe.schema import PretrainRecipe, Recipe
from bigbird_cli.tasks.features import FeatureFile
from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer
from bigbird_cli.training import plan_trials
from bigbird_cli.training.plan import plan
from bigbird_cli.training.plan_costs import Attention, Costs, Trial
from bigbird_cli.training.plan_data import Inputs
from bigbird_cli.training.plan_machine import Machine, free_memory, n_cores, processor_name
from bigbird_cli.training.plan_settings import Planner, Setting, cheapest, micro_batches
from bigbird_cli.training.plan_trials import _repeated, ladder, run_trials
from bigbird_cli.training.train import train
from tests.training.runs import CPU, WORDS, recipe, steps_here

pytestmark = pytest.mark.filterwarnings("ignore::bigbird_cli.errors.NewWeightsWarning")


def setting(seconds: float, megabytes: int, *changes: str, room: int = 2000, **others: Any) -> Setting:
    values: dict[str, Any] = {
        "window": 64,
        "micro_batch": 4,
        "checkpointing": False,
        "processes": 1,
        "changes": changes,
        "padding": 0.1,
        "n_steps": 10,
        "seconds_per_step": seconds / 10,
        "seconds": seconds,
        "peak_bytes": megabytes * 1_000_000,
        "fits": megabytes <= room,
    }
    return Setting(**{**values, **others})


def test_the_quickest_that_fits_is_the_cheapest() -> None:
    own, small, quick = setting(100, 2500), setting(140, 900, "a=1"), setting(90, 1800, "b=1")
    assert cheapest([own, small, quick], window=64) is quick
    assert cheapest([own, small], window=64) is small
    assert cheapest([own], window=64) is None


def test_of_settings_alike_the_recipe_stays_and_else_the_least_memory_counts() -> None:
    own, other = setting(102, 1900), setting(100, 900, "a=1")
    assert cheapest([own, other], window=64) is own
    large, small = setting(100, 1900, "a=1"), setting(102, 900, "b=1")
    assert cheapest([setting(120, 1000), large, small], window=64) is small


def test_other_windows_count_where_none_of_the_recipes_fits_and_several_processes_never() -> None:
    own, half, quarter = setting(100, 2500), setting(90, 1800, "w", window=32), setting(80, 900, "v", window=16)
    assert cheapest([own, half, quarter, setting(10, 1, processes=4)], window=64) is half


def test_where_nobody_knows_the_memory_anything_fits() -> None:
    assert cheapest([setting(100, 2500, fits=None), setting(90, 9000, "a=1", fits=None)], window=64) is not None


def test_micro_batches_are_counted_as_the_recipe_counts_them(start: Path, data: Path) -> None:
    by_number = recipe(start, data, optim={"lr": 1e-3, "batch_size": 12, "micro_batch_size": 3}).optim
    assert micro_batches(by_number, 64) == ("micro_batch_size", [3, 1, 2, 4])
    by_tokens = recipe(start, data, optim={"lr": 1e-3, "batch_tokens": 300, "max_tokens_per_micro_batch": 100}).optim
    assert micro_batches(by_tokens, 64) == ("max_tokens_per_micro_batch", [100, 64, 128, 256])


def test_a_run_costs_its_steps_its_evaluations_and_the_test(start: Path, data: Path) -> None:
    """A second a token, a third of that where nothing is learnt; ten inputs of six tokens in batches of five."""
    attention = Attention(dense_up_to=None)
    time, memory = np.array([1.0, 0, 1.0, 0, 0]), np.array([1e6, 1e5, 0, 0])
    costs = Costs(attention, time, memory, least_bytes=0, n_parameters=1, forward=1 / 3)
    trial = recipe(start, data, optim={"lr": 1e-3, "batch_size": 5, "micro_batch_size": 5, "steps": 4})
    inputs, dev = (Inputs(np.full(n, 6), np.ones(n, dtype=int), np.full(n, 6)) for n in (10, 3))
    planner = Planner(trial, {False: costs, True: costs}, 10_000_000, evaluated=(dev, dev))
    own, *_ = planner.settings(64, inputs)
    assert (own.seconds_per_step, own.n_steps, own.changes, own.padding) == (31.0, 4, (), 0.0)
    assert own.seconds == pytest.approx(4 * 31 + 2 * 6 + 6)  # two epochs, each with 18 tokens of dev data, and the test
    assert (own.peak_bytes, own.fits) == (4_000_000, True)
    other = next(each for each in planner.settings(32, inputs) if each.checkpointing)
    assert other.changes == ("task.window=32", "run.gradient_checkpointing=true")


def test_steps_that_are_taken_go_from_the_shortest_input_to_the_most_tokens_of_each_way_to_attend() -> None:
    steps = ladder([40, 8, 100, 4096], dense_up_to=100)
    assert steps == [[[1]], [[1]] * 4, [[2]], [[0] * 16], [[2] * 16], [[3]], [[3] * 2]]
    assert ladder([40, 8, 100], dense_up_to=None) == [[[1]], [[1]] * 4, [[2]], [[0] * 16], [[2] * 16]]
    assert ladder([50], dense_up_to=None) == [[[0]], [[0]] * 4, [[0] * 16]]


@pytest.mark.parametrize(("seconds", "n_times"), [(0.1, 4), (0.7, 2), (15.0, 2), (30.0, 1)])
def test_a_step_is_repeated_unless_it_is_long_and_its_first_time_does_not_count(seconds: float, n_times: int) -> None:
    times = iter([seconds, *[seconds / 2] * 9])
    median = _repeated(lambda: next(times))
    assert median == (seconds if n_times == 1 else seconds / 2)
    assert 10 - len(list(times)) == n_times


def test_no_step_is_taken_that_memory_will_not_hold(start: Path, data: Path, tmp_path: Path) -> None:
    trial = recipe(start, data, dev=False)
    FeatureFile.cached(plan_trials.PROBES, lambda: probes(trial, start), folder=tmp_path)
    _, first, *more = plan_trials.take_steps(trial, cache=tmp_path, compute=CPU, room=1, forward=False)
    assert isinstance(first, Trial)
    assert not more  # the first step, of which nothing was known, has shown what one needs


def probes(trial: Recipe, start: Path) -> list[Any]:
    return list(trial.task.training_features(trial.task.read(trial.data.train[0]), load_tokenizer(start)))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps are taken in this process, which spares a test the start of others."""
    monkeypatch.setattr("bigbird_cli.training.plan.run_trials", steps_here)


@pytest.mark.usefixtures("here")
def test_a_recipe_is_planned_as_it_will_run(start: Path, data: Path, tmp_path: Path) -> None:
    trial = recipe(start, data, optim={"lr": 1e-3, "batch_size": 4, "micro_batch_size": 2, "epochs": 2})
    found = plan(trial, tmp_path, compute=CPU)
    assert (found.n_examples, found.n_documents, found.n_inputs, found.what) == (30, 30, 30, "answers")
    assert (found.own.n_steps, found.own.micro_batch, found.own.changes) == (16, 2, ())
    assert list(tmp_path.iterdir()) == []
    steps = list(train(recipe(start, data, **changed(trial)), tmp_path / "run", compute=CPU))
    (told,) = [each for each in steps if isinstance(each, Step)]
    assert told.n_steps == found.own.n_steps
    assert found.to_dict()["set"] == found.set_line


@pytest.mark.usefixtures("here")
def test_a_recipe_without_steps_is_one_setting_of_few_trials(start: Path, data: Path, tmp_path: Path) -> None:
    own = plan(recipe(start, data, optim={"lr": 1e-3, "steps": 0}), tmp_path, compute=CPU)
    assert [(each.n_steps, each.changes) for each in own.settings] == [(0, ())]
    assert own.set_line == ""
    assert not any(trial.checkpointing for trial in own.trials)


def changed(trial: Recipe) -> dict[str, Any]:
    return {"optim": trial.optim.model_dump(exclude_none=True), "run": {"log_every": 16}, "dev": False}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("streaming", [False, True])
def test_texts_are_planned_too(start: Path, tmp_path: Path, streaming: bool) -> None:
    (tmp_path / "a.txt").write_text(" ".join(WORDS * 10))
    values = {
        "model": {"start": str(start)},
        "task": {"type": "mlm", "window": 32},
        "data": {"train": str(tmp_path / "a.txt"), "streaming": streaming},
        "optim": {"lr": 1e-3, "batch_size": 2, "steps": 5},
    }
    found = plan(PretrainRecipe.model_validate(values), compute=CPU)
    assert (found.what, found.own.n_steps, found.longest[100]) == ("documents", 5, 400)
    assert (found.n_inputs, found.n_documents) == ((None, None) if streaming else (14, 1))


@pytest.mark.usefixtures("here")
def test_questions_with_choices_are_planned_with_a_row_for_each(start: Path, tmp_path: Path) -> None:
    row = '{"context": "w1 w2 w3", "question": "red", "choices": ["w1", "w2 w4"], "label": 0}\n'
    (tmp_path / "rows.jsonl").write_text(row * 4)
    task = {"type": "multiple_choice", "window": 32, "overlap": 4}
    trial = recipe(start, tmp_path, task=task, data__train=str(tmp_path / "rows.jsonl"), dev=False)
    found = plan(trial, compute=CPU)
    assert found.trials[0].parts == ((9, 9),)
    assert found.own.padding == pytest.approx(1 - (8 + 9) / 18)


def test_the_steps_are_taken_in_a_process_of_their_own(start: Path, data: Path, tmp_path: Path) -> None:
    trial = recipe(start, data, dev=False)
    FeatureFile.cached(plan_trials.PROBES, lambda: probes(trial, start)[:1], folder=tmp_path)
    told: list[Trial] = []
    opened, taken = run_trials(trial, cache=tmp_path, compute=CPU, forward=True, on_trial=told.append)
    assert (opened.device, opened.positions, opened.attention) == ("cpu", 64, Attention(dense_up_to=28))
    assert (len(taken), told) == (3, taken)
    assert all(each.seconds > 0 and each.forward_seconds for each in taken)
    assert taken[0].peak_bytes > 10_000_000  # of a Python that has torch


def test_what_goes_wrong_in_that_process_is_raised_here(start: Path, data: Path, tmp_path: Path) -> None:
    gone = recipe(start, data, model={"start": str(tmp_path / "gone")})
    request = plan_trials.request_for(gone, cache=tmp_path, compute=CPU, forward=False)
    told: list[dict[str, Any]] = []
    plan_trials.serve(
        json.loads(json.dumps(request)), lambda kind, values: told.append({"kind": kind, "values": values})
    )
    with pytest.raises(ModelError, match="gone"):
        plan_trials._read_back(told[0])


def test_a_process_that_the_system_ends_leaves_what_it_had_measured(
    start: Path, data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    killed = ["sh", "-c", "kill -9 $$"]
    monkeypatch.setattr(plan_trials, "python_command", lambda *_: killed)
    with pytest.raises(ResourceError, match="memory did not suffice for the smallest step"):
        run_trials(recipe(start, data), cache=tmp_path, compute=CPU, forward=False, on_trial=None)


def test_data_that_is_not_there_is_named_before_a_model_is_opened(start: Path, data: Path) -> None:
    missing = recipe(start, data, data__train="nowhere.json")
    with pytest.raises(DataError, match=r"nowhere\.json"):
        plan(missing, compute=CPU)


def test_a_machine_without_an_accelerator_has_its_own_memory() -> None:
    machine = Machine(processor_name(), n_cores(), free_memory(), None, "cpu")
    assert machine.processor
    assert machine.cores >= 1
    assert machine.room == machine.free_bytes
    gpu = Accelerator("a GPU", 1, 8_000, 7_000)
    assert replace(machine, accelerator=gpu).room == 7_000

"""`bigbird plan` draws what a recipe would cost, and names the setting to take."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bigbird_cli import api
from bigbird_cli.backend import Accelerator
from bigbird_cli.training.plan import Plan
from bigbird_cli.training.plan_costs import Attention, Trial
from bigbird_cli.training.plan_data import Bin, Cut
from bigbird_cli.training.plan_machine import Machine
from bigbird_cli.training.plan_settings import Setting

OWN = Setting(
    window=4096,
    micro_batch=4,
    checkpointing=False,
    processes=1,
    changes=(),
    padding=0.031,
    n_steps=100,
    seconds_per_step=2.5,
    seconds=260.0,
    peak_bytes=9_100_000_000,
    fits=False,
)
SMALL = replace(OWN, micro_batch=1, changes=("optim.micro_batch_size=1",), peak_bytes=3_200_000_000, fits=True)
SHORT = replace(SMALL, window=512, changes=("task.window=512",), seconds=200.0)
TWO = replace(OWN, processes=2, seconds=140.0)


def planned(**changes: Any) -> Plan:
    values: dict[str, Any] = {
        "task": "qa",
        "machine": Machine("A processor", 2, 8_000_000_000, None, "cpu"),
        "n_parameters": 22_000_000,
        "attention": Attention(dense_up_to=704),
        "n_examples": 500,
        "n_documents": 100,
        "n_inputs": 640,
        "n_sampled": 100,
        "longest": {50: 700, 90: 3_000, 99: 7_000, 100: 9_000},
        "histogram": (Bin(512, 40), Bin(1024, 0), Bin(2048, 60)),
        "what": "answers",
        "cuts": (Cut(512, 0.431, 0.62), Cut(1024, 0.3, 0.5), Cut(4096, 0.0, 0.1)),
        "settings": (OWN, SMALL, SHORT, TWO),
        "cheapest": SMALL,
        "evaluation_seconds": 5.0,
        "prepared_bytes": 2_000_000,
        "disk_bytes": 900_000_000,
        "free_disk_bytes": 50_000_000_000,
        "trials": (Trial(((4096, 4096),), True, 3.25, 2_500_000_000),),
    }
    return Plan(**{**values, **changes})


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the call under the command is given; the command shows `plan` of it."""
    seen: dict[str, Any] = {"plan": planned()}

    def plan(recipe: str, **options: Any) -> Plan:
        seen.update(options, recipe=recipe)
        found: Plan = seen["plan"]
        for trial in found.trials:
            options["on_trial"](trial)
        return found

    monkeypatch.setattr(api, "plan", plan)
    return seen


def test_what_a_recipe_costs_is_drawn(invoke: Any, given: dict[str, Any]) -> None:
    result = invoke("plan", "trial.yaml", "--set", "optim.lr=1e-4", "--threads", "1", "--offline")
    assert result.exit_code == 0
    assert (given["recipe"], given["overrides"], given["threads"], given["offline"]) == (
        "trial.yaml", ["optim.lr=1e-4"], 1, True
    )  # fmt: skip
    shown = [" ".join(line.split()) for line in result.stdout.splitlines()]
    for line in (
        "qa · 22,000,000 parameters",
        "A processor · 2 cores · 8.0 GB free · measured on cpu",
        f"up to 512 {'█' * 16} 40",
        f"up to 2,048 {'█' * 24} 60",
        "100 documents, 500 examples, 640 inputs an epoch",
        "50 % have 700 at most, 90 % have 3,000 at most, 99 % have 7,000 at most, 100 % have 9,000 at most",
        "512 43.1% 62.0%",
        "Costs of windows at once, window 4,096, predicted from 1 real step",
        "recipe 4 ✗ 9.1 GB 4 min 2.50 s 3%",
        "cheapest 1 3.2 GB 4 min 2.50 s 3%",
        "512 1 3.2 GB 3 min 2.50 s 3% no",
        "2 9.1 GB 2 min 2.50 s",
        "✗ needs more memory than is free",
        "disk: 900 MB at most, 2 MB of it prepared data; 50.0 GB are free",
        "cheapest: --set optim.micro_batch_size=1",
    ):
        assert line in shown
    assert result.stderr == "measured a step of 2 x 4,096 tokens, gradient checkpointing: 3.25 s, 2.5 GB\n"


@pytest.mark.usefixtures("given")
def test_json_is_the_whole_plan(invoke: Any) -> None:
    result = invoke("plan", "trial.yaml", "--json", "--quiet")
    told = json.loads(result.stdout)
    assert (told["set"], told["cuts"][0]["lost"]) == ("--set optim.micro_batch_size=1", 0.431)
    assert told["settings"][3]["processes"] == 2
    assert result.stderr == ""


def test_where_nothing_fits_the_code_says_so(invoke: Any, given: dict[str, Any]) -> None:
    given["plan"] = planned(cheapest=None)
    result = invoke("plan", "trial.yaml")
    assert result.exit_code == 5
    assert "no setting fits into the memory that is free" in result.stdout


def test_a_recipe_that_is_the_cheapest_stays_as_it_is(invoke: Any, given: dict[str, Any]) -> None:
    given["plan"] = planned(cheapest=OWN)
    assert "cheapest: the recipe as it is" in invoke("plan", "trial.yaml").stdout


def test_a_recipe_without_steps_costs_no_more_than_reading(invoke: Any, given: dict[str, Any]) -> None:
    own = replace(OWN, n_steps=0)
    given["plan"] = planned(settings=(own,), cheapest=own)
    shown = invoke("plan", "trial.yaml").stdout
    assert "Costs of the run, which takes no steps, predicted from 1 real step" in shown
    assert "a step" not in shown
    assert "checkpointing" not in shown


def test_an_accelerator_and_a_stream_are_named(invoke: Any, given: dict[str, Any]) -> None:
    gpu = Accelerator("A GPU", 2, 80_000_000_000, 70_000_000_000)
    machine = Machine("A processor", 2, None, gpu, "cuda:0")
    given["plan"] = planned(machine=machine, n_examples=None, n_documents=None, n_inputs=None)
    shown = invoke("plan", "trial.yaml").stdout
    assert "A processor · 2 cores · 2 x A GPU, 70.0 GB of 80.0 GB free · measured on cuda:0" in shown
    assert "a stream; 100 documents were measured" in shown
    assert "if each of them has a GPU" in shown


def test_a_recipe_that_is_not_there_is_told_as_by_check(invoke: Any) -> None:
    told = [invoke(command, "nowhere.yaml") for command in ("plan", "check")]
    assert [result.exit_code for result in told] == [2, 2]
    assert told[0].stderr == told[1].stderr

"""`bigbird finetune` and `bigbird convert`: what they take, tell and refuse."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from bigbird_cli.events import Checked, Event, Saved
from bigbird_cli.weights import store

RECIPE = """
model:
  start: {model}
task:
  type: qa
  window: 64
  overlap: 16
data:
  train: train.json
optim:
  lr: 1e-3
  batch_size: 2
  micro_batch_size: 2
  steps: 2
run:
  log_every: 1
"""


@pytest.fixture
def recipe(tmp_path: Path, tiny_qa_model: Path) -> Path:
    """A recipe of two steps on two questions."""
    context = "ada lit the lamp in the year 1820 ."
    asked = [
        {"id": "q1", "question": "who lit the lamp", "answers": [{"text": "ada", "answer_start": 0}]},
        {"id": "q2", "question": "what year", "answers": [{"text": "1820", "answer_start": context.index("1820")}]},
    ]
    squad = {"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": context, "qas": asked}]}]}
    (tmp_path / "train.json").write_text(json.dumps(squad))
    path = tmp_path / "trial.yaml"
    path.write_text(RECIPE.format(model=tiny_qa_model))
    return path


def test_a_run_tells_its_steps_and_leaves_a_model(invoke: Any, recipe: Path, tmp_path: Path) -> None:
    result = invoke("finetune", recipe)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert "step 2/2" in result.stderr
    assert "done: 2 steps" in result.stderr
    assert '  use      bigbird qa FILE --question "..." --model runs/trial' in result.stderr.splitlines()
    asked = invoke(
        "qa", "--model", tmp_path / "runs" / "trial", "--json", stdin='{"context": "ada", "question": "who"}'
    )
    assert asked.exit_code == 0, asked.stderr

    again = invoke("finetune", recipe)
    assert again.exit_code == 2
    assert "--resume auto" in again.stderr
    assert "--out" in again.stderr


def test_events_as_json_are_alone_on_standard_output(invoke: Any, recipe: Path) -> None:
    result = invoke("finetune", recipe, "--json", "--quiet", "--out", "runs/other", "--set", "optim.steps=1")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert events[0]["event"] == "started"
    assert events[0]["n_steps"] == 1
    assert events[-1]["event"] == "finished"


def test_an_interrupted_run_tells_the_command_that_goes_on(
    invoke: Any, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bigbird_cli.cli.run_progress import RunProgress

    show = RunProgress.show

    def interrupted(self: RunProgress, event: Event | Checked) -> None:
        show(self, event)
        if isinstance(event, Saved):
            raise KeyboardInterrupt

    settings = ["--set", "run.save_every=1", "--set", "optim.steps=3", "--device", "cpu", "--threads", "1", "--offline"]
    with monkeypatch.context() as patch:
        patch.setattr(RunProgress, "show", interrupted)
        result = invoke("finetune", recipe, *settings, "--out", "runs/my run")
    assert result.exit_code == 130, result.stderr
    told = next(line for line in result.stderr.splitlines() if line.startswith("go on with: "))
    name, *words = shlex.split(told.removeprefix("go on with: "))
    assert name == "bigbird"
    assert words == ["finetune", "runs/my run", "--device", "cpu", "--threads", "1", "--offline"]
    result = invoke(*words)
    assert result.exit_code == 0, result.stderr
    assert "resumed from" in result.stderr
    assert (tmp_path / "runs" / "my run" / "model.safetensors").is_file()


@pytest.mark.parametrize("check", [(), ("--check",)])
def test_offline_asks_no_network(
    invoke: Any, recipe: Path, monkeypatch: pytest.MonkeyPatch, check: tuple[str, ...]
) -> None:
    import huggingface_hub

    asked: list[bool] = []

    def download(*_: Any, local_files_only: bool = False, **__: Any) -> str:
        asked.append(local_files_only)
        raise huggingface_hub.errors.LocalEntryNotFoundError("not here")

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    result = invoke("finetune", recipe, "--set", "model.start=me/model", "--offline", *check)
    assert result.exit_code == 4, result.stderr
    assert "me/model" in result.stderr
    assert asked
    assert all(asked)


def test_check_writes_nothing(invoke: Any, recipe: Path, tmp_path: Path) -> None:
    result = invoke("finetune", recipe, "--check")
    assert result.exit_code == 0, result.stderr
    assert "recipe, data and one step hold" in result.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        (("lr: 1e-3", "lr: 1e-3\n  warmpu: 0.1"), 2, ["trial.yaml:12:3", "warmpu", "did you mean «warmup»"]),
        (("lr: 1e-3", "lr: fast"), 2, ["trial.yaml:11:7", "fast"]),
        (("  type: qa", "\ttype: qa"), 2, ["trial.yaml:5:", "tab"]),
        (("train.json", "gone.json"), 3, ["gone.json", "no such file"]),
        (("start: ", "start: ./no"), 4, ["./no"]),
    ],
)
def test_mistakes_are_named(invoke: Any, recipe: Path, change: tuple[str, str], code: int, says: list[str]) -> None:
    recipe.write_text(recipe.read_text().replace(*change))
    result = invoke("finetune", recipe)
    assert result.exit_code == code, result.stderr
    for words in says:
        assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_recipe_that_is_not_there_is_a_usage_error(invoke: Any) -> None:
    result = invoke("finetune", "recipes/squat.yaml")
    assert result.exit_code == 2
    assert "✗ recipes/squat.yaml" in result.stderr


def test_a_wrong_change_is_named(invoke: Any, recipe: Path) -> None:
    result = invoke("finetune", recipe, "--set", "optim.rate=1")
    assert result.exit_code == 2
    assert "--set optim.rate=1" in result.stderr


def test_a_source_that_is_no_model_cannot_be_converted(invoke: Any, tmp_path: Path) -> None:
    result = invoke("convert", tmp_path / "nothing", tmp_path / "out")
    assert result.exit_code == 4
    assert str(tmp_path / "nothing") in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_new_head_is_told_once_and_its_tensors_under_debug_alone(
    invoke: Any, tiny_qa_model: Path, tmp_path: Path
) -> None:
    rows = [{"text": "ada lit", "label": "a"}, {"text": "the lamp", "label": "b"}, {"text": "a year", "label": "c"}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    text = RECIPE.format(model=tiny_qa_model).replace("type: qa", "type: classify").replace("train.json", "rows.jsonl")
    text += "  keep_after: 1\n"
    (tmp_path / "labels.yaml").write_text(text)
    begun = invoke("finetune", "labels.yaml")
    assert begun.exit_code == 0, begun.stderr
    assert begun.stderr.splitlines()[1] == "a new head for 3 labels"
    assert "not in the checkpoint" not in begun.stderr
    resumed = invoke("finetune", "labels.yaml", "--resume", "auto")
    assert resumed.exit_code == 0, resumed.stderr
    assert "new" not in resumed.stderr
    assert "not in the checkpoint and new: " in invoke("finetune", "labels.yaml", "--out", "other", "--debug").stderr


@pytest.fixture
def reviews(tmp_path: Path, tiny_label_model: Path, tiny_qa_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Labelled rows, and tiny models in place of those that ship."""
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "qa-mini").symlink_to(tiny_qa_model)
    (shipped / "classify-mini").symlink_to(tiny_label_model)
    monkeypatch.setattr(store, "SHIPPED", shipped)
    rows = "".join(f"the lamp of ada {n},{('good', 'bad')[n % 2]}\n" for n in range(20))
    (tmp_path / "reviews.csv").write_text("text,label\n" + rows)
    return tmp_path / "reviews.csv"


@pytest.mark.usefixtures("reviews")
def test_data_in_place_of_a_recipe_is_trained_on(invoke: Any, tmp_path: Path) -> None:
    result = invoke("finetune", "reviews.csv")
    assert result.exit_code == 0, result.stderr
    assert "labels   bad 10 · good 10" in result.stderr
    assert "  classifier: linear" in result.stderr
    assert (tmp_path / "runs" / "reviews" / "task.json").exists()
    wrong = invoke("pretrain", "reviews.csv")
    assert (wrong.exit_code, "bigbird finetune reviews.csv" in wrong.stderr) == (2, True)


@pytest.mark.usefixtures("reviews")
def test_a_recipe_that_is_written_for_data_checks_and_trains_as_it_is(invoke: Any, tmp_path: Path) -> None:
    assert invoke("init", "reviews.csv").exit_code == 0
    for command in ("check", "finetune"):
        result = invoke(command, "reviews.yaml")
        assert result.exit_code == 0, result.stderr
    assert (tmp_path / "runs" / "reviews" / "task.json").exists()


def test_a_run_is_gone_on_with_by_its_folder(invoke: Any, recipe: Path) -> None:
    assert invoke("finetune", recipe, "--set", "run.keep_after=1").exit_code == 0
    result = invoke("finetune", "runs/trial")
    assert result.exit_code == 0, result.stderr
    assert "resumed from runs/trial/checkpoints/step-2" in result.stderr
    more = invoke("finetune", "runs/trial", "--set", "optim.steps=4")
    assert more.exit_code == 2
    assert "--set optim.steps 2 → 4" in more.stderr
    assert "from its model: --set model.start=runs/trial --out FOLDER" in more.stderr


def test_a_run_that_is_over_keeps_its_model_and_no_checkpoint(invoke: Any, recipe: Path, tmp_path: Path) -> None:
    assert invoke("finetune", recipe).exit_code == 0
    kept = {path.name for path in (tmp_path / "runs" / "trial").iterdir()}
    assert {"model.safetensors", "config.json", "task.json", "recipe.yaml", "metrics.jsonl", "README.md"} <= kept
    assert "checkpoints" not in kept
    again = invoke("finetune", "runs/trial")
    assert again.exit_code == 0
    assert "done: 2 steps" in again.stderr
    assert "step 2/2" not in again.stderr
    more = invoke("finetune", "runs/trial", "--set", "optim.steps=4")
    assert more.exit_code == 2
    assert "a run that is over keeps none" in more.stderr
    assert "in a new run: --set model.start=runs/trial --out FOLDER" in more.stderr

"""What is shown of a training run."""

import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from bigbird_cli.cli.run_progress import RunProgress
from bigbird_cli.events import Checked, Doing, Evaluated, Event, Finished, Saved, Started, Step


def step(n: int) -> Step:
    return Step(
        step=n,
        n_steps=3,
        epoch=n / 3,
        loss=1.5 / n,
        lr=3e-5,
        tokens_per_second=12345.6,
        padding=0.125,
        grad_norm=1.0,
        eta_seconds=4000.0,
        memory_mb=1234.5,
    )


ROOM: Any = {"checkpoint_bytes": 10**6, "disk_bytes": 5 * 10**6, "free_bytes": 10**9, "unknown": 0.25, "changed": 0.0}
EVENTS: list[Event] = [
    Started(run=Path("runs/x"), device="cpu", n_parameters=1234567, n_features=12, n_steps=3, task="qa"),
    step(1),
    step(2),
    Evaluated(step=2, scores={"f1": 51.25}, best=True, seconds=61.0, metric="f1"),
    Saved(step=2, path=Path("runs/x/checkpoints/step-2")),
    step(3),
    Finished(step=3, best_scores={"f1": 51.25}, run=Path("runs/x"), seconds=7200.0, metric="f1"),
]


NEXT = [
    '  use      bigbird qa FILE --question "..." --model runs/x',
    "  measure  bigbird evaluate runs/x DATA",
    "  look     bigbird report runs/x",
    "  share    hf upload x runs/x --exclude 'checkpoints/*'",
]
"""What the model of the run above is good for."""


def test_a_run_without_a_terminal_is_a_few_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgress(quiet=False) as run:
        for event in EVENTS:
            run.show(event)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "\x1b" not in shown.err
    assert shown.err.splitlines() == [
        "runs/x  1,234,567 parameters on cpu · 12 windows an epoch · 3 steps",
        "step 1/3 · epoch 0.33 · loss 1.5000 · 1 h 07 min left · 12,346 tokens/s · lr 3.00e-05 · padding 12% · "
        "1,234 MB",
        # step 2 came within ten seconds of step 1
        "step 2: f1 51.25 (61 s) · the best so far, kept",
        "step 2: saved runs/x/checkpoints/step-2",
        "step 3/3 · epoch 1.00 · loss 0.5000 · 1 h 07 min left · f1 51.25 · 12,346 tokens/s · lr 3.00e-05 · "
        "padding 12% · 1,234 MB",
        "done: 3 steps in 2 h 00 min · best f1 51.25 · model in runs/x",
        *NEXT,
    ]


def test_a_long_pass_over_windows_is_told_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgress(quiet=False, every=0.0) as run:
        for doing in (Doing("opening the model"), Doing("fitting the head", 0, 40), Doing("fitting the head", 8, 40)):
            run.note(doing)
        run.note(Doing("training", 1, 3, loss=1.0))
    assert capsys.readouterr().err == "fitting the head: 8 of 40 windows\n"
    with RunProgress(quiet=False, every=60.0) as run:
        for done in range(40):
            run.note(Doing("evaluating", done, 40))
    assert capsys.readouterr().err == ""


def test_a_head_that_is_fitted_needs_no_steps(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgress(quiet=False) as run:
        run.show(Started(run=Path("runs/x"), device="cpu", n_parameters=5, n_features=12, n_steps=0, task="classify"))
        run.show(Finished(step=0, best_scores=None, run=Path("runs/x"), seconds=33.0))
    first, done, *_ = capsys.readouterr().err.splitlines()
    assert first == "runs/x  5 parameters on cpu · 12 windows an epoch · no steps"
    assert done == "done: no steps, 33 s · model in runs/x"


def terminal(width: int, **settings: Any) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=True, width=width, height=24, _environ={"TERM": "xterm", **settings}
    )


def shown_on(screen: Console) -> str:
    text = cast(io.StringIO, screen.file).getvalue()
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n")


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the run above, as it is at its end."""
    monkeypatch.chdir(tmp_path)
    Path("runs/x").mkdir(parents=True)
    Path("runs/x/model.safetensors").write_bytes(b"0" * 2_000_000)
    return tmp_path


@pytest.mark.usefixtures("finished")
def test_on_a_terminal_what_happened_stays_and_a_summary_ends_with_commands() -> None:
    screen = terminal(100)
    with RunProgress(quiet=False, err=screen) as run:
        run.note(Doing("opening the model"))
        for event in EVENTS:
            run.show(event)
    shown = shown_on(screen)
    assert "opening the model" in shown
    assert shown[shown.rindex("step 2  f1 51.25") :].splitlines()[0].rstrip() == "step 2  f1 51.25 (61 s)"
    assert "step 2  saved step-2" in shown
    lines = [line.rstrip() for line in shown[shown.index("✓") :].splitlines() if line.strip()]
    assert lines == [
        "✓ 3 steps in 2 h 00 min",
        "  dev      f1 51.25  step 2",
        "  model    runs/x, 2.0 MB",
        *NEXT,
    ]


@pytest.mark.usefixtures("finished")
def test_the_cursor_is_back_whatever_ends_a_run() -> None:
    screen = terminal(80)
    with contextlib.suppress(KeyboardInterrupt), RunProgress(quiet=False, err=screen) as run:
        run.note(Doing("training", 1, 3, loss=1.0))
        raise KeyboardInterrupt
    raw = cast(io.StringIO, screen.file).getvalue()
    assert raw.rindex("\x1b[?25h") > raw.rindex("\x1b[?25l")


@pytest.mark.usefixtures("finished")
@pytest.mark.parametrize("settings", [{"TERM": "dumb"}, {"TERM": "unknown"}])
def test_a_terminal_that_cannot_move_gets_lines(settings: dict[str, str]) -> None:
    screen = terminal(200, **settings)
    with RunProgress(quiet=False, err=screen) as run:
        run.note(Doing("opening the model"))
        for event in EVENTS:
            run.show(event)
    shown = shown_on(screen)
    assert "opening" not in shown
    assert shown.splitlines()[-5:] == ["done: 3 steps in 2 h 00 min · best f1 51.25 · model in runs/x", *NEXT]


def test_events_are_data_while_a_terminal_shows_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    screen = terminal(80)
    with RunProgress(quiet=False, as_json=True, err=screen) as run:
        run.note(Doing("opening the model"))
        run.show(EVENTS[0])
    assert json.loads(capsys.readouterr().out)["event"] == "started"
    assert "opening the model" in shown_on(screen)


def test_without_colour_there_is_none() -> None:
    screen = terminal(80, NO_COLOR="1")
    with RunProgress(quiet=False, err=screen) as run:
        run.note(Doing("training", 1, 3, loss=1.0))
        run.show(EVENTS[3])
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", cast(io.StringIO, screen.file).getvalue())


def test_events_as_json_are_data(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgress(quiet=True, as_json=True) as run:
        for event in [*EVENTS, Checked(4, 5, 600, float("nan"), 0.5, 3, 10**6, 5 * 10**6, 10**9, 0.0, 0.0)]:
            run.show(event)
    shown = capsys.readouterr()
    assert shown.err == ""
    lines = [json.loads(line) for line in shown.out.splitlines()]
    names = ["started", "step", "step", "evaluated", "saved", "step", "finished", "checked"]
    assert [line["event"] for line in lines] == names
    assert lines[3] == {
        "event": "evaluated",
        "step": 2,
        "scores": {"f1": 51.25},
        "best": True,
        "seconds": 61.0,
        "metric": "f1",
    }
    assert lines[4]["path"] == "runs/x/checkpoints/step-2"
    assert lines[-1]["loss"] is None


def test_a_check_says_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgress(quiet=False) as run:
        run.show(Checked(4, 5, 600, loss=5.5, seconds_per_step=0.5, n_steps=300, **ROOM))
    shown = capsys.readouterr().err
    assert "4 examples in 5 windows (600 tokens an epoch), loss 5.5000, 0.50 s a step" in shown
    assert "! 25.0% of the tokens stand for text that the vocabulary lacks" in shown
    assert "the run needs 5.0 MB of disk at most, 1.0 GB are free" in shown


@pytest.mark.parametrize(
    ("n_steps", "fit_seconds", "said"),
    [
        (0, 33.0, "loss 5.5000, the head is fitted in 33 s, and no step follows"),
        (300, 33.0, "loss 5.5000, the head is fitted in 33 s, and 0.50 s a step, 300 steps, about 2 min"),
        (0, None, "loss 5.5000, no step is to be taken"),
    ],
)
def test_a_check_says_what_training_will_take(
    capsys: pytest.CaptureFixture[str], n_steps: int, fit_seconds: float | None, said: str
) -> None:
    with RunProgress(quiet=False) as run:
        run.show(Checked(4, 5, 600, 5.5, seconds_per_step=0.5, n_steps=n_steps, **ROOM, fit_seconds=fit_seconds))
    assert said in capsys.readouterr().err.splitlines()[0]


def test_on_a_terminal_lines_break_between_words() -> None:
    screen = terminal(60)
    with RunProgress(quiet=False, err=screen) as run:
        run.show(Checked(4, 5, 600, loss=5.5, seconds_per_step=0.5, n_steps=300, **ROOM))
    lines = shown_on(screen).splitlines()
    assert lines[0].rstrip() == "recipe, data and one step hold: 4 examples in 5 windows (600"
    assert all(len(line.rstrip()) <= 60 for line in lines)

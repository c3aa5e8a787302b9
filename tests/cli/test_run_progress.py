"""What is shown of a training run."""

import io
import json
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from bigbird_cli.cli.console import Errors
from bigbird_cli.cli.run_progress import RunProgress
from bigbird_cli.events import Checked, Evaluated, Event, Finished, Saved, Started, Step


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
    Started(run=Path("runs/x"), device="cpu", n_parameters=1234567, n_features=12, n_steps=3),
    step(1),
    step(2),
    Evaluated(step=2, scores={"f1": 51.25}, best=True, seconds=61.0, metric="f1"),
    Saved(step=2, path=Path("runs/x/checkpoints/step-2")),
    step(3),
    Finished(step=3, best_scores={"f1": 51.25}, run=Path("runs/x"), seconds=7200.0, metric="f1"),
]


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
    ]


def test_a_run_on_a_terminal_has_a_bar() -> None:
    screen = io.StringIO()
    with RunProgress(quiet=False) as run:
        run.err = cast(Errors, Console(file=screen, force_terminal=True, width=160, color_system=None))
        for event in EVENTS:
            run.show(event)
    shown = screen.getvalue()
    assert "━" in shown
    for fact in ("loss", "lr 3.00e-05", "tokens/s", "padding 12%", "1 h 07 min left", "done: 3 steps"):
        assert fact in shown


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
    assert "the run needs 5.0 MB of disk at most, 1,000.0 MB are free" in shown


def test_a_narrow_terminal_shows_the_step_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    with RunProgress(quiet=False) as run:
        run.err = cast(Errors, Console(stderr=True, force_terminal=True, width=60))
        for event in EVENTS[:-1]:
            run.show(event)
    shown = capsys.readouterr().err
    assert "3/3" in shown
    assert "loss 0.5000" in shown
    assert "…" in shown

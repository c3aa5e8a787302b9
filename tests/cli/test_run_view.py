"""What is watched of a training run, at any width."""

from pathlib import Path

import pytest
from rich.console import Console

from bigbird_cli.cli.run_view import RunView, told
from bigbird_cli.events import Doing, Evaluated, Saved, Started, Step


def evaluated(step: int, f1: float, *, best: bool = True) -> Evaluated:
    return Evaluated(step=step, scores={"em": f1 / 2, "total": 9.0, "f1": f1}, best=best, seconds=2.0, metric="f1")


@pytest.fixture
def view() -> RunView:
    """A run of 100 steps after 60 of them, evaluated twice."""
    view = RunView()
    view.show(Started(Path("runs/x"), "cpu", 1234567, 12, n_steps=100, task="qa", eval_every=25, save_every=40))
    for step in range(1, 61):
        view.note(Doing("training", step, 100, loss=2 - step / 40))
        if step % 25 == 0:
            view.show(evaluated(step, 80 - step / 5, best=step == 25))
    view.show(Step(60, 100, 0.6, 0.5, 2e-5, 1234.5, 0.1, 1.0, eta_seconds=4000.0, memory_mb=1500.0))
    return view


def lines(view: RunView, width: int) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as shown:
        console.print(view)
    return [line.rstrip() for line in shown.get().splitlines()]


@pytest.mark.parametrize("width", [20, 40, 63, 80, 120, 300])
def test_every_line_fits_its_terminal(view: RunView, width: int) -> None:
    assert all(len(line) < width for line in lines(view, width))
    view.note(Doing("evaluating", 3, 12_345_678))
    view.note(Doing("stopping"))
    assert all(len(line) < width for line in lines(view, width))


@pytest.mark.parametrize("width", [40, 80, 120])
def test_progress_scores_and_what_comes_next_are_seen(view: RunView, width: int) -> None:
    shown = "\n".join(lines(view, width))
    for fact in ("1 h 07 min left", "step 60/100", "1,234 tokens/s", "1,500 MB", "learning rate 2.00e-05"):
        assert fact in shown
    assert "best  f1 75  step 25  em 37.5" in shown
    assert "last  f1 70  step 50" in shown
    assert "total" not in shown
    assert "evaluation at step 75" in shown
    assert "checkpoint at step 80" in shown


def test_curves_are_a_line_each_where_it_is_narrow_and_stand_side_by_side_else(view: RunView) -> None:
    [loss] = [line for line in lines(view, 40) if line.startswith("loss")]
    assert "█▇" in loss
    wide = lines(view, 80)
    [title] = [line for line in wide if line.startswith("loss")]
    assert "f1 70" in title
    first, *_, last = wide[wide.index(title) + 1 : wide.index(title) + 5]
    assert first.split()[0] == "1.975"
    assert float(last.split()[0]) < 0.7
    assert "⠑" in first + last


def test_the_axis_of_the_learning_rate_is_short() -> None:
    view = RunView()
    view.show(Started(Path("run"), "cpu", 1, 10, 100, None, None, "qa"))
    for step, lr in ((1, 0.0007784), (2, 0.0000123)):
        view.note(Doing("training", step, loss=1.0 / step))
        view.show(Step(step, 100, 0.1, 0.5, lr, 1.0, 0.1, 1.0, eta_seconds=1.0, memory_mb=1.0))
    shown = lines(view, 80)
    start = next(number for number, line in enumerate(shown) if "learning rate" in line)
    high, low = shown[start + 1], shown[start + 4]
    assert (" 7.8e-4 " in high, " 1.2e-5 " in low) == (True, True)


def test_before_the_first_step_what_takes_its_time_is_told() -> None:
    view = RunView()
    view.note(Doing("preparing the data", 1234))
    [line] = lines(view, 80)
    assert line[1:] == " preparing the data · 1,234 windows · 0 s"


def test_an_evaluation_is_told_how_far_it_is_and_training_goes_on_after_it(view: RunView) -> None:
    view.note(Doing("evaluating", 3, 12))
    assert any("evaluating · 3 of 12 windows" in line for line in lines(view, 80))
    view.show(evaluated(60, 70.0, best=False))
    assert not any("evaluating" in line for line in lines(view, 80))


def test_time_left_is_reckoned_by_the_steps_before_one_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    view, now = RunView(), [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    view.show(Started(Path("x"), "cpu", 1, 1, n_steps=11))
    for step in (1, 2, 3):
        now[0] += 60
        view.note(Doing("training", step, 11, loss=1.0))
    assert any("8 min left" in line for line in lines(view, 80))


def test_a_request_to_stop_stays_in_sight(view: RunView) -> None:
    view.note(Doing("stopping"))
    view.note(Doing("training", 61, 100, loss=0.1))
    assert any("a checkpoint comes first" in line for line in lines(view, 80))


def test_a_score_that_is_better_says_than_what() -> None:
    view = RunView()
    said = []
    for event in (
        evaluated(1, 58.125),
        evaluated(2, 60.25),
        evaluated(3, 50.0, best=False),
        Saved(3, Path("r/step-3")),
    ):
        said.append(str(told(event, view)))
        view.show(event)
    assert said == [
        "step 1  f1 58.12 (2 s)",
        "step 2  better: f1 58.12 → 60.25 (2 s)",
        "step 3  f1 50, not better than 60.25 (2 s)",
        "step 3  saved step-3",
    ]


def test_a_terminal_of_ascii_gets_no_curves(view: RunView) -> None:
    bar, *_ = shown = [str(line) for line in view.lines(80, with_signs=False)]
    assert bar == "=" * 48 + "-" * 32
    [loss] = [line for line in shown if line.startswith("loss")]
    assert float(loss.removeprefix("loss ")) < 0.7

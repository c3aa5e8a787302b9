"""A training run as it is watched on a terminal: what it is about, curves, scores, and what comes next."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from bigbird_cli.cli.console import duration
from bigbird_cli.cli.plots import Curve, plot, sparkline
from bigbird_cli.events import Doing, Evaluated, Event, Finished, Saved, Scored, Started, Step
from bigbird_cli.files.names import WEIGHTS
from bigbird_cli.messages import counted, shortened, sized, visible
from bigbird_cli.training.card import is_count
from bigbird_cli.training.usage import next_commands

WIDEST, NARROW = 100, 64
"""Columns that are used at most; below the latter, curves are a line each."""

_PLOT_LINES = 4
_SIGNS = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_MOST_SCORES = 4
MARGIN = 9
"""Of a summary's rows, with their names in it."""


def _four_digits(value: float) -> str:
    return f"{value:.4g}"


def _rate(value: float) -> str:
    """A learning rate, short: 7.8e-4."""
    number, _, power = f"{value:.1e}".partition("e")
    return f"{number}e{int(power)}"


class _Curve(NamedTuple):
    """A curve's name, its value now, its points, and how its highest and lowest are written."""

    name: str
    value: str
    points: Sequence[float]
    written: Callable[[float], str] = _four_digits


@dataclass
class RunView:
    """What is shown of a run that goes on; drawn anew several times a second, at whatever width there is then.

    Attributes:
        stopped: a signal to stop was noted.
    """

    doing: Doing = field(default_factory=lambda: Doing("starting"))
    started: Started | None = None
    step: Step | None = None
    n_done: int = 0
    last: Evaluated | None = None
    best: Evaluated | None = None
    loss: Curve = field(default_factory=Curve)
    lr: Curve = field(default_factory=Curve)
    scores: Curve = field(default_factory=Curve)
    stopped: bool = False
    _since: float = field(default_factory=time.monotonic)  # since when it is about what it is about
    _logged: float = 0.0  # when the last step was told
    _first: tuple[float, int] | None = None  # when the first step was over, and its number

    def note(self, doing: Doing) -> None:
        """Take in what the run is about; from a signal's handler, too."""
        if doing.work == "stopping":
            self.stopped = True
            return
        if doing.work != self.doing.work:
            self._since = time.monotonic()
        if doing.work == "training":
            self.n_done = doing.n_done
            self._first = self._first or (time.monotonic(), doing.n_done)
            if doing.loss is not None:
                self.loss.add(doing.loss)
        self.doing = doing

    def show(self, event: Event) -> None:
        """Take in what happened."""
        if isinstance(event, Started):
            self.started, self.n_done = event, event.step
        elif isinstance(event, Step):
            self.step, self._logged = event, time.monotonic()
            self.lr.add(event.lr)
        elif isinstance(event, Evaluated):
            self.last, self.best = event, event if event.best else self.best
            if math.isfinite(value := event.scores[event.metric]):
                self.scores.add(value)
        if isinstance(event, Started | Evaluated | Saved):  # and so the next step is under way
            self.note(Doing("training", self.n_done))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(options.max_width - 1, WIDEST)
        for line in self.lines(width, with_signs=not options.ascii_only):
            line.no_wrap, line.overflow = True, "ellipsis"
            line.truncate(width, overflow="ellipsis")
            yield line

    def lines(self, width: int, *, with_signs: bool = True) -> Iterator[Text]:
        """What is shown at a width, in ASCII where a terminal has no other signs."""
        started = self.started
        if started is None:
            yield self._work()
            return
        if started.n_steps:
            yield _bar(self.n_done / started.n_steps, width, "━─" if with_signs else "=-")
        yield from self._progress(started, width)
        if self.loss.points:
            curves = self._curves()
            if with_signs and width >= NARROW:
                yield from _side_by_side(curves, width)
            else:
                yield from (_in_a_line(curve, width if with_signs else 0) for curve in curves)
        for name, told in (("best", self.best), ("last", self.last)):
            if told is not None and (name == "best" or told is not self.best):
                yield Text.assemble((f"{name}  ", "dim"), *_scored(told))
        yield from _flowed(self._next(started), width, style="dim")
        if self.stopped:
            yield from _flowed(
                ("stopping: a checkpoint comes first", "Ctrl-C again stops at once"), width, style="yellow"
            )

    def _work(self) -> Text:
        now = time.monotonic()
        doing = self.doing
        line = Text.assemble((_SIGNS[int(8 * now) % len(_SIGNS)], "cyan"), f" {doing.work}")
        if doing.n_all:
            line.append(f" · {doing.n_done:,} of {counted(doing.n_all, 'window')}")
        elif doing.n_done:
            line.append(f" · {counted(doing.n_done, 'window')}")
        return line.append(f" · {duration(now - self._since)}", style="dim")

    def _progress(self, started: Started, width: int) -> Iterator[Text]:
        """How far the run is; while it is about something else, that."""
        steps = f"step {self.n_done:,}/{started.n_steps:,}"
        if self.doing.work != "training":
            yield self._work().append(f" · {steps}" if started.n_steps else "")
            return
        facts = [f"{duration(left)} left" if (left := self._left(started)) is not None else "", steps]
        if self.step is not None:
            epochs = (
                self.step.epoch * self.n_done / self.step.step
            )  # of the step that is shown, not of the last one told
            facts += [f"epoch {epochs:.2f}", f"{self.step.tokens_per_second:,.0f} tokens/s"]
            facts += [f"{self.step.memory_mb:,.0f} MB", f"padding {self.step.padding:.0%}"]
        yield from _flowed(filter(None, facts), width)

    def _left(self, started: Started) -> float | None:
        """Seconds that are left: as the last logged step says; before there is one, by the steps since the first."""
        now = time.monotonic()
        if self.step is not None:
            return max(0.0, self.step.eta_seconds - (now - self._logged))
        if self._first is None or self.n_done == self._first[1]:
            return None
        at, step = self._first
        return (started.n_steps - self.n_done) * (now - at) / (self.n_done - step)

    @property
    def _shows_rate(self) -> bool:
        """Whether the learning rate has a curve, until the scores have one."""
        return bool(self.loss.points) and (self.last is None or len(self.scores.points) < 2)

    def _curves(self) -> list[_Curve]:
        """Those that are shown: the loss smoothed."""
        smooth = self.loss.smoothed
        curves = [_Curve("loss", f"{smooth[-1]:.4f}", smooth)]
        if self.last is not None and self.scores.points:
            metric = self.last.metric
            curves.append(_Curve(metric.replace("_", " "), f"{self.last.scores[metric]:.4g}", self.scores.points))
        if self.step is not None and self._shows_rate:
            curves.insert(1, _Curve("learning rate", f"{self.step.lr:.2e}", self.lr.points, _rate))
        return curves[:2]

    def _next(self, started: Started) -> Iterator[str]:
        if self.step is not None and not self._shows_rate:
            yield f"learning rate {self.step.lr:.2e}"
        for name, every in (("evaluation", started.eval_every), ("checkpoint", started.save_every)):
            if every is not None and self.n_done < started.n_steps:
                yield f"{name} at step {min((self.n_done // every + 1) * every, started.n_steps):,}"


def told(event: Event, view: RunView) -> Text | None:
    """What stays on the screen of an event that the view does not have yet; None of most."""
    if isinstance(event, Evaluated):
        metric, value = event.metric.replace("_", " "), f"{event.scores[event.metric]:.4g}"
        before = "" if view.best is None else f"{view.best.scores[event.metric]:.4g}"
        if event.best:
            text = Text(f"better: {metric} {before} → {value}" if before else f"{metric} {value}", style="green")
        else:
            text = Text(f"{metric} {value}" + (f", not better than {before}" if before else ""))
        text.append(f" ({duration(event.seconds)})", style="dim")
    elif isinstance(event, Saved):
        text = Text(f"saved {visible(event.path.name)}", style="dim")
    else:
        return None
    return Text.assemble((f"step {event.step:,}  ", "dim"), text)


def summary(event: Finished, view: RunView, test: Scored | None) -> Iterator[Text]:
    """What came of a run, and what to type next: the commands are lines that a terminal may break, for copying."""
    yield Text.assemble(("✓ ", "green"), (taken(event), "bold"))
    rows: list[tuple[str, Text]] = []
    if view.best is not None:
        rows.append(("dev", Text.assemble(*_scored(view.best))))
    elif event.best_scores and event.metric:  # of a step before the run went on
        rows.append(("dev", Text(f"{event.metric.replace('_', ' ')} {event.best_scores[event.metric]:.4g}")))
    if test is not None:
        rows.append(("test", Text.assemble(*_scored(test))))
    if len(view.loss.points) > 1:
        smooth = view.loss.smoothed
        rows.append(("loss", Text(f"{smooth[0]:.4f} → {smooth[-1]:.4f}  {sparkline(smooth, 24)}")))
    size = (event.run / WEIGHTS).stat().st_size
    rows.append(("model", Text(f"{visible(str(event.run))}, {sized(size)}")))
    for name, text in rows:
        yield Text.assemble((f"  {name:{MARGIN}}", "dim"), text)
    for why, command in next_commands(view.started.task if view.started else "", event.run):
        yield Text.assemble((f"  {why:{MARGIN}}", "dim"), (command, "bold"), no_wrap=True)


def taken(event: Finished) -> str:
    """What a run took."""
    early = ", stopped early as the scores rose no more" if event.stopped_early else ""
    steps = f"{counted(event.step, 'step')} in " if event.step else "no steps, "
    return f"{steps}{duration(event.seconds)}{early}"


def _scored(event: Evaluated | Scored) -> Iterator[tuple[str, str]]:
    names = sorted(event.scores, key=lambda name: name != event.metric)
    for name in [name for name in names if not is_count(name)][:_MOST_SCORES]:
        style = "bold" if name == event.metric else ""
        yield (f"{name.replace('_', ' ')} {event.scores[name]:.4g}", style)
        yield ("  ", "")
        if name == event.metric:
            yield (f"step {event.step:,}  ", "dim")


def _flowed(parts: Iterable[str], width: int, *, style: str = "") -> Iterator[Text]:
    """Parts with dots between, in as many lines as they need."""
    line = ""
    for part in parts:
        if line and len(line) + 3 + len(part) > width:
            yield Text(line, style=style)
            line = ""
        line += f" · {part}" if line else part
    yield Text(line, style=style)


def _bar(share: float, width: int, signs: str) -> Text:
    n_full = round(share * width)
    return Text.assemble((signs[0] * n_full, "green"), (signs[1] * (width - n_full), "bright_black"))


def _in_a_line(curve: _Curve, width: int) -> Text:
    line = Text.assemble((f"{shortened(curve.name)} ", "dim"), (curve.value, "bold"))
    if (room := width - line.cell_len - 2) >= 4 and len(curve.points) > 1:
        line.append(f"  {sparkline(curve.points, min(room, 40))}", style="cyan")
    return line


def _side_by_side(curves: Sequence[_Curve], width: int) -> Iterator[Text]:
    """Curves beside each other, each under its name and value now, with its highest and lowest value at the left."""
    gap = 3
    each = (width - gap) // 2
    columns = [_plotted(curve, each) for curve in curves]
    for parts in zip(*columns, strict=True):
        line = Text()
        for number, part in enumerate(parts):
            line.pad_right(max(0, number * (each + gap) - line.cell_len))
            line.append_text(part)
        yield line


def _plotted(curve: _Curve, width: int) -> list[Text]:
    points = curve.points
    high, low = curve.written(max(points)), curve.written(min(points))
    margin = max(len(high), len(low))
    labels = [high, *[""] * (_PLOT_LINES - 2), low]
    title = Text.assemble((f"{shortened(curve.name)} ", "dim"), (curve.value, "bold"))
    if len(points) < 2:
        return [title, *[Text("")] * _PLOT_LINES]
    rows = plot(points, width=width - margin - 1, height=_PLOT_LINES)
    return [
        title,
        *(
            Text.assemble((f"{label:>{margin}} ", "dim"), (row, "cyan"))
            for label, row in zip(labels, rows, strict=True)
        ),
    ]

"""The events of a training run, on standard error: a view of it on a terminal, else a line at times."""

import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from bigbird_cli.cli.console import Errors, duration, write_json
from bigbird_cli.cli.run_view import MARGIN, RunView, summary, taken, told
from bigbird_cli.events import Checked, Doing, Evaluated, Event, Finished, Saved, Scored, Started, Step, Work
from bigbird_cli.messages import counted, sized, visible
from bigbird_cli.training.usage import next_commands

MOST_UNKNOWN, MOST_CHANGED = 0.01, 0.5
"""Of tokens and of texts, before a check says so."""


class RunProgress:
    """Shows a training run on standard error: a view that moves on a terminal, else a line every so often.

    Args:
        quiet: show nothing.
        as_json: write every event as a JSON line on standard output too.
        every: seconds between two lines about steps, where there is no terminal.
        err: standard error.
    """

    def __init__(self, *, quiet: bool, as_json: bool = False, every: float = 10.0, err: Console | None = None) -> None:
        self.err = err or Errors()
        self.quiet = quiet
        self.as_json = as_json
        self.every = every
        self.last_line = 0.0
        self.last_score = ""
        self.saved: Path | None = None
        """The folder of the run, once it has a checkpoint."""
        self._test: Scored | None = None
        self._task = ""
        self._work: Work | None = None  # the pass over windows that goes on
        self.view: RunView | None = None
        """None where lines are written."""
        shares_screen = as_json and sys.stdout.isatty()
        if self.err.is_terminal and not self.err.is_dumb_terminal and not quiet and not shares_screen:
            self.view = RunView()
        self._live = Live(self.view, console=self.err, refresh_per_second=8, transient=True, redirect_stdout=False)

    def __enter__(self) -> "RunProgress":
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def note(self, doing: Doing) -> None:
        """Take in what the run is about."""
        if self.view is not None:
            self.view.note(doing)
            if not self._live.is_started:
                self._live.start()
        elif not self.quiet and doing.n_all and doing.work != "training":
            self._pass(doing)

    def show(self, event: Event | Checked) -> None:
        """Show what happened."""
        if isinstance(event, Saved):
            self.saved = event.path.parent.parent
        if self.as_json:
            write_json({"event": type(event).__name__.lower(), **_plain(asdict(event))})
        if self.quiet:
            return
        if isinstance(event, Checked):
            self._checked(event)
        elif self.view is not None:
            self._watch(event, self.view)
        else:
            self._tell(event)

    def _watch(self, event: Event, view: RunView) -> None:
        if isinstance(event, Started):
            self._start(event)
        elif isinstance(event, Scored):
            self._test = event
        elif isinstance(event, Finished):
            self._live.stop()
            for line in summary(event, view, self._test):
                self.err.print(line, soft_wrap=bool(line.no_wrap))
        elif (remark := told(event, view)) is not None:
            self.err.print(remark, soft_wrap=False)
        view.show(event)

    def _start(self, event: Started) -> None:
        self._task = event.task
        self._say(
            f"{event.run}  {event.n_parameters:,} parameters on {event.device} · {_windows(event.n_features)} · "
            + (counted(event.n_steps, "step") if event.n_steps else "no steps")
        )
        if event.new_head:
            self._say(f"a new head for {event.new_head}")
        if event.resumed_from:
            self._say(f"resumed from {event.resumed_from}")

    def _tell(self, event: Event) -> None:
        if isinstance(event, Started):
            self._start(event)
        elif isinstance(event, Step):
            self._step(event)
        elif isinstance(event, Evaluated):
            best = " · the best so far, kept" if event.best else ""
            self.last_score = f" · {event.metric} {event.scores[event.metric]:.4g}"
            scores = _scores(event.scores, event.metric)
            self._say(f"step {event.step:,}: {scores} ({duration(event.seconds)}){best}")
        elif isinstance(event, Scored):
            scores = _scores(event.scores, event.metric)
            self._say(f"data.test, by the model of step {event.step:,}: {scores} ({duration(event.seconds)})")
        elif isinstance(event, Saved):
            self._say(f"step {event.step:,}: saved {event.path}")
        else:
            best = f" · best {_scores(event.best_scores, event.metric)}" if event.best_scores else ""
            self._say(f"done: {taken(event)}{best} · model in {event.run}")
            for why, command in next_commands(self._task, event.run):
                self._say(f"  {why:{MARGIN}}{command}")

    def _pass(self, doing: Doing) -> None:
        """Tell how far a pass over windows is, if it takes long."""
        now = time.monotonic()
        if doing.work != self._work:
            self._work, self.last_line = doing.work, now
        elif now - self.last_line >= self.every:
            self.last_line = now
            self._say(f"{doing.work}: {doing.n_done:,} of {counted(doing.n_all or 0, 'window')}")

    def _checked(self, event: Checked) -> None:
        data = "a stream"
        if event.n_examples is not None and event.n_tokens is not None:
            data = f"{counted(event.n_examples, 'example')} in {counted(event.n_features or 0, 'window')}"
            data += f" ({event.n_tokens:,} tokens an epoch)"
        self._say(f"recipe, data and one step hold: {data}, loss {event.loss:.4f}, {_pace(event)}")
        needed, free = sized(event.disk_bytes), sized(event.free_bytes)
        saved = f"a checkpoint of {sized(event.checkpoint_bytes)} was written and gone on from"
        self._say(f"{saved}; the run needs {needed} of disk at most, {free} are free")
        if event.unknown > MOST_UNKNOWN:
            self._say(f"! {event.unknown:.1%} of the tokens stand for text that the vocabulary lacks")
        if event.changed > MOST_CHANGED:
            self._say(f"! {event.changed:.0%} of some texts have other tokens once they are decoded and encoded again")

    def _step(self, event: Step) -> None:
        facts = (
            f"loss {event.loss:.4f} · {duration(event.eta_seconds)} left{self.last_score} · "
            f"{event.tokens_per_second:,.0f} tokens/s · lr {event.lr:.2e} · padding {event.padding:.0%} · "
            f"{event.memory_mb:,.0f} MB"
        )
        now = time.monotonic()
        if not self.last_line or now - self.last_line >= self.every or event.step >= event.n_steps:
            self.last_line = now
            self._say(f"step {event.step:,}/{event.n_steps:,} · epoch {event.epoch:.2f} · {facts}")

    def _say(self, line: str) -> None:
        self.err.print(Text(visible(line)), soft_wrap=not self.err.is_terminal)


def _scores(scores: Mapping[str, float], metric: str | None, most: int = 5) -> str:
    """The score that counts, and a few more."""
    names = sorted(scores, key=lambda name: name != metric)
    more = f" · {len(names) - most} more in metrics.jsonl" if len(names) > most else ""
    return " · ".join(f"{name} {scores[name]:.4g}" for name in names[:most]) + more


def _pace(event: Checked) -> str:
    """What training will take: the fitting of a head, or steps, or both."""
    seconds, fitted = event.seconds_per_step, ""
    if event.fit_seconds is not None:
        fitted = f"the head is fitted in {duration(event.fit_seconds)}, and "
    if not event.n_steps:
        return f"{fitted}no step follows" if fitted else "no step is to be taken"
    each = f"{seconds:.2f} s" if seconds >= 0.1 else f"{1000 * seconds:.2g} ms"
    return f"{fitted}{each} a step, {counted(event.n_steps, 'step')}, about {duration(seconds * event.n_steps)}"


def _windows(count: int | None) -> str:
    return "a stream of windows" if count is None else f"{counted(count, 'window')} an epoch"


def _plain(value: Any) -> Any:
    """A value as JSON has it: paths as text, numbers that JSON lacks as null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value

"""How far reading documents has come, on standard error: a moving sign or a bar on a terminal, else a line at times."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column

from bigbird_cli.cli.console import duration, say
from bigbird_cli.events import Embedding, ReadingEvent, Tokenizing, WindowRead
from bigbird_cli.messages import called, visible

if TYPE_CHECKING:
    from bigbird_cli.api import Request
    from bigbird_cli.text.documents import Document, FailedDocument


class Spinner:
    """A moving sign on standard error while something is done; on a terminal only."""

    def __init__(self, *, quiet: bool) -> None:
        err = Console(stderr=True, highlight=False, markup=False, emoji=False)
        moves = err.is_terminal and not err.is_dumb_terminal and not quiet
        self.sign = err.status("reading") if moves else None

    def __enter__(self) -> "Spinner":
        if self.sign is not None:
            self.sign.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.sign is not None:
            self.sign.stop()


class ReadingProgress:
    """Shows on standard error how far reading has come: a bar on a terminal, else a line every so often.

    Args:
        quiet: show nothing.
        every: seconds between two lines, where there is no terminal.
    """

    def __init__(self, *, quiet: bool, every: float = 10.0) -> None:
        self._err = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self.quiet = quiet
        self._every = every
        self._last_line = time.monotonic()
        self._first: tuple[float, WindowRead] | None = None  # when the first window was read, to reckon speed from
        self._is_reading = False  # what is tokenised meanwhile is of no interest
        self._begun = time.monotonic()
        self._document: Document | FailedDocument | None = None
        self._n_tokens = 0
        self.n_documents = 0
        """Documents that have results."""
        self.n_expected: int | None = None
        """Documents that there will be, where that is known."""
        self._bar: Progress | None = None
        if self._err.is_terminal and not self._err.is_dumb_terminal and not quiet:
            text = TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1))
            self._bar = Progress(BarColumn(bar_width=16), text, console=self._err, transient=True, expand=True)
            self._bar.add_task("reading", total=None)

    def __enter__(self) -> "ReadingProgress":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Take the bar away while something is shown."""
        if self._bar is not None:
            self._bar.stop()
        yield
        if self._bar is not None:
            self._bar.start()

    def take(self, request: "Request") -> None:
        """Take note of a request that has its result."""
        if request.document is not self._document:
            self._document = request.document
            self.n_documents += 1

    def summary(self, n_done: int, *, n_failed: int, n_skipped: int) -> str:
        """What came of all requests, in a line."""
        seconds = time.monotonic() - self._begun
        parts = [f"{n_done:,} done", f"{n_failed:,} failed" if n_failed else "", _files(n_skipped) if n_skipped else ""]
        n_results = n_done + n_failed
        if n_results == 1:
            return ", ".join(filter(None, parts))
        asked = f"{n_results:,} questions on " if n_results > self.n_documents else ""  # others are one a document
        line = f"{asked}{_documents(self.n_documents)}: {', '.join(filter(None, parts))} · {duration(seconds)}"
        return f"{line} · {self._n_tokens / seconds:,.0f} tokens/s" if self._n_tokens and seconds >= 1 else line

    def show(self, event: ReadingEvent) -> None:
        """Take in how far reading has come; from any thread."""
        if isinstance(event, WindowRead):
            self._n_tokens = event.n_tokens_in_all
        if self.quiet:
            return
        now = time.monotonic()
        if isinstance(event, WindowRead):
            self._is_reading = event.n_done < event.n_windows
            self._first = self._first or (now, event)
        elif self._is_reading:
            return
        if self._bar is not None:
            done, of = (event.n_done_in_all, event.n_windows_in_all) if isinstance(event, WindowRead) else (0, None)
            if self._is_batch:
                done, of = self.n_documents, self.n_expected
            self._bar.update(
                self._bar.task_ids[0], completed=done, total=of, description=visible(self._line(event, now))
            )
        elif now - self._last_line >= self._every:
            self._last_line = now
            say(self._line(event, now))

    @property
    def _is_batch(self) -> bool:
        return self.n_expected is not None and self.n_expected > 1

    @property
    def _of_batch(self) -> str:
        return f"{self.n_documents:,}/{self.n_expected:,} documents"

    def _line(self, event: ReadingEvent, now: float) -> str:
        if isinstance(event, Tokenizing):
            share = event.n_done / event.n_characters if event.n_characters else 1.0
            line = f"tokenising · {share:.0%} of {event.n_characters:,} characters · {called(event.name)}"
            return f"{self._of_batch} · {line}" if self._is_batch else line
        if isinstance(event, Embedding):
            share = event.n_done / event.n_sentences
            return f"looking through · {share:.0%} of {event.n_sentences:,} sentences · {called(event.name)}"
        parts = [f"{event.n_done:,}/{event.n_windows:,} window{'s' * (event.n_windows > 1)}"]
        if self._is_batch:
            parts.insert(0, self._of_batch)
        elif event.n_windows_in_all > event.n_windows:
            parts.append(f"{event.n_done_in_all:,}/{event.n_windows_in_all:,} in all")
        begun, first = self._first or (now, event)
        seconds = now - begun
        if seconds >= 1 and event.n_done_in_all > first.n_done_in_all:
            n_left = event.n_windows_in_all - event.n_done_in_all
            parts.append(f"{(event.n_tokens_in_all - first.n_tokens_in_all) / seconds:,.0f} tokens/s")
            left = n_left * seconds / (event.n_done_in_all - first.n_done_in_all)
            if self.n_expected and self.n_documents:  # later documents are planned when their turn comes
                left = max(left, (self.n_expected / self.n_documents - 1) * seconds)
            parts.append(f"{duration(left)} left")
        return " · ".join([*parts, called(event.name)])  # its name may be longer than a line of the terminal


def _documents(number: int) -> str:
    return f"{number:,} document{'' if number == 1 else 's'}"


def _files(number: int) -> str:
    return f"{number:,} file{'' if number == 1 else 's'} skipped"

"""A hint while a document is read whole for long: skimming would answer sooner."""

import time
from typing import TYPE_CHECKING, Final

from bigbird_cli.cli.console import duration, say
from bigbird_cli.events import ReadingEvent, WindowRead

if TYPE_CHECKING:
    from bigbird_cli.cli.progress import ReadingProgress

N_SKIM: Final = 8
"""Windows that the hint names."""

_LONG = 60.0
"""Seconds that reading may take unremarked."""

_MEASURED = 2.0
"""Seconds of reading from which its rate is known."""


class SkimHint:
    """Shows progress, and says once how long a document takes to be read whole, if that is long, and skimmed.

    Args:
        progress: is shown every event.
        n_questions: asked of each document.
        remedy: how to ask for skimming.
    """

    def __init__(self, progress: "ReadingProgress", *, n_questions: int, remedy: str = f"--skim {N_SKIM}") -> None:
        self._progress, self._n_questions, self._remedy = progress, n_questions, remedy
        self._first: tuple[float, WindowRead] | None = None  # when the first windows had been read
        self._is_over = progress.quiet

    def show(self, event: ReadingEvent) -> None:
        """Take in how far reading has come; windows are told of by one thread."""
        self._progress.show(event)
        if self._is_over or not isinstance(event, WindowRead):
            return
        from bigbird_cli.api.reading.skimming import SKIM_WINDOW

        now = time.monotonic()
        since, first = self._first = self._first or (now, event)
        if now - since < _MEASURED:
            return
        n_tokens = event.n_windows * event.n_tokens_in_all / event.n_done_in_all
        seconds_a_token = (now - since) / (event.n_tokens_in_all - first.n_tokens_in_all) * self._n_questions
        whole, skimmed = n_tokens * seconds_a_token, N_SKIM * SKIM_WINDOW * seconds_a_token
        if whole <= max(_LONG, skimmed):
            return
        self._is_over = True
        with self._progress.paused():
            say(f"{event.name}: about {duration(whole)} to read whole; {self._remedy} about {duration(skimmed)}")

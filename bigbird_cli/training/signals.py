"""Signals to a run: to stop, at the end of a step, or at once where it is the second; or to save and go on."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_SAVE = getattr(signal, "SIGUSR1", None)  # Windows has none


class StopSignals:
    """While open, notes SIGINT, SIGTERM and SIGHUP instead of dying of them, and SIGUSR1 as a request for a checkpoint.

    A second signal to stop ends the process at once; SIGINT as Python does, by a KeyboardInterrupt.

    A signal that the process ignores (nohup, a shell's background job) stays ignored. Outside the main thread,
    where Python allows no handlers, nothing is noted.

    Args:
        on_stop: is called when the first signal to stop is noted, wherever the program is.
    """

    def __init__(self, on_stop: Callable[[], None] | None = None) -> None:
        self._on_stop = on_stop
        self.caught: int | None = None
        self.save_requested = False
        self.is_preparing = True
        """A signal to stop acts as it did before this was opened: there is no step yet to wait for."""
        self._former: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                if handler is not signal.SIG_IGN and handler is not None:
                    self._former[number] = signal.signal(number, self._note)
            if _SAVE is not None:
                self._former[_SAVE] = signal.signal(_SAVE, self._note_save)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._former.clear()

    @staticmethod
    def raise_for(number: int) -> None:
        """Raise what a signal asks for: KeyboardInterrupt, or SystemExit with 128 + its number."""
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature is Python's
        if self.is_preparing:
            signal.signal(number, self._former[number])
            signal.raise_signal(number)
            return
        again = self.caught is not None
        self.caught = number
        if again and number != signal.SIGINT:
            os._exit(128 + number)  # an exception could be raised where nobody lets it through
        if again:
            self.raise_for(number)
        if self._on_stop is not None:
            self._on_stop()

    def _note_save(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature is Python's
        self.save_requested = True

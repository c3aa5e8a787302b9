"""Signals that ask a run to stop: the first is noted and obeyed at a step's end, the second aborts."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class StopSignals:
    """While open, notes SIGINT, SIGTERM and SIGHUP instead of dying of them.

    A signal that the process ignores (nohup, a shell's background job) stays ignored. Outside the main thread,
    where Python allows no handlers, nothing is noted.
    """

    def __init__(self) -> None:
        self.caught: int | None = None
        self._former: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                if handler is not signal.SIG_IGN and handler is not None:
                    self._former[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._former.clear()

    def obey(self) -> None:
        """Raise what the noted signal asks for: KeyboardInterrupt, or SystemExit with 128 + its number."""
        if self.caught == signal.SIGINT:
            raise KeyboardInterrupt
        if self.caught is not None:
            raise SystemExit(128 + self.caught)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature is Python's
        again = self.caught is not None
        self.caught = number
        if again:
            self.obey()

"""What a signal to stop does: inside a command it is an exception, which closes what is open; before, the end.

Ctrl-C, SIGTERM and SIGHUP alike. While a module is imported they end the process at once, too: libraries swallow an
exception that comes in the midst of their import, or make another one of it.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys

TYPE_CHECKING = False  # typing is slow to import, and no signal is listened to before this is
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

_TO_STOP = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_IMPORT = "<frozen importlib"
"""How the file names of frames begin that import a module."""

_COMMAND = "guarded.<locals>.run"
"""The frame of `boundary.guarded` in which an exception becomes a message; it has no other sign."""

_CLEAN_LINE = "\r\x1b[2K\x1b[?25h"
"""For a terminal: the line is empty and the cursor shown, whatever a moving sign made of them."""

_caught: list[int] = []


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP arrived; whatever handles Ctrl-C handles it too."""

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__()
        self.number = number


def listen() -> None:
    """Handle the signals to stop, but for those that this process is to ignore (nohup, a job in the background)."""
    for number in _TO_STOP:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    sys.unraisablehook = _unraisable


def caught() -> int | None:
    """The signal to stop that arrived, if one did."""
    return _caught[0] if _caught else None


def forget() -> None:
    """Go on after a signal that stopped only what was under way; the next one is the first again."""
    _caught.clear()


def _stop(number: int, frame: FrameType | None) -> None:
    is_first = not _caught
    _caught.append(number)
    if not is_first or not _can_unwind(frame):
        _end(number, silently=not is_first)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Terminated(number)


def _can_unwind(frame: FrameType | None) -> bool:
    """Whether an exception would come to `guarded`, and not into the midst of an import."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(_IMPORT):
            return False
        if frame.f_code.co_qualname == _COMMAND:
            return True
        frame = frame.f_back
    return False


def _unraisable(found: sys.UnraisableHookArgs) -> None:
    """A signal that came while an object was cleared away, where Python prints an exception and goes on."""
    if isinstance(found.exc_value, KeyboardInterrupt) and _caught:
        _end(_caught[0], silently=False)
    sys.__unraisablehook__(found)


def _end(number: int, *, silently: bool) -> NoReturn:
    if not silently and sys.stderr is not None:
        clean = _CLEAN_LINE if sys.stderr.isatty() else ""
        line = f"{clean}✗ stopped\n".encode(sys.stderr.encoding, "backslashreplace")
        try:
            os.write(2, line)  # the stream may be in the midst of writing
        except OSError:  # nobody hears it
            pass
    atexit._run_exitfuncs()  # temporary folders go
    os._exit(128 + number)

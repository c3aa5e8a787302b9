"""Scalars for TensorBoard, written by its own package: events in a folder, as torch's SummaryWriter writes them."""

import time
from pathlib import Path
from typing import Any

from bigbird_cli.errors import needs_extra
from bigbird_cli.files.whole import check_no_link


class ScalarWriter:
    """Appends a new file of events to a folder.

    Args:
        folder: made when missing.
        after: what earlier files hold of later steps is not shown any more: a resumed run writes them again.

    Raises:
        UsageError: TensorBoard is not installed.
        ResourceError: a link stands where the folder is to be.
    """

    def __init__(self, folder: Path, *, after: int) -> None:
        check_no_link(folder)
        require_tensorboard()
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._event = Event
        self._file = EventFileWriter(str(folder))
        self._write(step=after + 1, file_version="brain.Event:2")
        self._write(step=after + 1, session_log=SessionLog(status=SessionLog.START))

    def write(self, name: str, value: float, *, step: int) -> None:
        """Write a number of a step."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        self._write(step=step, summary=Summary(value=[Summary.Value(tag=name, simple_value=value)]))

    def flush(self) -> None:
        """Bring what was written to the file."""
        self._file.flush()

    def close(self) -> None:
        """Flush, and close the file."""
        self._file.close()

    def _write(self, **content: Any) -> None:
        self._file.add_event(self._event(wall_time=time.time(), **content))


def require_tensorboard() -> None:
    """UsageError where TensorBoard is not installed."""
    with needs_extra("tensorboard", where="run.tensorboard"):
        import tensorboard  # noqa: F401 - whether it is there

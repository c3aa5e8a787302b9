"""What a run is asked to do, so that another that goes on with its file can be told to be the same."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bigbird_cli import __version__
from bigbird_cli.cli.flags import FLAGS
from bigbird_cli.errors import UsageError

if TYPE_CHECKING:
    from bigbird_cli.cli.shared import Shared
    from bigbird_cli.report.kept import Job

_NOT_ASKED = frozenset(
    {"batch_size", "context", "debug", "device", "files", "html", "model", "offline", "own", "quiet", "threads"}
    | {"as_json", "format", "out", "overwrite", "resume", "shard"}
)
"""Options that change nothing of what is found, or are told by another name."""


def job_of(shared: "Shared", paths: Sequence[str], *, format: str, questions: Sequence[str]) -> "Job":
    """What the options ask for, of which documents, of which model.

    Args:
        shared: the options of a command.
        paths: of the documents; none for standard input.
        format: in which results are written.
        questions: asked of every document.
    """
    options = {**asdict(shared), **shared.own}
    model = str(options.get("model") or "")
    given = [value for name, value in options.items() if name not in _NOT_ASKED and isinstance(value, str | Path)]
    others = [str(value) for value in (*given, model) if os.path.exists(value)]  # noqa: PTH110 - it may be no path at all
    inputs, changed = _stamps([*paths, *others])
    job: dict[str, Any] = {"format": format, "model": model, "questions": list(questions)}
    for name, value in options.items():
        if name not in _NOT_ASKED and value is not None and value is not False:
            job[FLAGS.get(name, f"--{name.replace('_', '-')}")] = value if isinstance(value, bool | int) else str(value)
    job |= {"inputs": inputs, "times of change": changed, "version of bigbird": __version__}
    return job if shared.shard is None else {**job, "shard": shared.shard}


def _stamps(paths: Iterable[str]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What tells files from others: their names with their sizes, and the times at which they were changed."""
    names, times = hashlib.sha256(), hashlib.sha256()
    n_files = n_bytes = 0
    for path in paths:
        for file in _files(Path(path)):
            try:
                found = file.stat()
            except OSError:
                continue  # it is an error of its own when it is read
            n_files, n_bytes = n_files + 1, n_bytes + found.st_size
            names.update(f"{os.fspath(file)!r} {found.st_size}\n".encode())
            times.update(f"{found.st_mtime_ns}\n".encode())
    return {"files": n_files, "bytes": n_bytes, "names": names.hexdigest()}, {"digest": times.hexdigest()}


def _files(path: Path) -> Iterator[Path]:
    """The files that a path names, in an order of their own: all those of a folder that may be read."""
    from bigbird_cli.files.find import walk

    if path.is_dir():
        yield from sorted(walk(path, on_error=lambda _: None))
    else:
        yield path


def check_no_input(out: Path, paths: Sequence[str], *, is_folder: bool) -> None:
    """Refuse to write over a document, or where the next run would take what was written for one.

    Args:
        out: the file or folder to write.
        paths: of the documents.
        is_folder: it is one.

    Raises:
        UsageError: it is one of them, or stands among them.
    """
    from bigbird_cli.data.rows import SUFFIXES
    from bigbird_cli.files.packed import File
    from bigbird_cli.text.readers import READERS

    place = out.resolve()
    for path in map(Path, paths):
        if path.is_dir():
            may_be_read = is_folder or File(out).suffix in (*READERS, *SUFFIXES)
            if may_be_read and place.is_relative_to(path.resolve()):
                problem = f"it would stand among the documents of {path}, and be read as one of them"
                raise UsageError(problem, where="--out", fix="name one elsewhere")
        elif path.resolve() == place or (out.exists() and path.exists() and out.samefile(path)):
            raise UsageError(f"{out} is a document to read", where="--out", fix="name another file")

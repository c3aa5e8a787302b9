"""`bigbird init`: look at data, and write a recipe for it."""

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from bigbird_cli import choices
from bigbird_cli.cli import options

if TYPE_CHECKING:
    from bigbird_cli.api.recipes.drafting import Draft, Seen

_BARS = "▁▂▃▄▅▆▇█"
_N_BARS = 24


def init(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            parser=options.name,
            help="A file of rows (*.csv, *.tsv, *.jsonl, *.json, *.parquet), of words and tags, or of text; a folder "
            "of them, of brat's files, or with a folder of texts for each label; or hub:NAME.",
            **options.INPUT,
        ),
    ],
    task: Annotated[
        choices.TaskName | None,
        typer.Option(
            "--task",
            metavar="TASK",
            help=f"What the data is for: {', '.join(get_args(choices.TaskName))}.  [default: what it looks like]",
            **options.INPUT,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            parser=options.path,
            help="The recipe's file; - for standard output.  [default: DATA's name here, .yaml]",
            **options.OUTPUT,
        ),
    ] = None,
    offline: options.Offline = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Look at data and write a recipe that trains on it: its task, columns and labels, and a share of it kept for dev.

    It says what it saw: rows, labels, and how many tokens documents have. Files called dev (or valid) and test beside
    one called train become the recipe's.

    \b
    Examples:
      bigbird init reviews.csv
      bigbird init data/ --task qa --out questions.yaml
      bigbird init reviews.csv --out - --quiet
    """
    from bigbird_cli import api
    from bigbird_cli.cli.console import say_all
    from bigbird_cli.errors import UsageError

    del debug  # the boundary's
    draft = api.init(data, task=task, offline=offline)
    file = Path(f"{draft.name}.yaml") if out is None else out
    to_stdout = str(out) == "-"
    if not to_stdout and os.path.lexists(file):
        raise UsageError("this file is there already", where=str(file), fix="name another with --out, or remove it")
    say_all(seen(draft), quiet=quiet)
    if to_stdout:
        sys.stdout.write(draft.text)
        return
    draft.write(file)
    name = shlex.quote(str(file))
    say_all(
        [f"{file} is written", f"  check  bigbird check {name}", f"  train  bigbird {draft.command} {name}"],
        quiet=quiet,
    )


def tell_draft(draft: "Draft", *, quiet: bool = False) -> None:
    """Show what was found in data, and the recipe that was written for it."""
    from bigbird_cli.cli.console import say_all

    settings = [line for line in draft.text.splitlines() if not line.startswith("#")]
    say_all([*seen(draft), "", *settings, "", f"to change it: bigbird init {draft.source}"], quiet=quiet)


def seen(draft: "Draft") -> Iterator[str]:
    """What was found in data, in a few lines."""
    from bigbird_cli.api.recipes.drafting import labels_in_a_line, lengths_in_a_line
    from bigbird_cli.messages import counted

    found = draft.seen
    of = "" if found.n_documents == found.n_examples else f" on {counted(found.n_documents, 'document')}"
    columns = f" · {', '.join(found.columns[:8])}" if found.columns else ""
    more = "" if found.is_whole else " and more"
    yield f"{found.sources.train}: {counted(found.n_examples, 'example')}{more}{of}{columns}"
    settings = ", ".join(f"{name} {value}" for name, value in found.task.items() if name != "type")
    yield f"  task     {found.task['type']}" + (f" ({settings})" if settings else "")
    if found.labels:
        yield f"  labels   {labels_in_a_line(found.labels)}"
    yield f"  {found.unit:<8} {bars(found)}  {lengths_in_a_line(found)}"
    if found.bad:
        bad = {
            "left out": sum(found.bad.get(kind, 0) for kind in ("empty", "answer", "unreadable")),
            "read otherwise than written": found.bad.get("tolerated", 0),
            "cannot be used": found.bad.get("other", 0),
        }
        said = ", ".join(f"{count:,} {what}" for what, count in bad.items() if count)
        without = "; its --fix DIR writes the data without them" if "other" in found.bad else ""
        yield f"  rows     {said}: bigbird check says which and why{without}"
    for name, part in (("dev", found.sources.dev), ("test", found.sources.test)):
        if part is not None:
            yield f"  {name:<8} {part}"
    if found.is_sequences and not found.labels and Path(found.sources.train).is_dir():
        yield "  labels   none in the heads of sequences; where each file or folder holds a class: --task classify"
    if found.why_no_dev is not None:
        yield f"  dev      none: {found.why_no_dev}"


def bars(found: "Seen") -> str:
    """How often documents of each length stand there, from the shortest to the longest, on a logarithmic scale."""
    import numpy as np

    lengths = np.log(np.maximum(1, found.lengths))
    counts, _ = np.histogram(lengths, bins=_N_BARS)
    return drawn(counts.tolist())


def drawn(counts: Sequence[int]) -> str:
    """Counts as bars; one that is not 0 has a bar that can be seen."""
    most = max(1, *counts)
    return "".join(" " if not count else _BARS[round(count / most * (len(_BARS) - 1))] for count in counts)

"""What `bigbird pretrain` and `bigbird finetune` do alike: follow a run and show its events."""

import shlex
import sys
from pathlib import Path
from typing import Any

import typer


def follow(
    command: str,
    recipe: str,
    *,
    overrides: list[str] | None,
    out: Path | None,
    check: bool,
    resume: str | None,
    device: str,
    threads: int | None,
    processes: int,
    offline: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Check a recipe, or train as it says and tell how to go on where the run is interrupted."""
    from bigbird_cli import api
    from bigbird_cli.cli import launch
    from bigbird_cli.cli.console import Run, say

    if processes > 1 and not launch.is_launched() and not check:
        code = launch.launch(processes, sys.argv[1:])
        if code:
            raise typer.Exit(code)
        return
    launch.stop_with_parent()
    if not launch.is_first():
        quiet, as_json = True, False
    place: dict[str, Any] = {"device": device, "threads": threads, "offline": offline}
    with Run(quiet=quiet, as_json=as_json) as run:
        if check:
            run.show(api.check(recipe, command=command, overrides=overrides or [], **place))
            return
        folder = out or Path("runs", Path(recipe).stem)
        train = {"pretrain": api.pretrain, "finetune": api.finetune}[command]
        try:
            for event in train(recipe, out=folder, overrides=overrides or [], resume=resume, **place):
                run.show(event)
        except (KeyboardInterrupt, SystemExit):
            if run.saved:
                words = ["bigbird", command, recipe]
                words += [word for change in overrides or [] for word in ("--set", change)]
                words += ["--out", str(folder), "--resume", "auto"]
                words += ["--device", device] if device != "auto" else []
                words += ["--threads", str(threads)] if threads is not None else []
                words += ["--nproc-per-node", str(processes)] if processes > 1 else []
                words += ["--offline"] if offline else []
                say(f"go on with: {shlex.join(words)}", quiet=quiet)
            raise

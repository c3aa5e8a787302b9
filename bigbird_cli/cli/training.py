"""What `bigbird pretrain` and `bigbird finetune` do alike: follow a run and show its events."""

import os
import shlex
from contextlib import suppress
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
    debug: bool,
) -> None:
    """Check a recipe, or train as it says and tell how to go on where the run is interrupted."""
    from bigbird_cli import api
    from bigbird_cli.cli import launch
    from bigbird_cli.cli.console import Run, say

    folder = out or Path("runs", Path(recipe).stem)
    words = [command, recipe, *(word for change in overrides or [] for word in ("--set", change)), "--out", str(folder)]
    again = ["--device", device] if device != "auto" else []
    again += ["--threads", str(threads)] if threads is not None else []
    again += ["--nproc-per-node", str(processes)] if processes > 1 else []
    again += ["--offline"] if offline else []
    if processes > 1 and not launch.is_launched() and not check:
        given = ["--resume", resume] if resume is not None else []
        given += ["--json"] * as_json + ["--quiet"] * quiet + ["--debug"] * debug
        code = launch.launch(processes, [*words, *given, *again])
        if code:
            raise typer.Exit(code)
        return
    launch.stop_with_parent()
    _keep_compiled_code()
    if not launch.is_first():
        quiet, as_json = True, False
    place: dict[str, Any] = {"device": device, "threads": threads, "offline": offline}
    with Run(quiet=quiet, as_json=as_json) as run:
        if check:
            run.show(api.check(recipe, command=command, overrides=overrides or [], **place))
            return
        train = {"pretrain": api.pretrain, "finetune": api.finetune}[command]
        try:
            for event in train(recipe, out=folder, overrides=overrides or [], resume=resume, **place):
                run.show(event)
        except (KeyboardInterrupt, SystemExit):
            if run.saved:
                line = shlex.join(["bigbird", *words, "--resume", "auto", *again])
                say(f"go on with: {line}", quiet=quiet)
            raise


def _keep_compiled_code() -> None:
    """Give torch's compiler a folder among our caches: by itself it leaves one among the temporary files."""
    from bigbird_cli.tasks.features import default_folder

    folder = default_folder().with_name("compiled")
    with suppress(OSError):  # then it takes its own
        folder.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))

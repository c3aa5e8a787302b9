"""`bigbird finetune`: train a task's head, and the encoder under it, as a recipe says."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from bigbird_cli.cli import options


def finetune(
    recipe: options.RecipeFile,
    overrides: options.Overrides = None,
    out: options.RunFolder = None,
    check: Annotated[bool, typer.Option("--check", help="Check recipe, data and one step, then stop.")] = False,
    resume: Annotated[
        str | None,
        typer.Option("--resume", metavar="auto|PATH", help="Go on from the run's newest checkpoint, or from this one."),
    ] = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    offline: options.Offline = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001 - the boundary reads it
) -> None:
    """Fine-tune a model on labelled data, as a recipe says.

    \b
    Examples:
      bigbird finetune recipes/squad.yaml --check
      bigbird finetune recipes/squad.yaml --set optim.lr=3e-5
      bigbird finetune recipes/squad.yaml --set optim.lr=3e-5 --resume auto
    """
    from bigbird_cli import api
    from bigbird_cli.cli.console import Run, say

    place: dict[str, Any] = {"device": device, "threads": threads, "offline": offline}
    with Run(quiet=quiet, as_json=as_json) as run:
        if check:
            run.show(api.check(recipe, overrides=overrides or [], **place))
            return
        folder = out or Path("runs", Path(recipe).stem)
        try:
            for event in api.finetune(recipe, out=folder, overrides=overrides or [], resume=resume, **place):
                run.show(event)
        except (KeyboardInterrupt, SystemExit):
            if run.saved:
                words = ["bigbird", "finetune", recipe]
                words += [word for change in overrides or [] for word in ("--set", change)]
                words += ["--out", str(folder), "--resume", "auto"]
                words += ["--device", device] if device != "auto" else []
                words += ["--threads", str(threads)] if threads is not None else []
                words += ["--offline"] if offline else []
                say(f"go on with: {shlex.join(words)}", quiet=quiet)
            raise

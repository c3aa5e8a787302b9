"""`bigbird runs`: the runs below a folder, with their best scores."""

from typing import Annotated

import typer

from bigbird_cli.cli import options


def runs(
    folder: Annotated[
        str,
        typer.Argument(
            metavar="DIR",
            parser=options.name,
            help="Folder that the runs stand in.  [default: runs]",
            **options.INPUT,
        ),
    ] = "runs",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """List training runs with their best scores: how far each came, and how good it became.

    \b
    Examples:
      bigbird runs
      bigbird runs runs --json | jq .best
    """
    from bigbird_cli import api
    from bigbird_cli.cli.console import say, write_json
    from bigbird_cli.cli.scores import show_runs

    del debug  # the boundary's
    found = api.list_runs(folder)
    if not found:
        say(f"no runs in {folder}", quiet=quiet)
    if as_json:
        for run in found:
            write_json(run)
    elif found:
        show_runs(found)

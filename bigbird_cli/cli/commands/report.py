"""`bigbird report`: a page about a run or an evaluation, and a summary of it in the terminal."""

from pathlib import Path
from typing import Annotated

import typer

from bigbird_cli.cli import completion, options


def report(
    about: Annotated[
        str,
        typer.Argument(
            metavar="RUN|EVALUATION",
            parser=options.name,
            autocompletion=completion.model_folders,
            help="A run folder, or a file that bigbird evaluate --json wrote.",
            **options.INPUT,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            parser=options.path,
            help="The page.  [default: RUN/report.html, or EVALUATION.html]",
            **options.OUTPUT,
        ),
    ] = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Write a page about a training run or an evaluation, one file with everything in it, and show a summary.

    \b
    Examples:
      bigbird report runs/lamp
      bigbird report scores.json --out scores.html
    """
    from bigbird_cli import api
    from bigbird_cli.cli.console import say
    from bigbird_cli.cli.scores import show_evaluation, show_run
    from bigbird_cli.files.paths import local_path
    from bigbird_cli.report.runs.page import evaluation_html, run_html
    from bigbird_cli.report.runs.write import write_page

    del debug  # the boundary's
    path = local_path(about)
    if path.is_file():
        evaluation = api.read_evaluation(path)
        page, default = evaluation_html(evaluation), path.with_suffix(".html")
        show_evaluation(evaluation)
    else:
        run = api.read_run(path)
        page, default = run_html(run), path / "report.html"
        show_run(run)
    say(f"written to {write_page(out or default, page)}", quiet=quiet)

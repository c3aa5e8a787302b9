"""`bigbird report`: a page about runs or evaluations, and a summary of it in the terminal."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bigbird_cli.cli import completion, options


def report(
    about: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|EVALUATION",
            parser=options.name,
            autocompletion=completion.model_folders,
            help="Run folders, or files that bigbird evaluate --json wrote: one, or several side by side.",
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
            help="The page.  [default: RUN/report.html, or EVALUATION.html; of several report.html]",
            **options.OUTPUT,
        ),
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Write a page about a training run or an evaluation, one file with everything in it, and show a summary.

    Of several runs, it tells the settings that differ, draws their curves in one plot, and puts their scores into one
    table; of several evaluations, their scores.

    \b
    Examples:
      bigbird report runs/lamp
      bigbird report scores.json --out scores.html
      bigbird report runs/lamp runs/lantern --out both.html
    """
    from bigbird_cli.cli.console import say, write_json
    from bigbird_cli.report.runs.write import write_page

    del debug  # the boundary's
    page, default, told, show = _several(about) if len(about) > 1 else _single(about[0])
    written = write_page(out or default, page)
    if as_json:
        write_json(told)
    else:
        show()
    say(f"written to {written}", quiet=quiet)


def _single(about: str) -> tuple[str, Path, object, Callable[[], None]]:
    """The page of a run or an evaluation, where it goes, what it tells, and what shows that."""
    from bigbird_cli import api
    from bigbird_cli.cli.scores import show_evaluation, show_run
    from bigbird_cli.files.paths import local_path
    from bigbird_cli.report.runs.page import evaluation_html, run_html

    path = local_path(about)
    if path.is_file():
        evaluation = api.read_evaluation(path)
        return evaluation_html(evaluation), path.with_suffix(".html"), evaluation, partial(show_evaluation, evaluation)
    run = api.read_run(path)
    return run_html(run), path / "report.html", run, partial(show_run, run)


def _several(about: list[str]) -> tuple[str, Path, object, Callable[[], None]]:
    """As of `_single`."""
    from bigbird_cli import api
    from bigbird_cli.cli.beside import show_evaluations_beside, show_runs_beside
    from bigbird_cli.report.runs.page import beside_html

    told = api.read_beside(about)
    show = partial(show_evaluations_beside, told) if "evaluations" in told else partial(show_runs_beside, told)
    return beside_html(told), Path("report.html"), told, show

"""`bigbird calibrate`: fit what a model's scores mean, and store it with the model."""

from pathlib import Path
from typing import Annotated

import typer

from bigbird_cli.cli import gold, options


@gold.tries_models
def calibrate(
    model: gold.Model,
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA",
            parser=options.name,
            help="Data with gold that taught the model nothing; several sets count alike.",
            **options.INPUT,
        ),
    ],
    loss: Annotated[
        float,
        typer.Option("--loss", metavar="N", min=0, max=100, help="Of qa: F1 that refusing may cost.", **options.INPUT),
    ] = 2.5,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            parser=options.path,
            help="A new folder for a copy of the model.  [default: the model's own task.json changes]",
            **options.OUTPUT,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and write nothing.", **options.OUTPUT)
    ] = False,
    *,
    shared: gold.Shared,
) -> None:
    """Fit what a model's scores mean, so that of what it gives 0.8, eight in ten are right; store it with the model.

    Of qa: temperature, length penalty, the odds of there being an answer, the no-answer threshold. Of ner, classify,
    zero_shot and multiple_choice: temperature or scale, the least score of a name, the threshold of several labels. The
    error after it is measured on documents that the settings were not fitted to: each half's by the other's.

    \b
    Examples:
      bigbird calibrate qa-mini data/dev.json --out runs/calibrated
      bigbird calibrate runs/classify colours.csv --set task.label_column=colour --dry-run
    """
    from bigbird_cli import api
    from bigbird_cli.cli.console import write_json
    from bigbird_cli.cli.progress import ReadingProgress
    from bigbird_cli.cli.scores import show_calibration

    with ReadingProgress(quiet=shared.quiet) as progress:
        settings = shared.settings(progress)
        calibrated = api.calibrate(model, data, out=out, dry_run=dry_run, loss=loss, **settings)
    if shared.as_json:
        write_json(calibrated)
    else:
        show_calibration(calibrated)

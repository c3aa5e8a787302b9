"""`bigbird evaluate`: how good a model is on data with gold, and how sure that is."""

from pathlib import Path
from typing import Annotated

import typer

from bigbird_cli.cli import gold, options


def evaluate(
    model: gold.Model,
    data: gold.Data,
    task: gold.Task = None,
    overrides: gold.Overrides = None,
    limit: gold.Limit = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            "--predictions",
            metavar="FILE",
            parser=options.path,
            help="Write predictions beside their gold, as bigbird compare reads them.",
            **options.OUTPUT,
        ),
    ] = None,
    batch_size: options.BatchSize = 8,
    device: options.Device = "auto",
    threads: options.Threads = None,
    quantize: options.Quantize = None,
    as_json: options.Json = False,
    offline: options.Offline = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Score a model on data with gold: how good, how sure, on what lengths, where in documents, on what labels.

    Any run folder, shipped model or BigBird of the Hugging Face hub, on any data of its task: qa, ner, classify,
    multiple_choice, zero_shot. Each document is read whole. Intervals are those of the bootstrap, 95 %.

    \b
    Examples:
      bigbird evaluate qa-mini data/dev.json
      bigbird evaluate qa-mini data/dev.json --predictions answers.jsonl --json | jq .scores.f1
      bigbird evaluate runs/classify colours.csv --set task.label_column=colour
    """
    from bigbird_cli import api
    from bigbird_cli.cli.console import write_json
    from bigbird_cli.cli.progress import ReadingProgress
    from bigbird_cli.cli.scores import show_evaluation

    del debug  # the boundary's
    with ReadingProgress(quiet=quiet) as progress:
        settings = gold.given(
            progress,
            task=task,
            overrides=overrides,
            limit=limit,
            batch_size=batch_size,
            device=device,
            threads=threads,
            quantize=quantize,
            offline=offline,
        )
        evaluation = api.evaluate(model, data, predictions=predictions, **settings)
    if as_json:
        write_json(evaluation)
    else:
        show_evaluation(evaluation)

"""`bigbird evaluate`: how good a model is on data with gold, and how sure that is."""

from pathlib import Path
from typing import Annotated

import typer

from bigbird_cli import bounds
from bigbird_cli.cli import gold, options
from bigbird_cli.errors import UsageError


@gold.tries_models
def evaluate(
    model: gold.Model,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            parser=options.name,
            help="Data with gold, as a recipe's data.dev: a file, a folder, or hub:NAME.  [not needed for --needles]",
            **options.INPUT,
        ),
    ] = None,
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
    needles: Annotated[
        bool,
        typer.Option(
            "--needles",
            help="Of qa: plant a fact at every 5 % of ever longer texts, and map which are found.",
            **options.INPUT,
        ),
    ] = False,
    longest: Annotated[
        int,
        typer.Option(
            "--longest",
            help="Tokens of the longest text for --needles.",
            **options.number(bounds.COUNT),
            **options.INPUT,
        ),
    ] = 8192,
    *,
    shared: gold.Shared,
) -> None:
    """Score a model on data with gold: how good, how sure, on what lengths, where in documents, on what labels.

    Any run folder, shipped model or BigBird of the Hugging Face hub, on any data of its task: qa, ner, classify,
    multiple_choice, zero_shot. Each document is read whole. Intervals are those of the bootstrap, 95 %.

    With --needles, facts are planted in texts of 512, 1,024, ... tokens, which are the documents of DATA or sentences
    made by chance, and asked for.

    \b
    Examples:
      bigbird evaluate qa-mini data/dev.json
      bigbird evaluate qa-mini data/dev.json --predictions answers.jsonl --json | jq .scores.f1
      bigbird evaluate qa-mini --needles --longest 512
      bigbird evaluate runs/classify colours.csv --set task.label_column=colour
    """
    if data is None and not needles:
        raise UsageError("there is no data to evaluate on", where="DATA", fix="name some, or ask for --needles")

    from bigbird_cli import api
    from bigbird_cli.cli.console import write_json
    from bigbird_cli.cli.progress import ReadingProgress
    from bigbird_cli.cli.scores import show_evaluation, show_needles

    with ReadingProgress(quiet=shared.quiet) as progress:
        settings = shared.settings(progress)
        if needles:
            found = api.find_needles(model, data, longest=longest, **settings)
        else:
            evaluation = api.evaluate(model, data or "", predictions=predictions, **settings)
    if shared.as_json:
        write_json({"needles": found} if needles else evaluation)
    elif needles:
        show_needles(found)
    else:
        show_evaluation(evaluation)

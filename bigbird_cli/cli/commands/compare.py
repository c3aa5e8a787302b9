"""`bigbird compare`: whether two models differ on the same data, and on which examples."""

from typing import Annotated

import typer

from bigbird_cli import bounds
from bigbird_cli.cli import completion, gold, options

_MODEL = "model, or a file of predictions (*.jsonl) that bigbird evaluate wrote."


@gold.tries_models
def compare(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A", parser=options.name, autocompletion=completion.models, help=f"A {_MODEL}", **options.INPUT
        ),
    ],
    b: Annotated[
        str,
        typer.Argument(
            metavar="B",
            parser=options.name,
            autocompletion=completion.models,
            help=f"Another {_MODEL}",
            **options.INPUT,
        ),
    ],
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            parser=options.name,
            help="Data with gold, as a recipe's data.dev; not needed for two files.",
            **options.INPUT,
        ),
    ] = None,
    changes: Annotated[
        int,
        typer.Option(
            "--changes",
            help="Changed examples to list, the largest changes first; with --json always all.",
            **options.number(bounds.COUNT, least=0),
            **options.OUTPUT,
        ),
    ] = 20,
    *,
    shared: gold.Shared,
) -> None:
    """Compare two models on the same data: each score's difference, how sure it is, and the examples that changed.

    A difference is called significant where chance alone makes one as large in 5 % of cases at most, by approximate
    randomisation over documents.

    \b
    Examples:
      bigbird compare runs/qa qa-mini data/dev.json
      bigbird compare answers.jsonl qa-mini data/dev.json --json | jq .changes
      bigbird compare answers.jsonl others.jsonl
    """
    from bigbird_cli import api
    from bigbird_cli.cli.console import write_json
    from bigbird_cli.cli.progress import ReadingProgress
    from bigbird_cli.cli.scores import show_comparison

    with ReadingProgress(quiet=shared.quiet) as progress:
        settings = shared.settings(progress)
        compared = api.compare(a, b, data, **settings)
    if shared.as_json:
        write_json(compared)
    else:
        show_comparison(compared, most=changes)

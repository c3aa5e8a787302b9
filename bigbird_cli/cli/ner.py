"""`bigbird ner`: find the names in documents of any length."""

from typing import Annotated

import typer

from bigbird_cli.cli import options, reading


def ner(
    files: options.Files = None,
    model: options.TrainedModel = None,
    min_score: Annotated[
        float,
        typer.Option(
            "--min-score",
            metavar="P",
            min=0.0,
            max=1.0,
            help="Leave out names less likely than this.",
            **options.OUTPUT,
        ),
    ] = 0.0,
    window: options.Window = None,
    overlap: options.Overlap = None,
    on_long: options.OnLong = "window",
    newline: options.Newline = None,
    batch_size: options.BatchSize = 8,
    device: options.Device = "auto",
    threads: options.Threads = None,
    quantize: options.Quantize = None,
    as_json: options.Json = False,
    offline: options.Offline = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001 - the boundary reads it
) -> None:
    """Find the named entities of documents of any length.

    Without FILE, standard input is read as JSON lines: {"text": ..., "id": ...}

    \b
    Examples:
      bigbird ner article.txt --model runs/ner
      bigbird ner contracts/ --model runs/ner --json
      cat article.txt | bigbird ner - --model runs/ner --min-score 0.8
      bigbird ner --model runs/ner --json < texts.jsonl
    """
    name = reading.need_model(model, command="ner", recipe="ner-redocred")
    items = reading.text_items(files or [])

    from bigbird_cli import api
    from bigbird_cli.cli.console import Entities

    records = api.entities(
        items,
        model=name,
        min_score=min_score,
        window=window,
        overlap=overlap,
        on_long=on_long,
        newline=newline,
        batch_size=batch_size,
        device=device,
        threads=threads,
        quantize=quantize,
        offline=offline,
        read_ahead=True,
    )
    reading.show_records(records, Entities().show, as_json=as_json, quiet=quiet)

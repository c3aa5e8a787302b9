"""`bigbird ner`: find the names in documents of any length."""

from typing import Annotated

import typer

from bigbird_cli.cli import options, reading

_EXAMPLE = '{"text": ..., "id": ...}'


def ner(
    files: options.Files = None,
    model: options.TrainedModel = None,
    text_column: options.TextColumn = None,
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

    A file of rows (*.jsonl, *.json, *.csv, *.tsv, *.parquet) gives a record a row, of the column that the model was
    trained on, else "text". Without FILE, standard input is read: rows of JSON, or one text.

    \b
    Examples:
      bigbird ner article.txt --model runs/ner
      bigbird ner contracts/ --model runs/ner --json
      cat article.txt | bigbird ner - --model runs/ner --min-score 0.8
      bigbird ner --model runs/ner --json < texts.jsonl
    """
    name = reading.need_model(model, command="ner", recipe="ner-redocred")
    skipped = reading.SkippedFiles()
    items = reading.text_items(files or [], skipped=skipped, example=_EXAMPLE)

    from bigbird_cli import api
    from bigbird_cli.cli.console import Entities, ReadingProgress

    progress = ReadingProgress(quiet=quiet)
    records = api.entities(
        items,
        model=name,
        text_column=text_column,
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
        on_progress=progress.show,
    )
    reading.show_records(
        records, Entities().show, named=files or [], skipped=skipped, as_json=as_json, progress=progress
    )

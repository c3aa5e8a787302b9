"""`bigbird classify`: tell what documents of any length are."""

from typing import Annotated, Literal

import typer

from bigbird_cli.cli import options, reading

_EXAMPLE = '{"text": ..., "pair": ..., "id": ...}'


def classify(
    files: options.Files = None,
    model: options.TrainedModel = None,
    pair: Annotated[
        str | None,
        typer.Option(
            "--pair",
            metavar="TEXT",
            parser=options.text,
            help="A second text beside each, for a model trained on pairs.",
            **options.INPUT,
        ),
    ] = None,
    text_column: options.TextColumn = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="P",
            min=0.0,
            max=1.0,
            help="Of several labels, give those at least so likely.  [default: as trained]",
            **options.OUTPUT,
        ),
    ] = None,
    combine: Annotated[
        Literal["mean", "max", "first"] | None,
        typer.Option(
            "--combine", help="How the windows of a document are made one.  [default: as trained]", **options.OUTPUT
        ),
    ] = None,
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
    """Tell what documents of any length are: a label, several, or a number, as the model was trained.

    A file of rows (*.jsonl, *.json, *.csv, *.tsv, *.parquet) gives a record a row, of the columns that the model was
    trained on, else "text" and "pair". Without FILE, standard input is read: rows of JSON, or one text.

    \b
    Examples:
      bigbird classify article.txt --model runs/classify
      bigbird classify contracts/ --model runs/classify --json
      bigbird classify new.csv --model runs/classify --json
      cat article.txt | bigbird classify - --model runs/classify
      bigbird classify --model runs/classify --json < texts.jsonl
    """
    name = reading.need_model(model, command="classify", recipe="classify-imdb")
    skipped = reading.SkippedFiles()
    items = reading.text_items(files or [], skipped=skipped, example=_EXAMPLE)

    from bigbird_cli import api
    from bigbird_cli.cli.console import Labels, ReadingProgress

    progress = ReadingProgress(quiet=quiet)
    records = api.classes(
        items,
        model=name,
        pair=pair,
        text_column=text_column,
        threshold=threshold,
        combine=combine,
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
    reading.show_records(records, Labels().show, named=files or [], skipped=skipped, as_json=as_json, progress=progress)

"""`bigbird classify`: one label of several, any number of them, or a number for documents of any length."""

from pathlib import Path
from typing import Annotated

import typer

from bigbird_cli import bounds, choices
from bigbird_cli.cli import completion, options, reading
from bigbird_cli.cli.shared import Shared, reads_documents
from bigbird_cli.errors import UsageError

_EXAMPLE = '{"text": ..., "pair": ..., "id": ...}'


@reads_documents()
def classify(
    files: options.Files = None,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            metavar="A,B,C",
            parser=options.text,
            help="What the documents may be; no training is needed.",
            **options.INPUT,
        ),
    ] = None,
    labels_file: Annotated[
        Path | None,
        typer.Option(
            "--labels-file",
            metavar="PATH",
            parser=options.path,
            help='Labels of a file: a line each, "label" or "label: description"; or YAML.',
            **options.INPUT,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            parser=options.name,
            autocompletion=completion.models,
            help="Run or model folder, or name on the hub.  [default with labels: classify-mini]",
            **options.MODEL,
        ),
    ] = None,
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
    multi: Annotated[
        bool, typer.Option("--multi", help="Any number of the labels may be right, not one.", **options.OUTPUT)
    ] = False,
    closed: Annotated[
        bool, typer.Option("--closed", help='One of the labels is right: never "none of these".', **options.OUTPUT)
    ] = False,
    top_k: Annotated[
        int | None,
        typer.Option(
            "--top-k",
            help="Scores of so many of the labels, the likeliest first.  [default: all]",
            **options.number(bounds.COUNT),
            **options.OUTPUT,
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="P",
            help="Of several labels, give those at least so likely: above 0, below 1.  [default: as trained]",
            **options.OUTPUT,
        ),
    ] = None,
    combine: Annotated[
        choices.Combine | None,
        typer.Option(
            "--combine", help="How the windows of a document are made one.  [default: as trained]", **options.OUTPUT
        ),
    ] = None,
    *,
    shared: Shared,
) -> None:
    """Classify documents of any length: with labels that you name, or with those that a model was trained on.

    With labels, text and labels are compared in a space of meanings: "label: description" says more than a name alone,
    and each label and each document is read once. Without, a model of your own gives a label, several, or a number.

    A file of rows (*.jsonl, *.json, *.csv, *.tsv, *.parquet) gives a record a row, of the columns that the model was
    trained on, else "text" and "pair"; one of sequences (*.fa, *.fasta, *.fna, ...) a record a sequence. Without FILE,
    standard input is read: rows of JSON, sequences, or one document.

    \b
    Examples:
      bigbird classify article.txt --labels "politics,sport,business"
      bigbird classify contracts/ --labels-file kinds.txt --top-k 3 --json
      bigbird classify article.txt --model runs/classify
      bigbird classify contracts/ --model runs/classify --json
      bigbird classify new.csv --model runs/classify --out labels.csv
      cat article.txt | bigbird classify - --model runs/classify
      bigbird classify --model runs/classify --json < texts.jsonl
    """
    if labels is not None and labels_file is not None:
        raise UsageError("labels are given twice", where="--labels-file", fix="write all of them into the file")
    skipped = reading.SkippedFiles()

    from bigbird_cli import api
    from bigbird_cli.cli.output import Output
    from bigbird_cli.cli.progress import ReadingProgress
    from bigbird_cli.cli.results import Labels
    from bigbird_cli.report import sheets

    output, progress = Output(shared, files or []), ReadingProgress(quiet=shared.quiet)
    inputs = reading.document_inputs(files or [], shared, output=output, skipped=skipped, example=_EXAMPLE)
    results = api.classify_all(
        output.rest(inputs),
        labels=labels_file if labels is None else labels,
        model=model,
        pair=pair,
        column=shared.column,
        multi=multi,
        closed=closed,
        top_k=top_k,
        threshold=threshold,
        combine=combine,
        **shared.reading(progress),
    )
    writers = output.writers(Labels, sheets.Labels(shared.details))
    reading.show_results(results, writers, named=files or [], skipped=skipped, progress=progress, output=output)

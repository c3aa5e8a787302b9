"""`bigbird select`: the sentences of documents that support a question or a statement best."""

from typing import Annotated

import typer

from bigbird_cli import bounds
from bigbird_cli.cli import options, reading
from bigbird_cli.cli.shared import Shared, reads_documents

_EXAMPLE = '{"text": ..., "id": ...}'


@reads_documents(without=frozenset({"window", "overlap", "on_long"}))
def select(
    query: Annotated[
        str,
        typer.Option(
            "--query", "-q", metavar="TEXT", parser=options.text, help="A question or a statement.", **options.INPUT
        ),
    ],
    files: options.Files = None,
    model: options.Model = "classify-mini",
    top_k: Annotated[
        int,
        typer.Option("--top-k", "-k", help="Sentences to give.", **options.number(bounds.TOGETHER), **options.OUTPUT),
    ] = 3,
    *,
    shared: Shared,
) -> None:
    """Select the sentences of documents that support a question or a statement best; no training is needed.

    A score is a sentence's share: those of all sentences of a document add up to 1. Whether any of them answers the
    question at all is what `bigbird qa` says.

    A file of rows (*.jsonl, *.json, *.csv, *.tsv, *.parquet) gives a record a row, of its "text". Without FILE,
    standard input is read: rows of JSON, or one document.

    \b
    Examples:
      bigbird select article.txt --query "Who kept the light?"
      bigbird select contracts/ --query "May the lease end early?" --top-k 5 --json
      cat article.txt | bigbird select - --query "When was it built?"
    """
    skipped = reading.SkippedFiles()

    from bigbird_cli import api
    from bigbird_cli.cli.output import Output
    from bigbird_cli.cli.progress import ReadingProgress
    from bigbird_cli.cli.results import Sentences
    from bigbird_cli.report import sheets

    output, progress = Output(shared, files or []), ReadingProgress(quiet=shared.quiet)
    inputs = reading.document_inputs(files or [], shared, output=output, skipped=skipped, example=_EXAMPLE)
    results = api.select_all(
        output.rest(inputs),
        query,
        model=model,
        column=shared.column,
        top_k=top_k,
        **shared.reading(progress),
    )
    writers = output.writers(Sentences, sheets.Sentences(shared.details))
    reading.show_results(results, writers, named=files or [], skipped=skipped, progress=progress, output=output)

"""`bigbird ner`: find the names in documents of any length."""

from typing import Annotated

import typer

from bigbird_cli.cli import options, reading
from bigbird_cli.cli.shared import Shared, reads_documents

_EXAMPLE = '{"text": ..., "id": ...}'


@reads_documents()
def ner(
    files: options.Files = None,
    model: options.Model = "ner-mini",
    types: Annotated[
        str | None,
        typer.Option(
            "--types",
            metavar="NAMES",
            parser=options.text,
            help="Types of names that are wanted, with commas between: PERSON,ORG.  [default: all]",
            **options.OUTPUT,
        ),
    ] = None,
    list_types: Annotated[
        bool,
        typer.Option("--list-types", help="List the types of names that the model finds, and end.", **options.OUTPUT),
    ] = False,
    min_score: Annotated[
        float | None,
        typer.Option(
            "--min-score",
            metavar="P",
            min=0.0,
            max=1.0,
            help="Leave out names less likely than this.  [default: as calibrated, else 0]",
            **options.OUTPUT,
        ),
    ] = None,
    group: Annotated[
        bool | None,
        typer.Option(
            "--group/--no-group",
            help="Mentions of one name together, counted, or each by itself.  [default: together on a terminal]",
            **options.OUTPUT,
        ),
    ] = None,
    *,
    shared: Shared,
) -> None:
    """Find the named entities of documents of any length.

    A file of rows (*.jsonl, *.json, *.csv, *.tsv, *.parquet) gives a record a row, of the column that the model was
    trained on, else "text". Without FILE, standard input is read: rows of JSON, or one document.

    \b
    Examples:
      bigbird ner article.txt
      bigbird ner article.txt --html names.html
      bigbird ner contracts/ --types PERSON,ORG --json
      bigbird ner contracts/ --group --out names.csv
      cat article.txt | bigbird ner - --min-score 0.8 --group
      bigbird ner --model runs/ner --json < texts.jsonl
    """
    if list_types:
        _list_types(model, offline=shared.offline, as_json=shared.as_json)
        return
    skipped = reading.SkippedFiles()

    from bigbird_cli import api
    from bigbird_cli.cli.output import Output
    from bigbird_cli.cli.progress import ReadingProgress
    from bigbird_cli.cli.results import Entities
    from bigbird_cli.report import sheets

    output, progress = Output(shared, files or []), ReadingProgress(quiet=shared.quiet)
    group = output.is_drawn if group is None else group
    inputs = reading.document_inputs(files or [], shared, output=output, skipped=skipped, example=_EXAMPLE)
    results = api.ner_all(
        output.rest(inputs),
        model=model,
        column=shared.column,
        types=None if types is None else [name for name in map(str.strip, types.split(",")) if name],
        min_score=min_score,
        group=group,
        **shared.reading(progress),
    )
    writers = output.writers(Entities, sheets.Names(group, shared.details))
    reading.show_results(results, writers, named=files or [], skipped=skipped, progress=progress, output=output)


def _list_types(model: str, *, offline: bool, as_json: bool) -> None:
    from bigbird_cli import api
    from bigbird_cli.cli.console import write_json
    from bigbird_cli.cli.results import show_types

    types = api.entity_types(model, offline=offline)
    if as_json:
        write_json(types)
    else:
        show_types(types)

"""`bigbird merge`: put together what runs for parts of the documents wrote."""

from typing import Annotated

import typer

from bigbird_cli.cli import options


def merge(
    out: Annotated[str, typer.Argument(metavar="OUT", parser=options.name, help="The file to write.", **options.INPUT)],
    parts: Annotated[
        list[str],
        typer.Argument(
            metavar="PART", parser=options.name, help="What --shard 1/N to N/N wrote, in any order.", **options.INPUT
        ),
    ],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write OUT anew if it is there.", **options.OUTPUT)
    ] = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001 - the boundary reads it
) -> None:
    """Put the results of all parts together, as one run for all documents would have written them.

    Each part stands with the file PART.shard beside it, by which is known that none is missing, cut off or there twice,
    and that all come of the same command. Of tables the header is written once.

    \b
    Examples:
      bigbird ner contracts/ --out part-1.jsonl --shard 1/2
      bigbird ner contracts/ --out part-2.jsonl --shard 2/2
      bigbird merge names.jsonl part-1.jsonl part-2.jsonl
    """
    from bigbird_cli.cli.console import say
    from bigbird_cli.messages import counted, sized
    from bigbird_cli.report.merge import merge_results

    n_bytes = merge_results(out, parts, overwrite=overwrite)
    say(f"{out}: {counted(len(parts), 'part')}, {sized(n_bytes)}", quiet=quiet)

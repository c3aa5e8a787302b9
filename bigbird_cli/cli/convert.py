"""`bigbird convert`: make a BigBird of a model of another kind."""

from pathlib import Path
from typing import Annotated

import typer

from bigbird_cli.cli import options


def convert(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="Folder of a short-context BERT (safetensors).")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write; it must be new or empty.")],
    max_positions: Annotated[
        int, typer.Option("--max-positions", metavar="N", min=1, help="Longest input, in tokens.")
    ] = 4096,
    block_size: Annotated[
        int, typer.Option("--block-size", metavar="N", min=1, help="Tokens per block of attention.")
    ] = 64,
    random_blocks: Annotated[
        int, typer.Option("--random-blocks", metavar="N", min=0, help="Random blocks a query block reads.")
    ] = 3,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001 - the boundary reads it
) -> None:
    """Make a BigBird of a short-context BERT, to train from.

    Positions are tiled; everything else in the encoder and the tokenizer is carried over. Heads are new.

    \b
    Example:
      bigbird convert models/minilm models/minilm-4096 --max-positions 4096
    """
    from bigbird_cli import api
    from bigbird_cli.cli.console import say_all, write_json

    report = api.convert(source, out, max_positions=max_positions, block_size=block_size, random_blocks=random_blocks)
    if as_json:
        write_json(
            {
                "out": str(report.out),
                "positions": report.config.max_position_embeddings,
                "source_positions": report.source_positions,
                "used": report.used,
                "unused": report.unused,
                "initialised": list(report.initialised),
            }
        )
    positions = report.config.max_position_embeddings
    lines = [f"{len(report.used)} tensors of {source} carried, positions {report.source_positions} → {positions}"]
    lines += [f"left out: {name}: {why}" for name, why in sorted(report.unused.items())]
    if report.initialised:
        lines.append(f"new wherever a head needs them: {', '.join(report.initialised)}")
    say_all([*lines, f"model in {report.out}"], quiet=quiet)

"""`bigbird cache`: what is kept between calls, how much room it takes, and its end."""

from typing import Annotated

import typer

from bigbird_cli import bounds
from bigbird_cli.cli import options

_MB = 10**6


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove everything that is kept.", **options.RUNNING)] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            help="From now on keep no more than so many MB of documents; what was used least recently goes first.",
            **{**options.number(bounds.COUNT, least=0), "metavar": "MB"},
            **options.RUNNING,
        ),
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Show what is kept between calls, limit it, or clear it.

    Of documents that were skimmed by meaning it is one vector a sentence and where the sentence stands: no text, but
    numbers that tell what it is about. Of training, prepared data and compiled programs. Nothing is missed when it is
    gone: it is made again.

    \b
    Examples:
      bigbird cache
      bigbird cache --limit 200
      bigbird cache --clear
    """
    del quiet, debug  # the boundary reads them
    from bigbird_cli.cli.console import Output, write_json
    from bigbird_cli.files import cache as files
    from bigbird_cli.messages import visible

    if clear:
        files.clear()
    if limit is not None:
        files.set_limit(limit * _MB)
    kept = files.contents()
    if as_json:
        kinds = [{"kind": each.name, "entries": each.n_entries, "bytes": each.n_bytes} for each in kept]
        write_json({"folder": str(files.cache_folder()), "limit": files.limit(), "kept": kinds})
        return
    out = Output(highlight=False, markup=False, emoji=False, soft_wrap=True)
    out.print(visible(str(files.cache_folder())))
    for each in kept:
        of = f" of {_size(files.limit())}" if each.name == files.SENTENCES else ""
        out.print(f"  {each.name:10} {each.n_entries:>7,} kept, {_size(each.n_bytes)}{of}")
    if not kept:
        out.print("  nothing is kept")


def _size(n_bytes: int) -> str:
    return f"{n_bytes / _MB:,.1f} MB"

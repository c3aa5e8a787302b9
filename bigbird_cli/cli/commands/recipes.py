"""`bigbird recipes`: the recipes that come with the program."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from bigbird_cli import choices
from bigbird_cli.cli import completion, options


def recipes(
    action: Annotated[
        choices.RecipesAction,
        typer.Argument(
            metavar="[ACTION]",
            help="list: names and titles; show NAME: its text; copy NAME: it and the scripts that make its data; "
            "schema: the JSON schema of recipes, for editors.",
            **options.INPUT,
        ),
    ] = "list",
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            parser=options.name,
            autocompletion=completion.shipped_recipes,
            help="A recipe that is listed.",
            **options.INPUT,
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="DIR", parser=options.path, help="Where copies go.", **options.OUTPUT),
    ] = Path("recipes"),
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """List the recipes that come with bigbird, show or copy one, or print the schema of recipes.

    \b
    Examples:
      bigbird recipes
      bigbird recipes show quickstart-classify
      bigbird recipes copy few-shot
      bigbird recipes schema
    """
    from bigbird_cli.api.recipes import recipes as api
    from bigbird_cli.cli.console import say, write_json
    from bigbird_cli.errors import UsageError
    from bigbird_cli.messages import counted

    del debug  # the boundary's
    if action in ("show", "copy"):
        if name is None:
            raise UsageError(f"name the recipe to {action}", fix="see bigbird recipes")
        if action == "show":
            sys.stdout.write(api.show_recipe(name))
            return
        written = api.copy_recipe(name, out)
        more = f" and {counted(len(written) - 1, 'file')} beside it" if len(written) > 1 else ""
        say(f"{written[0]}{more}: written" if written else f"{out} has it already", quiet=quiet)
        return
    if name is not None:
        raise UsageError(f"{action} takes no name", fix=f"bigbird recipes show {name} shows it")
    if action == "schema":
        sys.stdout.write(api.schema())
        return
    found = api.recipes()
    width = shutil.get_terminal_size().columns
    column = max((len(each.name) for each in found), default=0)
    for each in found:
        if as_json:
            write_json({"name": each.name, "task": each.task, "title": each.title, "path": str(each.path)})
        else:
            line = f"{each.name:<{column}}  {each.task:<15}  {each.title}"
            short = sys.stdout.isatty() and len(line) > width
            print(line[: width - 1] + "…" if short else line)

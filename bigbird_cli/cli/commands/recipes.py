"""`bigbird recipes`: the recipes that come with the program, and what recipes may say."""

import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bigbird_cli import choices
from bigbird_cli.cli import completion, options

if TYPE_CHECKING:
    from bigbird_cli.api.recipes.settings import SettingRecord


def recipes(
    action: Annotated[
        choices.RecipesAction,
        typer.Argument(
            metavar="[ACTION]",
            help="list: names and titles; show NAME: its text; copy NAME: it and the scripts that make its data; "
            "settings [NAME]: what recipes may say; schema: their JSON schema, for editors.",
            **options.INPUT,
        ),
    ] = "list",
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            parser=options.name,
            autocompletion=completion.named_recipes,
            help="A recipe that is listed; of settings one, a section or a task: optim.lr, optim, qa.",
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
    """List the recipes that come with bigbird, show or copy one, or tell what recipes may say.

    \b
    Examples:
      bigbird recipes
      bigbird recipes show quickstart-classify
      bigbird recipes copy few-shot
      bigbird recipes settings optim
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
    if action == "settings":
        from bigbird_cli.api.recipes.settings import recipe_settings

        for setting in recipe_settings(name):
            if as_json:
                write_json(setting)
            else:
                _show(setting)
        return
    if name is not None:
        raise UsageError(f"{action} takes no name", fix=f"bigbird recipes show {name} shows it")
    if action == "schema":
        sys.stdout.write(api.schema())
        return
    found = api.recipes()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    column = max((len(each.name) for each in found), default=0)
    for each in found:
        if as_json:
            write_json({"name": each.name, "task": each.task, "title": each.title, "path": str(each.path)})
        else:
            print(_beside(f"{each.name:<{column}}  {each.task:<15}  ", each.title, width))


def _beside(start: str, title: str, width: int | None) -> str:
    """A title behind what a line starts with, broken between words where a terminal is too narrow for it."""
    if width is None or len(start) + len(title) <= width:
        return start + title
    return textwrap.fill(title, max(width, len(start) + 20), initial_indent=start, subsequent_indent=" " * len(start))


def _show(setting: "SettingRecord") -> None:
    """Write a setting: on a terminal with what it is about below it, else on one line."""
    from rich.padding import Padding
    from rich.text import Text

    from bigbird_cli.cli.console import Output

    value = setting["default"]
    default = "needed" if setting["needed"] else "" if value in (None, [], {}) else f"by default {_written(value)}"
    tasks = "" if not setting["name"].startswith("task.") else f"of {', '.join(setting['tasks'])}"
    facts = "; ".join(fact for fact in (setting["takes"], default, tasks) if fact)
    out = Output(highlight=False, markup=False, emoji=False)
    if not out.is_terminal:
        print(f"{setting['name']}: {facts}. {setting['about']}")
        return
    out.print(Text.assemble((setting["name"], "bold"), (f"  {facts}", "dim")))
    out.print(Padding(Text(setting["about"]), (0, 0, 0, 4)))


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

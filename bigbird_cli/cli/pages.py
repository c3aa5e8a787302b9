"""Help pages and usage errors in the house's own style: Typer's need Rich, which is slow to import, or cut lines."""

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from bigbird_cli.cli.boundary import close_quietly, in_colour, print_error, report
from bigbird_cli.errors import UsageError, nearest

PANELS = ("Input", "Model", "Learning a vocabulary", "Output", "Running")
"""Headings of options in their order; the page's own, which has none, stands under the last."""

_WIDEST, _NARROW = 110, 60
_LONG = 6
"""Digits of a bound that is there to refuse nonsense, and not worth a reader's time."""

_COLUMN = 26
"""Width of the column of names; a longer name has a line of its own."""

_EXTENT = re.compile(r"(?:(?P<low>[\d.]+)<=)?\bx(?:<=(?P<high>[\d.]+)|>=(?P<least>[\d.]+))")
"""How Typer writes the bounds of a number."""

_Misuse: type[Exception] = typer.BadParameter.__mro__[1]
"""What Typer raises for every wrong use; it does not export it."""


class Command(TyperCommand):
    """A command whose help page is ours."""

    def get_help(self, ctx: Any) -> str:
        return help_page(self, ctx)


class Commands(TyperGroup):
    """All commands: the help page is ours, and so are the errors of a wrong use."""

    def get_help(self, ctx: Any) -> str:
        return help_page(self, ctx)

    def main(self, args: Sequence[str] | None = None, *others: Any, **settings: Any) -> NoReturn:
        """Run a command line; always ends with SystemExit."""
        words = list(sys.argv[1:] if args is None else args)
        if words and words[-1] in ("--install-completion", "--show-completion"):
            words.append("auto")
        if "_BIGBIRD_COMPLETE" in os.environ:  # a shell asks
            from typer._completion_classes import completion_init

            completion_init()
        try:
            code = super().main(words, *others, **{**settings, "standalone_mode": False})
        except _Misuse as error:
            code = 2
            if type(error).__name__ == "NoArgsIsHelpError":
                print_error(str(error))
            else:
                report(to_usage_error(error, f"bigbird {words[0]}" if words[0] in self.commands else "bigbird"))
        except SystemExit as end:
            code = end.code
            if isinstance(end.__context__, BrokenPipeError):  # of a help page
                close_quietly()
                code = 0
        except OSError as error:  # a help page can meet a full disk too
            code = report(error)
        raise SystemExit(code if isinstance(code, int) else 0)


def to_usage_error(error: Any, command: str) -> UsageError:
    """What Typer says of a wrong use of a command, as one of our errors."""
    context = error.ctx
    see = f"see {command} --help"
    name = getattr(error, "option_name", None)
    if type(error).__name__ == "BadOptionUsage":
        needs = "takes no value" if "does not take" in error.message else "needs a value"
        return UsageError(f"{name} {needs}", fix=see)
    if name is not None:
        options = [option for parameter in context.command.get_params(context) for option in parameter.opts]
        near = nearest(name, [option for option in options if option.startswith("--")])
        return UsageError(f"there is no option {name}", fix=f"did you mean {near}?" if near else see)
    parameter = getattr(error, "param", None)
    if parameter is not None:
        return _parameter_error(error, parameter, see)
    message = error.message
    if found := re.match(r"No such command '(.*?)'\.", message, re.DOTALL):
        near = nearest(found[1], context.command.commands)
        return UsageError(f"there is no command {found[1]!r}", fix=f"did you mean {near}?" if near else see)
    if found := re.match(r"Got unexpected extra argument\S* \((.*)\)", message, re.DOTALL):
        return UsageError(f"{command} has no use for {found[1]!r}", fix=see)
    return UsageError(_decapitalised(message), fix=see)


def _parameter_error(error: Any, parameter: Any, see: str) -> UsageError:
    name = max(parameter.opts, key=len) if parameter.param_type_name == "option" else _argument_name(parameter)
    if type(error).__name__ == "MissingParameter":
        return UsageError(f"{name} is missing", fix=see)
    found = error.__cause__.errors()[0] if hasattr(error.__cause__, "errors") else {}
    value, kind = found.get("input"), found.get("type", "")
    if kind.startswith(("int", "float", "greater", "less", "finite")):
        help_text = (parameter.get_help_record(error.ctx) or ("", ""))[1]
        extent = _EXTENT.search(help_text)
        number = "a number" if extent and "." in extent[0] else "a whole number"
        wanted = f"{number}, {_in_words(extent, longest=20)}" if extent else number
        return UsageError(f"{name} is {value or repr(value)}; it must be {wanted}", fix=see)
    choices = re.search(r"is not one of (.*)", error.message)
    if choices and isinstance(value, str):
        names = re.findall(r"'([^']*)'", choices[1])
        near = nearest(value, names)
        return UsageError(
            f"{name} is {value!r}; it may be {', '.join(names)}", fix=f"did you mean {near}?" if near else see
        )
    return UsageError(f"{name}: {_decapitalised(error.message)}", fix=see)


def _decapitalised(message: str) -> str:
    message = message.rstrip(".")
    return message[:1].lower() + message[1:]


# pages


def help_page(command: Any, ctx: Any) -> str:
    """The page of a command: usage, what it does, and its arguments, options or commands under their headings."""
    width = max(20, min(shutil.get_terminal_size().columns, _WIDEST))
    bold = "1" if in_colour(sys.stdout) else ""
    pieces = [re.sub(r"[{}]", "", piece) for piece in command.collect_usage_pieces(ctx)]
    lines = _wrapped(f"Usage: {ctx.command_path} {' '.join(pieces)}", width, hanging=7)
    lines += ["", *_prose(command.help or "", width)]
    commands = getattr(command, "commands", ())  # which stand in one column under all headings
    for heading, rows in _sections(command, ctx):
        lines += ["", _styled(f"{heading}:", bold)]
        column = min(_COLUMN, max(len(name) for name in (*(name for name, _ in rows), *commands)))
        for name, text in rows:
            lines += _row(name, text, column, width)
    return "\n".join(lines)


def _prose(text: str, width: int) -> Iterator[str]:
    """Paragraphs, wrapped; one that starts with \\b keeps its lines."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text.strip())):
        if number:
            yield ""
        kept = paragraph.startswith("\b")
        for line in paragraph.removeprefix("\b\n").split("\n") if kept else [" ".join(paragraph.split())]:
            indent = 2 + len(line) - len(line.lstrip())
            yield from _wrapped(line.strip(), width, indent=indent, hanging=4 if kept else 0, continued=kept)


def _sections(command: Any, ctx: Any) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    panels: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is None:
            continue
        name = record[0] if parameter.param_type_name == "option" else _argument_name(parameter)
        panel = getattr(parameter, "rich_help_panel", None) or PANELS[-1]
        text = record[1].replace("]  [", "; ")
        panels.setdefault(panel, []).append((name, _EXTENT.sub(_in_words, text)))
    if isinstance(command, TyperGroup):
        panels = {"Options": [row for rows in panels.values() for row in rows]}
        headings: dict[str, list[tuple[str, str]]] = {}
        for name in command.list_commands(ctx):
            one: Any = command.commands[name]
            headings.setdefault(one.rich_help_panel, []).append((name, _first_sentence(one.help)))
        yield from headings.items()
    order = [panel for panel in PANELS if panel in panels] + [panel for panel in panels if panel not in PANELS]
    for panel in order:
        yield panel, panels[panel]


def _row(name: str, text: str, column: int, width: int) -> list[str]:
    """A name and what it is: side by side, or one below the other where the name is long or the page narrow."""
    style = "36" if in_colour(sys.stdout) else ""
    names = [f"  {_styled(line, style)}" for line in _broken(name, width - 2)]
    if width < _NARROW:
        return [*names, *_wrapped(text, width, indent=6)]
    wrapped = _wrapped(text, width, indent=column + 4) or [""]
    if len(name) > column:
        return [*names, *wrapped]
    gap = " " * (column - len(name))
    return [f"  {_styled(name, style)}{gap}  {wrapped[0].lstrip()}", *wrapped[1:]]


def _broken(name: str, width: int) -> list[str]:
    """A name in lines of at most `width` characters, broken between the values that an option may have."""
    return [line.replace("| ", "|") for line in _wrapped(name.replace("|", "| "), width, hanging=4)]


def _wrapped(text: str, width: int, *, indent: int = 0, hanging: int = 0, continued: bool = False) -> list[str]:
    """Lines of at most `width` characters; those of a command end with what lets a shell read on."""
    if continued:  # what stands in quotes stays in one line
        text = re.sub('"[^"]*"', lambda quoted: quoted[0].replace(" ", "\xa0"), text)
    lines = textwrap.wrap(
        text,
        width - 2 if continued and len(text) + indent > width else width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hanging),
        break_on_hyphens=False,
        break_long_words=False,
    )
    if not continued:
        return lines
    return [line.replace("\xa0", " ") + " \\" * (line is not lines[-1]) for line in lines]


def _argument_name(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper()).strip("[]").removesuffix("]...")


def _in_words(extent: re.Match[str], *, longest: int = _LONG) -> str:
    """`1<=x<=8` in words; an upper bound of more digits is left out."""
    low, high = extent["low"] or extent["least"], extent["high"]
    if not high or len(high) > longest:
        return f"{low} or more"
    return f"{low} to {high}" if low else f"{high} or less"


def _first_sentence(text: str | None) -> str:
    return " ".join((text or "").split("\n\n")[0].split())


def _styled(text: str, style: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if style else text

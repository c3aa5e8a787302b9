"""The `bigbird` command: one line a command, the options of its own, and the way out.

Nothing here or in the command files imports a heavy library at the top, so that `bigbird --help` is instant; each
command imports what it needs when it runs.
"""

import atexit
import os
import sys
from contextlib import suppress
from typing import Annotated, Literal, NoReturn

import typer

from bigbird_cli import __version__
from bigbird_cli.cli.boundary import guarded
from bigbird_cli.cli.commands.cache import cache
from bigbird_cli.cli.commands.calibrate import calibrate
from bigbird_cli.cli.commands.check import check
from bigbird_cli.cli.commands.classify import classify
from bigbird_cli.cli.commands.compare import compare
from bigbird_cli.cli.commands.convert import convert
from bigbird_cli.cli.commands.evaluate import evaluate
from bigbird_cli.cli.commands.init import init
from bigbird_cli.cli.commands.merge import merge
from bigbird_cli.cli.commands.ner import ner
from bigbird_cli.cli.commands.plan import plan
from bigbird_cli.cli.commands.qa import qa
from bigbird_cli.cli.commands.recipes import recipes
from bigbird_cli.cli.commands.report import report
from bigbird_cli.cli.commands.runs import runs
from bigbird_cli.cli.commands.select import select
from bigbird_cli.cli.commands.tokenize import tokenize
from bigbird_cli.cli.commands.training import finetune, pretrain
from bigbird_cli.cli.completion import install_for_powershell
from bigbird_cli.cli.pages import Command, Commands

app = typer.Typer(
    name="bigbird",
    cls=Commands,
    add_completion=False,  # of their own below, where a shell can be named
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS = {
    "Read documents": (qa, ner, classify, select, tokenize, merge),
    "Train models": (init, recipes, check, plan, pretrain, finetune, runs, report),
    "Measure models": (evaluate, compare, calibrate),
    "Files": (convert, cache),
}
"""All commands, under the headings of the help page."""

for heading, commands in COMMANDS.items():
    for command in commands:
        app.command(cls=Command, rich_help_panel=heading)(guarded(command))

Shell = Literal["auto", "bash", "zsh", "fish", "powershell", "pwsh"]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bigbird-cli {__version__}")
        raise typer.Exit()


def _install_completion(context: typer.Context, parameter: typer.CallbackParam, shell: Shell | None) -> None:
    if shell in ("powershell", "pwsh"):
        typer.echo(f"completion for PowerShell stands in {install_for_powershell()}: start a new one to have it")
        raise typer.Exit()
    if shell is not None:
        from typer.completion import install_callback

        install_callback(context, parameter, True if shell == "auto" else shell)


def _show_completion(context: typer.Context, parameter: typer.CallbackParam, shell: Shell | None) -> None:
    if shell is not None:
        from typer.completion import show_callback

        show_callback(context, parameter, True if shell == "auto" else shell)


@app.callback()
def bigbird(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    install_completion: Annotated[
        Shell | None,
        typer.Option(
            "--install-completion",
            metavar="[SHELL]",
            callback=_install_completion,
            is_eager=True,
            help="Let the Tab key complete commands, options and names: in this shell, or in the one named.",
        ),
    ] = None,
    show_completion: Annotated[
        Shell | None,
        typer.Option(
            "--show-completion",
            metavar="[SHELL]",
            callback=_show_completion,
            is_eager=True,
            help="Show what --install-completion would install.",
        ),
    ] = None,
) -> None:
    """Read long documents: answer questions about them, find names, label them, and train the models that do.

    \b
    Start with:
      bigbird qa --context article.txt --question "Who signed the lease?"
    """


def run() -> NoReturn:
    """Run the command that this process was started with, and end."""
    os.environ.setdefault("PYTHONSAFEPATH", "1")  # for what libraries start, such as torch's compiler
    _open_streams()
    try:
        app(prog_name="bigbird")
    except SystemExit as end:
        _leave(end.code if isinstance(end.code, int) else 0)
    raise AssertionError("a command ends with a code")


def _open_streams() -> None:
    """Make the standard streams fit for data, and give those that the caller closed (`>&-`) nowhere to go to."""
    # in the order of their numbers: a file that is opened gets the lowest that is free
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - it stays open
        elif mode == "w" and hasattr(stream, "reconfigure"):
            # data is UTF-8 wherever it goes; a terminal keeps its own encoding, and shows what it cannot as escapes
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")


def _leave(code: int) -> NoReturn:
    """End at once.

    Threads may be left: one that waits for standard input would be waited for, and those of gloo, or of a stream not
    read to its end, can abort the interpreter as it goes down, which also takes its time.
    """
    atexit._run_exitfuncs()  # temporary folders go
    if code <= 128:  # who is told to stop waits for no reader
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):  # whoever wrote has flushed, and told what went wrong
                stream.flush()
    os._exit(code)

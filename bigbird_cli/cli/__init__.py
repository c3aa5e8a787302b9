"""The `bigbird` command: one line a command, and the boundary where errors become messages.

Nothing here or in the command files imports a heavy library at the top, so that `bigbird --help` is instant; each
command imports what it needs when it runs.
"""

import atexit
import os
import signal
import sys
from contextlib import suppress
from typing import Annotated, NoReturn

import typer

from bigbird_cli import __version__
from bigbird_cli.cli.boundary import as_error, end_at_once, guarded, show_error
from bigbird_cli.cli.classify import classify
from bigbird_cli.cli.convert import convert
from bigbird_cli.cli.finetune import finetune
from bigbird_cli.cli.ner import ner
from bigbird_cli.cli.pretrain import pretrain
from bigbird_cli.cli.qa import qa
from bigbird_cli.cli.tokenize import tokenize

app = typer.Typer(
    name="bigbird",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain pages: they start faster, and read well in a pipe and under NO_COLOR
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
app.command()(guarded(qa))
app.command()(guarded(ner))
app.command()(guarded(classify))
app.command()(guarded(tokenize))
app.command()(guarded(pretrain))
app.command()(guarded(finetune))
app.command()(guarded(convert))


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bigbird-cli {__version__}")
        raise typer.Exit()


@app.callback()
def bigbird(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Read long documents: answer questions about them, find names, label them, and train the models that do.

    \b
    Start with:
      bigbird qa --context article.txt --question "Who signed the lease?"
    """


def main() -> None:
    """Run the command line: the door of the `bigbird` script."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # a shell's background job
            signal.signal(number, end_at_once)
    os.environ.setdefault("PYTHONSAFEPATH", "1")  # for what libraries start, such as torch's compiler
    _open_streams()
    try:
        _run()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            _leave(end.code or 0)
        raise


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


def _run() -> None:
    try:
        app(prog_name="bigbird")
    except OSError as error:  # a command's own become a message in `guarded`; a help page can meet a full disk too
        known = as_error(error)
        if known is None:
            raise
        show_error(known)
        raise SystemExit(known.exit_code) from None


def _leave(code: int) -> NoReturn:
    """End at once.

    Threads may be left: one that waits for standard input would be waited for, and those of gloo, or of a stream not
    read to its end, can abort the interpreter as it goes down, which also takes its time.
    """
    atexit._run_exitfuncs()  # temporary folders go
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # whoever wrote has flushed, and told what went wrong
            stream.flush()
    os._exit(code)

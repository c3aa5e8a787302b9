"""Options that several commands share, each written once, and the headings of a help page that options stand under."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bigbird_cli import bounds, choices
from bigbird_cli.cli import completion
from bigbird_cli.files.find import patterns
from bigbird_cli.text.readers import READERS

INPUT: dict[str, Any] = {"rich_help_panel": "Input"}
MODEL: dict[str, Any] = {"rich_help_panel": "Model"}
LEARNING: dict[str, Any] = {"rich_help_panel": "Learning a vocabulary"}
OUTPUT: dict[str, Any] = {"rich_help_panel": "Output"}
RUNNING: dict[str, Any] = {"rich_help_panel": "Running"}


def number(of: bounds.Bounds, *, least: float | None = None) -> dict[str, Any]:
    """How an option takes a number within bounds."""
    return {"metavar": "N", "min": of.least if least is None else least, "max": of.most}


def name(value: str) -> str:
    """A path, or a name of a model or a recipe, from the command line.

    An empty one is an unset variable of the shell; taken for a path, it would be the current folder.
    """
    if not value:
        raise typer.BadParameter("the path is empty; is a variable of the shell not set?")
    return value


def path(value: str) -> Path:
    """A path from the command line; see `name`."""
    return Path(name(value))


def text(value: str) -> str:
    """A text from the command line, in UTF-8."""
    for index, character in enumerate(value):
        if "\udc80" <= character <= "\udcff":  # how Python keeps a byte that is not UTF-8
            raise typer.BadParameter(f"the byte 0x{ord(character) - 0xDC00:02x} at character {index} is not UTF-8")
    return value


Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        parser=name,
        autocompletion=completion.models,
        help="Shipped model, model folder, or name on the hub.",
        **MODEL,
    ),
]
Files = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FILE",
        parser=name,
        help=f"Documents ({patterns(READERS)}), files of rows (*.jsonl, *.csv, ...), packed too (.gz, .bz2, .xz, "
        ".zip), folders of them, or - for standard input.",
        **INPUT,
    ),
]
Column = Annotated[
    str | None,
    typer.Option(
        "--column",
        metavar="NAME",
        parser=text,
        help="Column of a row that holds its text; the others pass into its record.  [default: as trained, else text]",
        **INPUT,
    ),
]
TextColumn = Annotated[str | None, typer.Option("--text-column", parser=text, hidden=True, **INPUT)]
"""The former name of --column, for one release more."""
Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        metavar="NAME",
        parser=name,
        autocompletion=completion.encodings,
        help="Of plain text, HTML and rows: cp1252, utf-16, shift_jis, ...  [default: UTF-8]",
        **INPUT,
    ),
]
ExtractText = Annotated[
    Path | None,
    typer.Option(
        "--extract-text",
        metavar="DIR",
        parser=path,
        help="Write the text of each document there, to which offsets refer: DIR/lease.pdf.txt.",
        **OUTPUT,
    ),
]
Window = Annotated[
    int | None,
    typer.Option(
        "--window",
        help="Tokens read at once; of qa the question, the longest answer and 3 at least.  [default: as trained]",
        **number(bounds.TOKENS, least=16),
        **INPUT,
    ),
]
Overlap = Annotated[
    int | None,
    typer.Option(
        "--overlap",
        help="Tokens that two windows share; half a window at most.  [default: as trained]",
        **number(bounds.TOKENS, least=0),
        **INPUT,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output.", **OUTPUT)]
Html = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        parser=path,
        help="A page for a browser: the text with what was found in it, e.g. names.html",
        **OUTPUT,
    ),
]
Format = Annotated[
    choices.OutputFormat | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="How results are written: text, table (both drawn), json, jsonl, csv, tsv or parquet.  [default: by the "
        "name of --out, else text]",
        **OUTPUT,
    ),
]
Out = Annotated[
    str | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE|DIR/",
        parser=name,
        help="Write into a file, there once it is whole: answers.csv; or DIR/, a file a document.",
        **OUTPUT,
    ),
]
GoOn = Annotated[bool, typer.Option("--resume", help="Go on with --out where a run was stopped.", **OUTPUT)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Write --out or --html anew if it is there.", **OUTPUT)]
Part = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="K/N",
        parser=text,
        help="Read the K-th of N equal parts, e.g. 3/16; bigbird merge puts results together.",
        **RUNNING,
    ),
]
Engine = Annotated[
    choices.Engine | None,
    typer.Option(
        "--engine",
        help="Read in many processes, here or on a cluster, into --out FILE; --resume goes on with what is not done.",
        **RUNNING,
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address", metavar="ADDRESS", parser=text, help="Of the engine's cluster, such as 10.0.0.1:6379.", **RUNNING
    ),
]
Details = Annotated[
    bool, typer.Option("--details", help="Tables with scores, pages and offsets in columns of their own.", **OUTPUT)
]
Bom = Annotated[bool, typer.Option("--bom", help="Begin a table with the mark by which Excel knows UTF-8.", **OUTPUT)]
Device = Annotated[str, typer.Option("--device", metavar="DEVICE", help="auto, cpu, cuda, cuda:N or mps.", **RUNNING)]
Threads = Annotated[
    int | None,
    typer.Option("--threads", help="CPU threads.  [default: all cores]", **number(bounds.THREADS), **RUNNING),
]
Backend = Annotated[
    choices.Backend,
    typer.Option("--backend", help="The framework that computes; jax needs bigbird-cli[jax].", **RUNNING),
]
ReadingBackend = Annotated[
    choices.ReadingBackend,
    typer.Option(
        "--backend",
        help="What computes; auto: for small files on a CPU onnx, where it is installed, else pytorch. jax needs"
        " bigbird-cli[jax], onnx bigbird-cli[onnx].",
        **RUNNING,
    ),
]
Quantize = Annotated[
    choices.Quantize | None,
    typer.Option("--quantize", help="Compute in 8 bits, on a CPU: quicker, a little less exact.", **MODEL),
]
BatchSize = Annotated[
    int,
    typer.Option("--batch-size", help="Windows read at once; changes no result.", **number(bounds.TOGETHER), **RUNNING),
]
OnLong = Annotated[
    choices.OnLong,
    typer.Option(
        "--on-long", help="A document longer than a window: read it in several, refuse it, or cut it.", **INPUT
    ),
]
Newline = Annotated[
    choices.Newline | None,
    typer.Option(
        "--newline", help="How the tokenizer sees line breaks.  [default: as the vocabulary was trained]", **INPUT
    ),
]
Offline = Annotated[bool, typer.Option("--offline", help="Never use the network, not even for a hub name.", **RUNNING)]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, no warnings; errors only.", **RUNNING)]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks and the warnings of libraries.", **RUNNING)]

RecipeFile = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        parser=name,
        autocompletion=completion.recipes,
        help="A recipe file, or the name of a shipped recipe; data; or a run folder.",
        **INPUT,
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        autocompletion=completion.settings,
        help="Change a setting, e.g. optim.lr=3e-5; repeatable, last one wins. bigbird recipes settings lists them.",
        **INPUT,
    ),
]
RunFolder = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="DIR", parser=path, help="Run folder.  [default: runs/<recipe name>]", **OUTPUT
    ),
]
Check = Annotated[bool, typer.Option("--check", help="Check recipe, data and one step, then stop.", **RUNNING)]
Resume = Annotated[
    str | None,
    typer.Option(
        "--resume",
        metavar="auto|PATH",
        parser=name,
        help="Go on from the run's newest checkpoint, or from this one.",
        **RUNNING,
    ),
]
Processes = Annotated[
    int,
    typer.Option(
        "--nproc-per-node",
        min=1,
        max=256,
        metavar="N",
        help="Train in N processes on this machine; on more, torchrun.",
        **RUNNING,
    ),
]

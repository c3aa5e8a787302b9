"""Options that several commands share, each written once."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Model = Annotated[
    str, typer.Option("--model", "-m", metavar="NAME", help="Shipped model, model folder, or name on the hub.")
]
TrainedModel = Annotated[
    str | None, typer.Option("--model", "-m", metavar="NAME", help="Run or model folder, or name on the hub.")
]
Files = Annotated[
    list[str] | None, typer.Argument(metavar="[FILE]...", help="Text files, folders of them, or - for standard input.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output.")]
Device = Annotated[str, typer.Option("--device", metavar="DEVICE", help="auto, cpu, cuda, cuda:N or mps.")]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, metavar="N", help="CPU threads.  [default: all cores]")
]
Quantize = Annotated[
    Literal["int8"] | None,
    typer.Option("--quantize", help="Compute in 8 bits, on a CPU: quicker, a little less exact."),
]
BatchSize = Annotated[
    int, typer.Option("--batch-size", min=1, metavar="N", help="Windows read at once; changes no result.")
]
OnLong = Annotated[
    Literal["window", "error", "truncate"],
    typer.Option("--on-long", help="A document longer than a window: read it in several, refuse it, or cut it."),
]
Newline = Annotated[
    Literal["space", "keep"] | None,
    typer.Option("--newline", help="How the tokenizer sees line breaks.  [default: as the vocabulary was trained]"),
]
Offline = Annotated[bool, typer.Option("--offline", help="Never use the network, not even for a hub name.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, no warnings; errors only.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks and the warnings of libraries.")]

RecipeFile = Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe file, or the name of a shipped recipe.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, e.g. optim.lr=3e-5; repeatable, last one wins."),
]
RunFolder = Annotated[Path | None, typer.Option("--out", "-o", help="Run folder.  [default: runs/<recipe name>]")]
Check = Annotated[bool, typer.Option("--check", help="Check recipe, data and one step, then stop.")]
Resume = Annotated[
    str | None,
    typer.Option("--resume", metavar="auto|PATH", help="Go on from the run's newest checkpoint, or from this one."),
]
Processes = Annotated[
    int,
    typer.Option(
        "--nproc-per-node", min=1, max=256, metavar="N", help="Train in N processes on this machine; on more, torchrun."
    ),
]

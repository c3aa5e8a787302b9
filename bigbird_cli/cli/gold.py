"""What commands share that try models on data with gold: their options, and what of them goes to the api's calls."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from bigbird_cli import bounds, choices
from bigbird_cli.cli import completion, options
from bigbird_cli.cli.shared import takes
from bigbird_cli.errors import UsageError

if TYPE_CHECKING:
    from bigbird_cli.api.gold.gold import GoldOptions
    from bigbird_cli.cli.progress import ReadingProgress

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        parser=options.name,
        autocompletion=completion.models,
        help="Run folder, shipped model, model folder, or name on the hub.",
        **options.INPUT,
    ),
]
Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        parser=options.name,
        help="Data with gold, as a recipe's data.dev: a file, a folder, or hub:NAME.",
        **options.INPUT,
    ),
]
Task = Annotated[
    choices.ScoredTaskName | None,
    typer.Option("--task", help="The model's task.  [default: as trained]", **options.MODEL),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        autocompletion=completion.settings,
        help="Change a setting of the task, e.g. task.label_column=stars; repeatable.",
        **options.INPUT,
    ),
]
Rename = Annotated[
    list[str] | None,
    typer.Option(
        "--rename",
        metavar="GOLD=MODEL",
        parser=options.text,
        help="What the model calls a label of the gold, e.g. PER=PERSON, or place=GPE|LOC for either; MISC= for one "
        "that it has not; repeatable.",
        **options.INPUT,
    ),
]
Backend = Annotated[
    choices.ReadingBackend,
    typer.Option(
        "--backend",
        help="What computes; auto: pytorch, or onnx where that is not installed. jax needs bigbird-cli[jax], onnx"
        " bigbird-cli[onnx].",
        **options.RUNNING,
    ),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", help="Take the first N examples.", **options.number(bounds.COUNT), **options.INPUT),
]


@dataclass(frozen=True)
class Shared:
    """What was given of the shared options; in the order in which help shows them."""

    task: Task = None
    overrides: Overrides = None
    rename: Rename = None
    limit: Limit = None
    batch_size: options.BatchSize = 8
    backend: Backend = "auto"
    device: options.Device = "auto"
    threads: options.Threads = None
    quantize: options.Quantize = None
    as_json: options.Json = False
    offline: options.Offline = False
    quiet: options.Quiet = False
    debug: options.Debug = False  # the boundary reads it

    def settings(self, progress: "ReadingProgress") -> "GoldOptions":
        """The options of an api's call, which tells the progress how far it has come."""
        from bigbird_cli.backend import choose_backend

        return {
            "task": self.task,
            "overrides": self.overrides or [],
            "rename": _names(self.rename or []),
            "limit": self.limit,
            "batch_size": self.batch_size,
            "backend": choose_backend(self.backend, device=self.device, is_short=False),
            "device": self.device,
            "threads": self.threads,
            "quantize": self.quantize,
            "offline": self.offline,
            "on_progress": progress.show,
        }


tries_models = takes(Shared)


def _names(changes: list[str]) -> dict[str, str]:
    """What was given of --rename."""
    names = {}
    for change in changes:
        gold, equals, model = change.partition("=")
        if not equals or not gold:
            raise UsageError(f"{change!r} renames nothing", where="rename", fix="write GOLD=MODEL, such as PER=PERSON")
        names[gold] = model
    return names

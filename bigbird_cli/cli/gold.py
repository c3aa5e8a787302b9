"""What commands share that try models on data with gold: their options, and what of them goes to the api's calls."""

from typing import TYPE_CHECKING, Annotated

import typer

from bigbird_cli import bounds, choices
from bigbird_cli.cli import completion, options
from bigbird_cli.errors import UsageError

if TYPE_CHECKING:
    from bigbird_cli.api.gold import GoldOptions
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
Limit = Annotated[
    int | None,
    typer.Option("--limit", help="Take the first N examples.", **options.number(bounds.COUNT), **options.INPUT),
]


def given(
    progress: "ReadingProgress",
    *,
    task: choices.ScoredTaskName | None,
    overrides: list[str] | None,
    rename: list[str] | None,
    limit: int | None,
    batch_size: int,
    device: str,
    threads: int | None,
    quantize: choices.Quantize | None,
    offline: bool,
) -> "GoldOptions":
    """The options of an api's call, which tells the progress how far it has come."""
    return {
        "task": task,
        "overrides": overrides or [],
        "rename": _names(rename or []),
        "limit": limit,
        "batch_size": batch_size,
        "device": device,
        "threads": threads,
        "quantize": quantize,
        "offline": offline,
        "on_progress": progress.show,
    }


def _names(changes: list[str]) -> dict[str, str]:
    """What was given of --rename."""
    names = {}
    for change in changes:
        gold, equals, model = change.partition("=")
        if not equals or not gold:
            raise UsageError(f"{change!r} renames nothing", where="rename", fix="write GOLD=MODEL, such as PER=PERSON")
        names[gold] = model
    return names

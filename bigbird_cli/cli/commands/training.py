"""`bigbird pretrain` and `bigbird finetune`: check a recipe, or train as it says and show what happens."""

import os
import shlex
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import replace

import typer

from bigbird_cli.choices import TrainingCommand
from bigbird_cli.cli import options
from bigbird_cli.cli.recipe import Shared, takes_recipe

_TOLD_BY_THE_RUN = frozenset({"recipe", "overrides", "out", "resume", "as_json", "quiet", "debug"})
"""Parameters that a command needs no more that goes on with a run by its name."""


def _command(name: TrainingCommand, page: str) -> Callable[..., None]:
    """A training command with its help page; both take the same options."""

    def run(
        context: typer.Context,
        recipe: options.RecipeFile,
        check: options.Check = False,
        resume: options.Resume = None,
        processes: options.Processes = 1,
        *,
        shared: Shared,
    ) -> None:
        from bigbird_cli import api
        from bigbird_cli.cli import launch
        from bigbird_cli.cli.commands.check import check_recipe
        from bigbird_cli.cli.console import say
        from bigbird_cli.cli.run_progress import RunProgress

        if processes > 1 and not launch.is_launched() and not check:
            code = launch.launch(processes, [name, *_words(context)])
            if code:
                raise typer.Exit(code)
            return
        launch.stop_with_parent()
        _keep_compiled_code()
        if not launch.is_rank_zero():
            shared = replace(shared, quiet=True, as_json=False)
        if check:
            check_recipe(recipe, shared)
            return
        quiet = shared.quiet
        with RunProgress(quiet=quiet, as_json=shared.as_json) as shown:
            train = {"pretrain": api.pretrain, "finetune": api.finetune}[name]
            try:
                for event in train(recipe, resume=resume, on_doing=shown.note, **shared.settings()):
                    shown.show(event)
            except (KeyboardInterrupt, SystemExit):
                if shown.saved is not None:
                    rest = _words(context, without=_TOLD_BY_THE_RUN)
                    line = shlex.join(["bigbird", name, str(shown.saved), *rest])
                    say(f"go on with: {line}", quiet=quiet)
                raise

    run.__name__, run.__doc__ = name, page
    return takes_recipe(run)


pretrain = _command(
    "pretrain",
    """Train a language model on texts, as a recipe says: to predict masked words, or the next one.

    \b
    Examples:
      bigbird pretrain recipes/pretrain-small.yaml --check
      bigbird pretrain recipes/pretrain-small.yaml --set data.train=novels/
      bigbird pretrain recipes/pretrain-small.yaml --set data.train=novels/ --resume auto
      bigbird pretrain novels/ --set task.window=64

    In place of a recipe, a folder or a file of texts does, for which one is written as `bigbird init` does; or a run
    folder, which is gone on with.
    """,
)

finetune = _command(
    "finetune",
    """Fine-tune a model on labelled data, as a recipe says.

    \b
    Examples:
      bigbird finetune recipes/squad.yaml --check
      bigbird finetune recipes/squad.yaml --set optim.lr=3e-5
      bigbird finetune recipes/squad.yaml --set optim.lr=3e-5 --resume auto
      bigbird finetune reviews.csv

    In place of a recipe, labelled data does (a file, a folder, hub:NAME), for which one is written as `bigbird init`
    does; or a run folder, which is gone on with. What it will cost, bigbird plan tells.
    """,
)


def _words(context: typer.Context, *, without: Collection[str] = ()) -> list[str]:
    """The command line that a command was given, its arguments and options behind its name.

    Args:
        context: of the command.
        without: names of parameters that are left out.
    """

    def words() -> Iterator[str]:
        for parameter in context.command.params:
            value = context.params.get(str(parameter.name))
            if parameter.name in without or value is None or value == parameter.default:
                continue
            if parameter.param_type_name == "argument":
                yield str(value)
            elif value is True:
                yield parameter.opts[0]
            else:
                for each in value if isinstance(value, list | tuple) else [value]:
                    yield from (parameter.opts[0], str(each))

    return list(words())


def _keep_compiled_code() -> None:
    """Give torch's compiler a folder among our caches: by itself it leaves one among the temporary files."""
    from bigbird_cli.tasks.features import default_folder

    folder = default_folder().with_name("compiled")
    with suppress(OSError):  # then it takes its own
        folder.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))

"""Train a recipe into a run folder."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bigbird_cli.backend import Compute, open_backend
from bigbird_cli.events import Doing, Event, OnDoing, Started, ignore
from bigbird_cli.files.names import RECIPE
from bigbird_cli.files.whole import replace_file
from bigbird_cli.recipe import dump_recipe
from bigbird_cli.recipe.schema import Recipe
from bigbird_cli.tasks.features import default_folder
from bigbird_cli.training.job import open_job, require_sources
from bigbird_cli.training.run import Run
from bigbird_cli.training.run_folder import ended
from bigbird_cli.training.signals import StopSignals
from bigbird_cli.weights.checkpoint import CHECKPOINTS, RunLock, start_run


def train(
    recipe: Recipe,
    out: Path,
    *,
    resume: str | None = None,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    on_doing: OnDoing = ignore,
) -> Iterator[Event]:
    """Train as the recipe says, into a run folder, and yield what happens.

    The first event is Started, the last Finished, which is the only one of a run that is over already. The folder
    itself holds the recipe, so that its name is enough to go on with it, and the best model so far (the last one when
    there is no dev set); `checkpoints/` the state to go on from, while there is something to go on with. SIGINT,
    SIGTERM or SIGHUP end the run after a checkpoint at the next step's end; a second one at once.

    Args:
        recipe: what to train, on what, how.
        out: the run folder.
        resume: `auto` or a checkpoint's path, to go on from there.
        compute: device and threads, and whether the network may be asked for the start model.
        on_doing: is called with what the run is about, before the first event too.

    Raises:
        UsageError: the folder holds a run and `resume` is not given; the run to resume was another.
        RecipeError: a setting does not fit the model or the data.
        DataError: the data cannot be read, or gives nothing to learn from.
        ModelError: the start model or the checkpoint is missing or broken.
        ResourceError: memory or disk did not suffice.
        DivergedError: a loss or a gradient was not finite; no step was taken with it.
    """
    require_sources(recipe.data)  # before a framework is imported, which takes seconds
    over = ended(out, recipe) if resume == "auto" and not (out / CHECKPOINTS).exists() else None
    if over is not None:
        yield over
        return
    on_doing(Doing("starting"))
    backend = open_backend(recipe.backend)
    stopping = partial(on_doing, Doing("stopping"))
    with StopSignals(stopping) as stop, backend.connect(compute, wait=recipe.run.wait) as peers, ExitStack() as held:

        def lock() -> None:
            held.enter_context(RunLock(out))

        checkpoint = peers.on_rank_zero(lambda: start_run(out, resume))
        peers.on_rank_zero(lock)
        cache = recipe.data.cache or default_folder()
        job = open_job(recipe, cache=cache, compute=compute, peers=peers, on_doing=on_doing)
        run = Run(job, out, peers, on_doing)
        if checkpoint is not None:
            checkpoint = run.load(checkpoint, or_before=resume == "auto")
        if (learnt := job.learnt) is not None and checkpoint is None:
            peers.on_rank_zero(lambda: learnt().write(out))
        peers.on_rank_zero(lambda: replace_file(out / RECIPE, dump_recipe(job.recipe).encode()))
        yield Started(
            run=out,
            device=job.engine.device,
            n_parameters=job.engine.n_parameters,
            n_features=job.loader.n_features,
            n_steps=job.n_steps,
            resumed_from=checkpoint,
            new_head=job.new_head if checkpoint is None else None,
            task=recipe.task.type,
            step=run.step,
            eval_every=None if job.dev is None else run.eval_every,
            save_every=recipe.run.save_every or run.eval_every,
        )
        stop.is_preparing = False
        yield from run.steps(stop)

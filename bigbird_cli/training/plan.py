"""What a run would cost: its data measured, a few real steps taken, and each setting's time and memory told from them.

Few steps are taken, in processes of their own (plan_trials.py); the rest follows from a small model of costs that is
fitted to them (plan_costs.py) and from the batches that the loader would make (plan_data.py, plan_settings.py).
"""

import tempfile
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bigbird_cli.backend import Compute, open_backend
from bigbird_cli.errors import BigBirdWarning, DataError
from bigbird_cli.files.folders import free_bytes
from bigbird_cli.recipe.schema import Recipe
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.features import FeatureFile
from bigbird_cli.training.job import Examples, open_examples, prepare, require_sources
from bigbird_cli.training.plan_costs import Attention, Costs, Trial, fit_costs
from bigbird_cli.training.plan_data import Bin, Cut, Inputs, Sample, cuts, histogram, take_sample
from bigbird_cli.training.plan_machine import Machine, free_memory, n_cores, processor_name
from bigbird_cli.training.plan_settings import Planner, Setting, cheapest
from bigbird_cli.training.plan_trials import PROBES, run_trials
from bigbird_cli.training.run import needed_bytes
from bigbird_cli.training.start import start_folder

CUTS = (512, 1024, 4096)
"""Tokens at which documents are cut elsewhere."""

WINDOWS = (256, 512, 1024, 2048, 4096)
"""Windows that are looked at beside the recipe's own."""

SHARES = (50, 90, 99, 100)
"""Of 100 documents, those whose tokens are told."""

PROBE_STEP = 64
"""Tokens by which the inputs that steps are taken on differ about."""


@dataclass(frozen=True)
class Plan:
    """What a recipe would cost on a machine.

    Attributes:
        task: its name.
        machine: that was measured.
        n_parameters: of the model.
        attention: how it attends, as far as costs go.
        n_examples, n_documents: of training; None in a stream.
        n_inputs: an epoch's; None in a stream.
        n_sampled: documents of which the lengths are told.
        longest: tokens that so many of 100 documents have at most.
        histogram: of the documents' tokens.
        what: that a cut would lose: answers, entities or documents.
        cuts: what they would lose.
        settings: all that were looked at, the recipe's own first.
        cheapest: of them; None where none fits.
        evaluation_seconds: of one pass over the dev data; 0 without any.
        prepared_bytes, disk_bytes, free_disk_bytes: of the prepared data, of all that the run needs on disk at most,
            and what is free there.
        trials: the steps that were taken; all else is predicted from them.
    """

    task: str
    machine: Machine
    n_parameters: int
    attention: Attention
    n_examples: int | None
    n_documents: int | None
    n_inputs: int | None
    n_sampled: int
    longest: dict[int, int]
    histogram: tuple[Bin, ...]
    what: str
    cuts: tuple[Cut, ...]
    settings: tuple[Setting, ...]
    cheapest: Setting | None
    evaluation_seconds: float
    prepared_bytes: int
    disk_bytes: int
    free_disk_bytes: int
    trials: tuple[Trial, ...]

    @property
    def own(self) -> Setting:
        """The recipe as it is."""
        return self.settings[0]

    @property
    def set_line(self) -> str | None:
        """What to write behind the command for the cheapest setting: nothing for the recipe as it is; None where no
        setting fits."""
        return None if self.cheapest is None else " ".join(f"--set {change}" for change in self.cheapest.changes)

    def to_dict(self) -> dict[str, Any]:
        """The plan ready for JSON."""
        return {**asdict(self), "set": self.set_line}


def plan(
    recipe: Recipe,
    out: Path = Path(),
    *,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    on_trial: Callable[[Trial], None] | None = None,
) -> Plan:
    """Measure a recipe's data and this machine; leave nothing behind.

    Args:
        recipe: what to train.
        out: where its run folder will be.
        compute: as of `train`.
        on_trial: is called with each step that was taken.

    Raises:
        BigBirdError: as `train`.
    """
    require_sources(recipe.data)
    open_backend(recipe.backend)
    offline, is_stream = compute.offline, recipe.data.streaming
    memory = free_memory()
    with (
        start_folder(recipe.model, offline=offline) as folder,
        tempfile.TemporaryDirectory(prefix="bigbird-plan-") as name,
    ):
        cache = Path(name)
        examples = open_examples(recipe, folder, offline=offline)
        recipe = recipe.model_copy(update={"task": examples.task})
        inputs = None
        if not is_stream:
            inputs = Inputs.of_all(prepare(recipe, examples, folder, cache=cache, offline=offline)[0])
        prepared_bytes = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())
        sample = take_sample(examples.read, examples.task, examples.tokenizer, is_stream=is_stream)
        probes: dict[int, Feature] = {}
        windows = _windows(recipe, sample, examples, probes)
        FeatureFile.cached(PROBES, probes.values, folder=cache)
        model = recipe.model
        if model.start is not None:  # as it was found, or made of a BERT
            model = model.model_copy(update={"start": str(folder), "revision": None})
        costs: dict[bool, Costs] = {}
        trials: list[Trial] = []
        for checkpointing in (False, True) if recipe.optim.steps != 0 else (False,):
            run = recipe.run.model_copy(update={"gradient_checkpointing": checkpointing})
            tried = recipe.model_copy(update={"model": model, "run": run})
            opened, taken = run_trials(
                tried, cache=cache, compute=compute, forward=not checkpointing, on_trial=on_trial
            )
            costs[checkpointing] = fit_costs(taken, attention=opened.attention, n_parameters=opened.n_parameters)
            trials += taken
    machine = Machine(processor_name(), n_cores(), memory, opened.accelerator, opened.device)
    own = recipe.task.window
    epoch = (windows.pop(own), sample.scale) if inputs is None else (inputs, 1.0)
    windows.pop(own, None)
    planner = Planner(
        recipe,
        costs,
        machine.room,
        evaluated=(_inputs_of(examples.dev), _inputs_of(examples.test)),
        fitted=None if examples.task.head_fit is None else epoch[0],
    )
    settings = list(planner.settings(own, epoch[0], scale=epoch[1]))
    for window, seen in windows.items():
        if window <= opened.positions:
            settings += planner.settings(window, seen, scale=sample.scale)
    settings.sort(key=lambda each: bool(each.changes) or each.processes > 1)
    return Plan(
        task=recipe.task.type,
        machine=machine,
        n_parameters=opened.n_parameters,
        attention=opened.attention,
        n_examples=sample.n_examples,
        n_documents=sample.n_documents,
        n_inputs=None if inputs is None else len(inputs),
        n_sampled=len(sample.lengths),
        longest={share: int(np.percentile(sample.lengths, share, method="higher")) for share in SHARES},
        histogram=histogram(sample.lengths),
        what=sample.what,
        cuts=cuts(sample, CUTS),
        settings=tuple(settings),
        cheapest=cheapest(settings, window=own),
        evaluation_seconds=planner.evaluation_seconds(planner.evaluated[0]),
        prepared_bytes=prepared_bytes,
        disk_bytes=needed_bytes(recipe.run, opened.n_parameters)[0] + prepared_bytes,
        free_disk_bytes=free_bytes(out),
        trials=tuple(trials),
    )


def _windows(recipe: Recipe, sample: Sample, examples: Examples, probes: dict[int, Feature]) -> dict[int, Inputs]:
    """What windows make of a sample: the recipe's own, and others that part its documents otherwise.

    Args:
        recipe, sample, examples: what is read.
        probes: takes an input of each length, about.
    """
    task: Any = recipe.task
    longest = int(sample.lengths.max())
    found: dict[int, Inputs] = {}

    def looked_at(features: Any) -> Any:
        for feature in features:
            probes.setdefault(feature.ids.size // PROBE_STEP, feature)
            yield feature

    for window in (task.window, *WINDOWS):
        is_own = window == task.window
        overlaps = getattr(task, "overlap", 0) + 4 < window
        is_other = min(window, task.window) < longest or hasattr(task, "documents")
        if window in found or not (is_own or (overlaps and is_other)):
            continue
        tried = task.model_copy(update={"window": window})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BigBirdWarning)  # what is left out has been said of all examples
            try:
                found[window] = Inputs.of(looked_at(tried.training_features(sample.examples, examples.tokenizer)))
            except DataError:  # a question leaves no room in it
                if is_own:
                    raise
    return {window: inputs for window, inputs in found.items() if len(inputs)}


def _inputs_of(evaluated: Any) -> Inputs | None:
    return None if evaluated is None else Inputs.of_all(evaluated.features)

"""Ways to go about a run, what each costs, and the cheapest that memory suffices for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bigbird_cli.recipe.schema import Optim, Recipe
from bigbird_cli.training.job import n_steps
from bigbird_cli.training.plan_costs import Costs
from bigbird_cli.training.plan_data import Epoch, Inputs, epoch_of

MICRO_BATCHES = (1, 2, 4, 8, 16, 32)
"""Windows of a forward pass that are looked at beside the recipe's own number."""

PROCESSES = (2, 4, 8)

ALIKE = 1.03
"""How much of the least time others may take that are not told from it: steps are not measured better."""

ROOM = 0.9
"""Share of the free memory that a setting may need."""


@dataclass(frozen=True)
class Setting:
    """One way to go about a run, and what it costs.

    Attributes:
        window: tokens of an input at most.
        micro_batch: what goes through the model at once: windows, or tokens where the recipe counts them.
        checkpointing: run.gradient_checkpointing.
        processes: that train together.
        changes: of the recipe, as --set takes them.
        padding: share of padding among the tokens that are computed, 0 to 1.
        n_steps: optimiser steps of the run.
        seconds_per_step: of a mean step.
        seconds: of the whole run, with its evaluations.
        peak_bytes: the most memory that a process needs.
        fits: whether that is there; None where the system does not say.
    """

    window: int
    micro_batch: int
    checkpointing: bool
    processes: int
    changes: tuple[str, ...]
    padding: float
    n_steps: int
    seconds_per_step: float
    seconds: float
    peak_bytes: int
    fits: bool | None


def cheapest(settings: Sequence[Setting], *, window: int) -> Setting | None:
    """The quickest setting of one process that fits, and of those that are alike the one with the fewest changes, then
    the least memory.

    Args:
        settings: to choose among.
        window: the recipe's; another one, which learns something else, is taken only where none of this one fits.

    Returns:
        None where no setting fits.
    """
    fitting = [each for each in settings if each.processes == 1 and each.fits is not False]
    own = [each for each in fitting if each.window == window]
    if not own:
        own = [each for each in fitting if each.window == max(each.window for each in fitting)]
    quick = [each for each in own if each.seconds <= ALIKE * min(each.seconds for each in own)]
    return min(quick, key=lambda each: (len(each.changes), each.peak_bytes), default=None)


def micro_batches(optim: Optim, window: int) -> tuple[str, list[int]]:
    """The setting that says how much goes through the model at once, and values of it, the recipe's own first."""
    if optim.batch_tokens is None and optim.max_tokens_per_micro_batch is None:
        name, own = "micro_batch_size", optim.micro_batch_size
        values = [n for n in MICRO_BATCHES if optim.batch_size % n == 0]
    else:
        name, most = "max_tokens_per_micro_batch", optim.batch_tokens or optim.batch_size * window
        own = optim.max_tokens_per_micro_batch or optim.micro_batch_size * window
        values = [n * window for n in MICRO_BATCHES if n * window <= most]
    return name, list(dict.fromkeys([own, *values]))


@dataclass(frozen=True, eq=False)
class Planner:
    """Tells what settings of a recipe cost.

    Attributes:
        costs: of steps without and with gradient checkpointing.
        room: bytes of memory; None where nobody knows.
        evaluated: the inputs of the dev data, and of the test data.
        fitted: those that a classifier is fitted to before the first step.
    """

    recipe: Recipe
    costs: Mapping[bool, Costs]
    room: int | None
    evaluated: tuple[Inputs | None, Inputs | None] = (None, None)
    fitted: Inputs | None = None

    def settings(self, window: int, inputs: Inputs, *, scale: float = 1.0) -> Iterator[Setting]:
        """What a window costs, for each number of windows at once, with and without gradient checkpointing; of the
        recipe's own window in several processes, too. A recipe without steps has one setting, its own.

        Args:
            window: tokens.
            inputs: what it makes of the training data, or of a sample.
            scale: how many inputs there are for each of these.
        """
        recipe = self.recipe
        is_own = window == recipe.task.window
        name, values = micro_batches(recipe.optim, window)
        if recipe.optim.steps == 0:  # what steps would cost is no matter
            if is_own:
                epoch = epoch_of(inputs, recipe, scale=scale, processes=1)
                yield self._setting(window, values[0], epoch, (), checkpointing=False, processes=1)
            return
        for value in values:
            optim = recipe.optim if value == values[0] else recipe.optim.model_copy(update={name: value})
            for processes in (1, *PROCESSES) if is_own else (1,):
                tried = recipe.model_copy(update={"optim": optim})
                epoch = epoch_of(inputs, tried, scale=scale, processes=processes)
                for checkpointing in (False, True):
                    changes = [f"task.window={window}"] * (not is_own)
                    changes += [f"optim.{name}={value}"] * (value != values[0])
                    if checkpointing != recipe.run.gradient_checkpointing:
                        changes.append(f"run.gradient_checkpointing={str(checkpointing).lower()}")
                    yield self._setting(window, value, epoch, tuple(changes), checkpointing, processes)

    def evaluation_seconds(self, inputs: Inputs | None) -> float:
        """Seconds of one pass over inputs without learning."""
        if inputs is None or not len(inputs):
            return 0.0
        costs = self.costs[False]
        each = zip((inputs.tokens // inputs.rows).tolist(), inputs.rows.tolist(), strict=True)
        return costs.reading_seconds(costs.attention.works([[n] * rows for n, rows in each]))

    def _setting(
        self, window: int, value: int, epoch: Epoch, changes: tuple[str, ...], checkpointing: bool, processes: int
    ) -> Setting:
        costs, run = self.costs[checkpointing], self.recipe.run
        works = [costs.attention.works(parts) for parts in epoch.steps]
        seconds_per_step = float(np.mean([costs.seconds(each, processes=processes) for each in works]))
        largest = [costs.attention.works(epoch.largest), *works]
        peak_bytes = max(costs.peak_bytes(each, processes=processes) for each in largest)
        steps = n_steps(self.recipe.optim, epoch.n_steps)
        every = run.eval_every or (steps if self.recipe.data.streaming else max(1, round(epoch.n_steps)))
        dev, test = map(self.evaluation_seconds, self.evaluated)
        n_evaluations = -(-steps // every) + (self.fitted is not None)
        return Setting(
            window=window,
            micro_batch=value,
            checkpointing=checkpointing,
            processes=processes,
            changes=changes,
            padding=epoch.padding,
            n_steps=steps,
            seconds_per_step=seconds_per_step,
            seconds=steps * seconds_per_step + n_evaluations * dev + test + self.evaluation_seconds(self.fitted),
            peak_bytes=peak_bytes,
            fits=None if self.room is None else peak_bytes <= ROOM * self.room,
        )

"""One optimiser step: passes, gradient, a look at whether it is finite, and only then the update."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from bigbird_cli.errors import DivergedError, RecipeError
from bigbird_cli.pytorch.batches import collate, n_targets
from bigbird_cli.pytorch.devices import memory_errors
from bigbird_cli.pytorch.job import MEMORY_FIX, Job
from bigbird_cli.pytorch.model.linear import quick_precision
from bigbird_cli.pytorch.optim import adamw, set_rate
from bigbird_cli.pytorch.world import World, lost_peers
from bigbird_cli.tasks.base import Feature

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Outcome:
    """Of one optimiser step."""

    loss: float
    grad_norm: float
    n_tokens: int
    n_padded: int


class Stepper:
    """Takes optimiser steps, together with the other processes of its world.

    Raises:
        RecipeError: the device cannot compute in the recipe's precision.
    """

    def __init__(self, job: Job, world: World) -> None:
        optim, run = job.recipe.optim, job.recipe.run
        if run.precision == "float16" and job.device.type != "cuda":
            raise RecipeError(
                f"float16 needs a CUDA device, and this is {job.device}",
                where="run.precision",
                fix="set run.precision to bfloat16 or float32",
            )
        self._job, self._world = job, world
        objective: nn.Module = job.head.objective(job.model)
        if run.compile:
            objective = cast(nn.Module, torch.compile(objective))
        self._objective = world.connected(objective)
        self._weights = [weight for weight in job.model.parameters() if weight.requires_grad]
        self.optimiser = adamw(
            job.model,
            lr=optim.lr,
            weight_decay=optim.weight_decay,
            layer_decay=optim.layer_decay,
            head_lr=optim.head_lr,
        )
        self.scaler = torch.amp.GradScaler(job.device.type, enabled=run.precision == "float16")

    def take(self, batch: Sequence[Feature], *, lr: float, step: int) -> Outcome:
        """Learn from a batch of features.

        Raises:
            DivergedError: the loss or the gradient is not finite; weights and optimiser are as before.
            ResourceError: memory did not suffice.
        """
        with memory_errors(MEMORY_FIX):
            return self._take(batch, lr=lr, step=step)

    def insist_on_finite_weights(self, step: int) -> None:
        """Look at the weights before they are judged or kept: a loss need not have met them all.

        Raises:
            DivergedError: one is not finite.
        """
        named = [(name, weight.isfinite().all()) for name, weight in self._job.model.named_parameters()]
        are_finite = torch.stack([each for _, each in named]).tolist()
        names = [name for (name, _), is_finite in zip(named, are_finite, strict=True) if not is_finite]
        if names:
            raise DivergedError(
                f"after step {step} there are weights that are not finite: {_shortened(names)}",
                where="training",
                fix="see whether the start model has them; the last checkpoint and the best model are untouched",
            )

    def _take(self, batch: Sequence[Feature], *, lr: float, step: int) -> Outcome:
        job, world, per_token = self._job, self._world, self._job.head.spec.has_token_labels
        job.model.train()
        passes = job.split(batch, at_least=world.size)
        totals = n_targets(batch, per_token=per_token)
        # every process has to take part in the sum of gradients, if only with nothing
        mine = world.deal([sum(feature.ids.size for feature in part) for part in passes])
        losses: list[Tensor] = []
        n_tokens = n_padded = 0
        for index in mine or [0]:
            part = passes[index]
            padded = collate(part, pad_id=job.model.config.pad_token_id or 0, device=job.device, per_token=per_token)
            torch.manual_seed(pass_seed(job.recipe.seed, step, index))
            with self._summing(is_last=not mine or index == mine[-1]):
                with torch.autocast(job.device.type, self._dtype, enabled=self._dtype is not None):
                    loss = self._objective(padded.inputs, n_targets(part, per_token=per_token), totals)
                # times their number, for their gradients are averaged
                self.scaler.scale(loss * (world.size if mine else 0)).backward()
            if mine:
                losses.append(loss.detach())
                n_tokens += padded.n_tokens
                n_padded += padded.n_padded
        self.scaler.unscale_(self.optimiser)
        norm = nn.utils.clip_grad_norm_(self._weights, job.recipe.optim.clip)
        *values, grad_norm = torch.stack([*losses, norm]).tolist()  # the only wait for the device in a step
        guilty = [passes[index] for index, value in zip(mine, values, strict=True) if not math.isfinite(value)]
        loss_sum, n_guilty, *counts = world.summed([math.fsum(values), len(guilty), n_tokens, n_padded])
        if n_guilty or not (math.isfinite(grad_norm) or self._may_rescale()):
            self.optimiser.zero_grad(set_to_none=True)
            suspects = guilty or ([] if n_guilty else passes)
            names = [name for names in world.gathered(_names(suspects)) for name in names]
            raise _diverged(loss_sum if n_guilty else None, grad_norm, names, step)
        set_rate(self.optimiser, lr)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.optimiser.zero_grad(set_to_none=True)
        return Outcome(loss=loss_sum, grad_norm=grad_norm, n_tokens=int(counts[0]), n_padded=int(counts[1]))

    @cached_property
    def _dtype(self) -> torch.dtype | None:
        """Of the products; known at the first step, after a resumed run's choices."""
        precision: str = self._job.recipe.run.precision
        if precision == "auto":  # one for all processes
            precision = self._world.of_first(lambda: quick_precision(self._job.device))
        return PRECISIONS[precision]

    @contextmanager
    def _summing(self, *, is_last: bool) -> Iterator[None]:
        """One pass of several: the processes' gradients are summed in the last, which is all that goes between them."""
        objective = self._objective
        waits = is_last or not isinstance(objective, DistributedDataParallel)
        with nullcontext() if waits else cast(DistributedDataParallel, objective).no_sync(), lost_peers():
            yield

    def _may_rescale(self) -> bool:
        """Whether float16 gradients overflowed at a scale that can still be lowered: the step is then left out."""
        return self.scaler.is_enabled() and self.scaler.get_scale() > 1.0


def pass_seed(seed: int, step: int, index: int) -> int:
    """The seed of what is random in a forward pass, its dropout.

    It depends on the pass alone: a run that was stopped, or goes on in another number of processes, draws the same.
    """
    return int(np.random.SeedSequence([seed, step, index]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _diverged(loss: float | None, grad_norm: float, names: Sequence[str], step: int) -> DivergedError:
    what = f"the gradient's norm is {grad_norm}" if loss is None else f"the loss is {loss}"
    return DivergedError(
        f"{what} at step {step}; the examples were {_shortened(list(dict.fromkeys(names)))}",
        where="training",
        fix="lower optim.lr or lengthen optim.warmup, and look at these examples; "
        "the last checkpoint and the best model are untouched",
    )


def _names(passes: Sequence[Sequence[Feature]]) -> list[str]:
    return [feature.name or f"number {feature.example}" for part in passes for feature in part]


def _shortened(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")

"""One optimiser step: passes, gradient, a look at whether it is finite, and only then the update."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from bigbird_cli.errors import DivergedError, RecipeError
from bigbird_cli.pytorch.batches import collate, n_targets
from bigbird_cli.pytorch.devices import memory_errors
from bigbird_cli.pytorch.job import MEMORY_FIX, Job
from bigbird_cli.pytorch.objectives import Objective
from bigbird_cli.pytorch.optim import adamw, set_rate
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
    """Takes optimiser steps.

    Raises:
        RecipeError: the device cannot compute in the recipe's precision.
    """

    def __init__(self, job: Job) -> None:
        optim, run = job.recipe.optim, job.recipe.run
        if run.precision == "float16" and job.device.type != "cuda":
            raise RecipeError(
                f"float16 needs a CUDA device, and this is {job.device}",
                where="run.precision",
                fix="set run.precision to bfloat16 or float32",
            )
        self._job = job
        self._dtype = PRECISIONS[run.precision]
        self._objective: Objective = job.head.objective(job.model, job.head.outputs)
        if run.compile:
            self._objective = cast(Objective, torch.compile(self._objective))
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
        job, per_token = self._job, self._job.head.per_token
        job.model.train()
        passes = job.split(batch)
        totals = n_targets(batch, per_token=per_token)
        losses: list[Tensor] = []
        n_tokens = n_padded = 0
        for part in passes:
            padded = collate(part, pad_id=job.model.config.pad_token_id or 0, device=job.device, per_token=per_token)
            with torch.autocast(job.device.type, self._dtype, enabled=self._dtype is not None):
                loss = self._objective(padded.inputs, n_targets(part, per_token=per_token), totals)
            self.scaler.scale(loss).backward()
            losses.append(loss.detach())
            n_tokens += padded.n_tokens
            n_padded += padded.n_padded
        self.scaler.unscale_(self.optimiser)
        norm = nn.utils.clip_grad_norm_(self._weights, job.recipe.optim.clip)
        *values, grad_norm = torch.stack([*losses, norm]).tolist()  # the only wait for the device in a step
        self._insist_on_finite(values, grad_norm, passes, step)
        set_rate(self.optimiser, lr)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.optimiser.zero_grad(set_to_none=True)
        return Outcome(loss=math.fsum(values), grad_norm=grad_norm, n_tokens=n_tokens, n_padded=n_padded)

    def _insist_on_finite(
        self, losses: list[float], grad_norm: float, passes: Sequence[Sequence[Feature]], step: int
    ) -> None:
        if all(map(math.isfinite, losses)) and (math.isfinite(grad_norm) or self._may_rescale()):
            return
        self.optimiser.zero_grad(set_to_none=True)
        guilty = [part for loss, part in zip(losses, passes, strict=True) if not math.isfinite(loss)]
        names = list(dict.fromkeys(_name(feature) for part in guilty or passes for feature in part))
        what = f"the loss is {math.fsum(losses)}" if guilty else f"the gradient's norm is {grad_norm}"
        raise DivergedError(
            f"{what} at step {step}; the examples were {_shortened(names)}",
            where="training",
            fix="lower optim.lr or lengthen optim.warmup, and look at these examples; "
            "the last checkpoint and the best model are untouched",
        )

    def _may_rescale(self) -> bool:
        """Whether float16 gradients overflowed at a scale that can still be lowered: the step is then left out."""
        return self.scaler.is_enabled() and self.scaler.get_scale() > 1.0


def _shortened(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _name(feature: Feature) -> str:
    return feature.name or f"number {feature.example}"

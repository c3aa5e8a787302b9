"""PyTorch's engine: a model with a head that takes optimiser steps, evaluates, and gives and takes its state."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, cast

import numpy as np
import torch
from pydantic import ConfigDict, TypeAdapter, ValidationError
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from bigbird_cli.backend import Compute, EngineState, MicroBatch, Peers, StartModel, StepResult, partition
from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import RecipeError
from bigbird_cli.pytorch.batches import collate
from bigbird_cli.pytorch.devices import memory_errors, peak_memory
from bigbird_cli.pytorch.model.choices import adopt, chosen
from bigbird_cli.pytorch.model.linear import quick_precision
from bigbird_cli.pytorch.model.pretrained import PretrainedModel
from bigbird_cli.pytorch.objectives import Head, head_named
from bigbird_cli.pytorch.optim import MOMENTS, MovingAverage, adamw, load_optimiser_state, optimiser_state, set_rates
from bigbird_cli.pytorch.predict import Predictor
from bigbird_cli.pytorch.world import World, device_for, peer_errors
from bigbird_cli.recipe.schema import Recipe
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.padding import n_targets

PRECISIONS: Final = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}

MEMORY_FIX = "lower optim.micro_batch_size or optim.max_tokens_per_micro_batch, or set run.gradient_checkpointing"

EVALUATION_MEMORY_FIX = "choose a device with more memory with --device, or start from a smaller model"


@dataclass
class _Values:
    """The small part of a state."""

    __pydantic_config__ = ConfigDict(strict=True, extra="forbid")

    scaler: dict[str, int | float]
    choices: dict[str, str] = field(default_factory=dict)
    """Of the ways to the same numbers, made before: the run goes on by them, as other ways round otherwise."""


_VALUES: Final = TypeAdapter(_Values)


def open_engine(recipe: Recipe, start: StartModel, *, compute: Compute, peers: Peers) -> "Engine":
    """Open or make the model, with an optimiser: `backend.Backend.open_engine`.

    torch's generator is seeded here, and draws the new weights.
    """
    device = device_for(compute, alone=peers.size == 1)
    if recipe.run.precision == "float16" and device.type != "cuda":
        raise RecipeError(
            f"float16 needs a CUDA device, and this is {device}",
            where="run.precision",
            fix="set run.precision to bfloat16 or float32",
        )
    head = head_named(start.head)
    torch.manual_seed(recipe.seed)
    with memory_errors(MEMORY_FIX):
        model = _open_model(start, head).to(device)
    if recipe.run.gradient_checkpointing:
        model.gradient_checkpointing_enable()
    return Engine(model, head_name=start.head, recipe=recipe, peers=peers)


def _open_model(start: StartModel, head: Head) -> PretrainedModel:
    if start.folder is None:
        return head.model(BigBirdConfig.from_dict(dict(start.config)))
    model: PretrainedModel = head.model.from_pretrained(start.folder, **start.config)
    if start.n_embeddings is not None:
        model.resize_token_embeddings(max(start.n_embeddings, model.config.vocab_size))
    return model


class Engine:
    """A model that learns, together with the other processes of its run: `backend.Engine`.

    Args:
        model: on its device.
        head_name: the name of its head.
        recipe: whose sections optim and run, and seed, are meant.
        peers: the processes of the run.
    """

    def __init__(self, model: PretrainedModel, *, head_name: str, recipe: Recipe, peers: Peers) -> None:
        self.model, self.head = model, head_named(head_name)
        self._head_name = head_name
        self._peers = peers
        self._device = next(model.parameters()).device
        self._optim, self._run = recipe.optim, recipe.run
        self._weights = [weight for weight in model.parameters() if weight.requires_grad]
        self.optimiser = adamw(model, recipe.optim)
        self.scaler = torch.amp.GradScaler(self._device.type, enabled=recipe.run.precision == "float16")
        self._average = None if recipe.run.ema is None else MovingAverage(model, decay=recipe.run.ema)

    @property
    def config(self) -> BigBirdConfig:
        """The model's."""
        return self.model.config

    @property
    def device(self) -> str:
        """Where it computes, for people."""
        return str(self._device) if self._peers.size == 1 else f"{self._peers.size} x {self._device.type}"

    @property
    def n_parameters(self) -> int:
        """How many numbers the model has."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def head_is_new(self) -> bool:
        """Whether the start model lacked the head, or a part of it."""
        return any(not name.startswith(self.model.prefix) for name in self.model.new_parameters)

    def step(self, batch: Sequence[MicroBatch], *, step: int, share: float) -> StepResult:
        """Take one optimiser step: micro-batches, gradient, a look at whether it is finite, and only then the update.

        Raises:
            ResourceError: memory did not suffice.
        """
        with memory_errors(MEMORY_FIX):
            result = self._step(batch, share=share)
        if self._average is not None and not result.diverged:
            self._average.update(step)
        return result

    def _step(self, batch: Sequence[MicroBatch], *, share: float) -> StepResult:
        peers, per_token = self._peers, self.head.spec.has_token_labels
        objective = self._objective
        self.model.train()
        totals = n_targets([feature for part in batch for feature in part.features], per_token=per_token)
        sizes = [sum(feature.ids.size for feature in part.features) for part in batch]
        own = partition(sizes, rank=peers.rank, size=peers.size)
        losses: list[Tensor] = []
        n_tokens = n_padded = 0
        # every process has to take part in the sum of gradients, if only with nothing
        for index in own or [0]:
            part = batch[index]
            padded = collate(
                part.features, pad_id=self.config.pad_token_id or 0, device=self._device, per_token=per_token
            )
            torch.manual_seed(part.seed)
            with self._summing(is_last=not own or index == own[-1]):
                with torch.autocast(self._device.type, self._dtype, enabled=self._dtype is not None):
                    loss = objective(padded.inputs, n_targets(part.features, per_token=per_token), totals)
                # times their number, for their gradients are averaged
                self.scaler.scale(loss * (peers.size if own else 0)).backward()
            if own:
                losses.append(loss.detach())
                n_tokens += padded.n_tokens
                n_padded += padded.n_padded
        self.scaler.unscale_(self.optimiser)
        norm = nn.utils.clip_grad_norm_(self._weights, self._optim.clip)
        *values, grad_norm = torch.stack([*losses, norm]).tolist()  # the only wait for the device in a step
        not_finite = [index for index, value in zip(own, values, strict=True) if not math.isfinite(value)]
        loss_sum, n_not_finite, *counts = peers.all_reduce(
            [math.fsum(values), len(not_finite), n_tokens, n_padded], "sum"
        )
        result = StepResult(loss=loss_sum, grad_norm=grad_norm, n_tokens=int(counts[0]), n_padded=int(counts[1]))
        if n_not_finite or not (math.isfinite(grad_norm) or self._may_rescale()):
            self.optimiser.zero_grad(set_to_none=True)
            indices = sorted(index for indices in peers.all_gather(not_finite) for index in indices)
            return replace(result, diverged=True, not_finite=tuple(indices))
        set_rates(self.optimiser, share=share)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.optimiser.zero_grad(set_to_none=True)
        return result

    @cached_property
    def _objective(self) -> nn.Module:
        """What gives a micro-batch's share of the loss, as all processes train it."""
        objective: nn.Module = self.head.objective(self.model)
        if self._run.compile:
            objective = cast(nn.Module, torch.compile(objective))
        return self._peers.wrap(objective) if isinstance(self._peers, World) else objective

    @cached_property
    def _dtype(self) -> torch.dtype | None:
        """Of the products; known at the first step, after a resumed run's choices."""
        precision: str = self._run.precision
        if precision == "auto":  # one for all processes
            precision = self._peers.on_rank_zero(lambda: quick_precision(self._device))
        return PRECISIONS[precision]

    @contextmanager
    def _summing(self, *, is_last: bool) -> Iterator[None]:
        """One micro-batch of several: the processes' gradients are summed in the last, and never else."""
        objective = self._objective
        waits = is_last or not isinstance(objective, DistributedDataParallel)
        with nullcontext() if waits else cast(DistributedDataParallel, objective).no_sync(), peer_errors():
            yield

    def _may_rescale(self) -> bool:
        """Whether float16 gradients overflowed at a scale that can still be lowered: the step is then left out."""
        return self.scaler.is_enabled() and self.scaler.get_scale() > 1.0

    def predict(
        self,
        features: Iterable[Feature],
        *,
        batch_size: int,
        head: str | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[tuple[Feature, dict[str, np.ndarray]]]:
        """Yield each feature with the outputs for it, of the model's own head or of another one's."""
        predictor = Predictor(self.model, head=head or self._head_name, memory_fix=EVALUATION_MEMORY_FIX)
        return predictor.predict(features, batch_size=batch_size, stop=stop)

    def averaged(self) -> AbstractContextManager[None]:
        """Let the model hold the moving averages of its weights, where there are any."""
        return nullcontext() if self._average is None else self._average.in_place()

    def weights(self) -> dict[str, np.ndarray]:
        """The weights by transformers' names."""
        return self.model.to_tensors()

    @torch.no_grad()
    def assign(self, weights: Mapping[str, np.ndarray]) -> None:
        """Replace some of the weights, and their averages."""
        tensors = {name: torch.from_numpy(array) for name, array in weights.items()}
        for name, tensor in tensors.items():
            self.model.get_parameter(name).copy_(tensor)
        if self._average is not None:
            self._average.load(tensors)

    def count_not_finite(self) -> dict[str, tuple[int, int]]:
        """Weights that hold numbers that are not finite: how many of how many."""
        named = list(self.model.named_parameters())
        counts = torch.stack([(~weight.isfinite()).sum() for _, weight in named]).tolist()
        return {name: (count, weight.numel()) for (name, weight), count in zip(named, counts, strict=True) if count}

    def state(self) -> EngineState:
        """Weights, moments and averages; the loss's scale, and the choices that this process goes by."""
        return EngineState(
            arrays={name: tensor.detach().cpu().numpy() for name, tensor in self._tensors().items()},
            values={"scaler": self.scaler.state_dict(), "choices": chosen()},
        )

    def mismatch(self, state: EngineState) -> str | None:
        """Compare names, shapes and types with this engine's own."""
        try:
            values = _VALUES.validate_json(json.dumps(state.values))  # JSON's own types alone
        except ValidationError as error:
            first = error.errors()[0]
            return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        if self.scaler.state_dict().keys() != values.scaler.keys():
            return "scaler is another one"
        own = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in self._tensors().items()}
        for name, parameter in self.model.named_parameters():
            if f"optimiser.step.{name}" in state.arrays:  # one that took no part in the loss has no state
                own[f"optimiser.step.{name}"] = ((), torch.float32)
                own |= {f"optimiser.{key}.{name}": (tuple(parameter.shape), parameter.dtype) for key in MOMENTS}
        if odd := sorted(own.keys() ^ state.arrays.keys()):
            return f"it {'lacks' if odd[0] in own else 'has'} a tensor {odd[0]}"
        for name, (shape, dtype) in own.items():
            found = state.arrays[name]
            if found.shape != shape or found.dtype != torch.empty((), dtype=dtype).numpy().dtype:
                return f"{name} is {found.dtype} {found.shape}, not {dtype} {shape}"
            # Adam's mean of squares may overflow, and does no harm then
            if not name.startswith("optimiser.") and not np.isfinite(found).all():
                return f"{name} is not finite"
        return None

    def load(self, state: EngineState) -> None:
        """Go on from a state."""
        named: dict[str, dict[str, Tensor]] = {"model": {}, "optimiser": {}, "average": {}}
        for name, array in state.arrays.items():
            part, _, rest = name.partition(".")
            named[part][rest] = torch.from_numpy(np.require(array, requirements=["C", "W"]))
        self.model.load_state_dict(named["model"])
        load_optimiser_state(self.optimiser, self.model, named["optimiser"])
        if self._average is not None:
            self._average.load(named["average"])
        values = _VALUES.validate_json(json.dumps(state.values))
        self.scaler.load_state_dict(values.scaler)
        adopt(values.choices)

    def peak_memory(self) -> float:
        """The most memory that was in use so far, in MB."""
        return peak_memory(self._device)

    def _tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds of this engine, but for its values."""
        tensors: dict[str, Any] = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        state = optimiser_state(self.optimiser, self.model)
        tensors |= {f"optimiser.{name}": tensor for name, tensor in state.items()}
        if self._average is not None:
            tensors |= {f"average.{name}": tensor for name, tensor in self._average.averages.items()}
        return tensors

"""JAX's engine: a module with a head that takes optimiser steps, evaluates, and gives and takes its state.

A step is two programs, one for the gradient of a micro-batch and one for the update. The first is compiled for each
shape of micro-batches, of which `batches.Buckets` leaves few, the second once. Their arrays are donated: no step holds
the weights or the sums of gradients twice.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from bigbird_cli.backend import Compute, EngineState, MicroBatch, Peers, StartModel, StepResult
from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.names import SHARED_BIAS
from bigbird_cli.errors import RecipeError
from bigbird_cli.jax.batches import Buckets, fill, narrowed
from bigbird_cli.jax.devices import Placement, memory_errors, pick_devices
from bigbird_cli.jax.model.pretrained import FlaxBigBirdPreTrainedModel
from bigbird_cli.jax.objectives import Head, head_named
from bigbird_cli.jax.optim import Learnt, Rates, kept_of_averages, unlearnt, update
from bigbird_cli.jax.parameters import Named, Names, with_vocabulary
from bigbird_cli.jax.predict import Predictor
from bigbird_cli.jax.programs import Programs
from bigbird_cli.recipe.schema import Recipe
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.padding import n_targets, pad

MEMORY_FIX = "lower optim.micro_batch_size or optim.max_tokens_per_micro_batch, or set run.gradient_checkpointing"

EVALUATION_MEMORY_FIX = "choose a device with more memory with --device, or start from a smaller model"

COUNT: Final = "optimiser.step"
MEAN: Final = "optimiser.exp_avg"
SQUARE: Final = "optimiser.exp_avg_sq"
"""Where a checkpoint has the number of steps, and for each parameter what Adam remembers of it."""


def open_engine(recipe: Recipe, start: StartModel, *, compute: Compute, peers: Peers) -> "Engine":
    """Open or make the model, with an optimiser: `backend.Backend.open_engine`."""
    del peers  # one process trains on all devices
    placement = Placement(pick_devices(compute.device))
    if recipe.run.precision == "float16":
        raise RecipeError(
            "backend jax does not train in float16", where="run.precision", fix="set run.precision to bfloat16"
        )
    is_narrow = recipe.run.precision == "bfloat16" or (
        recipe.run.precision == "auto" and placement.is_quick_in_bfloat16
    )
    with memory_errors(MEMORY_FIX):
        model = _open_model(
            start,
            head_named(start.head),
            dtype=jnp.bfloat16 if is_narrow else jnp.float32,
            seed=recipe.seed,
            gradient_checkpointing=recipe.run.gradient_checkpointing,
        )
        return Engine(model, head_name=start.head, recipe=recipe, placement=placement)


def _open_model(start: StartModel, head: Head, **options: Any) -> FlaxBigBirdPreTrainedModel:
    if start.folder is None:
        return head.model(BigBirdConfig.from_dict(dict(start.config)), **options)
    model: FlaxBigBirdPreTrainedModel = head.model.from_pretrained(
        start.folder, from_pt=True, **start.config, **options
    )
    if start.n_embeddings is None or start.n_embeddings <= model.config.vocab_size:
        return model
    longer = head.model(model.config.replace(vocab_size=start.n_embeddings), **options)
    longer.new_parameters = model.new_parameters
    names = Names(model.config)
    longer.params = names.tree(with_vocabulary(names.named(model.params), start.n_embeddings, key=model.key))
    return longer


class Engine:
    """A model that learns, on all devices of a process: `backend.Engine`.

    Args:
        model: whose parameters are taken over.
        head_name: the name of its head.
        recipe: whose sections optim and run are meant.
        placement: the devices.

    Attributes:
        programs: what was compiled.
    """

    def __init__(
        self, model: FlaxBigBirdPreTrainedModel, *, head_name: str, recipe: Recipe, placement: Placement
    ) -> None:
        self.config = model.config
        self.device = f"{placement}, jax"
        self.head_is_new = any(not name.startswith(model.prefix) for name in model.new_parameters)
        self.programs = Programs()
        self._module, self._head, self._head_name = model.module, head_named(head_name), head_name
        self._objective = self._head.objective(model.module, self._head.spec)
        self._clip, self._ema = recipe.optim.clip, recipe.run.ema
        self._placement, self._names = placement, Names(model.config)
        # a length in tokens leaves the number of rows open
        most_rows = None if recipe.optim.max_tokens_per_micro_batch else recipe.optim.micro_batch_size
        self._buckets = Buckets.of(model.config, n_devices=len(placement.devices), most_rows=most_rows)
        weights = self._names.named(model.params)
        self._rates = Rates.of(weights, recipe.optim)
        self._learnt: Learnt = placement.put_weights(unlearnt(weights, averages=self._ema is not None))
        self.n_parameters = sum(x.size for x in weights.values())
        kept: dict[str, Any] = {"out_shardings": placement.everywhere, "donate_argnums": 0}
        self._zeros = self.programs.compiled(_zeros_like, out_shardings=placement.everywhere)
        self._add = self.programs.compiled(self._with_gradient, static_argnames="are_long", **kept)
        self._learn = self.programs.compiled(self._updated, **kept)
        self._predictors: dict[str, Predictor] = {}

    def step(self, batch: Sequence[MicroBatch], *, step: int, share: float) -> StepResult:
        """Take one optimiser step: micro-batches, gradient, and the update, which is none where one is not finite.

        Raises:
            ResourceError: memory did not suffice.
        """
        with memory_errors(MEMORY_FIX):
            return self._step(batch, step=step, share=share)

    def _step(self, batch: Sequence[MicroBatch], *, step: int, share: float) -> StepResult:
        per_token, pad_id = self._head.spec.has_token_labels, self.config.pad_token_id or 0
        counts = n_targets([feature for part in batch for feature in part.features], per_token=per_token)
        totals = {name: np.float32(n) for name, n in counts.items()}
        gradient = self._zeros(self._learnt.weights)
        losses: list[Array] = []
        n_tokens = n_padded = 0
        for part in batch:
            padded = pad(part.features, pad_id=pad_id, per_token=per_token)
            filled = fill(padded, self._buckets, pad_id=pad_id)
            arrays = self._placement.put_batch(narrowed(self._objective.prepare(filled.arrays, self._buckets)))
            gradient, loss = self._add(
                gradient, self._learnt.weights, arrays, totals, _words(part.seed), are_long=filled.are_long
            )
            losses.append(loss)
            n_tokens += padded.n_tokens
            n_padded += filled.n_padded
        kept = np.float32(0.0 if self._ema is None else kept_of_averages(self._ema, step))
        self._learnt, norm = self._learn(self._learnt, gradient, sum(losses), np.float32(share), kept)
        *values, grad_norm = map(float, jax.device_get([*losses, norm]))  # the only wait for the devices in a step
        not_finite = tuple(index for index, value in enumerate(values) if not math.isfinite(value))
        return StepResult(
            loss=sum(values),
            grad_norm=grad_norm,
            n_tokens=n_tokens,
            n_padded=n_padded,
            diverged=bool(not_finite) or not math.isfinite(grad_norm),
            not_finite=not_finite,
            n_compiled=self.programs.n_compiled,
        )

    def _with_gradient(
        self, gradient: Named, weights: Named, arrays: Any, totals: Any, seed: Array, *, are_long: bool
    ) -> tuple[Named, Array]:
        """Add a micro-batch's share of the gradient to others; return the sum, and its share of the loss."""
        key = jax.random.fold_in(jax.random.key(seed[0]), seed[1])
        options = {"rngs": {"dropout": key}, "deterministic": False, "are_long": are_long}

        def loss(weights: Named) -> Array:
            return self._objective.loss(self._names.tree(weights), arrays, totals, **options)

        share, own = jax.value_and_grad(loss)(weights)
        return jax.tree.map(jnp.add, gradient, own), share

    def _updated(self, learnt: Learnt, gradient: Named, loss: Array, share: Array, kept: Array) -> tuple[Learnt, Array]:
        return update(learnt, gradient, loss, rates=self._rates, clip=self._clip, share=share, kept=kept)

    def predict(
        self,
        features: Iterable[Feature],
        *,
        batch_size: int,
        head: str | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[tuple[Feature, dict[str, np.ndarray]]]:
        """Yield each feature with the outputs for it, of the model's own head or of another one's."""
        name = head or self._head_name
        if name not in self._predictors:  # kept for its programs
            self._predictors[name] = Predictor(
                self._module.clone(dtype=jnp.float32),
                lambda: self._names.tree(self._learnt.weights),
                head=name,
                placement=self._placement,
                programs=self.programs,
                memory_fix=EVALUATION_MEMORY_FIX,
            )
        return self._predictors[name].predict(features, batch_size=batch_size, stop=stop)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Let the model hold the moving averages of its weights for a while, where there are any."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        weights, adam, average = self._learnt
        if average is not None:
            self._learnt = Learnt(average, adam, weights)

    def weights(self) -> dict[str, np.ndarray]:
        """The weights by transformers' names, and by both names where it asks for two."""
        tensors = {name: np.array(self._names.turned(name, x), order="C") for name, x in self._learnt.weights.items()}
        if not self.config.tie_word_embeddings:
            tensors |= {twin: tensors[home] for twin, home in SHARED_BIAS.items() if home in tensors}
        return tensors

    def assign(self, weights: Mapping[str, np.ndarray]) -> None:
        """Replace some of the weights, and their averages."""
        own, adam, average = self._learnt
        new = {name: self._names.turned(name, array) for name, array in weights.items() if name in own}
        put = self._placement.put_weights
        self._learnt = Learnt(own | put(new), adam, None if average is None else average | put(new))

    def count_not_finite(self) -> dict[str, tuple[int, int]]:
        """Weights that hold numbers that are not finite: how many of how many."""
        weights = self._learnt.weights
        counts = jax.device_get({name: (~jnp.isfinite(x)).sum() for name, x in weights.items()})
        return {name: (int(count), weights[name].size) for name, count in counts.items() if count}

    def state(self) -> EngineState:
        """Weights, moments and averages."""
        return EngineState(
            arrays={name: np.array(x, order="C") for name, x in self._stored(self._learnt).items()}, values={}
        )

    def mismatch(self, state: EngineState) -> str | None:
        """Compare names, shapes and types with this engine's own."""
        if state.values:
            return f"{min(state.values)} is of another engine"
        own = jax.eval_shape(self._stored, self._learnt)
        if odd := sorted(own.keys() ^ state.arrays.keys()):
            return f"it {'lacks' if odd[0] in own else 'has'} a tensor {odd[0]}"
        for name, like in own.items():
            found = state.arrays[name]
            if found.shape != like.shape or found.dtype != like.dtype:
                return f"{name} is {found.dtype} {found.shape}, not {like.dtype} {like.shape}"
            # Adam's mean of squares may overflow, and does no harm then
            if not name.startswith("optimiser.") and not np.isfinite(found).all():
                return f"{name} is not finite"
        return None

    def load(self, state: EngineState) -> None:
        """Go on from a state."""
        parts: dict[str, Named] = {
            part: {name: self._names.turned(name, state.arrays[f"{part}.{name}"]) for name in self._learnt.weights}
            for part in self._parts(self._learnt)
        }
        adam = self._learnt.adam._replace(count=state.arrays[COUNT], mu=parts[MEAN], nu=parts[SQUARE])
        self._learnt = self._placement.put_weights(Learnt(parts["model"], adam, parts.get("average")))

    def _stored(self, learnt: Learnt) -> Named:
        """What a checkpoint holds, by names and in the layouts of transformers."""
        arrays = {
            f"{part}.{name}": self._names.turned(name, x)
            for part, named in self._parts(learnt).items()
            for name, x in named.items()
        }
        return arrays | {COUNT: learnt.adam.count}

    @staticmethod
    def _parts(learnt: Learnt) -> dict[str, Named]:
        parts = {"model": learnt.weights, MEAN: learnt.adam.mu, SQUARE: learnt.adam.nu}
        return parts if learnt.average is None else parts | {"average": learnt.average}

    def peak_memory(self) -> float:
        """The most memory that was in use so far, in MB."""
        return self._placement.peak_memory()


def _zeros_like(named: Named) -> Named:
    return {name: jnp.zeros_like(x) for name, x in named.items()}


def _words(seed: int) -> np.ndarray:
    """A seed of up to 64 bits, as JAX takes it."""
    return np.array([seed % 2**32, seed >> 32], dtype=np.uint32)

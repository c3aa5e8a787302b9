"""AdamW with a peak rate for each group of weights, moving averages, and its state as named arrays."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from bigbird_cli.pytorch.model.embeddings import Embeddings
from bigbird_cli.pytorch.model.encoder import Encoder
from bigbird_cli.recipe.schema import Optim


def adamw(model: nn.Module, settings: Optim) -> torch.optim.AdamW:
    """AdamW over the weights that want a gradient; vectors (biases, LayerNorms) do not decay (Devlin et al., 2018).

    Fused, which on two processor cores takes a quarter of the time of torch's plain loop. Each group carries its
    `peak` rate; until `set_rates` says otherwise, it learns at that.

    Args:
        model: with an encoder or without.
        settings: rates and decay.
    """
    depths = _depths(model)
    n_layers = max(depths.values(), default=0)
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            peak = settings.peak(depths.get(parameter), n_layers=n_layers)
            groups.setdefault((peak, parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": params, "lr": peak, "peak": peak, "weight_decay": settings.weight_decay if decays else 0.0}
            for (peak, decays), params in groups.items()
        ],
        betas=(0.9, 0.999),
        eps=1e-8,
        fused=True,
    )


def set_rates(optimiser: torch.optim.Optimizer, *, share: float) -> None:
    """Let each group of weights learn at a share of its peak rate."""
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * share


def _depths(model: nn.Module) -> dict[nn.Parameter, int]:
    """0 for parameters of the embeddings, 1 for those of the first layer and so on; what stands above has none."""
    depths: dict[nn.Parameter, int] = {}
    for module in model.modules():
        if isinstance(module, Embeddings):
            depths |= dict.fromkeys(module.parameters(), 0)
        elif isinstance(module, Encoder):
            for depth, layer in enumerate(module.layer, 1):
                depths |= dict.fromkeys(layer.parameters(), depth)
    return depths


class MovingAverage:
    """An average of a model's weights over steps, each step `1 - decay` of it (Polyak and Juditsky, 1992).

    The first steps weigh more, so that the average does not remember the start: at step n the decay is at most
    (1 + n) / (10 + n), as in TensorFlow's ExponentialMovingAverage.
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        self._decay = decay
        self._weights = dict(model.named_parameters())
        self.averages = {name: weight.detach().clone() for name, weight in self._weights.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step, counted from 1."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.averages.values()), list(self._weights.values()), 1 - decay)

    def load(self, averages: Mapping[str, Tensor]) -> None:
        """Go on from averages, some or all of them."""
        for name, average in averages.items():
            self.averages[name].copy_(average)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the model hold the averages for a while."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, weight in self._weights.items():
            kept = weight.detach().clone()
            weight.copy_(self.averages[name])
            self.averages[name].copy_(kept)


MOMENTS = ("exp_avg", "exp_avg_sq")
"""What Adam remembers of a parameter, in its shape and type, besides `step`."""


def optimiser_state(optimiser: torch.optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """The optimiser's state as tensors called `<state>.<parameter>`, such as `exp_avg.qa_classifier.bias`."""
    return {
        f"{key}.{name}": torch.as_tensor(value)
        for name, parameter in model.named_parameters()
        for key, value in optimiser.state.get(parameter, {}).items()
    }


def load_optimiser_state(optimiser: torch.optim.Optimizer, model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Undo `optimiser_state`, onto the parameters' devices.

    Raises:
        KeyError: the state names a parameter that the model does not have.
    """
    parameters = dict(model.named_parameters())
    for full_name, value in state.items():
        key, _, name = full_name.partition(".")
        parameter = parameters[name]
        optimiser.state[parameter][key] = value.to(parameter.device).clone()

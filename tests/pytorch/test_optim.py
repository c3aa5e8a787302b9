"""At which rate what learns, what decays, and a state that goes through named tensors unchanged."""

import pytest
import torch
from torch import nn

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.pytorch.model.models import BigBirdForQuestionAnswering
from bigbird_cli.pytorch.optim import MovingAverage, adamw, load_optimiser_state, optimiser_state, set_rates
from bigbird_cli.recipe.schema import Optim


def settings(**values: float) -> Optim:
    """A recipe's section, whose other values are the defaults."""
    return Optim.model_validate(values)


def test_only_matrices_decay() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    adamw(model, settings(lr=0.1, weight_decay=0.5)).step()
    changed = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert changed == {"0.weight"}


def test_the_state_goes_through_named_tensors_unchanged() -> None:
    def learn(model: nn.Module, optimiser: torch.optim.Optimizer, n_steps: int) -> None:
        for _ in range(n_steps):
            optimiser.zero_grad()
            model(torch.arange(6.0).view(2, 3)).square().sum().backward()
            optimiser.step()

    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimiser = adamw(model, settings(lr=0.1, weight_decay=0.1))
    learn(model, optimiser, 3)
    state = {name: tensor.clone() for name, tensor in optimiser_state(optimiser, model).items()}
    assert set(state) == {f"{key}.{name}" for key in ("exp_avg", "exp_avg_sq", "step") for name in ("weight", "bias")}

    other = nn.Linear(3, 2)
    other.load_state_dict(model.state_dict())
    fresh = adamw(other, settings(lr=0.1, weight_decay=0.1))
    load_optimiser_state(fresh, other, state)
    learn(model, optimiser, 2)
    learn(other, fresh, 2)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_a_state_of_other_parameters_is_refused() -> None:
    model = nn.Linear(3, 2)
    with pytest.raises(KeyError):
        load_optimiser_state(
            adamw(model, settings(lr=0.1, weight_decay=0.0)), model, {"exp_avg.elsewhere": torch.zeros(1)}
        )


def tiny() -> BigBirdForQuestionAnswering:
    return BigBirdForQuestionAnswering(
        BigBirdConfig(
            vocab_size=20, hidden_size=8, num_hidden_layers=3, num_attention_heads=2, intermediate_size=8,
            max_position_embeddings=16,
        )
    )  # fmt: skip


def test_lower_layers_learn_slower_and_the_head_at_the_full_rate() -> None:
    model = tiny()
    optimiser = adamw(model, settings(lr=0.5, weight_decay=0.01, layer_decay=0.5))
    set_rates(optimiser, share=0.8)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    rates = {names[id(parameter)]: group["lr"] for group in optimiser.param_groups for parameter in group["params"]}
    assert rates.keys() == dict(model.named_parameters()).keys()
    assert rates["qa_classifier.qa_outputs.weight"] == pytest.approx(0.4)
    assert rates["bert.encoder.layer.2.output.dense.bias"] == pytest.approx(0.2)
    assert rates["bert.encoder.layer.0.output.dense.weight"] == pytest.approx(0.05)
    assert rates["bert.embeddings.word_embeddings.weight"] == pytest.approx(0.025)
    decays = {names[id(p)]: group["weight_decay"] for group in optimiser.param_groups for p in group["params"]}
    assert decays["bert.encoder.layer.0.output.dense.weight"] == 0.01
    assert decays["bert.encoder.layer.0.output.dense.bias"] == 0.0


def test_the_head_may_learn_at_a_rate_of_its_own() -> None:
    model = tiny()
    optimiser = adamw(model, settings(lr=0.2, weight_decay=0.01, layer_decay=0.5, head_lr=0.5))
    set_rates(optimiser, share=0.5)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    rates = {names[id(parameter)]: group["lr"] for group in optimiser.param_groups for parameter in group["params"]}
    assert rates["qa_classifier.qa_outputs.weight"] == pytest.approx(0.25)
    assert rates["bert.encoder.layer.2.output.dense.bias"] == pytest.approx(0.05)


def test_a_moving_average_is_the_weighted_sum_of_what_it_saw() -> None:
    model = nn.Linear(1, 1, bias=False)
    average = MovingAverage(model, decay=0.75)
    seen = [model.weight.item()]
    expected = seen[0]
    for step in range(1, 40):
        with torch.no_grad():
            model.weight.fill_(float(step))
        average.update(step)
        decay = min(0.75, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    assert average.averages["weight"].item() == pytest.approx(expected)
    with average.in_place():
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == 39.0
    assert average.averages["weight"].item() == pytest.approx(expected)

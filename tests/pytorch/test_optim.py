"""The learning rate over a run, what decays, and a state that goes through named tensors unchanged."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.pytorch.model.models import BigBirdForQuestionAnswering
from bigbird_cli.pytorch.optim import MovingAverage, adamw, load_optimiser_state, lr_factor, optimiser_state, set_rate


def factors(schedule: str, *, n_steps: int = 100, warmup: float = 0.1) -> list[float]:
    return [lr_factor(step, n_steps=n_steps, warmup=warmup, schedule=schedule) for step in range(1, n_steps + 1)]


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
@pytest.mark.parametrize("n_steps", [1, 2, 100])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.99])
def test_the_rate_climbs_to_its_peak_and_never_is_zero(schedule: str, n_steps: int, warmup: float) -> None:
    rates = factors(schedule, n_steps=n_steps, warmup=warmup)
    peak = max(1, round(warmup * n_steps)) - 1
    assert rates[peak] == max(rates) == 1.0
    assert min(rates) > 0
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


def test_the_linear_schedule_falls_in_even_steps() -> None:
    rates = factors("linear", n_steps=100, warmup=0.1)
    assert rates[4] == 0.5
    assert {round(before - after, 12) for before, after in pairwise(rates[9:])} == {round(1 / 91, 12)}


def test_the_cosine_schedule_is_at_half_after_half() -> None:
    assert lr_factor(51, n_steps=100, warmup=0.0, schedule="cosine") == pytest.approx(0.5, abs=0.01)


def test_the_constant_schedule_stays() -> None:
    assert factors("constant")[9:] == [1.0] * 91


def test_an_unknown_schedule_is_refused() -> None:
    with pytest.raises(ValueError, match="zigzag"):
        lr_factor(9, n_steps=10, warmup=0.1, schedule="zigzag")


def test_only_matrices_decay() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    adamw(model, lr=0.1, weight_decay=0.5).step()
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
    optimiser = adamw(model, lr=0.1, weight_decay=0.1)
    learn(model, optimiser, 3)
    state = {name: tensor.clone() for name, tensor in optimiser_state(optimiser, model).items()}
    assert set(state) == {f"{key}.{name}" for key in ("exp_avg", "exp_avg_sq", "step") for name in ("weight", "bias")}

    other = nn.Linear(3, 2)
    other.load_state_dict(model.state_dict())
    fresh = adamw(other, lr=0.1, weight_decay=0.1)
    load_optimiser_state(fresh, other, state)
    learn(model, optimiser, 2)
    learn(other, fresh, 2)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_a_state_of_other_parameters_is_refused() -> None:
    model = nn.Linear(3, 2)
    with pytest.raises(KeyError):
        load_optimiser_state(adamw(model, lr=0.1, weight_decay=0.0), model, {"exp_avg.elsewhere": torch.zeros(1)})


def tiny() -> BigBirdForQuestionAnswering:
    return BigBirdForQuestionAnswering(
        BigBirdConfig(
            vocab_size=20, hidden_size=8, num_hidden_layers=3, num_attention_heads=2, intermediate_size=8,
            max_position_embeddings=16,
        )
    )  # fmt: skip


def test_lower_layers_learn_slower_and_the_head_at_the_full_rate() -> None:
    model = tiny()
    optimiser = adamw(model, lr=1.0, weight_decay=0.01, layer_decay=0.5)
    set_rate(optimiser, 0.8)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    rates = {names[id(parameter)]: group["lr"] for group in optimiser.param_groups for parameter in group["params"]}
    assert rates.keys() == dict(model.named_parameters()).keys()
    assert rates["qa_classifier.qa_outputs.weight"] == pytest.approx(0.8)
    assert rates["bert.encoder.layer.2.output.dense.bias"] == pytest.approx(0.4)
    assert rates["bert.encoder.layer.0.output.dense.weight"] == pytest.approx(0.1)
    assert rates["bert.embeddings.word_embeddings.weight"] == pytest.approx(0.05)
    decays = {names[id(p)]: group["weight_decay"] for group in optimiser.param_groups for p in group["params"]}
    assert decays["bert.encoder.layer.0.output.dense.weight"] == 0.01
    assert decays["bert.encoder.layer.0.output.dense.bias"] == 0.0


def test_the_head_may_learn_at_a_rate_of_its_own() -> None:
    model = tiny()
    optimiser = adamw(model, lr=0.2, weight_decay=0.01, layer_decay=0.5, head_lr=1.0)
    set_rate(optimiser, 0.1)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    rates = {names[id(parameter)]: group["lr"] for group in optimiser.param_groups for parameter in group["params"]}
    assert rates["qa_classifier.qa_outputs.weight"] == pytest.approx(0.5)
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

"""Dropout drops as often as it is told, the same in both passes, and changes no mean."""

import pytest
import torch

from bigbird_cli.pytorch.model.dropout import Dropout, draw, masked, scale


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_as_much_is_kept_as_is_asked_for(p: float, dtype: torch.dtype) -> None:
    x = torch.ones(101, 997, dtype=dtype)
    factors = masked(x, draw(x, p=p, seed=3))
    assert factors.dtype == dtype
    assert set(factors.unique().tolist()) == {0.0, 1.0}
    assert abs(float(factors.double().mean()) - (1 - p)) < 0.006
    assert scale(p, x.device) == pytest.approx(1 / (1 - p), rel=1e-4)


def test_all_and_nothing_can_be_dropped() -> None:
    x = torch.ones(7, 5)
    assert (masked(x, draw(x, p=1.0, seed=0)) == 0).all()
    assert scale(1.0, x.device) == 0.0
    assert torch.equal(masked(-x, draw(x, p=0.0, seed=0)), -x)


def test_what_is_dropped_is_zero_whatever_it_was() -> None:
    x = torch.full((9,), torch.inf)
    assert (masked(x, draw(x, p=1.0, seed=0)) == 0).all()


def test_a_seed_gives_one_mask_and_another_seed_another() -> None:
    x = torch.ones(50, 50)
    assert torch.equal(draw(x, p=0.5, seed=1), draw(x, p=0.5, seed=1))
    assert not torch.equal(draw(x, p=0.5, seed=1), draw(x, p=0.5, seed=2))


def test_torchs_generator_decides_what_is_dropped() -> None:
    layer, x = Dropout(0.5), torch.ones(40, 40)
    found = []
    with torch.random.fork_rng():
        for seed in (0, 0, 1):
            torch.manual_seed(seed)
            found.append(layer(x))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


@pytest.mark.parametrize("has_residual", [False, True])
def test_gradients_pass_where_the_input_was_kept(has_residual: bool) -> None:
    x = torch.ones(30, 30, dtype=torch.float64, requires_grad=True)
    plus = torch.full((30, 30), 5.0, dtype=torch.float64, requires_grad=True) if has_residual else None
    with torch.random.fork_rng():
        torch.manual_seed(0)
        out = Dropout(0.25)(x, plus=plus)
    out.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, out.detach() - (5 if has_residual else 0))
    assert set(x.grad.unique().tolist()) == {0.0, 1 / 0.75}
    if plus is not None:
        assert plus.grad is not None
        assert (plus.grad == 1).all()


def test_nothing_is_dropped_outside_training() -> None:
    x = torch.randn(4, 4)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.5).eval()(x, plus=x), 2 * x)

"""Linear layers through oneDNN give what PyTorch's own give, forward and backward, with and without what is fused."""

import pytest
import torch
from torch.nn import functional as F

from bigbird_cli.pytorch.model import choices
from bigbird_cli.pytorch.model import linear as room
from bigbird_cli.pytorch.model.activations import ACTIVATIONS
from bigbird_cli.pytorch.model.layers import Linear
from bigbird_cli.pytorch.model.linear import linear

needs_onednn = pytest.mark.skipif(not room._HAS_ONEDNN, reason="this processor's products are MKL's")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Shapes of the inputs that oneDNN was given."""
    seen: list[tuple[int, ...]] = []
    original = room._onednn

    def counted(x: torch.Tensor, *rest: object) -> torch.Tensor:
        seen.append(tuple(x.shape))
        return original(x, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(room, "_onednn", counted)
    monkeypatch.setattr(room, "MIN_PRODUCTS", 0)
    take(monkeypatch, "onednn")
    return seen


def take(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """Let all products for a gradient, and its own, go by one library."""
    monkeypatch.setattr(room, "library", lambda *_: library)


def operands(*rows: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(*rows, 48), torch.randn(32, 48), torch.randn(32)


@needs_onednn
@pytest.mark.parametrize("act", [None, *ACTIVATIONS])
@pytest.mark.parametrize("rows", [(1,), (5,), (2, 7), (2, 0), (3, 2, 4)])
@pytest.mark.parametrize("has_avx512", [False, True])
def test_products_equal_pytorchs(
    act: str | None,
    rows: tuple[int, ...],
    has_avx512: bool,
    calls: list[tuple[int, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "_HAS_AVX512", has_avx512)
    x, weight, bias = operands(*rows)
    function = None if act is None else ACTIVATIONS[act]
    found = linear(x, weight, bias, act=function)
    wanted = F.linear(x, weight, bias)
    torch.testing.assert_close(found, wanted if function is None else function(wanted), rtol=1e-5, atol=1e-5)
    assert calls == [(2, 48) if rows == (1,) else (*rows, 48)]  # a lone row goes twice


@needs_onednn
def test_an_activation_that_onednn_does_not_know_is_applied_behind(calls: list[tuple[int, ...]]) -> None:
    x, weight, bias = operands(2, 7)
    torch.testing.assert_close(linear(x, weight, bias, act=torch.sin), F.linear(x, weight, bias).sin())
    assert calls


@needs_onednn
@pytest.mark.parametrize("has_bias", [True, False])
def test_a_residual_is_added(has_bias: bool, calls: list[tuple[int, ...]]) -> None:
    x, weight, bias = operands(2, 7)
    plus = torch.randn(2, 7, 32)
    kept = plus.clone()
    found = linear(x, weight, bias if has_bias else None, plus=plus)
    torch.testing.assert_close(found, F.linear(x, weight, bias if has_bias else None) + plus)
    assert torch.equal(plus, kept)
    assert calls


@needs_onednn
@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize("library", ["onednn", "mkl"])
def test_gradients_equal_pytorchs(
    strided: bool, library: str, calls: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    take(monkeypatch, library)
    x, weight, bias = operands(4, 7)
    x = x.transpose(0, 1) if strided else x
    found: list[torch.Tensor | None] = []
    wanted: list[torch.Tensor | None] = []
    for function, gradients in ((linear, found), (F.linear, wanted)):
        leaves = [t.clone().requires_grad_() for t in (x, weight, bias)]
        out = function(*leaves)
        (out.sin() * out).sum().backward()
        gradients += [leaf.grad for leaf in leaves]
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-4)
    assert len(calls) == (2 if library == "onednn" else 0)


@needs_onednn
def test_only_wanted_gradients_are_computed(calls: list[tuple[int, ...]]) -> None:
    x, weight, bias = operands(4, 7)
    linear(x.requires_grad_(), weight, bias).sum().backward()
    assert x.grad is not None
    assert len(calls) == 2


@needs_onednn
@pytest.mark.parametrize("library", ["onednn", "mkl"])
def test_the_gradient_of_a_gradient_is_there(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MIN_PRODUCTS", 0)
    take(monkeypatch, library)
    x, weight, bias = operands(4, 7)
    x.requires_grad_()
    weight.requires_grad_()
    second = []
    for function in (linear, F.linear):
        (first,) = torch.autograd.grad(function(x, weight, bias).pow(3).sum(), x, create_graph=True)
        second.append(torch.autograd.grad(first.square().sum(), (x, weight)))
    torch.testing.assert_close(second[0], second[1], rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_types_are_left_to_pytorch(dtype: torch.dtype, calls: list[tuple[int, ...]]) -> None:
    x, weight, bias = (t.to(dtype) for t in operands(4))
    assert torch.equal(linear(x, weight, bias), F.linear(x, weight, bias))
    assert not calls


def test_autocast_is_left_to_pytorch(calls: list[tuple[int, ...]]) -> None:
    x, weight, bias = operands(4)
    with torch.autocast("cpu", torch.bfloat16):
        assert linear(x, weight, bias).dtype == torch.bfloat16
    assert not calls


def test_small_products_and_those_without_onednn_are_left_to_pytorch(
    calls: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    x, weight, bias = operands(4)
    with monkeypatch.context() as patch:
        patch.setattr(torch.backends.mkldnn, "enabled", False)
        linear(x, weight, bias)
    monkeypatch.setattr(room, "MIN_PRODUCTS", 2_000_000)
    linear(x, weight.requires_grad_(), bias)
    assert not calls


@needs_onednn
@pytest.mark.parametrize("width", [2, 32])
@torch.inference_mode()
def test_a_row_is_rounded_alike_in_whatever_number_of_rows(width: int) -> None:
    x, weight, bias = operands(700)
    together = linear(x, weight[:width], bias[:width])
    for n in (1, 2, 3, 50, 699):
        assert torch.equal(linear(x[:n], weight[:width], bias[:width]), together[:n])


@needs_onednn
@pytest.mark.parametrize("kind", ["product", "input gradient", "weight gradient"])
@torch.no_grad()
def test_what_is_timed_gives_the_same_by_each_library(kind: str) -> None:
    by_onednn, by_mkl = (call() for call in room._ways(kind, 16, 32).values())
    torch.testing.assert_close(by_onednn, by_mkl, rtol=1e-4, atol=1e-4)


@needs_onednn
def test_a_large_product_is_no_small_ones_affair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "_made", {"small product": "mkl", "large product": "onednn"})
    assert room.library("product", room.LARGE - 1) == "mkl"
    assert room.library("product", room.LARGE) == "onednn"


@needs_onednn
@torch.no_grad()
def test_what_wants_no_gradient_asks_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "choose", None)
    monkeypatch.setattr(room, "MIN_PRODUCTS", 0)
    linear(*operands(40))


@pytest.mark.parametrize("made", ["float32", "bfloat16"])
def test_the_quick_precision_is_what_was_chosen(made: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "_made", {"training": made})
    assert room.quick_precision(torch.device("cpu")) == made


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # PyTorch's compiler of itself
@torch.no_grad()
def test_what_is_compiled_is_left_to_the_compiler(calls: list[tuple[int, ...]]) -> None:
    layer = Linear(48, 32)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    x, _, _ = operands(4)
    compiled = torch.compile(layer)(x)
    assert not calls
    torch.testing.assert_close(compiled, layer(x), rtol=1e-5, atol=1e-5)

"""8-bit products are the products but for rounding, each document's own, and refused where they cannot be."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.errors import UsageError
from bigbird_cli.pytorch.model import linear as products
from bigbird_cli.pytorch.model.activations import ACTIVATIONS
from bigbird_cli.pytorch.model.layers import Linear
from bigbird_cli.pytorch.model.models import BigBirdForQuestionAnswering
from bigbird_cli.pytorch.predict import open_predictor
from bigbird_cli.pytorch.quantised import Int8Linear, quantise
from bigbird_cli.weights.store import open_folder
from tests.conftest import Bigbird

CPU = torch.device("cpu")


def layer(*, bias: bool = True) -> Linear:
    torch.manual_seed(0)
    linear = Linear(96, 64, bias=bias)
    with torch.no_grad():
        for parameter in linear.parameters():
            parameter.normal_()
    return linear


HAS_VNNI: bool = torch.cpu._is_vnni_supported()


@pytest.mark.parametrize(
    "has_vnni",
    [pytest.param(True, marks=pytest.mark.skipif(not HAS_VNNI, reason="sums of 16 bits overflow here")), False],
)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("act", [None, "gelu_new"])
@torch.inference_mode()
def test_products_differ_by_rounding_alone(
    has_vnni: bool, bias: bool, act: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: has_vnni)
    linear = layer(bias=bias)
    function = None if act is None else ACTIVATIONS[act]
    x = torch.randn(2, 30, 96) * torch.logspace(-3, 3, 30)[:, None]  # tokens of very different sizes
    plus = torch.randn(2, 30, 64)
    wanted = F.linear(x, linear.weight, linear.bias)
    found = Int8Linear(linear)(x)
    errors = (found - wanted).norm(dim=2) / wanted.norm(dim=2)
    assert errors.max() < (0.02 if has_vnni else 0.03)
    if function is not None:
        assert torch.equal(Int8Linear(linear)(x, act=function), function(found))
    assert torch.equal(Int8Linear(linear)(x, plus=plus), found + plus)


@torch.inference_mode()
def test_numbers_that_8_bits_hold_are_exact() -> None:
    linear = Linear(2, 1, bias=False)
    linear.weight.copy_(torch.tensor([[127.0, -3.0]]))
    most = 127.0 if HAS_VNNI else 63.0
    x = torch.tensor([[-most, 5.0], [0.0, 0.0], [32.0, most]])
    torch.testing.assert_close(Int8Linear(linear)(x), F.linear(x, linear.weight))


@torch.inference_mode()
def test_a_token_does_not_depend_on_its_neighbours() -> None:
    quantised_layer = Int8Linear(layer())
    x = torch.randn(1, 8, 96)
    alone = quantised_layer(x[:, :3])
    x[:, 3:] *= 1000
    torch.testing.assert_close(quantised_layer(x)[:, :3], alone)


def model() -> BigBirdForQuestionAnswering:
    torch.manual_seed(0)
    config = BigBirdConfig(
        vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, block_size=4
    )
    return BigBirdForQuestionAnswering(config).eval()


@torch.inference_mode()
def test_the_encoder_is_quantised_and_the_head_is_not() -> None:
    plain, small = model(), model()
    quantise(small, "int8", device=CPU)
    kinds = {type(module) for name, module in small.named_modules() if name.startswith("bert.encoder.layer.")}
    assert Int8Linear in kinds
    assert Linear not in kinds
    assert type(small.qa_classifier.qa_outputs) is Linear
    ids = torch.randint(5, 50, (2, 60))
    found, wanted = (m.bert(ids).last_hidden_state for m in (small, plain))
    assert 0 < (found - wanted).norm() / wanted.norm() < 0.03


@pytest.mark.skipif(not products._HAS_ONEDNN, reason="PyTorch's own products round rows by their number")
@pytest.mark.parametrize("mode", ["float32", "int8"])
@torch.inference_mode()
def test_a_document_is_read_as_if_it_were_alone_to_the_last_bit(mode: str) -> None:
    """Of 8 bits each rounding is a step of a hundredth: what differs in the last bit before it may differ by that."""
    reader = model()
    if mode == "int8":
        quantise(reader, "int8", device=CPU)
    lengths = [9, 30, 31, 32, 33, 60, 7, 3, 61]
    ids = torch.randint(5, 50, (len(lengths), max(lengths)))
    is_token = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    together = reader(ids, attention_mask=is_token, token_type_ids=torch.zeros_like(ids))
    for row, length in enumerate(lengths):
        alone = reader(ids[row : row + 1, :length], token_type_ids=torch.zeros(1, length, dtype=torch.long))
        assert torch.equal(alone.start_logits[0], together.start_logits[row, :length]), f"{length} tokens"
        assert torch.equal(alone.end_logits[0], together.end_logits[row, :length])


@pytest.mark.parametrize(
    ("mode", "device", "said"),
    [("int4", CPU, "there is no 'int4'"), ("int8", torch.device("cuda:0"), "int8 is for processors")],
)
def test_what_cannot_be_is_refused(mode: str, device: torch.device, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        quantise(model(), mode, device=device)


def test_a_build_without_such_products_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.ops, "onednn", object())
    with pytest.raises(UsageError, match="no int8"):
        quantise(model(), "int8", device=CPU)


def test_a_predictor_says_what_it_computes_in(tiny_qa_model: Path) -> None:
    folder = open_folder(tiny_qa_model)
    assert open_predictor(folder, head="span", device="cpu", quantize="int8").device == "cpu, int8"
    assert open_predictor(folder, head="span", device="cpu").device == "cpu"


def test_the_commands_take_it(bigbird: Bigbird, tiny_qa_model: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("ada lit the lamp of the keeper")
    question: list[Any] = ["--context", "text.txt", "--question", "who lit the lamp", "--model", tiny_qa_model]
    done = bigbird("qa", *question, "--json", "--quantize", "int8", "--backend", "pytorch")
    assert done.returncode == 0, done.stderr
    assert '"device": "cpu, int8"' in done.stdout
    assert bigbird("qa", *question, "--quantize", "int9").returncode == 2

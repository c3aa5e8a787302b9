"""Documents laid end to end come back where they stood, and only attention sees them apart."""

from typing import Any

import pytest
import torch

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.pytorch.model import chunking
from bigbird_cli.pytorch.model.chunking import chunked
from bigbird_cli.pytorch.model.documents import group_documents
from bigbird_cli.pytorch.model.kernels import SPARSE_KERNELS
from bigbird_cli.pytorch.model.layers import Linear
from bigbird_cli.pytorch.model.layouts import PackedRow
from bigbird_cli.pytorch.model.models import BigBirdForMaskedLM

BLOCK, LIMIT = 4, 28


def tiny_config() -> BigBirdConfig:
    """Blocks of 8, sparse from 89 tokens on."""
    return BigBirdConfig(
        vocab_size=40,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=512,
        block_size=8,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )


def pack(lengths: list[int], width: int, **changes: Any) -> tuple[PackedRow, torch.Tensor]:
    is_token = torch.arange(width) < torch.tensor(lengths)[:, None]
    settings: dict[str, Any] = {
        "batch_size": len(lengths),
        "n_tokens": width,
        "block_size": BLOCK,
        "full_attention_limit": LIMIT,
        "attention_type": "block_sparse",
        "device": torch.device("cpu"),
    }
    groups = group_documents(is_token, alike=False, dense_step=BLOCK, **settings | changes)
    return PackedRow.of(groups, (len(lengths), width), torch.device("cpu")), is_token


@pytest.mark.parametrize("lengths", [[30, 5, 29, 32, 6, 1], [32, 32], [7], [32], [3, 40, 37]])
def test_what_is_packed_is_every_token_once_and_unpacks_to_its_place(lengths: list[int]) -> None:
    width = max(lengths)
    packing, is_token = pack(lengths, width)
    x_BSD = torch.arange(1.0, len(lengths) * width * 2 + 1).view(len(lengths), width, 2)
    packed = packing.lay_out(x_BSD)
    assert packed.shape == (1, sum(lengths), 2)
    assert sorted(packed[0, :, 0].tolist()) == x_BSD[is_token][:, 0].tolist()
    assert torch.equal(packing.restore(packed), x_BSD * is_token[:, :, None])


def test_documents_of_as_many_blocks_are_spread_to_their_length_and_collected() -> None:
    packing, _ = pack([30, 5, 29, 32, 6], 32)
    assert [(g.kernel, g.n_tokens, g.lengths) for g in packing.groups] == [
        ("gather", 32, [30, 29, 32]),
        ("dense", 6, [5, 6]),
    ]
    x_1NTH = torch.arange(float(2 * 102 * 3)).view(1, 2, 102, 3)
    parts = x_1NTH.split([sum(group.lengths) for group in packing.groups], dim=2)
    spreads = packing.split(x_1NTH)
    assert torch.equal(packing.join(spreads), x_1NTH)
    for group, part, spread in zip(packing.groups, parts, spreads, strict=True):
        assert spread.shape == (len(group.lengths), 2, group.n_tokens, 3)
        assert group.is_token is not None
        assert group.is_token.sum(dim=1).tolist() == group.lengths
        first = 0
        for row, length in enumerate(group.lengths):
            assert torch.equal(spread[row, :, :length], part[0, :, first : first + length])
            first += length


def test_whole_documents_need_no_indices() -> None:
    packing, _ = pack([32, 32], 32)
    assert packing.index_T is None
    assert packing.spreads[0].source_index is None
    assert packing.spreads[0].token_index is None


def test_products_meet_real_tokens_only(monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny_config()
    model = BigBirdForMaskedLM(config).eval()
    lengths = [200, 17, 90]
    mask = torch.arange(200) < torch.tensor(lengths)[:, None]
    ids = torch.randint(5, config.vocab_size, (3, 200))
    seen: list[int] = []
    forward = Linear.forward

    def counted(self: Linear, input: torch.Tensor, **more: Any) -> torch.Tensor:
        seen.append(input.numel() // input.shape[-1])
        return forward(self, input, **more)

    monkeypatch.setattr(Linear, "forward", counted)
    model.bert(ids, mask)
    assert set(seen) == {sum(lengths)}


@pytest.mark.parametrize("lengths", [[200, 17, 90, 203], [190]])
def test_gradients_are_those_of_each_document_alone(lengths: list[int]) -> None:
    torch.manual_seed(0)
    config = tiny_config()
    model = BigBirdForMaskedLM(config).double()
    ids = torch.randint(5, config.vocab_size, (len(lengths), max(lengths)))
    weight = torch.randn(max(lengths), config.hidden_size, dtype=torch.float64)

    def loss(row: int, states_SD: torch.Tensor) -> torch.Tensor:
        return (states_SD[: lengths[row]] * weight[: lengths[row]]).sum()

    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    together = model.bert(ids, mask).last_hidden_state
    torch.stack([loss(row, together[row]) for row in range(len(lengths))]).sum().backward()
    wanted = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad()
    for row, length in enumerate(lengths):
        loss(row, model.bert(ids[row : row + 1, :length]).last_hidden_state[0]).backward()
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(wanted[name], parameter.grad, rtol=1e-8, atol=1e-10)


def test_chunks_are_taken_only_where_no_gradient_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunking, "CHUNK_TOKENS", 8)
    seen: list[int] = []

    def double(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        seen.append(x.shape[1])
        return x + y

    x = torch.randn(2, 20, 3)
    assert torch.equal(chunked(double, x, x), 2 * x)
    with torch.no_grad():
        assert torch.equal(chunked(double, x, x), 2 * x)
        chunked(double, x, x, n_tokens=20)
    assert seen == [20, 7, 7, 6, 20]  # of like size: none is a lone token


def test_a_long_text_is_read_the_same_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny_config()
    model = BigBirdForMaskedLM(config).eval()
    ids = torch.randint(5, config.vocab_size, (1, 300))
    whole = model.bert(ids).last_hidden_state
    monkeypatch.setattr(chunking, "CHUNK_TOKENS", 64)
    with torch.inference_mode():
        torch.testing.assert_close(model.bert(ids).last_hidden_state, whole, rtol=0, atol=2e-6)


@torch.no_grad()
def test_a_model_reads_the_same_by_every_sparse_kernel() -> None:
    model = BigBirdForMaskedLM(tiny_config()).eval()
    ids = torch.randint(5, 40, (2, 200))
    mask = torch.arange(200) < torch.tensor([[200], [150]])
    states = {}
    for kernel in SPARSE_KERNELS:
        model.use_sparse_kernel(kernel)
        states[kernel] = model.bert(ids, mask).last_hidden_state
    for found in states.values():
        torch.testing.assert_close(found, states["reference"], rtol=0, atol=2e-6)
    with pytest.raises(ValueError, match="'dense' is not one of flex, fused, gather, reference"):
        model.use_sparse_kernel("dense")

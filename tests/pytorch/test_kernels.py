"""Every attention kernel gives what the slow, obvious one gives, forward and backward."""

import sys

import pytest
import torch

from bigbird_cli.bigbird.pattern import BlockPattern, block_pattern
from bigbird_cli.pytorch.kernels import KERNELS, choose

DOCUMENTS, HEADS, WIDTH, BLOCK = 2, 3, 8, 4
SPARSE = sorted(KERNELS.keys() - {"reference", "full"})


def operands(n_tokens: int, n_padding: int) -> tuple[list[torch.Tensor], torch.Tensor | None]:
    generator = torch.Generator().manual_seed(0)
    shape = (DOCUMENTS, HEADS, n_tokens, WIDTH)
    qkv = [torch.randn(shape, dtype=torch.float64, generator=generator).requires_grad_() for _ in range(3)]
    if n_padding == 0:
        return qkv, None
    is_token = torch.ones(DOCUMENTS, n_tokens, dtype=torch.bool)
    is_token[1, n_tokens - n_padding :] = False
    return qkv, is_token


def assert_agree(name: str, n_tokens: int, n_padding: int, pattern: BlockPattern | None) -> None:
    results = []
    for kernel in (KERNELS[name], KERNELS["reference"]):
        qkv, is_token = operands(n_tokens, n_padding)
        out = kernel(*qkv, is_token, pattern)
        real = torch.ones_like(out) if is_token is None else is_token[:, None, :, None].expand_as(out)
        weights = torch.randn(out.shape, dtype=out.dtype, generator=torch.Generator().manual_seed(1)) * real
        (out * weights).sum().backward()
        results.append([out.detach() * real, *(x.grad for x in qkv)])
    for got, want in zip(*results, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", SPARSE)
@pytest.mark.parametrize("n_padding", [0, 1, BLOCK - 1])
@pytest.mark.parametrize("n_random", [0, 1, 3, 5])
@pytest.mark.parametrize("surplus", [0, 1, 7], ids="2r+6+{}".format)
def test_sparse_kernel_agrees_with_reference(name: str, n_padding: int, n_random: int, surplus: int) -> None:
    n_blocks = 2 * n_random + 6 + surplus
    pattern = block_pattern(n_blocks=n_blocks, block_size=BLOCK, n_heads=HEADS, n_random=n_random, layer=0)
    assert_agree(name, n_blocks * BLOCK, n_padding, pattern)


@pytest.mark.parametrize("name", SPARSE)
def test_blocks_named_more_than_once_count_as_often(name: str) -> None:
    pattern = block_pattern(
        n_blocks=13, block_size=BLOCK, n_heads=HEADS, n_random=3, layer=0, variant="transformers-eval"
    )
    assert pattern.counts()[:, 5, 0].tolist() == [4] * HEADS
    assert_agree(name, 13 * BLOCK, 2, pattern)


@pytest.mark.parametrize("chunk_bytes", [1, 20_000, 2**30])
def test_gather_gives_the_same_in_chunks_of_any_size(chunk_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # the package's attribute `gather` is the function, so the module is taken by its full name
    monkeypatch.setattr(sys.modules["bigbird_cli.pytorch.kernels.gather"], "CHUNK_BYTES", chunk_bytes)
    pattern = block_pattern(n_blocks=24, block_size=BLOCK, n_heads=HEADS, n_random=2, layer=3)
    assert_agree("gather", 24 * BLOCK, 3, pattern)


@pytest.mark.parametrize("n_tokens", [1, 5, 64])
@pytest.mark.parametrize("n_padding", [0, 1])
def test_full_kernel_agrees_with_reference(n_tokens: int, n_padding: int) -> None:
    assert_agree("full", n_tokens, min(n_padding, n_tokens - 1), None)


@pytest.mark.parametrize("name", ["full", *SPARSE])
def test_a_document_without_tokens_gives_finite_numbers(name: str) -> None:
    pattern = None if name == "full" else block_pattern(n_blocks=12, block_size=4, n_heads=HEADS, n_random=1, layer=0)
    qkv, _ = operands(48, 0)
    is_token = torch.tensor([[True], [False]]).expand(DOCUMENTS, 48)
    assert KERNELS[name](*qkv, is_token, pattern).isfinite().all()


def test_kernel_is_chosen_by_length_and_attention_type() -> None:
    settings = {"full_attention_limit": 704, "attention_type": "block_sparse"}
    assert choose(n_tokens=704, **settings) == "full"
    assert choose(n_tokens=705, **settings) == "gather"
    assert choose(n_tokens=9999, full_attention_limit=704, attention_type="original_full") == "full"


def test_kernels_refuse_the_wrong_kind_of_pattern() -> None:
    qkv, _ = operands(48, 0)
    pattern = block_pattern(n_blocks=12, block_size=4, n_heads=HEADS, n_random=1, layer=0)
    with pytest.raises(ValueError, match="no pattern"):
        KERNELS["full"](*qkv, None, pattern)
    with pytest.raises(ValueError, match="needs a pattern"):
        KERNELS["gather"](*qkv, None, None)

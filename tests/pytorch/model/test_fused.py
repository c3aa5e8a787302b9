"""The programs for a GPU attend as the reference does, forwards and backwards; elsewhere `gather` does it."""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bigbird_cli.bigbird.pattern import BlockPattern, block_pattern, causal_pattern
from bigbird_cli.pytorch.model.kernels import KERNELS

HEADS = 2
PATTERNS: dict[str, dict[str, Any]] = {
    "drawn": {"n_random": 3},
    "repeated": {"n_random": 3, "variant": "transformers-eval", "max_tokens": 4096},
    "causal": {"n_random": 2},
}


def pattern_of(kind: str, *, n_blocks: int, block_size: int) -> BlockPattern:
    draw = causal_pattern if kind == "causal" else block_pattern
    return draw(n_blocks=n_blocks, block_size=block_size, n_heads=HEADS, layer=0, **PATTERNS[kind])


def assert_same_as_reference(
    kernel: Callable[..., torch.Tensor], pattern: BlockPattern, *, width: int, device: str, rtol: float
) -> None:
    """Compare values and gradients over two documents, of which one is padded."""
    n_tokens = pattern.n_blocks * pattern.block_size
    generator = torch.Generator().manual_seed(0)
    shape = (2, n_tokens, HEADS, width)
    qkv = [torch.randn(shape, generator=generator).transpose(1, 2) for _ in range(3)]
    weights = torch.randn(2, HEADS, n_tokens, width, generator=generator)
    is_token = torch.ones(2, n_tokens, dtype=torch.bool)
    is_token[1, -pattern.block_size - 3 :] = False
    weights = (weights * is_token[:, None, :, None]).to(device)
    is_token = is_token.to(device)
    results = []
    for attend in (kernel, KERNELS["reference"]):
        q, k, v = own = [x.to(device).clone().requires_grad_() for x in qkv]
        out = attend(q, k, v, is_token, pattern)
        (out * weights).sum().backward()
        results.append([(out * is_token[:, None, :, None]).detach(), *(x.grad for x in own)])
    for got, want in zip(*results, strict=True):
        torch.testing.assert_close(got, want, rtol=rtol, atol=rtol * float(want.abs().max()))


@pytest.mark.parametrize("kind", PATTERNS)
def test_a_key_block_lists_its_readers_as_often_as_they_read_it(kind: str) -> None:
    lists_of = importlib.import_module("bigbird_cli.pytorch.model.kernels.fused").Lists.of
    pattern = pattern_of(kind, n_blocks=20, block_size=4)
    lists = lists_of(pattern, torch.device("cpu"))
    firsts, readers = lists.firsts.numpy(), lists.readers.numpy()
    found = np.zeros((HEADS, 20, 20), dtype=np.int32)
    for head in range(HEADS):
        for block in range(20):
            place = head * 20 + block
            np.add.at(found[head, :, block], readers[firsts[place] : firsts[place + 1]], 1)
    np.testing.assert_array_equal(found, pattern.counts())


def test_what_is_not_on_a_gpu_is_gathered() -> None:
    pattern = pattern_of("drawn", n_blocks=13, block_size=16)
    q, k, v = torch.randn(3, 1, HEADS, 13 * 16, 16)
    assert torch.equal(KERNELS["fused"](q, k, v, None, pattern), KERNELS["gather"](q, k, v, None, pattern))
    with pytest.raises(ValueError, match="needs a pattern"):
        KERNELS["fused"](q, k, v, None, None)


def test_the_programs_are_right_where_triton_interprets_them() -> None:
    pytest.importorskip("triton", reason="Triton is not installed: it comes with PyTorch for a GPU")
    done = subprocess.run(
        [sys.executable, str(Path(__file__))],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if "only 0-dimensional arrays can be converted" in done.stderr:
        pytest.skip("the interpreter of this Triton does not suit this NumPy: 3.6 takes up to 2.3")
    assert done.returncode == 0, done.stderr


@pytest.mark.gpu
@pytest.mark.parametrize("kind", PATTERNS)
@pytest.mark.parametrize("width", [32, 64])
def test_the_programs_are_right_on_a_gpu(kind: str, width: int) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    pattern = pattern_of(kind, n_blocks=20, block_size=64)
    assert_same_as_reference(KERNELS["fused"], pattern, width=width, device="cuda", rtol=1e-4)


@pytest.mark.gpu
def test_in_bfloat16_they_are_as_near_as_the_gathered_ones() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    pattern = pattern_of("drawn", n_blocks=20, block_size=64)
    generator = torch.Generator("cuda").manual_seed(0)
    q, k, v = (torch.randn(2, HEADS, 20 * 64, 32, device="cuda", generator=generator) for _ in range(3))
    want = KERNELS["reference"](q, k, v, None, pattern)
    errors = {
        name: float((KERNELS[name](q.bfloat16(), k.bfloat16(), v.bfloat16(), None, pattern) - want).abs().mean())
        for name in ("fused", "gather")
    }
    assert errors["fused"] < 1.2 * errors["gather"]


def _interpreted() -> None:
    attention = importlib.import_module("bigbird_cli.pytorch.model.kernels.fused")._FusedAttention
    for kind in PATTERNS:
        pattern = pattern_of(kind, n_blocks=13, block_size=16)
        assert_same_as_reference(attention.apply, pattern, width=16, device="cpu", rtol=1e-5)


if __name__ == "__main__":
    _interpreted()

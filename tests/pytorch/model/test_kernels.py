"""Every attention kernel gives what the slow, obvious one gives, forward and backward."""

import sys
from typing import Any

import pytest
import torch
from torch.nn.attention.flex_attention import flex_attention

from bigbird_cli.bigbird.pattern import BlockPattern, block_pattern, causal_pattern
from bigbird_cli.pytorch.model.kernels import KERNELS, is_sparse, products
from bigbird_cli.pytorch.model.kernels.bucketed import bucketed
from bigbird_cli.pytorch.model.kernels.reference import attention_weights
from bigbird_cli.pytorch.model.kernels.sparse_weights import sparse_weights

DOCUMENTS, HEADS, WIDTH, BLOCK = 2, 3, 8, 4
FAST = {name: kernel for name, kernel in KERNELS.items() if name != "reference" and not kernel.is_incremental}
SPARSE = [name for name, kernel in FAST.items() if kernel.is_sparse and kernel.trains_on_cpu]
FORWARD = [
    name for name, kernel in FAST.items() if kernel.is_sparse and not (kernel.trains_on_cpu or kernel.needs_cuda)
]
"""Those that compute on a processor, but no gradients there."""
DENSE = [name for name, kernel in FAST.items() if kernel.is_dense]
INCREMENTAL = [name for name, kernel in KERNELS.items() if kernel.is_incremental]


def operands(
    n_tokens: int, n_padding: int
) -> tuple[tuple[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor | None]:
    generator = torch.Generator().manual_seed(0)
    shape = (DOCUMENTS, HEADS, n_tokens, WIDTH)
    q, k, v = (torch.randn(shape, dtype=torch.float64, generator=generator).requires_grad_() for _ in range(3))
    if n_padding == 0:
        return (q, k, v), None
    is_token = torch.ones(DOCUMENTS, n_tokens, dtype=torch.bool)
    is_token[1, n_tokens - n_padding :] = False
    return (q, k, v), is_token


def assert_agree(name: str, n_tokens: int, n_padding: int, pattern: BlockPattern | None, **more: Any) -> None:
    results = []
    for kernel in (KERNELS[name], KERNELS["reference"]):
        qkv, is_token = operands(n_tokens, n_padding)
        out = kernel(*qkv, is_token, pattern, **more)
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
    monkeypatch.setattr(sys.modules["bigbird_cli.pytorch.model.kernels.gather"], "CHUNK_BYTES", chunk_bytes)
    pattern = block_pattern(n_blocks=24, block_size=BLOCK, n_heads=HEADS, n_random=2, layer=3)
    assert_agree("gather", 24 * BLOCK, 3, pattern)


@pytest.mark.parametrize("n_tokens", [1, 5, 64])
@pytest.mark.parametrize("n_padding", [0, 1])
@pytest.mark.parametrize("name", DENSE)
def test_dense_kernel_agrees_with_reference(name: str, n_tokens: int, n_padding: int) -> None:
    assert_agree(name, n_tokens, min(n_padding, n_tokens - 1), None)


@pytest.fixture(params=["saved", "computed again"])
def by_products(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attention by products, whose weights are saved for the gradient, or not."""
    monkeypatch.setattr(products, "are_quicker", lambda _: True)
    monkeypatch.setattr(products, "SAVED_BYTES", 1 << 30 if request.param == "saved" else 0)


@pytest.mark.usefixtures("by_products")
@pytest.mark.parametrize("scores_at_once", [1, 5_000, 10**9])
@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("n_padding", [0, 5])
def test_dense_attention_by_products_agrees_with_reference(
    n_padding: int, is_causal: bool, scores_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["bigbird_cli.pytorch.model.kernels.dense"], "SCORES_AT_ONCE", scores_at_once)
    assert_agree("dense", 37, n_padding, None, is_causal=is_causal)


@pytest.mark.usefixtures("by_products")
@pytest.mark.parametrize("n_padding", [0, 5])
def test_gathered_attention_by_products_agrees_with_reference(n_padding: int) -> None:
    assert_agree("gather", 13 * BLOCK, n_padding, drawn_pattern(13))


@pytest.mark.usefixtures("by_products")
@pytest.mark.parametrize("kernel", ["dense", "gather"])
def test_products_drop_the_same_in_both_passes(kernel: str) -> None:
    pattern = drawn_pattern(13) if KERNELS[kernel].is_sparse else None

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(0)
        return KERNELS[kernel](q, k, v, None, pattern, dropout=0.5)

    with torch.random.fork_rng():
        qkv = [x[:1, :, :, :2].detach().clone().requires_grad_() for x in operands(13 * BLOCK, 0)[0]]
        assert torch.autograd.gradcheck(attend, qkv, fast_mode=True)


def drawn_pattern(n_blocks: int) -> BlockPattern:
    return block_pattern(n_blocks=n_blocks, block_size=BLOCK, n_heads=HEADS, n_random=3, layer=0)


@pytest.mark.parametrize("name", [*DENSE, *SPARSE])
def test_a_document_without_tokens_gives_finite_numbers(name: str) -> None:
    settings = {"n_blocks": 12, "block_size": 4, "n_heads": HEADS, "n_random": 1, "layer": 0}
    pattern = block_pattern(**settings) if KERNELS[name].is_sparse else None
    qkv, _ = operands(48, 0)
    is_token = torch.tensor([[True], [False]]).expand(DOCUMENTS, 48)
    assert KERNELS[name](*qkv, is_token, pattern).isfinite().all()


def test_attention_is_sparse_by_length_and_attention_type() -> None:
    settings: dict[str, Any] = {"full_attention_limit": 704, "attention_type": "block_sparse"}
    assert not is_sparse(n_tokens=704, **settings)
    assert is_sparse(n_tokens=705, **settings)
    assert not is_sparse(n_tokens=9999, full_attention_limit=704, attention_type="original_full")


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_refuse_the_wrong_kind_of_pattern(name: str) -> None:
    kernel = KERNELS[name]
    qkv, _ = operands(48, 0)
    pattern = block_pattern(n_blocks=12, block_size=4, n_heads=HEADS, n_random=1, layer=0)
    if not kernel.is_sparse:
        with pytest.raises(ValueError, match="no pattern"):
            kernel(*qkv, None, pattern)
    if not kernel.is_dense:
        with pytest.raises(ValueError, match="needs a pattern"):
            kernel(*qkv, None, None)
        with pytest.raises(ValueError, match="needs a causal pattern"):
            kernel(*qkv, None, pattern, is_causal=True)


@pytest.mark.parametrize("name", SPARSE)
@pytest.mark.parametrize("n_padding", [0, 3])
@pytest.mark.parametrize(("n_window", "n_random"), [(1, 0), (1, 2), (3, 0), (5, 3), (9, 1)])
def test_windows_of_any_width_agree_with_reference(name: str, n_padding: int, n_window: int, n_random: int) -> None:
    settings = {"block_size": BLOCK, "n_heads": HEADS, "n_random": n_random, "n_window": n_window, "layer": 1}
    assert_agree(name, 25 * BLOCK, n_padding, block_pattern(n_blocks=25, **settings))
    assert_agree(name, 25 * BLOCK, n_padding, causal_pattern(n_blocks=25, **settings))


@pytest.mark.parametrize("block_size", [1, 3, 16, 84])
def test_blocks_of_any_size_agree_with_reference(block_size: int) -> None:
    settings = {"n_blocks": 14, "block_size": block_size, "n_heads": HEADS, "n_random": 2, "layer": 0}
    for pattern in (block_pattern(**settings), causal_pattern(**settings)):
        assert_agree("gather", 14 * block_size, 1, pattern)


def test_a_document_beyond_4096_tokens_agrees_with_reference() -> None:
    pattern = block_pattern(n_blocks=66, block_size=64, n_heads=HEADS, n_random=3, layer=0)
    assert pattern.key_blocks[:, 0].max() == 65
    assert_agree("gather", 66 * 64, 5, pattern)


def chosen_globals(n_tokens: int) -> torch.Tensor:
    """A question at the start and a sentence in the middle of one document, single tokens in the other."""
    is_global = torch.zeros(DOCUMENTS, n_tokens, dtype=torch.bool)
    is_global[0, :7] = is_global[0, 40:46] = True
    is_global[1, [2, 33, n_tokens - 2]] = True  # the last stands in the last block, in padding where there is some
    return is_global


@pytest.mark.parametrize("name", SPARSE)
@pytest.mark.parametrize("n_padding", [0, 3])
@pytest.mark.parametrize("variant", ["original", "transformers-eval"])
def test_chosen_global_tokens_agree_with_reference(name: str, n_padding: int, variant: str) -> None:
    pattern = block_pattern(n_blocks=20, block_size=BLOCK, n_heads=HEADS, n_random=2, layer=0, variant=variant)
    assert_agree(name, 20 * BLOCK, n_padding, pattern, is_global_BS=chosen_globals(20 * BLOCK))


def test_chosen_global_tokens_read_all_and_are_read_by_all_once() -> None:
    """The reference itself, by the words: for these tokens nothing of the sparse pattern is left."""
    pattern = block_pattern(n_blocks=20, block_size=BLOCK, n_heads=HEADS, n_random=2, layer=0)
    (q, k, _), _ = operands(20 * BLOCK, 0)
    is_global = chosen_globals(20 * BLOCK)
    weights = attention_weights(q, k, None, pattern, is_global_BS=is_global)
    dense = attention_weights(q, k, None, None)
    torch.testing.assert_close(weights[0, :, 42], dense[0, :, 42])
    assert (weights[0, :, :, 42] > 0).all()
    # a query that reads keys once each splits its weights as dense attention does
    ratio = weights[0, :, 30, 42] / weights[0, :, 30, 30]
    torch.testing.assert_close(ratio, dense[0, :, 30, 42] / dense[0, :, 30, 30])


def test_no_chosen_token_leaves_the_pattern_alone() -> None:
    pattern = block_pattern(n_blocks=20, block_size=BLOCK, n_heads=HEADS, n_random=2, layer=0)
    qkv, is_token = operands(20 * BLOCK, 2)
    nowhere = torch.zeros(DOCUMENTS, 20 * BLOCK, dtype=torch.bool)
    assert torch.equal(
        KERNELS["gather"](*qkv, is_token, pattern, is_global_BS=nowhere), KERNELS["gather"](*qkv, is_token, pattern)
    )


@pytest.mark.parametrize("name", [name for name, kernel in KERNELS.items() if not kernel.is_dense])
def test_a_decoder_refuses_global_tokens(name: str) -> None:
    pattern = causal_pattern(n_blocks=20, block_size=BLOCK, n_heads=HEADS, n_random=2, layer=0)
    qkv, _ = operands(20 * BLOCK, 0)
    with pytest.raises(ValueError, match="not in a causal pattern"):
        KERNELS[name](*qkv, None, pattern, is_global_BS=chosen_globals(20 * BLOCK))


@pytest.mark.parametrize("name", DENSE)
@pytest.mark.parametrize("n_padding", [0, 5])
@pytest.mark.parametrize("n_tokens", [1, 6, 64])
def test_dense_causal_attention_agrees_with_reference(name: str, n_tokens: int, n_padding: int) -> None:
    assert_agree(name, n_tokens, min(n_padding, n_tokens - 1), None, is_causal=True)


@pytest.mark.parametrize("n_padding", [0, 5])
@pytest.mark.parametrize("n_kept", [1, 30, 63])
def test_dense_attention_of_the_last_tokens_is_the_end_of_that_of_all(n_kept: int, n_padding: int) -> None:
    (q, k, v), is_token = operands(64, n_padding)
    all_of_them = KERNELS["dense"](q, k, v, is_token, None, is_causal=True)
    last = KERNELS["dense"](q[:, :, n_kept:], k, v, is_token, is_causal=True)
    torch.testing.assert_close(last, all_of_them[:, :, n_kept:], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("n_padding", [0, 5])
@pytest.mark.parametrize(("n_kept", "n_tokens"), [(1, 96), (43, 44), (44, 45), (50, 91), (90, 96)])
@pytest.mark.parametrize("name", INCREMENTAL)
def test_sparse_attention_of_the_last_tokens_is_the_end_of_that_of_all(
    name: str, n_kept: int, n_tokens: int, n_padding: int
) -> None:
    (q, k, v), is_token = operands(96, n_padding)
    settings = {"block_size": BLOCK, "n_heads": HEADS, "n_random": 3, "layer": 0}
    all_of_them = KERNELS["reference"](q, k, v, is_token, causal_pattern(n_blocks=24, **settings))
    last = KERNELS[name](
        q[:, :, n_kept:n_tokens],
        k[:, :, :n_tokens],
        v[:, :, :n_tokens],
        None if is_token is None else is_token[:, :n_tokens],
        causal_pattern(n_blocks=-(-n_tokens // BLOCK), **settings),
    )
    torch.testing.assert_close(last, all_of_them[:, :, n_kept:n_tokens], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("n_padding", [0, 5])
@pytest.mark.parametrize(("is_causal", "has_globals"), [(False, False), (False, True), (True, False)])
def test_sparse_weights_are_those_of_the_reference(n_padding: int, is_causal: bool, has_globals: bool) -> None:
    settings = {"n_blocks": 16, "block_size": BLOCK, "n_heads": HEADS, "n_random": 3, "layer": 0}
    pattern = causal_pattern(**settings) if is_causal else block_pattern(**settings, variant="transformers-eval")
    (q, k, _), is_token = operands(16 * BLOCK, n_padding)
    is_global = chosen_globals(16 * BLOCK) if has_globals else None
    lengths = [16 * BLOCK, 16 * BLOCK - n_padding]
    sparse = sparse_weights(q, k, is_token, pattern, lengths=lengths, is_global_BS=is_global)
    want = attention_weights(q, k, is_token, pattern, is_global_BS=is_global)
    for document, dense, n in zip(sparse, want, lengths, strict=True):
        torch.testing.assert_close(document.to_dense(), dense[:, :n, :n], rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(document.to_dense().sum(-1), torch.ones(HEADS, n, dtype=torch.float64))


@pytest.mark.parametrize("is_causal", [False, True])
def test_documents_of_different_lengths_at_once_agree_with_reference(is_causal: bool) -> None:
    settings = {"block_size": BLOCK, "n_heads": HEADS, "n_random": 3, "layer": 0}
    draw = causal_pattern if is_causal else block_pattern
    patterns = [draw(n_blocks=n, **settings) for n in ((15,) if is_causal else range(12, 16))]
    lengths = [15 * BLOCK, 12 * BLOCK - 3]
    is_token = torch.arange(15 * BLOCK) < torch.tensor(lengths)[:, None]
    qkv, _ = operands(15 * BLOCK, 0)
    together = bucketed(*qkv, is_token, torch.tensor([15, 12]), patterns)
    (together * is_token[:, None, :, None]).square().sum().backward()
    got = [x.grad.clone() for x in qkv if x.grad is not None]  # as many as operands, or zip fails
    for x in qkv:
        x.grad = None
    for row, n_blocks in enumerate((15, 12)):
        own = slice(row, row + 1), slice(None), slice(n_blocks * BLOCK)
        own_token = is_token[row : row + 1, : n_blocks * BLOCK]
        q, k, v = (x[own] for x in qkv)
        alone = KERNELS["reference"](q, k, v, own_token, draw(n_blocks=n_blocks, **settings))
        n = lengths[row]
        torch.testing.assert_close(together[own][:, :, :n], alone[:, :, :n], rtol=1e-9, atol=1e-10)
        alone[:, :, :n].square().sum().backward()
    for grad, x in zip(got, qkv, strict=True):
        torch.testing.assert_close(grad, x.grad, rtol=1e-9, atol=1e-10)


def dropped_weights(kernel: str, seed: int, dropout: float) -> torch.Tensor:
    """What attention does to weights in training, seen through values that name the keys: (B, N, S, S)."""
    S = 13 * BLOCK
    generator = torch.Generator().manual_seed(0)
    q, k = (torch.randn(DOCUMENTS, HEADS, S, S, dtype=torch.float64, generator=generator) / S**0.5 for _ in range(2))
    names = torch.eye(S, dtype=torch.float64).expand(DOCUMENTS, HEADS, -1, -1)
    pattern = block_pattern(n_blocks=13, block_size=BLOCK, n_heads=HEADS, n_random=3, layer=0)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return KERNELS[kernel](q, k, names, None, pattern, dropout=dropout)


def test_dropout_drops_weights_and_makes_up_for_them() -> None:
    whole, dropped = dropped_weights("reference", 0, 0.0), dropped_weights("gather", 0, 0.25)
    read = whole > 0
    is_dropped = dropped[read] == 0
    assert abs(float(is_dropped.double().mean()) - 0.25) < 0.01
    torch.testing.assert_close(dropped[read][~is_dropped], whole[read][~is_dropped] / 0.75)
    assert (dropped[~read] == 0).all()
    assert not torch.equal(dropped, dropped_weights("gather", 1, 0.25))
    assert torch.equal(dropped, dropped_weights("gather", 0, 0.25))


def test_the_backward_pass_drops_what_the_forward_pass_dropped() -> None:
    pattern = block_pattern(n_blocks=13, block_size=BLOCK, n_heads=HEADS, n_random=3, layer=0)

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(0)
        is_global = chosen_globals(13 * BLOCK)[:1]
        return KERNELS["gather"](q, k, v, None, pattern, dropout=0.5, is_global_BS=is_global)

    with torch.random.fork_rng():
        qkv = [x[:1, :, :, :2].detach().clone().requires_grad_() for x in operands(13 * BLOCK, 0)[0]]
        assert torch.autograd.gradcheck(attend, qkv, fast_mode=True)


def test_dropping_everything_leaves_zeros() -> None:
    assert (dropped_weights("gather", 0, 1.0) == 0).all()


PATTERNS: dict[str, dict[str, Any] | None] = {
    "drawn": {"n_random": 3},
    "repeated": {"n_random": 3, "variant": "transformers-eval"},
    "causal": None,
}


@pytest.fixture
def flex_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """`gather` cannot be called."""
    monkeypatch.setattr(sys.modules["bigbird_cli.pytorch.model.kernels.flex"], "gather", None)


@pytest.mark.usefixtures("flex_alone")
@pytest.mark.parametrize("name", FORWARD)
@pytest.mark.parametrize("n_padding", [0, 1, BLOCK, BLOCK + 3])
@pytest.mark.parametrize("kind", PATTERNS)
@torch.no_grad()
def test_a_kernel_without_gradients_attends_as_the_reference_does(name: str, kind: str, n_padding: int) -> None:
    settings = PATTERNS[kind]
    if settings is None:
        pattern = causal_pattern(n_blocks=13, block_size=BLOCK, n_heads=HEADS, n_random=2, layer=0)
    else:
        pattern = block_pattern(n_blocks=13, block_size=BLOCK, n_heads=HEADS, layer=0, **settings)
    qkv, is_token = operands(13 * BLOCK, n_padding)
    got, want = (KERNELS[each](*qkv, is_token, pattern) for each in (name, "reference"))
    assert got.isfinite().all()
    real = torch.ones_like(got, dtype=torch.bool) if is_token is None else is_token[:, None, :, None].expand_as(got)
    torch.testing.assert_close(got[real], want[real], rtol=1e-9, atol=1e-10)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # PyTorch's compiler of itself
@pytest.mark.usefixtures("flex_alone")
@pytest.mark.parametrize("kind", PATTERNS)
@torch.no_grad()
def test_flex_attention_compiled_skips_the_blocks_that_are_not_read(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys.modules["bigbird_cli.pytorch.model.kernels.flex"],
        "_uncompiled",
        torch.compile(flex_attention, dynamic=False),
    )
    settings = PATTERNS[kind]
    if settings is None:
        pattern = causal_pattern(n_blocks=13, block_size=32, n_heads=HEADS, n_random=2, layer=0)
    else:
        pattern = block_pattern(n_blocks=13, block_size=32, n_heads=HEADS, layer=0, **settings)
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, HEADS, 13 * 32, 32, generator=generator) for _ in range(3))
    is_token = torch.ones(2, 13 * 32, dtype=torch.bool)
    is_token[1, -40:] = False
    got, want = (KERNELS[name](q, k, v, is_token, pattern) for name in ("flex", "reference"))
    real = is_token[:, None, :, None].expand_as(got)
    torch.testing.assert_close(got[real], want[real], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [name for name, kernel in FAST.items() if not kernel.trains_on_cpu])
def test_what_a_kernel_cannot_do_is_gathered(name: str) -> None:
    pattern = block_pattern(n_blocks=13, block_size=BLOCK, n_heads=HEADS, n_random=3, layer=0)
    assert_agree(name, 13 * BLOCK, 3, pattern)  # goes backward
    is_global = torch.zeros(DOCUMENTS, 13 * BLOCK, dtype=torch.bool)
    is_global[:, 21] = True
    qkv, is_token = operands(13 * BLOCK, 3)
    with torch.no_grad():
        got, want = (KERNELS[each](*qkv, is_token, pattern, is_global_BS=is_global) for each in (name, "gather"))
        assert torch.equal(got, want)
        assert (KERNELS[name](*qkv, is_token, pattern, dropout=1.0) == 0).all()


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")  # torch's own, while it compiles
@pytest.mark.parametrize("kind", ["drawn", "repeated"])
def test_flex_attention_goes_backward_on_a_gpu(kind: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    settings = PATTERNS[kind]
    assert settings is not None
    pattern = block_pattern(n_blocks=20, block_size=64, n_heads=HEADS, layer=0, **settings)
    results = []
    for name in ("flex", "reference"):
        generator = torch.Generator("cuda").manual_seed(0)
        q, k, v = (
            torch.randn(2, HEADS, 20 * 64, 64, device="cuda", generator=generator).requires_grad_() for _ in range(3)
        )
        out = KERNELS[name](q, k, v, None, pattern)
        out.square().sum().backward()
        results.append([out.detach(), *(x.grad for x in (q, k, v))])
    for got, want in zip(*results, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-2, atol=1e-2)

"""The keys and values that a decoder keeps."""

import pytest
import torch

from bigbird_cli.pytorch.model.cache import KeyValueCache, LayerCache


def some(n_tokens: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    k, v = torch.randn(2, 2, 3, n_tokens, 4, generator=generator)
    return k, v


def test_a_layer_holds_what_was_put_in_token_by_token() -> None:
    k, v = some(50, seed=0)
    layer = LayerCache.of(k[:, :, :3], v[:, :, :3])
    for end in range(4, 51):
        layer = layer.extended(k[:, :, end - 1 : end], v[:, :, end - 1 : end])
    assert torch.equal(layer.k_BNSH, k)
    assert torch.equal(layer.v_BNSH, v)


def test_keeping_token_by_token_copies_each_token_a_few_times_at_most() -> None:
    k, v = some(1, seed=0)
    layer = LayerCache.of(k, v)
    stores = set()
    for _ in range(1000):
        layer = layer.extended(k, v)
        stores.add(id(layer.store))
    assert len(stores) < 20


def test_one_text_can_be_continued_in_two_ways() -> None:
    start, one, other = (some(n, seed=n) for n in (4, 2, 3))
    layer = LayerCache.of(*start).extended(*some(1, seed=9))
    first, second = layer.extended(*one), layer.extended(*other)
    assert torch.equal(first.k_BNSH[:, :, 5:], one[0])
    assert torch.equal(second.k_BNSH[:, :, 5:], other[0])
    assert layer.n_tokens == 5
    assert torch.equal(layer.k_BNSH[:, :, :4], start[0])


def test_gradients_flow_through_a_cache() -> None:
    k, v = (x.requires_grad_() for x in some(3, seed=0))
    layer = LayerCache.of(k, v).extended(*some(2, seed=1))
    layer.k_BNSH.sum().backward()
    assert k.grad is not None
    assert (k.grad == 1).all()


def test_a_cache_is_a_sequence_of_tuples_and_is_made_of_one() -> None:
    tuples = (some(4, seed=0), (*some(4, seed=1), *some(6, seed=2)))
    cache = KeyValueCache.of(tuples)
    assert KeyValueCache.of(cache) is cache
    assert len(cache) == 2
    assert cache.n_tokens == 4
    assert [len(layer) for layer in cache] == [2, 4]
    assert cache[1][2].shape == (2, 3, 6, 4)
    assert [len(layer) for layer in cache[:1]] == [2]
    for kept, given in zip(cache, tuples, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(kept, given, strict=True))


def test_a_cache_of_other_rows_holds_those_rows() -> None:
    cache = KeyValueCache.of([some(4, seed=0)]).reordered(torch.tensor([1, 1, 0]))
    assert torch.equal(cache[0][0], some(4, seed=0)[0][[1, 1, 0]])


def test_a_layer_of_three_tensors_is_refused() -> None:
    with pytest.raises(ValueError, match="3 tensors, not 2"):
        KeyValueCache.of([(*some(4, seed=0), some(4, seed=1)[0])])

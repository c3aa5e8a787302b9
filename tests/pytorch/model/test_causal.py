"""A decoder never reads ahead, whatever stands behind a token, and a cache changes nothing that it says."""

import functools
import itertools
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor
from torch.nn import functional as F

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.pattern import random_blocks
from bigbird_cli.pytorch.model.generate import generate
from bigbird_cli.pytorch.model.models import BigBirdForCausalLM

VOCABULARY, LAYERS, HEADS, RANDOM = 60, 2, 2, 3
BLOCK = 16
LIMIT = (5 + 2 * RANDOM) * BLOCK
"""Tokens up to which a block-sparse decoder of blocks of 16 runs full attention."""


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def decoder(**changes: Any) -> BigBirdForCausalLM:
    """A tiny decoder with random weights in float64, so that nothing but an error makes a difference above 1e-9."""
    settings: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 16,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "intermediate_size": 32,
        "max_position_embeddings": 1024,
        "block_size": BLOCK,
        "num_random_blocks": RANDOM,
        "initializer_range": 0.3,
        "is_decoder": True,
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return BigBirdForCausalLM(BigBirdConfig(**{**settings, **changes})).double().eval()


def text(n_tokens: int, *, n_texts: int = 1, seed: int = 0) -> Tensor:
    return torch.randint(5, VOCABULARY, (n_texts, n_tokens), generator=torch.Generator().manual_seed(seed))


def same(got: Tensor, want: Tensor) -> None:
    torch.testing.assert_close(got, want, rtol=0, atol=1e-9)


def in_chunks(model: BigBirdForCausalLM, ids: Tensor, sizes: Sequence[int], **inputs: Any) -> tuple[Tensor, Any]:
    """Read a text chunk by chunk through the cache; return all logits and the cache."""
    logits, past = [], None
    for chunk in ids.split(list(sizes), dim=1):
        output = model(chunk, past_key_values=past, use_cache=True, **inputs)
        past = output.past_key_values
        logits.append(output.logits)
    return torch.cat(logits, dim=1), past


# What a decoder reads, in plain tensors.


@functools.cache
def plan_of_4096_tokens(layer: int, block_size: int) -> np.ndarray:
    return random_blocks(n_tokens=4096, block_size=block_size, n_heads=HEADS, n_random=RANDOM, seed=layer)


def read_blocks(block: int, *, head: int, layer: int, block_size: int) -> set[int]:
    """The key blocks that a query block reads, in the words of the specification."""
    if block < 2 * RANDOM + 5:
        return set(range(block + 1))
    plan = plan_of_4096_tokens(layer, block_size)
    n_blocks = 4096 // block_size
    row = min(block, n_blocks - 2)
    return {0, block - 1, block} | {int(drawn) for drawn in plan[head, row - 1] if drawn < block - 1}


def readable(n_tokens: int, *, layer: int, block_size: int) -> Tensor:
    """Which key each query reads, bool (N, S, S)."""
    blocks_S = torch.arange(n_tokens) // block_size
    n_blocks = int(blocks_S[-1]) + 1
    reads_NLL = torch.zeros(HEADS, n_blocks, n_blocks, dtype=torch.bool)
    for head, block in itertools.product(range(HEADS), range(n_blocks)):
        reads_NLL[head, block, sorted(read_blocks(block, head=head, layer=layer, block_size=block_size))] = True
    return reads_NLL[:, blocks_S][:, :, blocks_S].tril()


def dense_logits(model: BigBirdForCausalLM, ids: Tensor, reads: Sequence[Tensor]) -> Tensor:
    """The decoder by definition: weights and masks, no cache, no blocks; `reads` is (N, S, S) for each layer."""
    weights = {name.removeprefix("bert."): value for name, value in model.state_dict().items()}

    def linear(x: Tensor, name: str) -> Tensor:
        return F.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(
            x, x.shape[-1:], weights[f"{name}.LayerNorm.weight"], weights[f"{name}.LayerNorm.bias"], 1e-12
        )

    words = weights["embeddings.word_embeddings.weight"]
    positions = weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
    x = norm(words[ids] + positions + weights["embeddings.token_type_embeddings.weight"][0], "embeddings")
    for index, reads_NSS in enumerate(reads):
        layer = f"encoder.layer.{index}"
        q, k, v = (
            linear(x, f"{layer}.attention.self.{name}").unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill_(~reads_NSS, -torch.inf)
        read = (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2)
        x = norm(linear(read, f"{layer}.attention.output.dense") + x, f"{layer}.attention.output")
        inner = F.gelu(linear(x, f"{layer}.intermediate.dense"), approximate="tanh")
        x = norm(linear(inner, f"{layer}.output.dense") + x, f"{layer}.output")
    head = "cls.predictions"
    x = norm(F.gelu(linear(x, f"{head}.transform.dense"), approximate="tanh"), f"{head}.transform")
    return F.linear(x, words, weights[f"{head}.bias"])


def test_a_decoder_reads_what_the_specification_says() -> None:
    model, ids = decoder(), text(1010)
    reads = [readable(1010, layer=layer, block_size=BLOCK) for layer in range(LAYERS)]
    assert not torch.equal(reads[0], reads[1])
    same(model(ids).logits, dense_logits(model, ids, reads))


@pytest.mark.slow
def test_a_text_longer_than_the_plan_reads_by_its_last_row() -> None:
    n_tokens = 4096 + 130
    model, ids = decoder(block_size=64, max_position_embeddings=5000), text(n_tokens)
    reads = [readable(n_tokens, layer=layer, block_size=64) for layer in range(LAYERS)]
    same(model(ids).logits, dense_logits(model, ids, reads))


@pytest.mark.parametrize(("attention_type", "n_tokens"), [("original_full", 1000), ("block_sparse", LIMIT)])
def test_original_full_and_a_short_text_read_all_before(attention_type: str, n_tokens: int) -> None:
    model, ids = decoder(attention_type=attention_type), text(n_tokens)
    everything = torch.ones(1, n_tokens, n_tokens, dtype=torch.bool).tril()
    same(model(ids).logits, dense_logits(model, ids, [everything] * LAYERS))


# Nothing behind a token reaches it.


def assert_no_change_reaches_back(model: BigBirdForCausalLM, ids: Tensor, places: Tensor, *, at_once: int) -> None:
    """Change the token at each place, in a copy of the text each, and compare all logits with the text's own."""
    own = model(ids).logits[0]
    for some in places.split(at_once):
        rows = torch.arange(len(some))
        changed = ids.repeat(len(some), 1)
        changed[rows, some] = 5 + (changed[rows, some] - 4) % (VOCABULARY - 5)
        for place, logits in zip(some.tolist(), model(changed).logits, strict=True):
            same(logits[:place], own[:place])
            assert not torch.allclose(logits[place], own[place])
            assert not torch.allclose(logits[place + 1], own[place + 1])


def test_changing_a_token_changes_no_logit_before_it() -> None:
    places = torch.randperm(1023, generator=torch.Generator().manual_seed(0))[:100]
    assert_no_change_reaches_back(decoder(), text(1024), places, at_once=25)


@pytest.mark.slow
def test_changing_one_of_4096_tokens_changes_no_logit_before_it() -> None:
    model = decoder(block_size=64, max_position_embeddings=4096)
    places = torch.randperm(4095, generator=torch.Generator().manual_seed(0))[:100]
    assert_no_change_reaches_back(model, text(4096), places, at_once=5)


def assert_prefixes_keep_their_logits(model: BigBirdForCausalLM, n_tokens: int, lengths: Sequence[int]) -> None:
    ids = text(n_tokens)
    whole = model(ids).logits
    for length in lengths:
        same(model(ids[:, :length]).logits, whole[:, :length])


def test_appending_a_token_changes_no_logit_at_block_borders_or_where_full_attention_ends() -> None:
    borders = [n + step for n in (BLOCK, LIMIT - BLOCK, LIMIT + BLOCK, 256, 512, 1008) for step in (-1, 0, 1)]
    assert_prefixes_keep_their_logits(decoder(), 1024, [1, 2, *range(LIMIT - 5, LIMIT + 6), *borders])


def test_appending_a_token_changes_no_logit_between_700_and_710_tokens_in_blocks_of_64() -> None:
    assert_prefixes_keep_their_logits(decoder(block_size=64), 720, [*range(700, 711), 63, 64, 65, 639, 640, 641])


@pytest.mark.slow
def test_appending_a_token_changes_no_logit_beyond_the_pretraining_length() -> None:
    model = decoder(block_size=64, max_position_embeddings=4300)
    assert_prefixes_keep_their_logits(model, 4300, [1023, 1024, 1025, 2048, 3072, *range(4094, 4099), 4160, 4225])


def test_texts_of_a_batch_do_not_meet() -> None:
    model = decoder()
    lengths = (3, 40, LIMIT, LIMIT + 1, 300, 301, 16)
    ids, mask = text(400, n_texts=len(lengths)), torch.zeros(len(lengths), 400)
    for row, length in enumerate(lengths):
        mask[row, :length] = 1
    together = model(ids, mask).logits
    for row, length in enumerate(lengths):
        same(together[row, :length], model(ids[row : row + 1, :length]).logits[0])


# A cache changes nothing.

CHUNKINGS = {
    "one by one from the start": [1] * 240,
    "one by one across the limit": [LIMIT - 3, *[1] * 6, 240 - LIMIT - 3],
    "in blocks": [BLOCK] * 15,
    "one less than a block": [BLOCK - 1] * 16,
    "one more than a block": [BLOCK + 1] * 14 + [2],
    "uneven": [1, 100, 76, 1, 30, 32],
    "full and the rest": [LIMIT, 240 - LIMIT],
}


@pytest.mark.parametrize("attention_type", ["block_sparse", "original_full"])
@pytest.mark.parametrize("sizes", CHUNKINGS.values(), ids=CHUNKINGS.keys())
def test_reading_in_chunks_gives_what_reading_at_once_gives(sizes: list[int], attention_type: str) -> None:
    model, ids = decoder(attention_type=attention_type), text(240, n_texts=2)
    assert sum(sizes) == 240
    got, past = in_chunks(model, ids, sizes)
    want = model(ids, use_cache=True)
    same(got, want.logits)
    assert (len(past), past[0][0].shape) == (LAYERS, (2, HEADS, 240, 8))
    for layer, layer_at_once in zip(past, want.past_key_values, strict=True):
        for kept, kept_at_once in zip(layer, layer_at_once, strict=True):
            same(kept, kept_at_once)


def test_reading_in_chunks_never_reads_masked_tokens() -> None:
    model, ids = decoder(), text(240, n_texts=2)
    mask = torch.ones(2, 240)
    mask[0, 7:20] = mask[1, 150:170] = mask[1, 190] = 0
    want = model(ids, mask).logits
    logits, past = [], None
    for start, end in itertools.pairwise([0, 90, 160, 178, 179, 180, 240]):
        output = model(ids[:, start:end], mask[:, :end], past_key_values=past, use_cache=True)
        past = output.past_key_values
        logits.append(output.logits)
    same(torch.cat(logits, dim=1)[mask.bool()], want[mask.bool()])
    changed = torch.where(mask.bool(), ids, 5)
    same(model(changed, mask).logits[mask.bool()], want[mask.bool()])


@pytest.mark.parametrize("n_kept", [30, LIMIT - 1, LIMIT, 200])
def test_a_cache_continued_twice_gives_each_text_its_own_logits(n_kept: int) -> None:
    model, start = decoder(), text(n_kept)
    _, past = in_chunks(model, start, [n_kept - 1, 1])  # a cache that has grown, and may have room to grow on
    before = [kept.clone() for layer in past for kept in layer]
    branches = [text(20, seed=seed) for seed in (1, 2, 3)]
    continued = [(branch, past) for branch in branches]
    logits: list[list[Tensor]] = [[] for _ in branches]
    for place in range(20):  # in turn, so that none has the memory for itself
        for row, (branch, cache) in enumerate(continued):
            output = model(branch[:, place : place + 1], past_key_values=cache, use_cache=True)
            continued[row] = (branch, output.past_key_values)
            logits[row].append(output.logits)
    for branch, parts in zip(branches, logits, strict=True):
        whole = model(torch.cat([start, branch], dim=1)).logits
        same(torch.cat(parts, dim=1), whole[:, n_kept:])
    assert [kept.shape[2] for kept in past[0]] == [n_kept, n_kept]
    assert all(map(torch.equal, before, (kept for layer in past for kept in layer)))


def test_plain_tuples_serve_as_a_cache_and_stay_as_they_are() -> None:
    model, ids = decoder(), text(LIMIT + 4)
    past = tuple(tuple(kept.clone() for kept in layer) for layer in model(ids[:, :-4], use_cache=True).past_key_values)
    before = [kept.clone() for layer in past for kept in layer]
    output = model(ids[:, -4:], past_key_values=past, use_cache=True)
    same(output.logits, model(ids).logits[:, -4:])
    assert all(map(torch.equal, before, itertools.chain(*past)))


def test_a_cache_made_in_inference_mode_can_be_continued_outside() -> None:
    model, ids = decoder(), text(LIMIT + 4)
    with torch.inference_mode():
        past = model(ids[:, :-4], use_cache=True).past_key_values
        past = model(ids[:, -4:-3], past_key_values=past, use_cache=True).past_key_values
    same(model(ids[:, -3:], past_key_values=past, use_cache=True).logits, model(ids).logits[:, -3:])


DRAWS: dict[str, dict[str, Any]] = {
    "greedy": {},
    "sampled": {"do_sample": True, "temperature": 0.8, "top_k": 20, "top_p": 0.9},
}


@pytest.mark.parametrize("attention_type", ["block_sparse", "original_full"])
@pytest.mark.parametrize("options", DRAWS.values(), ids=DRAWS.keys())
def test_cached_generation_equals_uncached(options: dict[str, Any], attention_type: str) -> None:
    model, ids = decoder(attention_type=attention_type), text(LIMIT - 4, n_texts=2)

    def generated(**more: Any) -> Tensor:
        generator = torch.Generator().manual_seed(7)
        return generate(model, ids, max_new_tokens=24, eos_token_id=[], generator=generator, **options, **more)

    out = generated()
    assert out.shape == (2, LIMIT + 20)
    assert len(out[0, -24:].unique()) > 3
    assert torch.equal(out, generated(use_cache=False))


def test_generation_gives_prompts_of_all_lengths_what_each_gets_alone() -> None:
    model = decoder()
    padding = model.config.pad_token_id
    assert padding is not None
    lengths = (LIMIT + 5, 3, LIMIT - 1, 40, 3, 200)
    ids, mask = text(200, n_texts=len(lengths)), torch.zeros(len(lengths), 200)
    for row, length in enumerate(lengths):
        mask[row, :length] = 1
    together = generate(model, ids, mask, max_new_tokens=12)
    for row, length in enumerate(lengths):
        alone = generate(model, ids[row : row + 1, :length], max_new_tokens=12)[0]
        assert together[row, : len(alone)].tolist() == alone.tolist()
        assert (together[row, len(alone) :] == padding).all()


def test_a_decoder_with_cross_attention_generates_the_same_with_a_cache() -> None:
    model = decoder(add_cross_attention=True)
    states = torch.randn(2, 30, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(2, 30)
    mask[1, 20:] = 0
    ids = text(40, n_texts=2)

    def generated(**more: Any) -> Tensor:
        return generate(
            model,
            ids,
            max_new_tokens=20,
            eos_token_id=[],
            encoder_hidden_states=states,
            encoder_attention_mask=mask,
            **more,
        )

    out = generated()
    assert torch.equal(out, generated(use_cache=False))
    states[1, 20:] = 9.0
    assert torch.equal(out, generated())
    states[0, 20:] = 9.0
    assert not torch.equal(out, generated())


def test_greedy_generation_gives_what_transformers_gives_under_full_attention() -> None:
    logging.getLogger("transformers").setLevel(logging.ERROR)
    ours = decoder(attention_type="original_full")
    settings = {name: value for name, value in ours.config.to_dict().items() if name != "architectures"}
    theirs = transformers.BigBirdForCausalLM(transformers.BigBirdConfig(**settings)).double().eval()
    missing, unexpected = theirs.load_state_dict(ours.state_dict(), strict=False)
    assert unexpected == []
    assert all(name.startswith(("bert.pooler.", "cls.predictions.decoder.")) for name in missing)
    ids = text(20, n_texts=3)
    options: dict[str, Any] = {"max_new_tokens": 30, "eos_token_id": [36, 6], "pad_token_id": 0}
    want = theirs.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, **options)
    got = generate(ours, ids, **options)
    assert got.tolist() == want.tolist()
    assert len({row.count(0) for row in got.tolist()}) == 3, "the texts should end at different times"


def test_the_models_method_is_this_function() -> None:
    model, ids = decoder(), text(20)
    options: dict[str, Any] = {"max_new_tokens": 5, "do_sample": True, "top_k": 9}
    got = model.generate(ids, torch.ones_like(ids), generator=torch.Generator().manual_seed(0), **options)
    assert torch.equal(got, generate(model, ids, generator=torch.Generator().manual_seed(0), **options))

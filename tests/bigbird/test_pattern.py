"""The blocks a query block reads are those of the pretraining code, and of transformers where a variant says so."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.models.big_bird.modeling_big_bird import BigBirdBlockSparseAttention

from bigbird_cli.bigbird.pattern import (
    VARIANTS,
    block_pattern,
    causal_pattern,
    fewest_blocks,
    random_blocks,
    random_tables,
)

DRAWS = Path(__file__).parent / "fixtures" / "original_draws.npz"
R_VALUES = range(6)


def pattern(n_blocks: int, n_random: int, **changes: int | str) -> np.ndarray:
    asked: dict[str, Any] = {"block_size": 64, "n_heads": 2, "layer": 0} | changes
    return block_pattern(n_blocks=n_blocks, n_random=n_random, **asked).key_blocks


def test_draws_are_those_of_the_pretraining_code() -> None:
    with np.load(DRAWS) as draws:
        for name in draws.files:
            n_tokens, block_size, n_random, n_heads, seed = map(int, re.findall(r"\d+", name))
            got = random_blocks(n_tokens=n_tokens, block_size=block_size, n_heads=n_heads, n_random=n_random, seed=seed)
            assert got.dtype == np.int32
            np.testing.assert_array_equal(got, draws[name], err_msg=name)
        assert len(draws.files) == 342


def test_first_rows_at_4096_are_the_published_ones() -> None:
    rows = random_blocks(n_tokens=4096, block_size=64, n_heads=1, n_random=3, seed=0)[0, :3]
    assert rows.tolist() == [[9, 14, 7], [9, 6, 7], [10, 5, 14]]


@pytest.mark.parametrize(
    ("n_tokens", "block_size", "n_random"),
    [(640, 64, 3), (704, 64, 3), (704, 64, 5), (768, 64, 5), (960, 64, 5), (176, 16, 3), (208, 16, 5), (320, 64, 0)],
)
def test_too_short_a_sequence_is_refused(n_tokens: int, block_size: int, n_random: int) -> None:
    with pytest.raises(ValueError, match=f"too few to draw {n_random} random ones; it takes {2 * n_random + 6}"):
        random_blocks(n_tokens=n_tokens, block_size=block_size, n_heads=2, n_random=n_random, seed=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_tokens": 1000}, "no whole number of blocks"),
        ({"plan": "transformers-eval"}, "unknown plan"),
        ({"n_heads": 0}, "must be at least 1"),
        ({"n_random": -1}, "at least 0"),
        ({"block_size": 0}, "must be at least 1"),
    ],
)
def test_arguments_out_of_range_are_refused(changes: dict[str, int | str], message: str) -> None:
    asked: dict[str, Any] = {"n_tokens": 1088, "block_size": 64, "n_heads": 2, "n_random": 3, "seed": 0} | changes
    with pytest.raises(ValueError, match=message):
        random_blocks(**asked)


def test_unknown_variant_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown pattern 'zeros'"):
        block_pattern(n_blocks=12, block_size=64, n_heads=1, n_random=3, layer=0, variant="zeros")


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("n_random", R_VALUES)
def test_every_legal_number_of_blocks_has_a_pattern(n_random: int, variant: str) -> None:
    for n_blocks in range(fewest_blocks(n_random), 67):
        key_blocks = pattern(n_blocks, n_random, variant=variant)
        assert key_blocks.shape == (2, n_blocks - 2, 5 + n_random)
        assert key_blocks.dtype == np.int32
        assert key_blocks.max() == n_blocks - 1


@pytest.mark.parametrize("n_blocks", [129, 300])
def test_lengths_beyond_pretraining_have_a_pattern(n_blocks: int) -> None:
    assert pattern(n_blocks, 3).shape == (2, n_blocks - 2, 8)


@given(
    n_random=st.integers(0, 5),
    more=st.integers(0, 60),
    block_size=st.sampled_from([1, 16, 64]),
    layer=st.integers(0, 30),
)
@settings(max_examples=60, deadline=None)
def test_random_blocks_lie_outside_the_window_and_differ(n_random: int, more: int, block_size: int, layer: int) -> None:
    n_blocks = fewest_blocks(n_random) + more
    drawn = random_blocks(
        n_tokens=n_blocks * block_size, block_size=block_size, n_heads=2, n_random=n_random, seed=layer
    )
    assert drawn.shape == (2, n_blocks - 2, n_random)
    row = np.arange(1, n_blocks - 1)[None, :, None]
    assert (drawn >= 1).all()
    assert (drawn < n_blocks).all()
    assert (abs(drawn - row) > 1).all()
    assert all(len(set(slots)) == n_random for head in drawn.tolist() for slots in head)
    if n_blocks * block_size != 1024:
        assert (drawn < n_blocks - 1).all()


@pytest.mark.parametrize("n_tokens", [768, 1536, 2048, 3072, 4032, 4096])
def test_no_block_is_read_twice_but_at_1024(n_tokens: int) -> None:
    for layer in range(12):
        counts = block_pattern(n_blocks=n_tokens // 64, block_size=64, n_heads=12, n_random=3, layer=layer).counts()
        assert counts.max() == 1


def test_at_1024_the_last_block_is_read_twice_as_in_pretraining() -> None:
    counts = [block_pattern(n_blocks=16, block_size=64, n_heads=12, n_random=3, layer=n).counts() for n in range(12)]
    twice = np.argwhere(np.stack(counts) == 2)
    assert len(twice) == 435
    assert (twice[:, -1] == 15).all()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("n_random", [0, 3])
def test_rows_read_their_window_the_ends_and_the_random_blocks(n_random: int, variant: str) -> None:
    n_blocks, last = 20, 19
    key_blocks = pattern(n_blocks, n_random, variant=variant)
    drawn = random_blocks(
        n_tokens=n_blocks * 64,
        block_size=64,
        n_heads=2,
        n_random=n_random,
        seed=0,
        plan="original" if variant == "original" else "transformers",
    )
    for head in range(2):
        for row in range(1, last):
            random = [0] * n_random if variant == "transformers-eval" else drawn[head, row - 1].tolist()
            want = [0, row - 1, row, row + 1, last, *random]
            if row == 1:
                want = [0, 1, 2, last, *random, -1]
            if row == last - 1:
                want = [0, last - 2, last - 1, last, *random, -1]
            assert key_blocks[head, row - 1].tolist() == want


def test_counts_add_up_to_the_blocks_each_row_reads() -> None:
    sums = block_pattern(n_blocks=16, block_size=64, n_heads=2, n_random=3, layer=5).counts().sum(axis=-1)
    assert sums.tolist() == [[16, 7, *[8] * 12, 7, 16]] * 2


def test_eval_variant_reads_block_0_once_and_r_times_more() -> None:
    counts = block_pattern(
        n_blocks=16, block_size=64, n_heads=2, n_random=3, layer=5, variant="transformers-eval"
    ).counts()
    assert (counts[:, 1:-1, 0] == 4).all()
    assert counts[:, :, 1:].max() == 1


@pytest.mark.parametrize(("block_size", "n_random"), [(128, 5), (256, 1), (256, 3)])
def test_special_lengths_with_too_few_blocks_in_reach_draw_as_other_lengths_do(block_size: int, n_random: int) -> None:
    asked: dict[str, Any] = {"n_heads": 2, "n_random": n_random, "seed": 3}
    n_blocks = 4096 // block_size
    got = random_blocks(n_tokens=4096, block_size=block_size, **asked)
    np.testing.assert_array_equal(got, random_blocks(n_tokens=n_blocks * 10, block_size=10, **asked))


@pytest.mark.parametrize("n_random", [1, 2, 3, 5])
@pytest.mark.parametrize(("block_size", "max_tokens"), [(16, 1024), (16, 4096), (64, 1024), (64, 4096), (128, 4096)])
def test_transformers_variant_is_what_transformers_draws_in_training(
    n_random: int, block_size: int, max_tokens: int
) -> None:
    lengths = [n for n in (768, 960, 1024, 1152, 2048, 2176, 3072, 4096) if n <= max_tokens and n % block_size == 0]
    lengths = [n for n in lengths if n // block_size >= fewest_blocks(n_random)]
    if (block_size, n_random) == (128, 5):
        lengths = [2048, 2176]  # transformers raises at the others
    assert lengths
    for n_tokens in lengths:
        asked: dict[str, Any] = {"block_size": block_size, "n_random": n_random, "max_tokens": max_tokens}
        theirs = blocks_in_transformers(n_tokens=n_tokens, layer=7, training=True, **asked)
        ours = random_blocks(n_tokens=n_tokens, n_heads=2, seed=7, plan="transformers", **asked)
        np.testing.assert_array_equal(ours, theirs, err_msg=str(n_tokens))


@pytest.mark.parametrize("n_tokens", [960, 1024, 2048])
def test_eval_variant_is_what_transformers_reads_in_inference(n_tokens: int) -> None:
    theirs = blocks_in_transformers(
        n_tokens=n_tokens, block_size=64, n_random=3, max_tokens=4096, layer=7, training=False
    )
    ours = pattern(n_tokens // 64, 3, variant="transformers-eval")
    np.testing.assert_array_equal(ours[:, 1:-1, 5:], theirs[:, 1:-1])


@pytest.mark.parametrize("n_tokens", [768, 1024, 3072, 4096])
def test_original_and_transformers_agree_where_their_special_lengths_do(n_tokens: int) -> None:
    asked: dict[str, Any] = {"n_tokens": n_tokens, "block_size": 64, "n_heads": 2, "n_random": 3, "seed": 1}
    np.testing.assert_array_equal(random_blocks(**asked), random_blocks(**asked, plan="transformers"))


def test_original_and_transformers_differ_at_2048() -> None:
    asked: dict[str, Any] = {"n_tokens": 2048, "block_size": 64, "n_heads": 2, "n_random": 3, "seed": 1}
    assert not np.array_equal(random_blocks(**asked), random_blocks(**asked, plan="transformers"))


def test_original_does_not_depend_on_the_models_positions() -> None:
    asked: dict[str, Any] = {"n_tokens": 1024, "block_size": 64, "n_heads": 2, "n_random": 3, "seed": 1}
    np.testing.assert_array_equal(random_blocks(**asked, max_tokens=1024), random_blocks(**asked, max_tokens=8192))


def test_global_generator_is_left_alone() -> None:
    before = np.random.get_state(legacy=False)
    random_blocks(n_tokens=4096, block_size=64, n_heads=1, n_random=3, seed=11)
    after = np.random.get_state(legacy=False)
    np.testing.assert_equal(after, before)


def test_layers_and_heads_draw_for_themselves() -> None:
    first, second = pattern(20, 3, layer=0), pattern(20, 3, layer=1)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first[0], first[1])


def test_patterns_are_shared_and_cannot_be_written() -> None:
    once, again = pattern(20, 3), pattern(20, 3)
    assert once is again
    with pytest.raises(ValueError, match="read-only"):
        once[0, 0, 0] = 7
    assert block_pattern.cache_info().maxsize is not None


class Caught(Exception):
    """Ends transformers' attention as soon as its random blocks are known."""


def blocks_in_transformers(
    *, n_tokens: int, block_size: int, n_random: int, max_tokens: int, layer: int, training: bool
) -> np.ndarray:
    """The random blocks that transformers' own attention arrives at, (2 heads, blocks - 2, r)."""
    config = transformers.BigBirdConfig(
        hidden_size=4,
        num_attention_heads=2,
        block_size=block_size,
        num_random_blocks=n_random,
        max_position_embeddings=max_tokens,
    )
    attention: Any = BigBirdBlockSparseAttention(config, seed=layer).train(training)
    found: list[np.ndarray] = []

    def catch(_from_mask: object, _to_mask: object, blocks: torch.Tensor, *_rest: object) -> None:
        found.append(blocks[0].numpy())
        raise Caught

    attention._create_rand_mask_from_inputs = catch
    nothing = [None] * 5
    sizes = (2, n_random, 2, block_size, block_size, 1, n_tokens, n_tokens, layer)
    before = np.random.get_state()
    try:
        with pytest.raises(Caught):
            attention.bigbird_block_sparse_attention(
                torch.empty(0), None, None, *nothing, *sizes, plan_from_length=None, plan_num_rand_blocks=None
            )
    finally:
        np.random.set_state(before)  # transformers seeds the global generator
    return found[0]


@pytest.mark.parametrize("n_window", [1, 3, 5, 9])
@pytest.mark.parametrize("n_random", [0, 1, 3])
@pytest.mark.parametrize("surplus", [0, 1, 20])
def test_a_row_reads_its_window_the_ends_and_random_blocks_beside_them(
    n_window: int, n_random: int, surplus: int
) -> None:
    n_blocks = fewest_blocks(n_random, n_window) + surplus
    pattern = block_pattern(n_blocks=n_blocks, block_size=10, n_heads=2, n_random=n_random, layer=0, n_window=n_window)
    for row, named in enumerate(pattern.key_blocks[1], start=1):
        blocks = [int(block) for block in named if block >= 0]
        window = {block for block in range(n_blocks) if abs(block - row) <= n_window // 2}
        assert {0, n_blocks - 1} | window <= set(blocks)
        assert len(blocks) == len({0, n_blocks - 1} | window) + n_random
        assert len(set(blocks)) == len(blocks)
        assert (named[len(blocks) :] == -1).all()


def test_a_window_of_three_blocks_is_the_pretrainings() -> None:
    asked: dict[str, Any] = {"block_size": 64, "n_heads": 2, "n_random": 3}
    for n_blocks in (12, 16, 64):
        np.testing.assert_array_equal(
            block_pattern(n_blocks=n_blocks, layer=1, n_window=3, **asked).key_blocks,
            block_pattern(n_blocks=n_blocks, layer=1, **asked).key_blocks,
        )


@pytest.mark.parametrize("n_window", [0, 2, -3])
def test_a_window_without_a_middle_is_refused(n_window: int) -> None:
    with pytest.raises(ValueError, match=f"n_window {n_window} must be odd"):
        random_blocks(n_tokens=4096, block_size=64, n_heads=1, n_random=3, seed=0, n_window=n_window)


def decoder_pattern(n_blocks: int, **changes: int) -> np.ndarray:
    asked: dict[str, Any] = {"block_size": 64, "n_heads": 3, "n_random": 3, "layer": 2, **changes}
    return causal_pattern(n_blocks=n_blocks, **asked).counts()


def test_a_decoder_reads_the_first_block_its_window_and_random_blocks_before_it() -> None:
    counts = decoder_pattern(100)
    random = random_blocks(n_tokens=4096, block_size=64, n_heads=3, n_random=3, seed=2)
    for block in range(100):
        for head in range(3):
            read = set(np.flatnonzero(counts[head, block]))
            if block < 11:
                assert read == set(range(block + 1))
            else:
                drawn = {int(other) for other in random[head, min(block, 62) - 1] if other < block - 1}
                assert read == {0, block - 1, block} | drawn
    assert counts.max() == 1


def test_a_decoders_pattern_does_not_depend_on_the_texts_length() -> None:
    longest = decoder_pattern(130)
    for n_blocks in (1, 2, 11, 12, 15, 16, 17, 64, 65, 129):
        np.testing.assert_array_equal(decoder_pattern(n_blocks), longest[:, :n_blocks, :n_blocks])


@pytest.mark.parametrize(("block_size", "n_random", "n_window"), [(512, 3, 3), (48, 2, 5), (16, 0, 1), (5000, 1, 3)])
def test_a_decoder_takes_any_block_size(block_size: int, n_random: int, n_window: int) -> None:
    counts = decoder_pattern(40, block_size=block_size, n_random=n_random, n_window=n_window)
    assert not np.triu(counts, k=1).any()
    assert (counts.sum(axis=-1)[:, -1] == n_window // 2 + 2 + n_random).all()


def test_a_decoders_row_names_its_own_block_first() -> None:
    rows = causal_pattern(n_blocks=30, block_size=64, n_heads=2, n_random=3, layer=0).key_blocks
    np.testing.assert_array_equal(rows[:, :, 0], np.broadcast_to(np.arange(30), (2, 30)))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("block_size", "n_random", "n_window"), [(64, 3, 3), (64, 5, 3), (128, 3, 3), (16, 2, 5)])
def test_two_tables_hold_the_random_blocks_of_all_lengths(
    variant: str, block_size: int, n_random: int, n_window: int
) -> None:
    settings = {"block_size": block_size, "n_heads": 2, "n_random": n_random, "n_window": n_window, "layer": 1}
    most = 4096 // block_size + 3
    tables, table_of = random_tables(n_blocks=most, variant=variant, max_tokens=most * block_size, **settings)
    for n_blocks in range(fewest_blocks(n_random, n_window), most + 1):
        whole = block_pattern(n_blocks=n_blocks, variant=variant, max_tokens=most * block_size, **settings)
        for head in range(2):
            for row, listed in enumerate(whole.key_blocks[head], start=1):
                own = [*listed[listed >= 0]][-n_random:]
                assert own == tables[table_of[n_blocks], head, row - 1].tolist(), (n_blocks, row)

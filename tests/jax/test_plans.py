"""The table of plans names the key blocks that bigbird.pattern names, whatever the length."""

import numpy as np
import pytest

pytest.importorskip("flax", reason="needs the extra bigbird-cli[jax]")

import jax
import jax.numpy as jnp

from bigbird_cli.bigbird.pattern import block_pattern, fewest_blocks, random_candidates
from bigbird_cli.jax.model.plans import PatternSettings, draw_anew, key_blocks


def sorted_rows(blocks_NRW: np.ndarray) -> list[list[list[int]]]:
    return [[sorted(block for block in row if block >= 0) for row in head] for head in blocks_NRW.tolist()]


@pytest.mark.parametrize(
    ("block_size", "n_random", "n_window", "n_blocks"), [(64, 3, 3, 66), (256, 5, 3, 18), (64, 2, 5, 20), (64, 0, 3, 8)]
)
def test_documents_of_every_number_of_blocks_find_their_own_pattern(
    block_size: int, n_random: int, n_window: int, n_blocks: int
) -> None:
    settings = PatternSettings(block_size, n_heads=2, n_random=n_random, layer=1, n_window=n_window)
    numbers = np.arange(fewest_blocks(n_random, n_window), n_blocks + 1)
    found = np.asarray(key_blocks(settings, n_blocks, jnp.asarray(numbers)))
    for number, blocks_NLW in zip(numbers.tolist(), found, strict=True):
        pattern = block_pattern(
            n_blocks=number, block_size=block_size, n_heads=2, n_random=n_random, layer=1, n_window=n_window
        )
        assert sorted_rows(blocks_NLW[:, 1 : number - 1]) == sorted_rows(pattern.key_blocks), number
        assert (blocks_NLW[:, number - 1 :] == -1).all(), number


@pytest.mark.parametrize("variant", ["transformers", "transformers-eval"])
def test_a_variant_names_the_blocks_of_the_batch_s_length(variant: str) -> None:
    settings = PatternSettings(64, n_heads=2, n_random=3, layer=0, variant=variant)
    found = np.asarray(key_blocks(settings, 32, jnp.array([32])))[0]
    pattern = block_pattern(n_blocks=32, block_size=64, n_heads=2, n_random=3, layer=0, variant=variant)
    assert sorted_rows(found[:, 1:-1]) == sorted_rows(pattern.key_blocks)


@pytest.mark.parametrize("n_blocks", [16, 20])
def test_blocks_drawn_anew_are_others_out_of_those_that_the_plan_is_drawn_from(n_blocks: int) -> None:
    settings = PatternSettings(64, n_heads=2, n_random=3, layer=0, variant="transformers")
    may_be_QK = random_candidates(
        n_tokens=n_blocks * 64, block_size=64, n_random=3, n_window=3, max_tokens=4096, plan="transformers"
    )
    drawn = [np.asarray(draw_anew(settings, n_blocks, jax.random.key(seed)))[:, 1:-1] for seed in (0, 1)]
    for blocks_NQr in drawn:
        for blocks_Qr in blocks_NQr:
            assert np.take_along_axis(may_be_QK, blocks_Qr, axis=1).all()
            assert (np.diff(np.sort(blocks_Qr)) > 0).all()  # none twice
    assert (drawn[0][0] != drawn[0][1]).any()
    assert (drawn[0] != drawn[1]).any()

"""Batches are filled up to few shapes, and what is added counts nowhere."""

import numpy as np
import pytest

pytest.importorskip("flax", reason="needs the extra bigbird-cli[jax]")

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.heads import IGNORED
from bigbird_cli.jax.batches import Buckets, fill, next_size
from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.padding import pad

CONFIG = BigBirdConfig(block_size=8, num_random_blocks=2, max_position_embeddings=1000)
BUCKETS = Buckets.of(CONFIG)


def feature(size: int, labels: dict | None = None) -> Feature:
    return Feature(np.arange(5, 5 + size, dtype=np.int32), np.zeros(size, dtype=np.int8), labels or {}, 0)


def test_a_size_is_at_most_a_quarter_above_what_it_is_for() -> None:
    sizes = [next_size(n) for n in range(1, 200)]
    assert all(n <= size and (n <= 8 or size < 1.25 * n) for n, size in enumerate(sizes, 1))
    assert len(set(sizes)) < 28


def test_lengths_of_all_kinds_make_few_programs() -> None:
    lengths = {BUCKETS.tokens(n) for n in range(1, 1001)}
    assert len(lengths) < 30
    assert max(lengths) == 1000
    assert all(length % 8 == 0 for length in lengths)


def test_a_document_under_full_attention_is_filled_up_to_no_more_than_that() -> None:
    limit = CONFIG.full_attention_limit
    assert {BUCKETS.tokens(n) for n in range(limit - 8, limit + 1)} <= {limit - 8, limit}
    assert BUCKETS.tokens(limit + 1) > limit


def test_a_pattern_that_depends_on_the_length_of_the_batch_gets_no_more_blocks_than_it_needs() -> None:
    exact = Buckets.of(CONFIG.replace(pattern="transformers"))
    assert [exact.tokens(n) for n in (137, 144, 145)] == [144, 144, 152]


def test_what_is_longer_than_the_model_stays_what_it_is() -> None:
    assert BUCKETS.tokens(1200) == 1200


@pytest.mark.parametrize(("n_devices", "most", "rows"), [(1, None, 10), (1, 9, 9), (4, None, 12), (4, 9, 12)])
def test_rows_are_as_many_for_every_device(n_devices: int, most: int | None, rows: int) -> None:
    assert Buckets.of(CONFIG, n_devices=n_devices, most_rows=most).rows(9) == rows


def test_rows_and_tokens_that_are_added_have_no_label() -> None:
    labels = {"labels": np.array([1, 2, 3])}
    filled = fill(pad([feature(3, labels)], pad_id=0), Buckets.of(CONFIG, n_devices=2), pad_id=0)
    assert filled.arrays["input_ids"].tolist() == [[5, 6, 7, 0, 0, 0, 0, 0], [0] * 8]
    assert filled.arrays["labels"].tolist() == [[1, 2, 3] + [IGNORED] * 5, [IGNORED] * 8]
    assert filled.arrays["attention_mask"].tolist() == [[1, 1, 1, 0, 0, 0, 0, 0], [1] * 8]
    assert filled.arrays["is_row"].tolist() == [True, False]
    assert filled.n_padded == 16


def test_labels_of_a_whole_input_are_not_taken_for_those_of_tokens() -> None:
    labels = {"labels": np.array([0.0, 1.0, 1.0])}
    filled = fill(pad([feature(3, labels)], pad_id=0, per_token=False), Buckets.of(CONFIG, n_devices=2), pad_id=0)
    assert filled.arrays["labels"].tolist() == [[0.0, 1.0, 1.0], [0.0, 0.0, 0.0]]


def test_only_where_every_document_is_long_none_is_attended_to_densely() -> None:
    limit = CONFIG.full_attention_limit
    long, short = feature(limit + 1), feature(limit)
    found = [fill(pad(batch, pad_id=0), BUCKETS, pad_id=0).are_long for batch in ([long, long], [long, short])]
    assert found == [True, False]

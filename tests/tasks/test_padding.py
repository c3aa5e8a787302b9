"""Padding: it holds nothing, and labels go with their features."""

import numpy as np

from bigbird_cli.tasks.base import Feature
from bigbird_cli.tasks.padding import n_targets, pad


def feature(size: int, **labels: int | float | np.ndarray) -> Feature:
    ids = np.arange(1, size + 1, dtype=np.int32)
    return Feature(ids=ids, types=(ids > 2).astype(np.int8), labels=labels, example=0)


def test_padding_stands_on_the_right_and_is_masked() -> None:
    padded = pad([feature(2, y=1), feature(4, y=3)], pad_id=9)
    assert padded.arrays["input_ids"].tolist() == [[1, 2, 9, 9], [1, 2, 3, 4]]
    assert padded.arrays["token_type_ids"].tolist() == [[0, 0, 0, 0], [0, 0, 1, 1]]
    assert padded.arrays["attention_mask"].tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    assert padded.arrays["y"].tolist() == [1, 3]
    assert (padded.n_tokens, padded.n_padded) == (6, 8)


def test_without_padding_there_is_no_mask() -> None:
    assert "attention_mask" not in pad([feature(3), feature(3)], pad_id=0).arrays


def test_labels_of_tokens_are_padded_with_what_counts_in_no_loss() -> None:
    short, long = feature(2, labels=np.array([5, -100])), feature(3, labels=np.array([-100, 6, 7]))
    padded = pad([short, long], pad_id=0)
    assert padded.arrays["labels"].tolist() == [[5, -100, -100], [-100, 6, 7]]
    assert n_targets([short, long]) == {"labels": 3}


def test_targets_of_whole_features_are_counted_once_each() -> None:
    pair = [feature(2, start_positions=0, end_positions=1), feature(3, start_positions=1, end_positions=2)]
    assert n_targets(pair) == {"start_positions": 2, "end_positions": 2}


def test_labels_are_left_out_when_asked() -> None:
    assert "y" not in pad([feature(2, y=1)], pad_id=0, labels=False).arrays

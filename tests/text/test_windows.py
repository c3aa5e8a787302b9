"""Windows skip nothing, share enough, and split the spans of a document among them."""

from itertools import pairwise

import pytest

from bigbird_cli.text.windows import Window, n_covered, owned_sums, windows

SMALL = [
    (n_tokens, capacity, overlap)
    for capacity in range(1, 10)
    for overlap in range(capacity)
    for n_tokens in range(4 * capacity + 3)
]


def test_every_token_lies_in_a_window_and_neighbours_share_enough() -> None:
    for n_tokens, capacity, overlap in SMALL:
        plan = windows(n_tokens, capacity=capacity, overlap=overlap)
        assert {i for window in plan for i in range(*window)} == set(range(n_tokens)), (n_tokens, capacity, overlap)
        assert all(window.stop - window.start <= capacity for window in plan)
        for this, following in pairwise(plan):
            assert this.start < following.start
            assert this.stop - following.start >= overlap, (n_tokens, capacity, overlap)


def test_windows_are_of_one_size_and_as_few_as_can_be() -> None:
    for n_tokens, capacity, overlap in SMALL:
        plan = windows(n_tokens, capacity=capacity, overlap=overlap)
        assert len({window.stop - window.start for window in plan}) == 1
        most_that_fewer_could_hold = capacity + max(0, len(plan) - 2) * (capacity - overlap)
        assert len(plan) == 1 or n_tokens > most_that_fewer_could_hold, (n_tokens, capacity, overlap)


def test_a_run_of_overlap_plus_one_tokens_lies_whole_in_a_window() -> None:
    for n_tokens, capacity, overlap in SMALL:
        plan = windows(n_tokens, capacity=capacity, overlap=overlap)
        for start in range(max(0, n_tokens - overlap)):
            assert any(w.start <= start and start + overlap + 1 <= w.stop for w in plan), (
                n_tokens,
                capacity,
                overlap,
                start,
            )


def test_a_document_just_over_the_room_is_read_as_two_halves() -> None:
    assert windows(102, capacity=100, overlap=10) == [Window(0, 56), Window(46, 102)]


def test_an_empty_document_has_one_empty_window() -> None:
    assert windows(0, capacity=4, overlap=1) == [Window(0, 0)]
    assert owned_sums([Window(0, 0)]) == [range(0)]


@pytest.mark.parametrize(
    ("n_tokens", "capacity", "overlap"), [(10, 4, 4), (10, 4, 5), (1, 0, 0), (-1, 4, 1), (10, 4, -1)]
)
def test_settings_that_would_skip_or_stand_still_are_refused(n_tokens: int, capacity: int, overlap: int) -> None:
    with pytest.raises(ValueError, match=r"must be smaller|cannot be negative"):
        windows(n_tokens, capacity=capacity, overlap=overlap)


def test_each_span_is_owned_by_the_window_where_it_is_farthest_from_an_edge() -> None:
    for n_tokens, capacity, overlap in SMALL:
        plan = windows(n_tokens, capacity=capacity, overlap=overlap)
        owned = owned_sums(plan)
        for first in range(n_tokens):
            for last in range(first, min(n_tokens, first + overlap + 1)):
                owners = [k for k, sums in enumerate(owned) if first + last in sums]
                margins = [min(first - w.start, w.stop - 1 - last) for w in plan]
                assert owners == [margins.index(max(margins))], (n_tokens, capacity, overlap, first, last)
                assert max(margins) >= 0


def test_tokens_in_several_windows_are_counted_once() -> None:
    for n_tokens, capacity, overlap in SMALL:
        plan = windows(n_tokens, capacity=capacity, overlap=overlap)
        assert n_covered(plan) == n_tokens
        assert n_covered(plan[::2]) == len({i for window in plan[::2] for i in range(*window)})
    assert n_covered([]) == 0

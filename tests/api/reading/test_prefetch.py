"""A thread makes the next element ready."""

from collections.abc import Iterator
from threading import Event

import pytest

from bigbird_cli.api.reading.prefetch import prefetched
from bigbird_cli.errors import DataError


def test_what_comes_next_is_made_ready_meanwhile() -> None:
    second, may_end = Event(), Event()

    def elements() -> Iterator[int]:
        yield 1
        second.set()
        yield 2
        may_end.wait(60)
        raise DataError("the third is damaged")

    found = prefetched(elements())
    assert next(found) == 1
    assert second.wait(60)
    assert next(found) == 2
    may_end.set()
    with pytest.raises(DataError, match="third"):
        next(found)


def test_who_stops_early_does_not_wait_for_what_comes_next() -> None:
    never, begun = Event(), []

    def elements() -> Iterator[int]:
        for number in range(3):
            begun.append(number)
            yield number
            never.wait(60)

    found = prefetched(elements())
    assert next(found) == 0
    found.close()  # type: ignore[attr-defined]
    assert not never.is_set()
    never.set()
    assert begun[0] == 0
    assert list(prefetched(iter([]))) == []

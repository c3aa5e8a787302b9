"""Prefetching: a thread makes an iterator's next element ready while this one is worked on."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

_T = TypeVar("_T")
_END: Final = object()


def prefetched(iterator: Iterator[_T]) -> Iterator[_T]:
    """Give an iterator's elements, the next of which a thread fetches meanwhile; its errors come in their place.

    Whoever stops early does not wait for the thread: it ends with the element that it is at.
    """
    thread = ThreadPoolExecutor(1, "prefetch")
    try:
        coming = thread.submit(next, iterator, _END)
        while (found := coming.result()) is not _END:
            coming = thread.submit(next, iterator, _END)
            yield found  # type: ignore[misc]
    finally:
        thread.shutdown(wait=False, cancel_futures=True)

"""The next batches are read while one is checked and stored."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")

# While a part is put into the store, the database may go on.
_AHEAD = 2


def ahead(items: Iterator[Item]) -> Generator[Item, None, None]:
    """The same items in their order, a few of them taken ahead in a thread of its own.

    Close it, as `contextlib.closing` does, before what the items come from is closed: it waits for the item that is
    being taken. What taking an item raises is raised in its place.
    """
    ended = object()
    coming: deque[Future[Item | object]] = deque()
    with ThreadPoolExecutor(1, "ahead") as taker:
        try:
            coming.extend(taker.submit(next, items, ended) for _ in range(_AHEAD))
            while (item := coming.popleft().result()) is not ended:
                coming.append(taker.submit(next, items, ended))
                yield item  # type: ignore[misc]  # not `ended`
        finally:
            for each in coming:
                each.cancel()

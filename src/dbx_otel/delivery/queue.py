# SPDX-License-Identifier: Apache-2.0
"""Records that wait to be encoded: bounded, and never in the way of who puts them there."""

from collections import deque
from typing import Any


class Queue:
    """A bounded queue that any thread may put into, in any state: it takes no lock.

    What it does are single operations of `deque`, each of which the interpreter carries out as one. When several
    threads meet at the bound, it may be passed by as many records.

    Args:
        capacity: How many records may wait.
        batch_size: How many make a batch.
        delay: Seconds that a record waits at most for a batch to be full.

    Attributes:
        taken: How many records have been taken out since the process began.
    """

    __slots__ = ("_items", "batch_size", "capacity", "delay", "taken")

    def __init__(self, capacity: int, batch_size: int, delay: float) -> None:
        self._items: deque[Any] = deque()
        self.capacity = capacity
        self.batch_size = batch_size
        self.delay = delay
        self.taken = 0

    def __len__(self) -> int:
        return len(self._items)

    def is_full(self) -> bool:
        """Tell whether there is no room for another record."""
        return len(self._items) >= self.capacity

    def put(self, record: Any) -> bool:
        """Append a record, and tell whether the worker is to be woken: by the first one, and when a batch is full.

        Who puts asks `is_full` before.
        """
        items = self._items
        items.append(record)
        waiting = len(items)
        return waiting == 1 or waiting >= self.batch_size

    def take(self) -> list[Any]:
        """Take the oldest records out, a batch at most. One thread at a time."""
        items = self._items
        batch = [items.popleft() for _ in range(min(len(items), self.batch_size))]
        self.taken += len(batch)
        return batch

    def forget(self) -> None:
        """Drop everything: it belongs to the process that this one was forked from."""
        self._items.clear()
        self.taken = 0

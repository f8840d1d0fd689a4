# SPDX-License-Identifier: Apache-2.0
"""What several destinations' flushes, which run side by side, do once for all."""

import time
from collections.abc import Callable
from typing import Protocol

from dbx_otel.delivery import native


class Flush:
    """One destination's part in each flush.

    Args:
        flush_destination: Does it, given the destination's index and the number of the flush.
        index: The destination's index.
    """

    def __init__(self, flush_destination: Callable[[int, int], None], index: int) -> None:
        self._flush_destination = flush_destination
        self._index = index
        self._number = 0

    def __call__(self) -> None:
        """Do it; the n-th call is part of the n-th flush."""
        self._number += 1
        self._flush_destination(self._index, self._number)


class Work(Protocol):
    """What is done once in a flush."""

    def __call__(self, *, seconds: float) -> object:
        """Do it, in no more than some seconds."""


class OnceAFlush:
    """Has something done by the first destination that comes to it; the others wait for that.

    Args:
        work: Does it.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._lock = native.allocate_lock()
        self._number = 0

    def do(self, number: int, end: float) -> None:
        """Do it, unless it is done.

        Args:
            number: Number of the flush.
            end: Until when to wait for another destination that is at it, by `time.monotonic`.
        """
        if not self._lock.acquire(timeout=max(0.0, end - time.monotonic())):
            return
        try:
            if self._number < number:
                self._number = number
                self._work(seconds=end - time.monotonic())
        finally:
            self._lock.release()

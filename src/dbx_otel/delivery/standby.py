# SPDX-License-Identifier: Apache-2.0
"""Threads that stand by for the flush at exit, for a Python that starts none by then."""

import os
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue

NEEDED: bool = sys.version_info[:2] == (3, 12)
"""Python 3.12 starts no thread from `atexit` handlers (CPython issue gh-104690); 3.11 and 3.13 do."""


class Standby:
    """A daemon thread that waits for work. A forked child gets one of its own.

    Args:
        name: Name of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._start()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._start)

    def run(self, work: Callable[[], None]) -> None:
        """Have the thread do something, after what it was given before.

        Args:
            work: What to do. Must not raise.
        """
        self._queue.put(work)

    def _start(self) -> None:
        self._queue: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=_work, args=(self._queue,), name=self._name, daemon=True).start()


def _work(queue: "SimpleQueue[Callable[[], None]]") -> None:
    while True:
        queue.get()()

# SPDX-License-Identifier: Apache-2.0
"""A daemon thread of ours that is started when there is something to do."""

from collections.abc import Callable

from dbx_otel.delivery import exiting, native
from dbx_otel.delivery.wakeup import Wakeup


class Background:
    """One thread, and what wakes it. At the end of the process none is started: the flush does the work itself.

    Args:
        run: What the thread does, in a context of its own; it waits by `wait`, and ends when `is_closed` says so.
    """

    def __init__(self, run: Callable[[], None]) -> None:
        self._run = run
        self._wakeup = Wakeup()
        self._lock = native.RLock()
        self.is_running = False
        self.is_closed = False

    def wake(self) -> None:
        """End the thread's wait, or its next one. Starts the thread if need be. Never raises."""
        if not self.is_running:
            self._start()
        self._wakeup.call()

    def wait(self, seconds: float | None) -> None:
        """Wait, in the thread, to be woken; for no longer than some seconds, if given."""
        if not self.is_closed:
            self._wakeup.wait(seconds)

    def close(self) -> None:
        """Have the thread end."""
        self.is_closed = True
        self._wakeup.call()

    def _start(self) -> None:
        with self._lock:
            if self.is_running or self.is_closed or exiting.is_under_way():
                return
            self.is_running = True
            try:
                native.start_new_thread(self._run, ())
            except RuntimeError:
                self.is_running = False  # no thread to be had now

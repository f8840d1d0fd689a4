# SPDX-License-Identifier: Apache-2.0
"""A daemon thread of ours that is started when there is something to do."""

import contextvars
import threading
from collections.abc import Callable

from dbx_otel.delivery import exiting
from dbx_otel.delivery.wakeup import Wakeup


class Background:
    """One thread, and what wakes it. At the end of the process none is started: the flush does the work itself.

    Args:
        run: What the thread does; it waits by `wait`, and ends when `is_closed` says so.
        name: Name of the thread.
    """

    def __init__(self, run: Callable[[], None], name: str) -> None:
        self._run = run
        self._name = name
        self._wakeup = Wakeup()
        self._lock = threading.RLock()
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
            self._wakeup.wait(threading.TIMEOUT_MAX if seconds is None else seconds)

    def close(self) -> None:
        """Have the thread end."""
        self.is_closed = True
        self._wakeup.call()

    def _start(self) -> None:
        with self._lock:
            if self.is_running or self.is_closed or exiting.is_under_way():
                return
            self.is_running = True
            thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            try:
                # In a context of its own, not in that of whatever request this is.
                contextvars.Context().run(thread.start)
            except RuntimeError:
                self.is_running = False  # no thread to be had now

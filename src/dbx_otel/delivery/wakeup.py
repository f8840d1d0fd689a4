# SPDX-License-Identifier: Apache-2.0
"""Waking a thread that waits, from anywhere."""

from _thread import TIMEOUT_MAX

from dbx_otel.delivery import native


class Wakeup:
    """Wakes the one thread that waits for it; a call that comes before the wait is not missed.

    A bare lock, held until called: unlike `threading.Event` it takes no lock to be called, so that signal handlers and
    finalizers may, which interrupt a thread anywhere.
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = native.allocate_lock()
        self._lock.acquire()

    def call(self) -> None:
        """End the wait that is under way, or else the next one."""
        try:
            self._lock.release()
        except RuntimeError:
            return  # called already

    def wait(self, seconds: float | None) -> bool:
        """Wait to be called, for some seconds at most if given, and tell whether it was."""
        if seconds is None:
            return self._lock.acquire()
        return self._lock.acquire(timeout=min(max(seconds, 0.0), TIMEOUT_MAX))

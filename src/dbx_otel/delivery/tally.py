# SPDX-License-Identifier: Apache-2.0
"""Counting what became of records, from any thread."""

from collections import Counter

from dbx_otel.delivery import native


class Tally:
    """Counts by signal and reason.

    The lock can be taken again by the thread that holds it: a signal handler or a finalizer may interrupt that, and
    count.
    """

    __slots__ = ("_counts", "_lock")

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = native.RLock()

    def add(self, signal: str, reason: str, count: int) -> None:
        """Count some more.

        Args:
            signal: `traces`, `logs` or `metrics`.
            reason: Why, as `error.type` of OpenTelemetry's metrics has it; empty where all went well.
            count: How many spans, log records or data points.
        """
        with self._lock:
            self._counts[signal, reason] += count

    def items(self) -> list[tuple[str, str, int]]:
        """Return signal, reason and count of everything counted."""
        with self._lock:
            return [(signal, reason, count) for (signal, reason), count in self._counts.items()]

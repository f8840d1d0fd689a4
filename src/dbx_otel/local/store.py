# SPDX-License-Identifier: Apache-2.0
"""Holds the newest records of each signal in memory, and lets a thread wait until what it needs is there."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from dbx_otel.local.records import Batch, LogRecord, MetricPoint, SpanRecord

DEFAULT_LIMIT = 200_000
"""Records kept of each signal before the oldest ones make room."""


class Counts(NamedTuple):
    """How many records were taken since the start or the last `clear`, also those that have made room."""

    spans: int
    logs: int
    metrics: int


class Store:
    """Records in the order of their arrival; safe to use from any thread.

    Args:
        limit: Records kept of each signal; the oldest make room, and `counts` goes on counting.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit}; at least 1 record has to be kept")
        self._changed = threading.Condition(threading.RLock())
        self._spans: deque[SpanRecord] = deque(maxlen=limit)
        self._logs: deque[LogRecord] = deque(maxlen=limit)
        self._metrics: deque[MetricPoint] = deque(maxlen=limit)
        self._counts = Counts(0, 0, 0)

    def add(self, batch: Batch) -> None:
        """Take all records of one request at once: no reader sees half of them."""
        with self._changed:
            self._spans.extend(batch.spans)
            self._logs.extend(batch.logs)
            self._metrics.extend(batch.metrics)
            spans, logs, metrics = self._counts
            self._counts = Counts(spans + len(batch.spans), logs + len(batch.logs), metrics + len(batch.metrics))
            self._changed.notify_all()

    def spans(self, **where: Any) -> list[SpanRecord]:
        """Return the spans kept, oldest first; `spans(name="GET /", kind="server")` only those that fit."""
        with self._changed:
            return _matching(self._spans, where)

    def logs(self, **where: Any) -> list[LogRecord]:
        """Return the log records kept, oldest first; keywords as for `spans`."""
        with self._changed:
            return _matching(self._logs, where)

    def metrics(self, **where: Any) -> list[MetricPoint]:
        """Return the metric points kept, oldest first; keywords as for `spans`."""
        with self._changed:
            return _matching(self._metrics, where)

    @property
    def counts(self) -> Counts:
        """Records taken since the start, whether still kept or not."""
        with self._changed:
            return self._counts

    def clear(self) -> None:
        """Forget all records and count from zero again."""
        with self._changed:
            self._spans.clear()
            self._logs.clear()
            self._metrics.clear()
            self._counts = Counts(0, 0, 0)
            self._changed.notify_all()

    def wait_for(self, predicate: Callable[["Store"], object], timeout: float = 10.0) -> bool:
        """Wait until something is true of the store.

        Args:
            predicate: Asked now and after each arrival, with the store; nothing arrives while it runs.
            timeout: Seconds to wait at most.

        Returns:
            Whether it became true in time.
        """
        with self._changed:
            return bool(self._changed.wait_for(lambda: predicate(self), timeout))

    def wait_quiet(self, quiet: float = 0.3, timeout: float = 10.0) -> bool:
        """Wait until nothing arrives for some time.

        Args:
            quiet: Seconds without an arrival.
            timeout: Seconds to wait at most for them to begin.

        Returns:
            Whether it became quiet in time.
        """
        deadline = time.monotonic() + timeout
        arrived = True
        while arrived and time.monotonic() < deadline:
            before = self.counts
            arrived = self.wait_for(lambda store, before=before: store.counts != before, quiet)  # type: ignore[misc]
        return not arrived


def _matching(records: Iterable[Any], where: dict[str, Any]) -> list[Any]:
    if not where:
        return list(records)
    return [record for record in records if all(getattr(record, key) == value for key, value in where.items())]

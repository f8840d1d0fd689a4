# SPDX-License-Identifier: Apache-2.0
"""Collects what arrives until a trace is whole, so that it is shown once and not in pieces."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from dbx_otel.local.records import Batch, LogRecord, SpanRecord


@dataclass(slots=True)
class Arrived:
    """Records that belong together: those of one trace, or log records outside any trace."""

    spans: list[SpanRecord] = field(default_factory=list)
    logs: list[LogRecord] = field(default_factory=list)


@dataclass(slots=True)
class _Pending(Arrived):
    changed: float = 0.0

    def is_whole(self) -> bool:
        return any(span.parent_span_id is None for span in self.spans)


class Follower:
    """Hands out each trace once nothing more of it comes; safe to use from any thread.

    Args:
        quiet: Seconds without an arrival after which a trace whose root span is there counts as whole.
        patience: Seconds without an arrival after which one without a root span is handed out all the same.
        clock: Tells seconds.
    """

    def __init__(self, quiet: float = 1.0, patience: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._quiet = quiet
        self._patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._pending: dict[str, _Pending] = {}
        self._loose: list[LogRecord] = []

    def take(self, batch: Batch) -> None:
        """Take the records of one request."""
        now = self._clock()
        with self._lock:
            for span in batch.spans:
                self._of(span.trace_id, now).spans.append(span)
            for log in batch.logs:
                if log.trace_id is None:
                    self._loose.append(log)
                else:
                    self._of(log.trace_id, now).logs.append(log)

    def ready(self) -> list[Arrived]:
        """Return the traces that are whole by now, and the log records outside any trace; each only once."""
        now = self._clock()
        with self._lock:
            done = [
                trace_id
                for trace_id, pending in self._pending.items()
                if now - pending.changed >= (self._quiet if pending.is_whole() else self._patience)
            ]
            return [self._pending.pop(trace_id) for trace_id in done] + self._take_loose()

    def rest(self) -> list[Arrived]:
        """Return everything not yet handed out, whole or not."""
        with self._lock:
            left: list[Arrived] = list(self._pending.values())
            self._pending.clear()
            return left + self._take_loose()

    def _of(self, trace_id: str, now: float) -> _Pending:
        pending = self._pending.setdefault(trace_id, _Pending())
        pending.changed = now
        return pending

    def _take_loose(self) -> list[Arrived]:
        logs, self._loose = self._loose, []
        return [Arrived(logs=logs)] if logs else []

# SPDX-License-Identifier: Apache-2.0
"""What takes spans, log records and metrics off the app's hands, and does not lose them.

A record goes into a queue; the worker encodes and compresses what is there, once, and puts it into a ring a
destination; a sender each empties that. A security record is encoded at once and put on disk, the spool, before it is
queued; it is taken off the disk when every destination has had it.
"""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from dbx_otel import diagnostics
from dbx_otel.delivery import exiting, health, limits, losses, packing
from dbx_otel.delivery.batch import Batch
from dbx_otel.delivery.collector import Collect, Collector
from dbx_otel.delivery.flushing import Flush, OnceAFlush
from dbx_otel.delivery.queue import Queue
from dbx_otel.delivery.sender import MakeTransport, Sender
from dbx_otel.delivery.settlement import Settlement
from dbx_otel.delivery.tally import Tally
from dbx_otel.delivery.worker import Worker

_MOST_SECURITY_RECORDS = 32_768
_SECURITY_DELAY = 0.05
"""How many security records may wait to be packed, and for how many seconds."""

_SHARE_OF_DEADLINE = 0.95
"""Of the time that an exit has, what sending may use: the rest is for ending."""


def _make_transport(destination: Any) -> Any:
    from dbx_otel.delivery.transport import make_transport

    return make_transport(destination)


class Delivery:
    """Delivers the telemetry of this process. A forked child begins anew: what was queued is its parent's.

    Args:
        destinations: Where to: each with `name`, and `endpoints` by signal.
        buffer_max_bytes: Memory that the batches of one destination may take.
        spool: Where security records are kept until they are delivered; `None` for nowhere.
        make_transport: Makes what sends to a destination; in the thread that sends.
        environ: The environment, for OpenTelemetry's `OTEL_BSP_*`, `OTEL_BLRP_*` and `OTEL_METRIC_EXPORT_INTERVAL`.
    """

    def __init__(
        self,
        destinations: Sequence[Any],
        *,
        buffer_max_bytes: float,
        spool: Any = None,
        make_transport: MakeTransport = _make_transport,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._destinations = destinations
        self._buffer_max_bytes = int(buffer_max_bytes)
        self._spool = spool if self.takes("logs") else None
        self._make_transport = make_transport
        self._spans = limits.span_queue(environ)
        self._logs = limits.log_queue(environ)
        self._security = Queue(_MOST_SECURITY_RECORDS, self._logs.batch_size, _SECURITY_DELAY)
        self._interval = limits.metric_interval(environ)
        self._collect: Collect | None = None
        self._flushes = [Flush(self._flush_destination, index) for index in range(len(destinations))]
        self._of_parents: list[Any] = []
        self._is_closed = False
        self._is_exposed = False
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin_in_child)

    def takes(self, signal: str) -> bool:
        """Tell whether a signal goes anywhere."""
        return any(signal in destination.endpoints for destination in self._destinations)

    def offer_span(self, span: Any) -> None:
        """Take an ended span. Returns at once and never raises; where there is no room the span is counted as lost."""
        queue = self._spans
        if queue.is_full() and not self._has_room_for(span):
            self._overflow.add("traces", "queue_full", 1)
        elif queue.put(span) or not self._worker.background.is_running:
            self._worker.background.wake()

    def offer_log(self, record: Any) -> None:
        """Take a log record. Returns at once and never raises; where there is no room the record is counted as lost.

        A security record is on disk when this returns, where there is a spool.
        """
        queue = self._logs
        if packing.is_security_record(record):
            self._offer_security(record)
        elif queue.is_full():
            self._overflow.add("logs", "queue_full", 1)
        elif queue.put(record) or not self._worker.background.is_running:
            self._worker.background.wake()

    def collect_metrics_with(self, collect: Collect) -> None:
        """Collect metrics by a function, from now on, each `OTEL_METRIC_EXPORT_INTERVAL` and at every flush.

        Args:
            collect: Returns metrics in the shape of the SDK's `MetricsData`; `None` where there are none.
        """
        self._collect = collect
        self._begin_to_collect()

    def flush(self, seconds: float) -> bool:
        """Send what is queued, and tell whether all went. Never raises.

        Args:
            seconds: How long it may take.
        """
        end = time.monotonic() + seconds
        packed = self._worker.pack_everything(seconds=seconds)
        collected = self._collect_now(seconds=end - time.monotonic())
        # All are sent to side by side: those that wait for their turn have threads of their own.
        drained = [sender.drain(end) for sender in self._senders]
        return packed and collected and all(drained)

    def flushes(self) -> list[tuple[str, exiting.Flush]]:
        """Return what to call at exit, one entry a destination, side by side, with the name that messages give it."""
        return [
            (_flush_name(destination.name), flush)
            for destination, flush in zip(self._destinations, self._flushes, strict=True)
        ]

    def left(self) -> list[exiting.Unsent]:
        """Return what has not been sent, and what becomes of it when the process ends."""
        queued = {"traces": len(self._spans), "logs": len(self._logs) + len(self._security)}
        found = (losses.describe(sender, queued, _flush_name(sender.name)) for sender in self._senders)
        return [unsent for unsent in found if unsent is not None]

    @property
    def health(self) -> health.Health:
        """What is queued, sent, lost and on disk."""
        queues = {"traces": [self._spans], "logs": [self._logs, self._security]}
        return health.Health(queues, self._overflow, self._worker.tally, self._senders, self._spool)

    def close(self) -> None:
        """End all threads and connections. What has not been flushed is not sent."""
        self._is_closed = True
        self._worker.background.close()
        if self._collector is not None:
            self._collector.background.close()
        for sender in self._senders:
            sender.close()

    def _begin(self) -> None:
        self._overflow = Tally()
        self._settlement = Settlement(self._spool)
        self._senders = [
            Sender(
                destination,
                self._buffer_max_bytes,
                self._settlement,
                self._make_transport,
                keeps_on_disk=self._spool is not None,
            )
            for destination in self._destinations
        ]
        adopt = self._adopt if self._spool is not None else None
        self._worker = Worker(self._spans, self._logs, self._security, self._hand_on, adopt)
        self._collector: Collector | None = None
        self._packed = OnceAFlush(self._worker.pack_everything)
        self._collected = OnceAFlush(self._collect_now)
        self._adopted = OnceAFlush(self._worker.adopt_at_last)

    def _begin_in_child(self) -> None:
        # Not dropped: a gRPC channel waits, when it ends, for threads that the child does not have.
        self._of_parents.append(self._senders)
        for queue in (self._spans, self._logs, self._security):
            queue.forget()
        self._begin()
        if not self._is_closed:
            self._begin_to_collect()

    def _begin_to_collect(self) -> None:
        if self._collect is not None and self.takes("metrics"):
            self._collector = Collector(self._collect, self._hand_on, self._interval)
            self._collector.background.wake()

    def _has_room_for(self, span: Any) -> bool:
        """Tell whether a span may pass the bound: an important one may, by as much again."""
        return len(self._spans) < 2 * self._spans.capacity and packing.is_important_span(span)

    def _offer_security(self, record: Any) -> None:
        try:
            payload = packing.encode_one_log(record)
            if not payload:
                self._overflow.add("logs", "encoding", 1)
                return
            receipt = self._spool.append(payload) if self._spool is not None else None
            if not self._security.is_full():
                if self._security.put((payload, receipt)) or not self._worker.background.is_running:
                    self._worker.background.wake()
            elif self._spool is not None and receipt is not None:
                self._spool.release([receipt])
            else:
                self._overflow.add("logs", "queue_full", 1)
        except Exception as error:
            # The app comes first.
            diagnostics.say(f"a security record is lost: {type(error).__name__}: {error}")

    def _hand_on(self, batch: Batch) -> None:
        takers = [sender for sender in self._senders if sender.takes(batch.signal)]
        self._settlement.expect(batch, len(takers))
        for sender in takers:
            sender.put(batch)
        self._expose_health()

    def _expose_health(self) -> None:
        """Show the state of delivery once there is something to show: a process that sends nothing has no metrics."""
        if not self._is_exposed:
            self._is_exposed = True
            health.expose(lambda: self.health)

    def _adopt(self) -> list[tuple[bytes, Any]]:
        """Return what an ended process has left, unless it would not be taken now: so long it is well kept on disk."""
        takers = [sender for sender in self._senders if sender.takes("logs")]
        if self._spool is None or all(one.is_away for one in takers) or any(one.is_resting for one in takers):
            return []
        return [(payload, receipt) for receipt, payload in self._spool.adopt()]

    def _flush_destination(self, index: int, number: int) -> None:
        end = time.monotonic() + exiting.time_left() * _SHARE_OF_DEADLINE
        sender = self._senders[index]
        self._packed.do(number, end)
        sender.drain(end)
        # Apart, as they may take long: the one calls functions of the app, the other may wait for the spool.
        for once in (self._collected, self._adopted):
            once.do(number, end)
            sender.drain(end)

    def _collect_now(self, *, seconds: float) -> bool:
        return self._collector is None or self._collector.collect(seconds=seconds)


def _flush_name(destination: str) -> str:
    return f"telemetry for {destination}"

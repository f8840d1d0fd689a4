# SPDX-License-Identifier: Apache-2.0
"""The thread that makes batches of what waits in the queues, for every destination."""

import threading
import time
from collections.abc import Callable
from typing import Any

from dbx_otel import diagnostics
from dbx_otel.delivery import packing
from dbx_otel.delivery.background import Background
from dbx_otel.delivery.batch import Batch, Signal
from dbx_otel.delivery.queue import Queue
from dbx_otel.delivery.tally import Tally

_GATHERING = 0.05
"""Seconds in which security records gather into one batch: they wait for no more than that."""
_FIRST_ADOPTION = 0.5
_NEXT_ADOPTION = 0.5
_ADOPTION_INTERVAL = 15.0
"""Seconds to the first look at the spool for what ended processes have left; to the next where there was something, and
where there was nothing."""

HandOn = Callable[[Batch], None]


class Worker:
    """Empties the queues when a batch is full or its time has come, and adopts from the spool.

    Args:
        spans: Ended spans.
        logs: Log records.
        security: Security records, each encoded, with its receipt from the spool or `None`.
        hand_on: Takes each batch.
        adopt: Returns security records that one ended process has left, encoded, with their receipts.

    Attributes:
        tally: How many records could not be encoded.
    """

    def __init__(
        self,
        spans: Queue,
        logs: Queue,
        security: Queue,
        hand_on: HandOn,
        adopt: Callable[[], list[tuple[bytes, Any]]],
    ) -> None:
        self.tally = Tally()
        self._spans = spans
        self._logs = logs
        self._security = security
        self._hand_on = hand_on
        self._adopt = adopt
        self._packing = threading.Lock()
        now = time.monotonic()
        self._spans_due = now + spans.delay
        self._logs_due = now + logs.delay
        self._adoption_due = now + _FIRST_ADOPTION
        self._has_adopted = False
        self.background = Background(self._run, "dbx-otel-encode")

    def pack_everything(self, *, seconds: float) -> bool:
        """Pack what waits now, from the calling thread. Never raises.

        Args:
            seconds: How long to wait for the worker where that is at it.

        Returns:
            Whether that was possible.
        """
        if not self._packing.acquire(timeout=max(0.0, seconds)):
            return False
        try:
            self._reporting(self._pack_security)
            self._reporting(self._pack_spans)
            self._reporting(self._pack_logs)
            if not self._has_adopted:
                self._reporting(self._pack_adopted)
        finally:
            self._packing.release()
        return True

    def _run(self) -> None:
        while not self.background.is_closed:
            self.background.wait(self._seconds_to_next())
            if len(self._security):
                time.sleep(_GATHERING)
            with self._packing:
                self._pack_due(time.monotonic())

    def _pack_due(self, now: float) -> None:
        if len(self._security):
            self._reporting(self._pack_security)
        if now >= self._spans_due or len(self._spans) >= self._spans.batch_size:
            self._spans_due = now + self._spans.delay
            self._reporting(self._pack_spans)
        if now >= self._logs_due or len(self._logs) >= self._logs.batch_size:
            self._logs_due = now + self._logs.delay
            self._reporting(self._pack_logs)
        if now >= self._adoption_due:
            self._adoption_due = now + _ADOPTION_INTERVAL
            self._reporting(self._pack_adopted)

    def _seconds_to_next(self) -> float:
        due = min(self._spans_due, self._logs_due, self._adoption_due)
        return due - time.monotonic()

    def _pack_spans(self) -> None:
        for _ in range(_batches(self._spans)):
            for batch in packing.pack_spans(self._spans.take(), self._lose):
                self._hand_on(batch)

    def _pack_logs(self) -> None:
        for _ in range(_batches(self._logs)):
            for batch in packing.pack_logs(self._logs.take(), self._lose):
                self._hand_on(batch)

    def _pack_security(self) -> None:
        for _ in range(_batches(self._security)):
            self._hand_on(packing.pack_security(self._security.take()))

    def _pack_adopted(self) -> None:
        """Pack what one process has left: what many have must not flood the destinations."""
        self._has_adopted = True
        records = self._adopt()
        for begin in range(0, len(records), self._security.batch_size):
            self._hand_on(packing.pack_security(records[begin : begin + self._security.batch_size]))
        if records:
            self._adoption_due = time.monotonic() + _NEXT_ADOPTION

    def _lose(self, signal: Signal, count: int) -> None:
        self.tally.add(signal, "encoding", count)

    def _reporting(self, pack: Callable[[], None]) -> None:
        try:
            pack()
        except Exception as error:
            # One signal's failure is not the others', and the thread goes on.
            diagnostics.say(f"packing telemetry failed: {type(error).__name__}: {error}")


def _batches(queue: Queue) -> int:
    """Return how many batches wait now: what is put meanwhile is for the next time."""
    return -(-len(queue) // queue.batch_size)

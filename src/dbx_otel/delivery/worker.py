# SPDX-License-Identifier: Apache-2.0
"""The thread that makes batches of what waits in the queues, for every destination."""

import math
import time
from collections.abc import Callable
from typing import Any

from dbx_otel import diagnostics
from dbx_otel.delivery import native, packing
from dbx_otel.delivery.background import Background
from dbx_otel.delivery.batch import Batch, Signal
from dbx_otel.delivery.queue import Queue
from dbx_otel.delivery.tally import Tally

_NEVER = math.inf
_FIRST_ADOPTION = 0.5
_NEXT_ADOPTION = 0.5
_ADOPTION_INTERVAL = 10.0
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
        adopt: Returns security records that one ended process has left, encoded, with their receipts; `None` where
            there is no spool.

    Attributes:
        tally: How many records could not be encoded.
    """

    def __init__(
        self,
        spans: Queue,
        logs: Queue,
        security: Queue,
        hand_on: HandOn,
        adopt: Callable[[], list[tuple[bytes, Any]]] | None,
    ) -> None:
        self.tally = Tally()
        self._hand_on = hand_on
        self._adopt = adopt
        self._lanes = (
            _Lane(security, self._pack_security),
            _Lane(spans, self._pack_spans),
            _Lane(logs, self._pack_logs),
        )
        self._largest_adopted = security.batch_size
        self._packing = native.allocate_lock()
        self._adoption_due = time.monotonic() + _FIRST_ADOPTION if adopt is not None else _NEVER
        self._has_adopted = adopt is None
        self.background = Background(self._run)

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
            for lane in self._lanes:
                self._pack(lane)
        finally:
            self._packing.release()
        return True

    def adopt_at_last(self, *, seconds: float) -> None:
        """Adopt from the spool, in a process that has lived too short a life to do so. Never raises.

        Args:
            seconds: How long it may take; it takes little.
        """
        if not self._has_adopted and seconds > 0:
            self._reporting(self._pack_adopted)

    def _run(self) -> None:
        while not self.background.is_closed:
            due = min(self._adoption_due, *(lane.due for lane in self._lanes))
            self.background.wait(due - time.monotonic())
            now = time.monotonic()
            with self._packing:
                self._pack_due(now)
            # Without the lock: it may have to wait for the spool.
            if now >= self._adoption_due:
                self._adoption_due = now + _ADOPTION_INTERVAL
                self._reporting(self._pack_adopted)

    def _pack_due(self, now: float) -> None:
        for lane in self._lanes:
            if lane.is_due(now):
                self._pack(lane)
            lane.set_due(now)

    def _pack(self, lane: "_Lane") -> None:
        # As many batches as there are now: what is put meanwhile is for the next time.
        for _ in range(-(-len(lane.queue) // lane.queue.batch_size)):
            self._reporting(lambda: lane.pack(lane.queue.take()))
        lane.due = _NEVER

    def _pack_spans(self, spans: list[Any]) -> None:
        for batch in packing.pack_spans(spans, self._lose):
            self._hand_on(batch)

    def _pack_logs(self, records: list[Any]) -> None:
        for batch in packing.pack_logs(records, self._lose):
            self._hand_on(batch)

    def _pack_security(self, records: list[tuple[bytes, Any]]) -> None:
        for batch in packing.pack_security(records):
            self._hand_on(batch)

    def _pack_adopted(self) -> None:
        """Pack what one process has left: what many have must not flood the destinations."""
        self._has_adopted = True
        records = self._adopt() if self._adopt is not None else []
        for begin in range(0, len(records), self._largest_adopted):
            self._pack_security(records[begin : begin + self._largest_adopted])
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


class _Lane:
    """A queue, and when it is to be emptied.

    Attributes:
        queue: The queue.
        pack: Packs what was taken out of it.
        due: When its first record has waited long enough; never, where there is none.
    """

    def __init__(self, queue: Queue, pack: Callable[[list[Any]], None]) -> None:
        self.queue = queue
        self.pack = pack
        self.due = _NEVER

    def is_due(self, now: float) -> bool:
        """Tell whether it is time to empty the queue: a batch is full, or the first record has waited long enough."""
        return now >= self.due or len(self.queue) >= self.queue.batch_size

    def set_due(self, now: float) -> None:
        """Let the first record begin to wait. Whoever puts the first one into an empty queue wakes the worker."""
        if self.due == _NEVER and len(self.queue):
            self.due = now + self.queue.delay

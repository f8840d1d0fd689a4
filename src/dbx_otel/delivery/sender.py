# SPDX-License-Identifier: Apache-2.0
"""One destination: its batches, the thread that sends them, and what becomes of them."""

import time
from collections.abc import Callable
from typing import Any

from dbx_otel import diagnostics
from dbx_otel.delivery import exiting, import_guard, native
from dbx_otel.delivery.background import Background
from dbx_otel.delivery.batch import Batch
from dbx_otel.delivery.outage import Outage
from dbx_otel.delivery.outcome import Kind, Outcome
from dbx_otel.delivery.ring import Ring
from dbx_otel.delivery.schedule import Schedule
from dbx_otel.delivery.settlement import Settlement
from dbx_otel.delivery.tally import Tally
from dbx_otel.settings import Protocol

_PAUSE = 0.02
"""Seconds between two batches: what has gathered while a destination was away must not flood it when it is back."""
_AFTER_ERROR = 5.0
"""Seconds to wait after an error of our own."""
_LONGEST_ATTEMPT = 3600.0
"""Seconds; an endpoint's own timeout is shorter."""
_MOST_REFUSALS_SAID = 5
_REST = 30.0
"""Seconds for which security records that a destination did not take stay on disk before they are tried again."""

MakeTransport = Callable[[Any], Any]


class Sender:
    """Sends what is put into it to one destination, one batch at a time, and again until it is taken.

    Args:
        destination: Where to: `name`, and `endpoints` by signal.
        max_bytes: Memory that waiting batches may take.
        settlement: Is told what has become of batches with security records.
        make_transport: Makes what sends; called in the thread that sends.
        keeps_on_disk: Whether security records are on the spool, too.

    Attributes:
        name: Name of the destination.
        tally: How many spans, records and data points it has had (reason: empty), and how many not, by reason.
        ring: What waits for it.
    """

    def __init__(
        self,
        destination: Any,
        max_bytes: int,
        settlement: Settlement,
        make_transport: MakeTransport,
        *,
        keeps_on_disk: bool,
    ) -> None:
        self.name: str = destination.name
        self.tally = Tally()
        self.ring = Ring(max_bytes, self._give_up)
        self._destination = destination
        self._settlement = settlement
        self._make_transport = make_transport
        self._transport: Any = None
        self._schedule = Schedule()
        self._outage = Outage(self.name, max_bytes, keeps_on_disk=keeps_on_disk)
        self._last_failure = ""
        self._refusals_said: set[str] = set()
        self._gave_back_at = -_REST
        self._turn = native.allocate_lock()
        self._background = Background(self._run)

    def takes(self, signal: str) -> bool:
        """Tell whether the destination has an endpoint for a signal."""
        return signal in self._destination.endpoints

    def speaks_grpc(self, signal: str) -> bool:
        """Tell whether a signal is sent by gRPC, rather than over HTTP."""
        endpoint = self._destination.endpoints.get(signal)
        return getattr(endpoint, "protocol", None) == Protocol.GRPC

    @property
    def is_away(self) -> bool:
        """Whether the destination did not take what was last sent."""
        return self._outage.is_under_way

    @property
    def is_resting(self) -> bool:
        """Whether security records were not taken lately: to adopt them at once would only send them in circles."""
        return time.monotonic() - self._gave_back_at < _REST

    def put(self, batch: Batch) -> None:
        """Take a batch to be sent. Returns at once."""
        self.ring.put(batch)
        self._background.wake()

    def drain(self, end: float) -> bool:
        """Send what waits from the calling thread, waiting for no longer than there is time, and tell whether all went.

        Args:
            end: When to stop, by `time.monotonic`.
        """
        self._schedule.try_now()
        try:
            return self._drain(end)
        finally:
            self._settlement.note()

    def _drain(self, end: float) -> bool:
        while not self.ring.is_empty():
            left = end - time.monotonic()
            if left <= 0 or not self._turn.acquire(timeout=left):
                return False
            try:
                # Whoever had the turn before may have used the time up.
                sent = self._send_next(end - time.monotonic(), in_haste=True)
            finally:
                self._turn.release()
            if not sent:
                wait = self._schedule.seconds_to_next(self.ring.signals())
                if wait is not None and wait > end - time.monotonic():
                    return False
                time.sleep(wait or 0.0)
        return True

    @property
    def reason(self) -> str:
        """Why the last attempt failed that did."""
        return self._last_failure

    def close(self) -> None:
        """End the thread and the connections. What waits is not sent."""
        self._background.close()
        if self._transport is not None:
            self._transport.close()

    def _run(self) -> None:
        while not self._background.is_closed:
            try:
                wait = self._send_or_wait()
            except Exception as error:
                # The thread must live on, and what it was sending is still to be sent.
                diagnostics.say(f"sending to {self.name} failed: {type(error).__name__}: {error}")
                self.ring.put_back()
                wait = _AFTER_ERROR
            if wait != 0:
                self._background.wait(wait)

    def _send_or_wait(self) -> float | None:
        """Send a batch, and return the seconds to wait then; `None` is until there is something."""
        with self._turn:
            sent = self._send_next(_LONGEST_ATTEMPT, in_haste=False)
        self._settlement.note()
        if sent:
            time.sleep(_PAUSE)
            return 0.0
        return self._schedule.seconds_to_next(self.ring.signals())

    def _send_next(self, most_seconds: float, *, in_haste: bool) -> bool:
        """Make one attempt, if there is a batch to be sent now, and tell whether there was. The caller has the turn."""
        if most_seconds <= 0 or not self.ring.signals():
            return False
        batch = self.ring.take(self._schedule.ready())
        if batch is None:
            return False
        try:
            if self._transport is None:
                with import_guard.importing():
                    self._transport = self._make_transport(self._destination)
            outcome = self._transport.send(batch, most_seconds)
        except Exception as error:
            # A transport promises not to raise; if one does, the batch must not be lost nor the thread end.
            outcome = Outcome(Kind.RETRY, message=f"{type(error).__name__}: {error}")
        self._apply(batch, outcome, in_haste=in_haste)
        return True

    def _apply(self, batch: Batch, outcome: Outcome, *, in_haste: bool) -> None:
        if outcome.kind is Kind.RETRY:
            self._last_failure = outcome.message
            self.ring.put_back()
            again = batch.signal in self._schedule.failures
            self._schedule.failed(batch.signal, outcome.retry_after, in_haste=in_haste)
            if not exiting.is_under_way():
                self._outage.failed(outcome.message, again=again)
            return
        self.ring.done()
        self._schedule.succeeded(batch.signal)
        is_kept = outcome.kind is Kind.DENIED and bool(batch.receipts)
        self._settle(batch, had_it=not is_kept)
        if outcome.kind is not Kind.ACCEPTED:
            if not is_kept:
                self._lose(batch, "refused")
            self._say_refused(f"{self.name} refuses {batch.signal}: {outcome.message}")
        else:
            rejected = min(max(outcome.rejected, 0), batch.count)
            self.tally.add(batch.signal, "", batch.count - rejected)
            if rejected:
                self.tally.add(batch.signal, "rejected", rejected)
                self._say_refused(f"{self.name} takes {batch.signal} in part only: {outcome.message}")
        if not self._schedule.failures:
            self._outage.ended()

    def _lose(self, batch: Batch, reason: str) -> None:
        self.tally.add(batch.signal, reason, batch.count)
        self._outage.given_up(batch.signal, reason, batch.count)

    def _give_up(self, batch: Batch) -> None:
        self._settle(batch, had_it=False)
        self._lose(batch, "buffer_full")

    def _settle(self, batch: Batch, *, had_it: bool) -> None:
        if batch.receipts and not had_it:
            self._gave_back_at = time.monotonic()
        self._settlement.settle(batch, had_it=had_it)

    def _say_refused(self, line: str) -> None:
        if line not in self._refusals_said and len(self._refusals_said) < _MOST_REFUSALS_SAID:
            self._refusals_said.add(line)
            diagnostics.say(line)

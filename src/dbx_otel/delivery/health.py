# SPDX-License-Identifier: Apache-2.0
"""What delivery tells about itself, as metrics: queued, sent, lost by reason, on disk.

Names are OpenTelemetry's (semantic conventions, "OpenTelemetry SDK metrics") where it has them. All are looked up when
metrics are collected, so that nothing here makes telemetry of its own accord.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from dbx_otel import __version__, semconv
from dbx_otel.delivery.queue import Queue
from dbx_otel.delivery.sender import Sender
from dbx_otel.delivery.tally import Tally
from dbx_otel.metrics import instruments
from dbx_otel.otlp.model import Scope

Observed = Iterable[tuple[float, tuple[tuple[str, Any], ...]]]

_SCOPE: Final = Scope("dbx_otel.delivery", __version__)
_WORDS: Final = {
    "traces": ("span", "{span}"),
    "logs": ("log", "{log_record}"),
    "metrics": ("metric_data_point", "{data_point}"),
}
"""By signal, the word in the names of its metrics, and their unit."""


class Health:
    """The state of delivery.

    Args:
        queues: The queue of spans and the queues of log records, by signal.
        overflow: What found no room in a queue.
        unencoded: What could not be encoded.
        senders: The destinations.
        spool: The spool, or `None`.
    """

    def __init__(
        self,
        queues: Mapping[str, Sequence[Queue]],
        overflow: Tally,
        unencoded: Tally,
        senders: Sequence[Sender],
        spool: Any,
    ) -> None:
        self.queues = queues
        self.overflow = overflow
        self.unencoded = unencoded
        self.senders = senders
        self.spool = spool

    def queued(self, signal: str) -> int:
        """Return how many records wait to be encoded."""
        return sum(len(queue) for queue in self.queues[signal])

    def sent(self, destination: str, signal: str) -> int:
        """Return how many spans, log records or data points a destination has accepted."""
        return self._had(destination, signal, lambda reason: not reason)

    def lost(self, signal: str) -> dict[str, int]:
        """Return how many of a signal are lost, by reason, counted for each destination that lost them."""
        found: dict[str, int] = {}
        for tally in (self.overflow, self.unencoded, *(sender.tally for sender in self.senders)):
            for of_signal, reason, count in tally.items():
                if of_signal == signal and reason:
                    found[reason] = found.get(reason, 0) + count
        return found

    def _had(self, destination: str, signal: str, counts: Callable[[str], bool]) -> int:
        return sum(
            count
            for sender in self.senders
            if sender.name == destination
            for of_signal, reason, count in sender.tally.items()
            if of_signal == signal and counts(reason)
        )


def expose(health: Callable[[], Health]) -> None:
    """Have the state collected with the other metrics.

    Args:
        health: Returns the state; a forked child has one of its own.
    """
    for signal in ("traces", "logs"):
        _expose_queue(health, signal)
    for signal in _WORDS:
        _expose_exports(health, signal)
    _expose_memory_and_disk(health)


def _expose_queue(health: Callable[[], Health], signal: str) -> None:
    word, unit = _WORDS[signal]
    own = (
        (semconv.OTEL_COMPONENT_NAME, f"dbx_otel_{word}_queue"),
        (semconv.OTEL_COMPONENT_TYPE, f"batching_{word}_processor"),
    )

    def size() -> Observed:
        yield health().queued(signal), own

    def capacity() -> Observed:
        yield sum(queue.capacity for queue in health().queues[signal]), own

    def processed() -> Observed:
        now = health()
        yield sum(queue.taken for queue in now.queues[signal]), own
        for tally in (now.overflow, now.unencoded):
            for of_signal, reason, count in tally.items():
                if of_signal == signal:
                    yield count, (*own, (semconv.ERROR_TYPE, reason))

    prefix = f"otel.sdk.processor.{word}"
    _observe(f"{prefix}.queue.size", unit, "Records that wait to be encoded", "up_down_counter", size)
    _observe(f"{prefix}.queue.capacity", unit, "Records that may wait to be encoded", "up_down_counter", capacity)
    _observe(f"{prefix}.processed", unit, "Records that were encoded, or lost before that", "counter", processed)


def _expose_exports(health: Callable[[], Health], signal: str) -> None:
    word, unit = _WORDS[signal]

    def exported() -> Observed:
        for sender in health().senders:
            for of_signal, reason, count in sender.tally.items():
                if of_signal == signal:
                    error = ((semconv.ERROR_TYPE, reason),) if reason else ()
                    yield count, (*_component(sender, signal), *error)

    def inflight() -> Observed:
        for sender in health().senders:
            waiting = sum(batch.count for batch in sender.ring.batches() if batch.signal == signal)
            yield waiting, _component(sender, signal)

    prefix = f"otel.sdk.exporter.{word}"
    _observe(f"{prefix}.exported", unit, "What a destination accepted, or lost for it", "counter", exported)
    _observe(f"{prefix}.inflight", unit, "What waits to be sent, or is being sent", "up_down_counter", inflight)


def _expose_memory_and_disk(health: Callable[[], Health]) -> None:
    def buffer_size() -> Observed:
        for sender in health().senders:
            yield sender.ring.size, ((semconv.OTEL_COMPONENT_NAME, sender.name),)

    def spool_size() -> Observed:
        spool = health().spool
        if spool is not None:
            yield spool.size, ()

    def spooled() -> Observed:
        spool = health().spool
        if spool is not None:
            yield spool.appended, ()
            yield spool.refused, ((semconv.ERROR_TYPE, "not_kept"),)

    _observe(
        semconv.DBX_OTEL_BUFFER_SIZE, "By", "Memory of batches that wait to be sent", "up_down_counter", buffer_size
    )
    _observe(semconv.DBX_OTEL_SPOOL_SIZE, "By", "Disk space of security records", "up_down_counter", spool_size)
    _observe(semconv.DBX_OTEL_SPOOL_RECORDS, "{log_record}", "Security records written to disk", "counter", spooled)


def _component(sender: Sender, signal: str) -> tuple[tuple[str, Any], ...]:
    protocol = "grpc" if sender.speaks_grpc(signal) else "http"
    return (
        (semconv.OTEL_COMPONENT_NAME, sender.name),
        (semconv.OTEL_COMPONENT_TYPE, f"otlp_{protocol}_{_WORDS[signal][0].partition('_')[0]}_exporter"),
    )


def _observe(name: str, unit: str, description: str, kind: str, observe: Callable[[], Observed]) -> None:
    instruments.observable(_SCOPE, name, unit, description, kind, observe)

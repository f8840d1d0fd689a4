# SPDX-License-Identifier: Apache-2.0
"""What delivery tells about itself: as metrics, and at the end in words."""

from pathlib import Path
from typing import Any

import pytest

from dbx_otel.delivery import exiting
from dbx_otel.delivery.delivery import Delivery
from dbx_otel.delivery.outcome import Kind, Outcome
from dbx_otel.delivery.spool import Spool
from dbx_otel.delivery.transport import Destination, Endpoint
from dbx_otel.metrics import instruments
from dbx_otel.metrics.instruments import Registry
from dbx_otel.settings import Protocol
from tests.support import records

LATE = {"OTEL_BSP_SCHEDULE_DELAY": "3600000", "OTEL_BLRP_SCHEDULE_DELAY": "3600000", "OTEL_BSP_MAX_QUEUE_SIZE": "4"}

ENDPOINTS: Any = {
    "traces": Endpoint("http://c:4318/v1/traces"),
    "logs": Endpoint("c:4317", protocol=Protocol.GRPC),
    "metrics": Endpoint("http://c:4318/v1/metrics"),
}


class Answers:
    """Plays a destination, signal by signal; how real ones answer is the transport's affair."""

    def __init__(self, **by_signal: Outcome) -> None:
        self.by_signal = by_signal

    def send(self, batch: Any, timeout: float) -> Outcome:  # noqa: ARG002 -- a transport's signature
        return self.by_signal.get(batch.signal, Outcome(Kind.ACCEPTED))

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBX_OTEL_RUN_SAID", "")
    monkeypatch.setattr(exiting, "_ending", True)  # no threads: everything happens when it is asked for


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    made = Registry()
    monkeypatch.setattr(instruments, "observable", made.observable)
    return made


def deliver(spool: Path | None = None, **answers: Outcome) -> Delivery:
    return Delivery(
        [Destination("http://c", ENDPOINTS)],
        buffer_max_bytes=1 << 20,
        spool=Spool(spool, 1 << 20) if spool is not None else None,
        make_transport=lambda _: Answers(**answers),
        environ=LATE,
    )


def observed(registry: Registry) -> dict[str, dict[tuple[Any, ...], float]]:
    """Values by metric and attributes, the component's name and type left out where they are the only ones."""
    found: dict[str, dict[tuple[Any, ...], float]] = {}
    for instrument in registry.collected_here():
        values = found.setdefault(instrument.name, {})
        for value, attributes in instrument.observe():
            values[tuple(text for name, text in attributes if name != "otel.component.name")] = value
    return found


def test_metrics_have_opentelemetrys_names(registry: Registry, tmp_path: Path) -> None:
    delivery = deliver(tmp_path, logs=Outcome(Kind.RETRY, message="busy"), metrics=Outcome(Kind.REFUSED))
    delivery.collect_metrics_with(records.metrics)
    for _ in range(6):
        delivery.offer_span(records.span())
    delivery.offer_log(records.security_log())
    delivery.flush(0.1)
    delivery.offer_span(records.span())
    found = observed(registry)
    http, grpc = "otlp_http_{}_exporter", "otlp_grpc_{}_exporter"
    assert found["otel.sdk.processor.span.queue.size"] == {("batching_span_processor",): 1}
    assert found["otel.sdk.processor.span.queue.capacity"] == {("batching_span_processor",): 4}
    assert found["otel.sdk.processor.span.processed"] == {
        ("batching_span_processor",): 4,
        ("batching_span_processor", "queue_full"): 2,
    }
    assert found["otel.sdk.processor.log.processed"] == {("batching_log_processor",): 1}
    assert found["otel.sdk.exporter.span.exported"] == {(http.format("span"),): 4}
    assert found["otel.sdk.exporter.log.exported"] == {}
    assert found["otel.sdk.exporter.log.inflight"] == {(grpc.format("log"),): 1}
    assert found["otel.sdk.exporter.metric_data_point.exported"] == {(http.format("metric"), "refused"): 1}
    assert found["dbx_otel.delivery.buffer.size"][()] > 256
    assert found["dbx_otel.spool.records"] == {(): 1, ("not_kept",): 0}
    assert found["dbx_otel.spool.size"][()] > 0


def test_a_process_that_sends_nothing_has_none(registry: Registry) -> None:
    delivery = deliver()
    assert delivery.flush(1)
    assert observed(registry) == {}


def test_what_is_left_is_told_apart_from_what_is_lost(tmp_path: Path) -> None:
    delivery = deliver(tmp_path, traces=Outcome(Kind.RETRY, message="busy"), logs=Outcome(Kind.RETRY, message="busy"))
    delivery.offer_span(records.span())
    delivery.offer_log(records.security_log())
    delivery.offer_log(records.log())
    assert not delivery.flush(0.05)
    delivery.offer_span(records.span())
    assert delivery.left() == [
        exiting.Unsent(
            "telemetry for http://c",
            "2 spans and 2 log records for http://c",
            "1 security records are kept on disk, and sent by the next start; 2 spans and 1 log records are lost "
            "(busy)",
        )
    ]


def test_nothing_left_is_nothing_said(tmp_path: Path) -> None:
    delivery = deliver(tmp_path)
    delivery.offer_log(records.security_log())
    assert delivery.flush(1)
    assert delivery.left() == []

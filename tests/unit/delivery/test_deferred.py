# SPDX-License-Identifier: Apache-2.0
"""Exporters are made at the first batch, once a process; one that cannot be made is reported once."""

import os
import threading
from typing import Any

import pytest
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from dbx_otel.delivery.deferred import DeferredLogExporter, DeferredMetricExporter, DeferredSpanExporter
from tests.support.forking import exit_status_of_child


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBX_OTEL_RUN_SAID", "")


class Making:
    def __init__(self, make: Any) -> None:
        self.make = make
        self.made: list[Any] = []

    def __call__(self) -> Any:
        self.made.append(self.make())
        return self.made[-1]


EXPORTERS: list[tuple[Any, Any, Any]] = [
    (DeferredSpanExporter, InMemorySpanExporter, SpanExportResult),
    (DeferredLogExporter, InMemoryLogRecordExporter, LogRecordExportResult),
    (
        DeferredMetricExporter,
        lambda: ConsoleMetricExporter(formatter=lambda _: "", out=open(os.devnull, "w")),  # noqa: PTH123, SIM115 -- the exporter keeps it
        MetricExportResult,
    ),
]
IDS = ["spans", "logs", "metrics"]


def batch(deferred: Any) -> Any:
    return MetricsData([]) if isinstance(deferred, DeferredMetricExporter) else []


@pytest.mark.parametrize(("deferred", "make", "result"), EXPORTERS[:2], ids=IDS[:2])
def test_it_is_made_at_the_first_batch_and_once(deferred: Any, make: Any, result: Any) -> None:
    making = Making(make)
    exporter = deferred(making, "sending")
    assert exporter.force_flush() is True
    assert making.made == []
    assert exporter.export(batch(exporter)) is result.SUCCESS
    assert exporter.export(batch(exporter)) is result.SUCCESS
    assert len(making.made) == 1


@pytest.mark.parametrize(("deferred", "make", "result"), EXPORTERS, ids=IDS)
def test_one_that_is_never_made_shuts_down(deferred: Any, make: Any, result: Any) -> None:
    making = Making(make)
    exporter = deferred(making, "sending")
    exporter.shutdown()
    assert exporter.force_flush() is True
    assert making.made == []


@pytest.mark.parametrize(("deferred", "make", "result"), EXPORTERS, ids=IDS)
def test_one_that_cannot_be_made_is_reported_once_and_not_tried_again(
    deferred: Any, make: Any, result: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    tries: list[int] = []

    def fail() -> Any:
        tries.append(1)
        raise LookupError("no such thing")

    exporter = deferred(fail, "sending spans to http://a")
    assert [exporter.export(batch(exporter)) for _ in range(3)] == [result.FAILURE] * 3
    exporter.shutdown()
    assert len(tries) == 1
    assert capfd.readouterr().err == "dbx-otel: sending spans to http://a is off: LookupError: no such thing\n"


def test_shutdown_reaches_what_was_made() -> None:
    making = Making(InMemorySpanExporter)
    exporter = DeferredSpanExporter(making, "sending")
    exporter.export([])
    exporter.shutdown()
    assert making.made[0]._stopped is True


def test_threads_make_one() -> None:
    making = Making(InMemorySpanExporter)
    exporter = DeferredSpanExporter(making, "sending")
    threads = [threading.Thread(target=exporter.export, args=([],)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert len(making.made) == 1


def test_a_forked_child_makes_its_own() -> None:
    making = Making(InMemorySpanExporter)
    exporter = DeferredSpanExporter(making, "sending")
    exporter.export([])

    def child() -> bool:
        exporter.export([])
        return len(making.made) == 2

    with exporter._deferred._lock:  # as held by a thread of the parent at the fork
        assert exit_status_of_child(child) == 0
    assert len(making.made) == 1


def test_metric_preferences_are_known_before() -> None:
    preferences: tuple[Any, Any] = ({int: 1}, {int: 2})
    exporter = DeferredMetricExporter(ConsoleMetricExporter, "sending", *preferences)
    assert (exporter._preferred_temporality, exporter._preferred_aggregation) == preferences

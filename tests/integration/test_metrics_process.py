# SPDX-License-Identifier: Apache-2.0
"""The metrics of the process are those of OpenTelemetry's instrumentation, looked up side by side."""

import gc
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.instrumentation.system_metrics import SystemMetricsInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from dbx_otel.distro.sdk.metrics import _PROCESS_METRICS
from dbx_otel.metrics import process
from dbx_otel.metrics.instruments import Registry
from tests.support.forking import exit_status_of_child
from tests.unit.metrics.reading import collector, metrics_of, values_of

TOLERANCE = {
    "process.cpu.time": 0.5,
    "process.context_switches": 500,
    "process.memory.usage": 50e6,
    "process.memory.virtual": 50e6,
    "cpython.gc.collections": 20,
}
"""How far values may be apart that change between one look and the next; all others are equal."""


@pytest.fixture
def theirs() -> Callable[[], Any]:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    instrumentor = SystemMetricsInstrumentor(config=_PROCESS_METRICS)
    # It is one a process, and another test may have had it made.
    instrumentor._instrument(meter_provider=provider)
    return reader.get_metrics_data


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.setattr(process, "_SOON", 0.0)
    made = Registry()
    process.observe(made)
    return made


def described(data: Any) -> dict[str, Any]:
    return {
        name: (
            metric.unit,
            metric.description,
            type(metric.data).__name__,
            int(metric.data.aggregation_temporality),
            metric.data.is_monotonic,
        )
        for name, metric in metrics_of(data).items()
    }


def test_they_are_the_same(theirs: Callable[[], Any], registry: Registry) -> None:
    their_data, our_data = theirs(), collector(registry).collect()
    assert described(our_data) == described(their_data)
    assert set(described(our_data)) == set(_PROCESS_METRICS)
    (their_scope,) = their_data.resource_metrics[0].scope_metrics
    (our_scope,) = our_data.resource_metrics[0].scope_metrics
    assert (our_scope.scope.name, our_scope.schema_url) == (their_scope.scope.name, their_scope.schema_url)
    for name in _PROCESS_METRICS:
        tolerance = TOLERANCE.get(name, 0)
        expected = {key: pytest.approx(value, abs=tolerance) for key, value in values_of(their_data, name).items()}
        assert values_of(our_data, name) == expected


def test_they_tell_what_happens(registry: Registry) -> None:
    collecting = collector(registry)
    before = values_of(collecting.collect(), "cpython.gc.collections")
    gc.collect()
    after = values_of(collecting.collect(), "cpython.gc.collections")
    full = (("cpython.gc.generation", 2), ("generation", "2"))
    assert after[full] == before[full] + 1


def test_a_young_process_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_SOON", 1000.0)
    registry = Registry()
    process.observe(registry)
    assert collector(registry).collect() is None


def test_a_forked_child_looks_at_itself(registry: Registry) -> None:
    collecting = collector(registry)
    key = (("type", "user"),)
    until = values_of(collecting.collect(), "process.cpu.time")[key] + 0.3
    while values_of(collecting.collect(), "process.cpu.time")[key] < until:
        sum(range(10_000))

    def child() -> bool:
        return bool(0 <= values_of(collecting.collect(), "process.cpu.time")[key] < until - 0.1)

    assert exit_status_of_child(child) == 0


def test_a_process_that_cannot_be_observed_is_reported_once(
    registry: Registry, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    monkeypatch.delenv("DBX_OTEL_RUN_SAID", raising=False)

    def fail() -> Any:
        raise psutil.AccessDenied(7)

    monkeypatch.setattr(psutil, "Process", fail)
    assert collector(registry).collect() is None
    assert capfd.readouterr().err.splitlines() == ["dbx-otel: process metrics are off: AccessDenied: (pid=7)"]

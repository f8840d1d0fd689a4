# SPDX-License-Identifier: Apache-2.0
"""The SDK's provider is as the variables want it, which the official exporters read themselves."""

import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.sdk.metrics import MeterProvider, ObservableCounter
from opentelemetry.sdk.metrics._internal import instrument as instruments
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader, PeriodicExportingMetricReader

from dbx_otel.delivery.deferred import DeferredMetricExporter
from dbx_otel.metrics import preferences, sdk
from dbx_otel.metrics.instruments import Registry
from dbx_otel.metrics.provider import DeferredMeterProvider
from dbx_otel.metrics.through_meters import route_to
from tests.unit.metrics.reading import RESOURCE, SCOPE, collector, metrics_of, points_of, values_of

INSTRUMENTS = (
    instruments._Counter,
    instruments._Gauge,
    instruments._Histogram,
    instruments._ObservableCounter,
    instruments._ObservableGauge,
    instruments._ObservableUpDownCounter,
    instruments._UpDownCounter,
)
TEMPORALITY = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
AGGREGATION = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"


def preferred(**environ: str) -> preferences.Preferences:
    return preferences.load(environ)[0]


def reader(exporter: Any) -> PeriodicExportingMetricReader:
    return PeriodicExportingMetricReader(exporter, export_interval_millis=float("inf"))


@pytest.mark.parametrize("official", [HttpMetricExporter, GrpcMetricExporter])
@pytest.mark.parametrize("text", ["", "cumulative", "delta", "DELTA", "lowmemory", "LowMemory"])
def test_temporality_is_that_of_the_official_exporter(
    text: str, official: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TEMPORALITY, text)
    theirs = reader(official())
    ours = reader(DeferredMetricExporter(official, "metrics", sdk.temporality(preferred(**{TEMPORALITY: text})), {}))
    for instrument in INSTRUMENTS:
        assert ours._instrument_class_temporality[instrument] == theirs._instrument_class_temporality[instrument]


@pytest.mark.parametrize(
    ("text", "official"),
    [
        ("", HttpMetricExporter),
        ("explicit_bucket_histogram", HttpMetricExporter),
        ("explicit_bucket_histogram", GrpcMetricExporter),
        ("base2_exponential_bucket_histogram", HttpMetricExporter),
        ("base2_exponential_bucket_histogram", GrpcMetricExporter),
        # The gRPC exporter takes lower case only.
        ("BASE2_EXPONENTIAL_BUCKET_HISTOGRAM", HttpMetricExporter),
    ],
)
def test_histograms_are_those_of_the_official_exporter(
    text: str, official: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(AGGREGATION, text)
    theirs = official()
    ours = DeferredMetricExporter(official, "metrics", {}, sdk.aggregation(preferred(**{AGGREGATION: text})))
    assert histogram(ours) == histogram(theirs)


def histogram(exporter: Any) -> tuple[type, Any]:
    """Return what a histogram becomes with the preferences of an exporter."""
    collecting = InMemoryMetricReader(
        preferred_temporality=exporter._preferred_temporality, preferred_aggregation=exporter._preferred_aggregation
    )
    provider = MeterProvider(metric_readers=[collecting], shutdown_on_exit=False)
    provider.get_meter("m").create_histogram("h").record(7)
    data = collecting.get_metrics_data()
    assert data is not None
    made: Any = data.resource_metrics[0].scope_metrics[0].metrics[0].data
    (point,) = made.data_points
    return type(made), getattr(point, "explicit_bounds", None) or getattr(point, "scale", None)


def test_these_tests_see_a_difference() -> None:
    assert sdk.temporality(preferred(**{TEMPORALITY: " delta "}))[ObservableCounter] is AggregationTemporality.DELTA
    assert ObservableCounter not in sdk.temporality(preferred(**{TEMPORALITY: "lowmemory"}))


def recording_through(registry: Registry, views: str | None = None, **environ: str) -> DeferredMeterProvider:
    provider = DeferredMeterProvider(
        lambda: sdk.make_provider(RESOURCE, preferred(**environ), views), lambda _: True, lambda _: None
    )
    registry.send(route_to(provider))
    return provider


def test_exponential_histograms_are_made_by_the_sdk() -> None:
    registry = Registry()
    provider = recording_through(registry, **{AGGREGATION: "base2_exponential_bucket_histogram"})
    registry.histogram(SCOPE, "h", "s", "d", (1, 2)).record(1.5, ())
    (point,) = points_of(provider.collect(), "h").values()
    assert point.scale == 20
    assert collector(registry).collect() is None


VIEWS = """
from opentelemetry.sdk.metrics.view import DropAggregation, View
VIEWS = (
    View(instrument_name="requests", name="renamed", attribute_keys={"kept"}),
    View(instrument_name="unwanted", aggregation=DropAggregation()),
)
NONE = 7
MIXED = [View(instrument_name="a"), "b"]
"""


@pytest.fixture
def _views(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "views_of_tests.py").write_text(VIEWS)
    (tmp_path / "broken_views.py").write_text("raise SystemError('boom')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("DBX_OTEL_RUN_SAID", raising=False)


@pytest.mark.usefixtures("_views")
def test_views_hold_for_all_metrics(capfd: pytest.CaptureFixture[str]) -> None:
    registry = Registry()
    provider = recording_through(registry, "views_of_tests:VIEWS")
    assert "views_of_tests" not in sys.modules  # it is imported when the app is there
    for kept in ("a", "b"):
        registry.counter(SCOPE, "requests", "", "").add(1, (("kept", kept), ("left", kept * 2)))
    registry.counter(SCOPE, "unwanted", "", "").add(1, ())
    provider.get_meter("app").create_counter("unwanted").add(1)
    data = provider.collect()
    assert list(metrics_of(data)) == ["renamed"]
    assert values_of(data, "renamed") == {(("kept", "a"),): 1, (("kept", "b"),): 1}
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("_views")
@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("no_such_module:VIEWS", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("views_of_tests:MISSING", "AttributeError: module 'views_of_tests' has no attribute 'MISSING'"),
        ("views_of_tests:NONE", "TypeError: 'int' object is not iterable"),
        ("views_of_tests:MIXED", "TypeError: it holds a str"),
        ("views_of_tests", "AttributeError: module 'views_of_tests' has no attribute ''"),
        (":", "ValueError: Empty module name"),
        ("broken_views:VIEWS", "SystemError: boom"),
    ],
)
def test_bad_views_are_said_and_there_are_none(path: str, why: str, capfd: pytest.CaptureFixture[str]) -> None:
    registry = Registry()
    provider = recording_through(registry, path)
    registry.counter(SCOPE, "requests", "", "").add(1, ())
    assert values_of(provider.collect(), "requests") == {(): 1}
    assert capfd.readouterr().err.startswith(
        f"dbx-otel: DBX_OTEL_METRICS_VIEWS is {path!r}, which gives no views ({why}); metrics are recorded without."
    )

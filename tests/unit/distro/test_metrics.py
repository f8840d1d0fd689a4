# SPDX-License-Identifier: Apache-2.0
"""The reader has to know what the exporter would say, before there is one."""

from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.sdk.metrics import MeterProvider, ObservableCounter
from opentelemetry.sdk.metrics._internal import instrument as instruments
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader, PeriodicExportingMetricReader

from dbx_otel.delivery.deferred import DeferredMetricExporter
from dbx_otel.distro.metrics import aggregation, temporality

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


def reader(exporter: Any) -> PeriodicExportingMetricReader:
    return PeriodicExportingMetricReader(exporter, export_interval_millis=float("inf"))


@pytest.mark.parametrize("official", [HttpMetricExporter, GrpcMetricExporter])
@pytest.mark.parametrize("text", ["", "cumulative", "delta", "DELTA", "lowmemory", "LowMemory"])
def test_temporality_is_that_of_the_official_exporter(
    text: str, official: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TEMPORALITY, text)
    theirs = reader(official())
    ours = reader(DeferredMetricExporter(official, "metrics", temporality({TEMPORALITY: text}), aggregation({})))
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
    ours = DeferredMetricExporter(official, "metrics", temporality({}), aggregation({AGGREGATION: text}))
    assert histogram(ours) == histogram(theirs)


def histogram(exporter: Any) -> tuple[type, Any]:
    """Return what a histogram becomes with the preferences of an exporter."""
    collector = InMemoryMetricReader(
        preferred_temporality=exporter._preferred_temporality, preferred_aggregation=exporter._preferred_aggregation
    )
    provider = MeterProvider(metric_readers=[collector], shutdown_on_exit=False)
    provider.get_meter("m").create_histogram("h").record(7)
    data = collector.get_metrics_data()
    assert data is not None
    made: Any = data.resource_metrics[0].scope_metrics[0].metrics[0].data
    (point,) = made.data_points
    return type(made), getattr(point, "explicit_bounds", None) or getattr(point, "scale", None)


def test_these_tests_see_a_difference() -> None:
    assert temporality({TEMPORALITY: " delta "})[ObservableCounter] is AggregationTemporality.DELTA
    assert ObservableCounter not in temporality({TEMPORALITY: "lowmemory"})
    assert temporality({TEMPORALITY: "sometimes"}) == {}
    assert aggregation({AGGREGATION: "none"}) == {}

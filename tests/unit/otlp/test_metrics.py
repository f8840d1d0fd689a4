# SPDX-License-Identifier: Apache-2.0
"""The official encoder is the reference for metrics: for the SDK's data and for ours."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics as encode_officially
from opentelemetry.metrics import Observation
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics import AlwaysOnExemplarFilter, Exemplar, MeterProvider
from opentelemetry.sdk.metrics import export as sdk
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

from dbx_otel.otlp import metric_data
from dbx_otel.otlp.metrics import encode_metrics
from tests.unit.otlp.values_for_tests import (
    COUNTS,
    INTEGERS,
    NAMES,
    RESOURCES,
    SCALARS,
    SCOPES,
    SPAN_IDS,
    TEXT,
    TIMES,
    TRACE_IDS,
    decoded,
    records,
)

_ATTRIBUTES = st.dictionaries(NAMES, SCALARS, max_size=3)
_NUMBERS = st.one_of(INTEGERS, st.floats())
_COUNTS_64 = TIMES
_TEMPORALITIES = st.sampled_from(sdk.AggregationTemporality)
_SINT32 = st.integers(-(1 << 31), (1 << 31) - 1)

_EXEMPLARS = st.lists(
    st.builds(
        Exemplar,
        filtered_attributes=_ATTRIBUTES,
        value=_NUMBERS,
        time_unix_nano=TIMES,
        span_id=st.one_of(st.none(), SPAN_IDS),
        trace_id=st.one_of(st.none(), TRACE_IDS),
    ),
    max_size=2,
)
_EACH_POINT: dict[str, Any] = {
    "attributes": _ATTRIBUTES,
    "start_time_unix_nano": TIMES,
    "time_unix_nano": TIMES,
    "exemplars": _EXEMPLARS,
}
_NUMBER_POINTS = st.lists(st.builds(sdk.NumberDataPoint, **_EACH_POINT, value=_NUMBERS), min_size=1, max_size=2)
_HISTOGRAM_POINTS = st.lists(
    st.builds(
        sdk.HistogramDataPoint,
        **_EACH_POINT,
        count=_COUNTS_64,
        sum=_NUMBERS,
        bucket_counts=st.lists(_COUNTS_64, max_size=5),
        explicit_bounds=st.lists(st.floats(), max_size=4),
        min=_NUMBERS,
        max=_NUMBERS,
    ),
    min_size=1,
    max_size=2,
)
_BUCKETS = st.builds(sdk.Buckets, offset=_SINT32, bucket_counts=st.lists(_COUNTS_64, max_size=5))
_EXPONENTIAL_POINTS = st.lists(
    st.builds(
        sdk.ExponentialHistogramDataPoint,
        **_EACH_POINT,
        count=_COUNTS_64,
        sum=_NUMBERS,
        scale=_SINT32,
        zero_count=_COUNTS_64,
        positive=_BUCKETS,
        negative=_BUCKETS,
        flags=COUNTS,
        min=_NUMBERS,
        max=_NUMBERS,
    ),
    min_size=1,
    max_size=2,
)
_DATA = st.one_of(
    st.builds(sdk.Gauge, _NUMBER_POINTS),
    st.builds(sdk.Sum, _NUMBER_POINTS, _TEMPORALITIES, st.booleans()),
    st.builds(sdk.Histogram, _HISTOGRAM_POINTS, _TEMPORALITIES),
    st.builds(sdk.ExponentialHistogram, _EXPONENTIAL_POINTS, _TEMPORALITIES),
)
_METRICS = st.lists(
    st.builds(
        sdk.Metric, name=TEXT, description=st.one_of(st.none(), TEXT), unit=st.one_of(st.none(), TEXT), data=_DATA
    ),
    min_size=1,
    max_size=2,
)
# The official encoder takes it that each resource and scope comes once, as it does from the SDK.
_SCOPE_METRICS = st.lists(
    st.builds(sdk.ScopeMetrics, scope=SCOPES.filter(bool), metrics=_METRICS, schema_url=st.just("")),
    max_size=2,
    unique_by=lambda each: each.scope,
)
_METRICS_DATA = st.builds(
    sdk.MetricsData,
    st.lists(
        st.builds(sdk.ResourceMetrics, resource=RESOURCES, scope_metrics=_SCOPE_METRICS, schema_url=st.just("")),
        max_size=2,
        unique_by=lambda each: each.resource,
    ),
)


def _request(data: Any) -> Any:
    return decoded(ExportMetricsServiceRequest, encode_metrics(data))


@given(_METRICS_DATA)
def test_metrics_are_as_the_official_encoder_writes_them(data: sdk.MetricsData) -> None:
    assert records(_request(data), "metrics", "metrics") == records(encode_officially(data), "metrics", "metrics")


def test_what_an_app_records_with_the_sdk() -> None:
    reader = InMemoryMetricReader()
    view = View(instrument_name="exponential", aggregation=ExponentialBucketHistogramAggregation())
    provider = MeterProvider(
        [reader], Resource({"service.name": "shop"}), AlwaysOnExemplarFilter(), shutdown_on_exit=False, views=[view]
    )
    meter = provider.get_meter("library", "1")
    meter.create_counter("count", "1", "how many").add(3, {"a": "b"})
    meter.create_up_down_counter("active").add(-1.5)
    meter.create_histogram("explicit").record(0.3, {"http.route": "/"})
    for value in (0, 1.5, -3, 2000):
        meter.create_histogram("exponential").record(value)
    meter.create_observable_gauge("gauge", [lambda _options: [Observation(7, {"cpu": 0})]])
    data = reader.get_metrics_data()
    assert data is not None
    found = records(_request(data), "metrics", "metrics")
    assert found == records(encode_officially(data), "metrics", "metrics")
    assert len(found) == 5
    provider.shutdown()


def _light_exemplar(exemplar: Exemplar) -> metric_data.Exemplar:
    return metric_data.Exemplar(
        exemplar.filtered_attributes or {},
        exemplar.value,
        exemplar.time_unix_nano,
        exemplar.span_id,
        exemplar.trace_id,
    )


def _light(metric: sdk.Metric) -> metric_data.Metric:
    def fields(point: Any) -> dict[str, Any]:
        return dict(vars(point)) | {"exemplars": [_light_exemplar(each) for each in point.exemplars]}

    data: Any = metric.data
    light: Any
    if isinstance(data, sdk.Histogram):
        points = [metric_data.HistogramDataPoint(**fields(point)) for point in data.data_points]
        light = metric_data.Histogram(points, int(data.aggregation_temporality))
    else:
        numbers = [metric_data.NumberDataPoint(**fields(point)) for point in data.data_points]
        light = metric_data.Gauge(numbers)
        if isinstance(data, sdk.Sum):
            temporality = int(data.aggregation_temporality)
            light = metric_data.Sum(numbers, temporality, is_monotonic=data.is_monotonic)
    return metric_data.Metric(metric.name, metric.description or "", metric.unit or "", light)


@given(_METRICS_DATA)
def test_light_metrics_are_the_same(data: sdk.MetricsData) -> None:
    of_resources = []
    for of_resource in data.resource_metrics:
        of_scopes = []
        for of_scope in of_resource.scope_metrics:
            metrics = [one for one in of_scope.metrics if not isinstance(one.data, sdk.ExponentialHistogram)]
            vars(of_scope)["metrics"] = metrics
            of_scopes.append(metric_data.ScopeMetrics(of_scope.scope, [_light(one) for one in metrics], ""))
        of_resources.append(metric_data.ResourceMetrics(of_resource.resource, of_scopes, ""))
    ours = _request(metric_data.MetricsData(of_resources))
    assert records(ours, "metrics", "metrics") == records(encode_officially(data), "metrics", "metrics")


def _data(*metrics: Any) -> metric_data.MetricsData:
    scope = SimpleNamespace(name="library", version=None, attributes={}, schema_url="")
    resource = SimpleNamespace(attributes={}, schema_url="")
    of_scope = metric_data.ScopeMetrics(scope, metrics, "")
    return metric_data.MetricsData([metric_data.ResourceMetrics(resource, [of_scope], "")])


def _sum(*values: Any, **more: Any) -> metric_data.Metric:
    points: list[Any] = [
        SimpleNamespace(attributes={}, start_time_unix_nano=1, time_unix_nano=2, value=value, exemplars=[], **more)
        for value in values
    ]
    return metric_data.Metric("sum", "", "", metric_data.Sum(points, metric_data.DELTA, is_monotonic=True))


def _metrics(request: Any) -> list[Any]:
    return [
        metric
        for of_resource in request.resource_metrics
        for of_scope in of_resource.scope_metrics
        for metric in of_scope.metrics
    ]


def test_the_flags_of_a_point_and_the_zero_threshold_arrive() -> None:
    buckets = sdk.Buckets(0, [])
    point: Any = SimpleNamespace(
        attributes={},
        start_time_unix_nano=1,
        time_unix_nano=2,
        count=1,
        sum=None,
        scale=3,
        zero_count=1,
        positive=buckets,
        negative=buckets,
        flags=1,
        min=None,
        max=None,
        exemplars=[],
        zero_threshold=0.25,
    )
    exponential = sdk.Metric("e", None, None, sdk.ExponentialHistogram([point], sdk.AggregationTemporality.DELTA))
    of_sum, of_histogram = _metrics(_request(_data(_sum(1, flags=1), exponential)))
    assert of_sum.sum.data_points[0].flags == 1
    (found,) = of_histogram.exponential_histogram.data_points
    assert (found.zero_threshold, found.flags) == (0.25, 1)
    assert not any(found.HasField(name) for name in ("sum", "min", "max", "positive", "negative"))


def test_a_number_beyond_64_bits_arrives_as_a_double() -> None:
    (metric,) = _metrics(_request(_data(_sum(1 << 70))))
    assert metric.sum.data_points[0].as_double == float(1 << 70)


@pytest.mark.parametrize("bad", ["many", None, 1 << 5000])
def test_a_point_that_is_none_is_left_out_alone(bad: Any) -> None:
    refused: list[Exception] = []
    request = decoded(ExportMetricsServiceRequest, encode_metrics(_data(_sum(1, bad, 2)), refused=refused.append))
    (metric,) = _metrics(request)
    assert [point.as_int for point in metric.sum.data_points] == [1, 2]
    assert len(refused) == 1


def test_a_metric_of_an_unknown_kind_is_left_out_alone() -> None:
    refused: list[Exception] = []
    data: Any = SimpleNamespace(data_points=[])
    unknown = metric_data.Metric("unknown", "", "", data)
    request = decoded(ExportMetricsServiceRequest, encode_metrics(_data(unknown, _sum(1)), refused=refused.append))
    assert [metric.name for metric in _metrics(request)] == ["sum"]
    assert [str(error) for error in refused] == ["no kind of metric that OTLP has: SimpleNamespace"]


def test_metrics_without_points_make_no_request() -> None:
    assert encode_metrics(_data(_sum())) == b""
    assert encode_metrics(metric_data.MetricsData([])) == b""


class _Sum(sdk.Sum):
    """An app's own, of the SDK's."""


def test_a_subclass_of_the_sdks_is_what_it_extends() -> None:
    point = sdk.NumberDataPoint({}, 1, 2, 3)
    own = sdk.Metric("own", None, None, _Sum([point], sdk.AggregationTemporality.CUMULATIVE, is_monotonic=True))
    (metric,) = _metrics(_request(_data(own)))
    assert metric.sum.data_points[0].as_int == 3

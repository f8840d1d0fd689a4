# SPDX-License-Identifier: Apache-2.0
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2

from dbx_otel.local.decode import MAX_COMPLAINTS, SIGNALS, answer
from dbx_otel.local.records import SpanLink
from dbx_otel.local.values import value_of

TRACES, METRICS, _ = SIGNALS


def test_a_span_keeps_what_it_came_with() -> None:
    request = trace_service_pb2.ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(
        trace_id=b"\x01" * 16, span_id=b"\x02" * 8, parent_span_id=bytes(8),
        kind=5, flags=0x101, trace_state="a=b",
        dropped_attributes_count=3, dropped_links_count=1,
    )  # fmt: skip
    span.links.add(trace_id=b"\x03" * 16, span_id=b"\x04" * 8, trace_state="c=d")
    span.events.add(time_unix_nano=9, name="e").attributes.add(key="k").value.bool_value = False
    (record,) = TRACES.decode(request).spans
    assert record.parent_span_id is None
    assert (record.kind, record.flags, record.trace_state) == ("consumer", 0x101, "a=b")
    assert record.dropped == {"attributes": 3, "links": 1}
    assert record.links == [SpanLink("03" * 16, "04" * 8, "c=d", {})]
    assert [(event.time_ns, event.name, event.attributes) for event in record.events] == [(9, "e", {"k": False})]


def test_an_enum_of_tomorrow_stays_readable() -> None:
    request = trace_service_pb2.ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8)
    span.MergeFromString(b"\x30\x63")  # field 6, kind, is 99
    assert TRACES.decode(request).spans[0].kind == "99"


def test_complaints_do_not_grow_with_the_request() -> None:
    request = trace_service_pb2.ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for _ in range(1000):
        spans.add(trace_id=b"\x01", name="x" * 10_000)
    batch = TRACES.decode(request)
    assert (batch.rejected, len(batch.complaints)) == (1000, MAX_COMPLAINTS)
    assert len(answer(TRACES, batch).partial_success.error_message) < 4000


def test_values_that_no_other_signal_has_are_absent() -> None:
    assert value_of(common_pb2.AnyValue(string_value_strindex=3)) is None
    assert value_of(common_pb2.AnyValue()) is None


def test_summaries_and_points_without_a_value() -> None:
    request = metrics_service_pb2.ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    quantile = metrics_pb2.SummaryDataPoint.ValueAtQuantile(quantile=0.99, value=7)
    metrics.add(name="s").summary.data_points.add(count=2, sum=9, quantile_values=[quantile])
    metrics.add(name="g").gauge.data_points.add(flags=1)
    metrics.add(name="of a kind of tomorrow")
    summary, gauge = METRICS.decode(request).metrics
    assert (summary.count, summary.sum, summary.detail) == (2, 9, {"quantiles": {0.99: 7}})
    assert (gauge.value, gauge.flags) == (None, 1)

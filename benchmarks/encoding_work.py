# SPDX-License-Identifier: Apache-2.0
"""Batches of telemetry as an app makes it, and both encoders. Each imports only what it needs.

Run as `python -m benchmarks.encoding_work NAME TIMES`, it encodes a batch so many times: for tools that count.
"""

import random
import sys
from collections.abc import Callable
from typing import Any

RECORDS = 512
_TIME = 1_700_000_000_000_000_000
_RESOURCE: dict[str, Any] = {
    "service.name": "shop",
    "service.version": "1.2",
    "process.pid": 7,
    "databricks.app.name": "shop",
}


def _request_attributes(number: int, chance: random.Random) -> dict[str, Any]:
    """Return what a server span says of a request: most of it comes again and again, three values never do."""
    person = chance.randrange(200)
    return {
        "http.request.method": "GET",
        "url.scheme": "https",
        "url.path": f"/orders/{number}",
        "http.route": "/orders/{order_id}",
        "http.response.status_code": 200,
        "server.address": "shop.example",
        "server.port": 443,
        "client.address": f"10.0.0.{person}",
        "network.protocol.version": "1.1",
        "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
        "user.id": f"{1000 + person}@100",
        "user.email": f"person{person}@example.com",
        "databricks.identity.source": "proxy_header",
        "databricks.request.id": f"{chance.getrandbits(128):032x}",
    }


def _make_spans(provider: Any) -> None:
    from opentelemetry.trace import SpanKind

    tracer, chance = provider.get_tracer("http", "1.0"), random.Random(0)
    for number in range(RECORDS):
        attributes = _request_attributes(number, chance)
        tracer.start_span("GET /orders/{order_id}", kind=SpanKind.SERVER, attributes=attributes).end()


def _light_spans() -> list[Any]:
    from dbx_otel.otlp.model import Resource
    from dbx_otel.tracing.provider import TracerProvider

    spans: list[Any] = []
    _make_spans(TracerProvider(Resource(_RESOURCE), on_end=spans.append))
    return spans


def _sdk_spans() -> list[Any]:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource(_RESOURCE), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    _make_spans(provider)
    return list(exporter.get_finished_spans())


def _log_attributes(number: int) -> dict[str, Any]:
    return {"code.function.name": "handle", "code.line.number": 42, "user.id": f"{1000 + number % 200}@100"}


def _light_logs() -> list[Any]:
    from dbx_otel.otlp.model import LogRecord, Resource, Scope

    resource, scope, chance = Resource(_RESOURCE), Scope("shop.orders"), random.Random(0)
    return [
        LogRecord(
            timestamp=_TIME + number,
            observed_timestamp=_TIME + number,
            body=f"order {number} has been placed",
            attributes=_log_attributes(number),
            instrumentation_scope=scope,
            resource=resource,
            trace_id=chance.getrandbits(128),
            span_id=chance.getrandbits(64),
            trace_flags=1,
            severity_number=9,
            severity_text="INFO",
        )
        for number in range(RECORDS)
    ]


def _sdk_logs() -> list[Any]:
    from opentelemetry._logs import LogRecord, SeverityNumber
    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    resource, scope, chance = Resource(_RESOURCE), InstrumentationScope("shop.orders"), random.Random(0)
    records = []
    for number in range(RECORDS):
        ids = SpanContext(chance.getrandbits(128), chance.getrandbits(64), is_remote=False, trace_flags=TraceFlags(1))
        record = LogRecord(
            timestamp=_TIME + number,
            observed_timestamp=_TIME + number,
            context=set_span_in_context(NonRecordingSpan(ids)),
            severity_text="INFO",
            severity_number=SeverityNumber.INFO,
            body=f"order {number} has been placed",
            attributes=_log_attributes(number),
        )
        records.append(ReadableLogRecord(record, resource, scope))
    return records


_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


def _metrics(data: Any, resource: Any, scope: Any) -> Any:
    """Return histogram points by the classes of a module: ours, or the SDK's."""
    points = [
        data.HistogramDataPoint(
            attributes={"http.request.method": "GET", "http.route": f"/{number}", "http.response.status_code": 200},
            start_time_unix_nano=_TIME,
            time_unix_nano=_TIME + number,
            count=100,
            sum=12.5,
            bucket_counts=[number] * (len(_BOUNDS) + 1),
            explicit_bounds=_BOUNDS,
            min=0.001,
            max=2.5,
        )
        for number in range(RECORDS)
    ]
    metric = data.Metric("http.server.request.duration", "Duration", "s", data.Histogram(points, 2))
    return data.MetricsData([data.ResourceMetrics(resource, [data.ScopeMetrics(scope, [metric], "")], "")])


def _light_metrics() -> Any:
    from dbx_otel.otlp import metric_data
    from dbx_otel.otlp.model import Resource, Scope

    return _metrics(metric_data, Resource(_RESOURCE), Scope("http"))


def _sdk_metrics() -> Any:
    from opentelemetry.sdk.metrics import export
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    return _metrics(export, Resource(_RESOURCE), InstrumentationScope("http"))


def _ours(spans: Callable[[], list[Any]]) -> Callable[[], bytes]:
    from dbx_otel.otlp.spans import encode_spans

    made = spans()
    return lambda: encode_spans(made)


def _official_spans() -> Callable[[], bytes]:
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    made = _sdk_spans()
    return lambda: encode_spans(made).SerializeToString()


def _our_logs() -> Callable[[], bytes]:
    from dbx_otel.otlp.logs import encode_logs

    made = _light_logs()
    return lambda: encode_logs(made)


def _official_logs() -> Callable[[], bytes]:
    from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs

    made = _sdk_logs()
    return lambda: encode_logs(made).SerializeToString()


def _our_metrics() -> Callable[[], bytes]:
    from dbx_otel.otlp.metrics import encode_metrics

    made = _light_metrics()
    return lambda: encode_metrics(made)


def _official_metrics() -> Callable[[], bytes]:
    from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

    made = _sdk_metrics()
    return lambda: encode_metrics(made).SerializeToString()


WORK: dict[str, Callable[[], Callable[[], bytes]]] = {
    "server span, official": _official_spans,
    "server span, ours from the SDK's": lambda: _ours(_sdk_spans),
    "server span, ours from ours": lambda: _ours(_light_spans),
    "log record, official": _official_logs,
    "log record, ours": _our_logs,
    "histogram point, official": _official_metrics,
    "histogram point, ours": _our_metrics,
}
"""By name, what makes a batch and returns what encodes it."""


if __name__ == "__main__":
    encode = WORK[sys.argv[1]]()
    for _ in range(int(sys.argv[2])):
        encode()

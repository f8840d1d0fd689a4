# SPDX-License-Identifier: Apache-2.0
"""Turns OTLP messages into records: one function a signal.

A span with an id that cannot be is refused and counted, the others of its request are taken; a log record
loses only the id, since it means something without one.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs_service
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_service
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_service

from dbx_otel.local.body import shown
from dbx_otel.local.metric_points import metric_points
from dbx_otel.local.records import Batch, LogRecord, Scope, SpanEvent, SpanLink, SpanRecord
from dbx_otel.local.values import attributes_of, id_or_none, scope_of, value_of

TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8
MAX_COMPLAINTS = 10
"""Sentences kept of one request, however many of its records are bad."""

_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUS = ("unset", "ok", "error")


class Signal(NamedTuple):
    """One of OTLP's three signals.

    Attributes:
        path: Where it is posted over HTTP.
        service: Full name of its gRPC service; the method is always `Export`.
        request: Class of the request message.
        response: Class of the response message.
        rejected_field: Field of the response's `partial_success` that counts refused records.
        decode: Turns a request message into records.
    """

    path: str
    service: str
    request: Callable[[], Any]
    response: Callable[[], Any]
    rejected_field: str
    decode: Callable[[Any], Batch]


def answer(signal: Signal, batch: Batch) -> Any:
    """Return the response message: empty, or a partial success that says what was refused or put right."""
    response = signal.response()
    if batch.complaints:
        setattr(response.partial_success, signal.rejected_field, batch.rejected)
        response.partial_success.error_message = "; ".join(batch.complaints)
    return response


def _spans(request: Any) -> Batch:
    batch = Batch()
    for group in request.resource_spans:
        resource = attributes_of(group.resource.attributes)
        for scoped in group.scope_spans:
            scope = scope_of(scoped.scope)
            for span in scoped.spans:
                complaint = _bad_span_id(span)
                if complaint:
                    batch.rejected += 1
                    _complain(batch, complaint)
                else:
                    batch.spans.append(_span(span, resource, scope))
    return batch


def _span(span: Any, resource: dict[str, Any], scope: Scope) -> SpanRecord:
    dropped = {
        "attributes": span.dropped_attributes_count,
        "events": span.dropped_events_count,
        "links": span.dropped_links_count,
    }
    return SpanRecord(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=id_or_none(span.parent_span_id),
        name=span.name,
        kind=_word(_KINDS, span.kind),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        status=_word(_STATUS, span.status.code),
        status_message=span.status.message,
        attributes=attributes_of(span.attributes),
        events=[SpanEvent(event.time_unix_nano, event.name, attributes_of(event.attributes)) for event in span.events],
        links=[
            SpanLink(link.trace_id.hex(), link.span_id.hex(), link.trace_state, attributes_of(link.attributes))
            for link in span.links
        ],
        trace_state=span.trace_state,
        flags=span.flags,
        dropped={what: count for what, count in dropped.items() if count},
        resource=resource,
        scope=scope,
    )


def _logs(request: Any) -> Batch:
    batch = Batch()
    for group in request.resource_logs:
        resource = attributes_of(group.resource.attributes)
        for scoped in group.scope_logs:
            scope = scope_of(scoped.scope)
            for log in scoped.log_records:
                batch.logs.append(_log(log, resource, scope, batch))
    return batch


def _log(log: Any, resource: dict[str, Any], scope: Scope, batch: Batch) -> LogRecord:
    for key, value, size in (
        ("trace_id", log.trace_id, TRACE_ID_BYTES),
        ("span_id", log.span_id, SPAN_ID_BYTES),
    ):
        if value and not _is_id(value, size):
            _complain(batch, f"log record: {_bad_id(key, value, size)}; the record was taken without it")
    return LogRecord(
        time_ns=log.time_unix_nano,
        observed_ns=log.observed_time_unix_nano,
        severity_number=log.severity_number,
        severity_text=log.severity_text,
        body=value_of(log.body),
        event_name=log.event_name,
        attributes=attributes_of(log.attributes),
        trace_id=log.trace_id.hex() if _is_id(log.trace_id, TRACE_ID_BYTES) else None,
        span_id=log.span_id.hex() if _is_id(log.span_id, SPAN_ID_BYTES) else None,
        flags=log.flags,
        dropped_attributes=log.dropped_attributes_count,
        resource=resource,
        scope=scope,
    )


def _metrics(request: Any) -> Batch:
    batch = Batch()
    for group in request.resource_metrics:
        resource = attributes_of(group.resource.attributes)
        for scoped in group.scope_metrics:
            scope = scope_of(scoped.scope)
            for metric in scoped.metrics:
                batch.metrics.extend(metric_points(metric, resource, scope))
    return batch


def _bad_span_id(span: Any) -> str | None:
    for key, value, size in (
        ("trace_id", span.trace_id, TRACE_ID_BYTES),
        ("span_id", span.span_id, SPAN_ID_BYTES),
        ("parent_span_id", span.parent_span_id or None, SPAN_ID_BYTES),
    ):
        # Eight zero bytes are how some senders write "no parent".
        if value is None or _is_id(value, size) or (key == "parent_span_id" and value == bytes(size)):
            continue
        return f"span {shown(span.name)}: {_bad_id(key, value, size)}"
    return None


def _is_id(value: bytes, size: int) -> bool:
    return len(value) == size and value != bytes(size)


def _bad_id(key: str, value: bytes, size: int) -> str:
    return f"{key} is {shown(value.hex())} ({len(value)} bytes); it has to be {size} bytes that are not all zero"


def _complain(batch: Batch, text: str) -> None:
    if len(batch.complaints) < MAX_COMPLAINTS:
        batch.complaints.append(text)


def _word(words: tuple[str, ...], number: int) -> str:
    """Return an enum's word; a number newer than this table stays readable."""
    return words[number] if 0 <= number < len(words) else str(number)


SIGNALS: Iterable[Signal] = (
    Signal(
        "/v1/traces",
        "opentelemetry.proto.collector.trace.v1.TraceService",
        trace_service.ExportTraceServiceRequest,
        trace_service.ExportTraceServiceResponse,
        "rejected_spans",
        _spans,
    ),
    Signal(
        "/v1/metrics",
        "opentelemetry.proto.collector.metrics.v1.MetricsService",
        metrics_service.ExportMetricsServiceRequest,
        metrics_service.ExportMetricsServiceResponse,
        "rejected_data_points",
        _metrics,
    ),
    Signal(
        "/v1/logs",
        "opentelemetry.proto.collector.logs.v1.LogsService",
        logs_service.ExportLogsServiceRequest,
        logs_service.ExportLogsServiceResponse,
        "rejected_log_records",
        _logs,
    ),
)

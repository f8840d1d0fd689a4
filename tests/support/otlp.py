# SPDX-License-Identifier: Apache-2.0
"""OTLP over HTTP as JSON, written by hand: what an app of ours sends, in the names of our vocabulary."""

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

import requests

Json = dict[str, Any]

SERVER = 2  # SpanKind
ERROR = 2  # StatusCode
CUMULATIVE = 2  # AggregationTemporality
BOUNDS = [0.01, 0.1, 1.0]  # seconds

ADA = {
    "user.id": "7001",
    "user.email": "ada@example.com",
    "user.name": "Ada",
    "client.address": "198.51.100.7",
    "session.id": "5e55",
    "databricks.request.id": "0b5c-1",
    "databricks.identity.source": "proxy_header",
}


def new_trace_id() -> str:
    return secrets.token_hex(16)


def new_span_id() -> str:
    return secrets.token_hex(8)


def resource(service: str, **more: str) -> Json:
    return {
        "attributes": attributes(
            {
                "service.name": service,
                "service.instance.id": f"{service}-1",
                "databricks.app.name": service,
                "databricks.workspace.id": "4711",
                **more,
            }
        )
    }


def attributes(values: Mapping[str, Any]) -> list[Json]:
    return [{"key": name, "value": any_value(value)} for name, value in values.items()]


def any_value(value: Any) -> Json:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": attributes(value)}}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return {"arrayValue": {"values": [any_value(item) for item in value]}}
    return {"stringValue": value}


def span(trace_id: str, name: str = "GET /orders", *, milliseconds: int = 20, **more: Any) -> Json:
    """A server span that ended now; `more` are fields of the span, `attributes` as a plain mapping."""
    end = time.time_ns()
    return {
        "traceId": trace_id,
        "spanId": new_span_id(),
        "name": name,
        "kind": SERVER,
        "startTimeUnixNano": str(end - milliseconds * 10**6),
        "endTimeUnixNano": str(end),
        **more,
        "attributes": attributes(more.get("attributes", {})),
    }


def log(body: Any, *, trace_id: str = "", event_name: str = "", at: int | None = None, **values: Any) -> Json:
    """A log record; `at` is its time in nanoseconds since 1970, `attributes` a plain mapping."""
    stamp = str(at or time.time_ns())
    return {
        "timeUnixNano": stamp,
        "observedTimeUnixNano": stamp,
        "severityNumber": 9,
        "severityText": "INFO",
        "body": any_value(body),
        "traceId": trace_id,
        "spanId": new_span_id() if trace_id else "",
        "eventName": event_name,
        "attributes": attributes(values.get("attributes", {})),
    }


def request_durations(counts: Mapping[tuple[str, int], int], *, start: int, trace_id: str = "") -> Json:
    """`http.server.request.duration` with this many requests of 50 ms for each route and status so far."""
    now = str(time.time_ns())
    exemplar = {"timeUnixNano": now, "asDouble": 0.05, "traceId": trace_id, "spanId": new_span_id()}
    points = [
        {
            "startTimeUnixNano": str(start),
            "timeUnixNano": now,
            "count": str(count),
            "sum": 0.05 * count,
            "bucketCounts": ["0", str(count), "0", "0"],
            "explicitBounds": BOUNDS,
            "exemplars": [exemplar] if trace_id else [],
            "attributes": attributes(
                {"http.request.method": "GET", "http.route": route, "http.response.status_code": status}
            ),
        }
        for (route, status), count in counts.items()
    ]
    return {
        "name": "http.server.request.duration",
        "unit": "s",
        "histogram": {"aggregationTemporality": CUMULATIVE, "dataPoints": points},
    }


def send_spans(otlp_http: str, service: str, spans: Sequence[Json], **more: str) -> None:
    scope = [{"scope": {"name": "test"}, "spans": list(spans)}]
    _post(otlp_http, "traces", {"resourceSpans": [{"resource": resource(service, **more), "scopeSpans": scope}]})


def send_logs(otlp_http: str, service: str, records: Sequence[Json], **more: str) -> None:
    scope = [{"scope": {"name": "test"}, "logRecords": list(records)}]
    _post(otlp_http, "logs", {"resourceLogs": [{"resource": resource(service, **more), "scopeLogs": scope}]})


def send_metrics(otlp_http: str, service: str, metrics: Sequence[Json], **more: str) -> None:
    scope = [{"scope": {"name": "test"}, "metrics": list(metrics)}]
    _post(
        otlp_http,
        "metrics",
        {"resourceMetrics": [{"resource": resource(service, **more), "scopeMetrics": scope}]},
    )


def _post(otlp_http: str, signal: str, body: Json) -> None:
    answer = requests.post(f"{otlp_http}/v1/{signal}", json=body, timeout=10)
    assert answer.ok, f"{signal}: {answer.status_code} {answer.text}"
    assert answer.json() in ({}, {"partialSuccess": {}}), answer.text

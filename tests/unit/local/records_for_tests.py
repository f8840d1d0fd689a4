# SPDX-License-Identifier: Apache-2.0
"""Makes records with only the fields that a test is about."""

from typing import Any

from dbx_otel.local.records import LogRecord, MetricPoint, Scope, SpanRecord

TRACE = "5b8efff798038103d269b633813fc60c"


def span(name: str, span_id: int = 1, parent: int | None = None, **fields: Any) -> SpanRecord:
    """Return a span of 1 ms; times in milliseconds since the epoch by `start` and `end`."""
    start, end = fields.pop("start", span_id), fields.pop("end", span_id + 1)
    defaults: dict[str, Any] = {
        "trace_id": TRACE,
        "kind": "internal",
        "status": "unset",
        "status_message": "",
        "attributes": {},
        "events": [],
        "links": [],
        "trace_state": "",
        "flags": 0,
        "dropped": {},
        "resource": {},
        "scope": Scope(),
    }
    return SpanRecord(
        name=name,
        span_id=f"{span_id:016x}",
        parent_span_id=None if parent is None else f"{parent:016x}",
        start_ns=start * 1_000_000,
        end_ns=end * 1_000_000,
        **(defaults | fields),
    )


def log(body: Any, span_id: int | None = 1, **fields: Any) -> LogRecord:
    """Return a log record inside a span, or outside any trace without one; time in milliseconds by `at`."""
    defaults: dict[str, Any] = {
        "time_ns": fields.pop("at", 1) * 1_000_000,
        "observed_ns": 0,
        "severity_number": 9,
        "severity_text": "INFO",
        "event_name": "",
        "attributes": {},
        "trace_id": None if span_id is None else TRACE,
        "span_id": None if span_id is None else f"{span_id:016x}",
        "flags": 0,
        "dropped_attributes": 0,
        "resource": {},
        "scope": Scope("orders"),
    }
    return LogRecord(body=body, **(defaults | fields))


def point(name: str, **fields: Any) -> MetricPoint:
    """Return a point of a gauge."""
    defaults: dict[str, Any] = {
        "description": "",
        "unit": "1",
        "type": "gauge",
        "temporality": None,
        "monotonic": None,
        "attributes": {},
        "start_ns": 0,
        "time_ns": 1,
        "flags": 0,
        "resource": {},
        "scope": Scope(),
    }
    return MetricPoint(name=name, **(defaults | fields))

# SPDX-License-Identifier: Apache-2.0
"""What an instrumentation has made of one case: spans and metric points of the SDK, as plain values.

Used inside of the process that plays a corpus, see `harness`.
"""

from collections.abc import Iterable
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, ObservableCounter, UpDownCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

Seen = dict[str, Any]
"""`{"spans": [...], "points": [...]}`, see `Recorder.take`; the harness adds `answer`, what the case has returned."""


class Recorder:
    """The providers of a process, and what has gone through them."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        trace.set_tracer_provider(provider)
        kinds = (Counter, ObservableCounter, UpDownCounter, Histogram)
        self._reader = InMemoryMetricReader(preferred_temporality=dict.fromkeys(kinds, AggregationTemporality.DELTA))
        self.meter_provider = MeterProvider([self._reader])
        metrics.set_meter_provider(self.meter_provider)

    def take(self) -> Seen:
        """Return the spans that have ended and the points that were made since the last call."""
        spans = self._exporter.get_finished_spans()
        self._exporter.clear()
        names = {_context(span).span_id: span.name for span in spans}
        return {
            "spans": [_span(span, names) for span in spans],
            "points": list(self._points()),
        }

    def _points(self) -> Iterable[dict[str, Any]]:
        data = self._reader.get_metrics_data()
        for resource in data.resource_metrics if data is not None else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        yield _point(scope.scope, metric, point)


def _context(span: ReadableSpan) -> trace.SpanContext:
    context = span.get_span_context()
    assert context is not None
    return context


def _span(span: ReadableSpan, names: dict[int, str]) -> dict[str, Any]:
    scope = span.instrumentation_scope
    parent = span.parent
    return {
        "name": span.name,
        "kind": span.kind.name,
        "parent": None if parent is None else names.get(parent.span_id, f"remote {parent.span_id:016x}"),
        "trace_id": f"{_context(span).trace_id:032x}" if parent is not None and parent.is_remote else None,
        "attributes": {key: _attribute(key, value) for key, value in (span.attributes or {}).items()},
        "status": span.status.status_code.name,
        "description": span.status.description,
        "events": [
            {"name": event.name, "attributes": {k: v for k, v in (event.attributes or {}).items() if "stack" not in k}}
            for event in span.events
        ],
        "scope": [scope.name, scope.schema_url] if scope is not None else None,
    }


def _attribute(key: str, value: Any) -> Any:
    if key in {"client.port", "network.peer.port"}:
        return "a port"  # another one in each run
    return list(value) if isinstance(value, tuple) else value


def _point(scope: Any, metric: Any, point: Any) -> dict[str, Any]:
    """Return a point; of a duration not how long it was, but whether it was long."""
    is_time = metric.unit == "s"
    value = getattr(point, "sum", getattr(point, "value", None))
    return {
        "name": metric.name,
        "unit": metric.unit,
        "description": metric.description,
        "scope": [scope.name, scope.schema_url],
        "attributes": dict(sorted(point.attributes.items())),
        "count": getattr(point, "count", None),
        "value": None if is_time else value,
        "is_long": value > 1 if is_time and value is not None else None,
        "bounds": list(getattr(point, "explicit_bounds", ())),
        # Of a sum it says only whether the span was current yet.
        "has_exemplar": hasattr(point, "count") and bool(point.exemplars),
    }

# SPDX-License-Identifier: Apache-2.0
"""The same span made by us and by the SDK, and what can be read of either."""

from collections.abc import Callable
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider

from dbx_otel.tracing.provider import TracerProvider

RESOURCE = Resource({"service.name": "app"})


class Collect(SpanProcessor):
    """Keeps the SDK's ended spans."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


def both(use: Callable[[trace.Tracer], object], **arguments: Any) -> tuple[list[Any], list[Any]]:
    """The ended spans of ours and of the SDK's after the same calls."""
    ours: list[Any] = []
    use(TracerProvider(RESOURCE, on_end=ours.append, **arguments).get_tracer("lib", "1", "https://schema"))
    collect = Collect()
    provider = SdkTracerProvider(resource=RESOURCE, shutdown_on_exit=False, **arguments)
    provider.add_span_processor(collect)
    use(provider.get_tracer("lib", "1", "https://schema"))
    return ours, list(collect.spans)


def told(span: Any) -> dict[str, Any]:
    """All that can be read of a span, but for what differs from span to span: ids and times of the clock."""
    return {
        "name": span.name,
        "kind": span.kind,
        "sampled": span.context.trace_flags.sampled,
        "root": span.parent is None,
        "attributes": list((span.attributes or {}).items()),
        "dropped": (span.dropped_attributes, span.dropped_events, span.dropped_links),
        "events": [(event.name, attributes_of(event), event.dropped_attributes) for event in span.events],
        "links": [
            (tuple(link.context), list((link.attributes or {}).items()), link.dropped_attributes) for link in span.links
        ],
        "status": (span.status.status_code, span.status.description),
        "resource": dict(span.resource.attributes),
        "scope": (
            span.instrumentation_scope.name,
            span.instrumentation_scope.version,
            span.instrumentation_scope.schema_url,
        ),
        "ended": span.end_time is not None,
        "times": (
            span.start_time if span.start_time < 10_000 else None,
            span.end_time if span.end_time < 10_000 else None,
        ),
    }


def attributes_of(event: Any) -> list[tuple[str, Any]]:
    """A stack trace without the frames of the SDK's own context managers."""
    items = list((event.attributes or {}).items())
    return [(name, frames(value) if name == "exception.stacktrace" else value) for name, value in items]


def frames(stack: Any) -> Any:
    if not isinstance(stack, str):
        return stack
    lines = stack.splitlines()
    return [line for line in lines if line.startswith('  File "') and "/opentelemetry/" not in line] + lines[-1:]

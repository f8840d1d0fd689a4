# SPDX-License-Identifier: Apache-2.0
"""Spans: identity at the start, one batch queue a destination."""

import os

from opentelemetry import trace
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler

from dbx_otel.delivery import exiting
from dbx_otel.delivery.deferred import DeferredSpanExporter
from dbx_otel.delivery.exiting import Flush
from dbx_otel.distro.destinations import Destinations
from dbx_otel.identity.processors import IdentitySpanProcessor
from dbx_otel.tracing.ids import PrivateIdGenerator


class TracerProvider(sdk.TracerProvider):
    """The SDK's, with its shutdown at exit left to us: then we also flush the processors that the app adds."""

    is_set_up = False

    def add_span_processor(self, span_processor: sdk.SpanProcessor) -> None:
        """Add a processor; one of the app's is flushed at exit."""
        super().add_span_processor(span_processor)
        if self.is_set_up:
            exiting.also("spans for a processor of the app", span_processor.force_flush)


def configure(resource: Resource, destinations: Destinations) -> list[tuple[str, Flush]]:
    """Set the global tracer provider, also where spans go nowhere: log lines bear their ids.

    Args:
        resource: Where spans come from.
        destinations: Where they go.

    Returns:
        What to flush at exit, one entry a destination.
    """
    provider = TracerProvider(
        sampler=_sampler(),
        resource=resource,
        id_generator=PrivateIdGenerator(),  # type: ignore[arg-type]  # it has all methods of the SDK's
        shutdown_on_exit=False,
    )
    provider.add_span_processor(IdentitySpanProcessor())
    trace.set_tracer_provider(provider)
    flushes: list[tuple[str, Flush]] = []
    for name, make in destinations.traces:
        processor = BatchSpanProcessor(DeferredSpanExporter(make, f"sending spans to {name}"))
        provider.add_span_processor(processor)
        flushes.append((f"spans for {name}", processor.force_flush))
    provider.is_set_up = True
    return flushes


def _sampler() -> Sampler | None:
    """Return the sampler where `OTEL_TRACES_SAMPLER` names none: all spans, whatever a caller's `traceparent` asks for.

    Trace context comes with requests from anywhere, and who could switch the recording of his requests off would.
    """
    if os.environ.get("OTEL_TRACES_SAMPLER", "").strip():
        return None
    return ParentBased(ALWAYS_ON, remote_parent_not_sampled=ALWAYS_ON)

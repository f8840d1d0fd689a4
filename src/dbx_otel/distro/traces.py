# SPDX-License-Identifier: Apache-2.0
"""Spans: identity at the start, one batch queue a destination."""

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from dbx_otel.delivery.deferred import DeferredSpanExporter
from dbx_otel.delivery.exiting import Flush
from dbx_otel.distro.destinations import Destinations
from dbx_otel.distro.ids import PrivateIdGenerator
from dbx_otel.identity.processors import IdentitySpanProcessor


def configure(resource: Resource, destinations: Destinations) -> list[tuple[str, Flush]]:
    """Set the global tracer provider, also where spans go nowhere: log lines bear their ids.

    Args:
        resource: Where spans come from.
        destinations: Where they go.

    Returns:
        What to flush at exit, one entry a destination.
    """
    provider = TracerProvider(resource=resource, id_generator=PrivateIdGenerator(), shutdown_on_exit=False)
    provider.add_span_processor(IdentitySpanProcessor())
    flushes: list[tuple[str, Flush]] = []
    for name, make in destinations.traces:
        processor = BatchSpanProcessor(DeferredSpanExporter(make, f"sending spans to {name}"))
        provider.add_span_processor(processor)
        flushes.append((f"spans for {name}", processor.force_flush))
    trace.set_tracer_provider(provider)
    return flushes

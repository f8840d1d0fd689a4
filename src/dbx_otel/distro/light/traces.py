# SPDX-License-Identifier: Apache-2.0
"""Spans of ours, and exporters of other packages beside them."""

from opentelemetry import trace

from dbx_otel.delivery import exiting
from dbx_otel.delivery.delivery import Delivery
from dbx_otel.delivery.exiting import Flush
from dbx_otel.distro.destinations import exporters_by_entry_point
from dbx_otel.instrumentation.post_import import when_imported
from dbx_otel.otlp.model import Resource
from dbx_otel.tracing import sdk_compat
from dbx_otel.tracing.provider import TracerProvider


def configure(resource: Resource, delivery: Delivery | None) -> list[tuple[str, Flush]]:
    """Set the global tracer provider, also where spans go nowhere: log lines bear their ids.

    Args:
        resource: Where spans come from.
        delivery: What sends them over OTLP; `None` where nothing is to be sent.

    Returns:
        What else to flush at exit.
    """
    sends = delivery is not None and delivery.takes("traces")
    provider = TracerProvider(
        resource,
        on_end=delivery.offer_span if delivery is not None and sends else None,
        flush=delivery.flush if delivery is not None else None,
    )
    trace.set_tracer_provider(provider)
    when_imported("opentelemetry.sdk.trace", sdk_compat.on_sdk_imported)
    flushes = _other_exporters(provider)
    provider.on_added = lambda added: exiting.also("spans for a processor of the app", added.force_flush)
    return flushes


def _other_exporters(provider: TracerProvider) -> list[tuple[str, Flush]]:
    others = exporters_by_entry_point("traces")
    flushes: list[tuple[str, Flush]] = []
    if others:
        # Made for the SDK, so they get its spans.
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        from dbx_otel.delivery.deferred import DeferredSpanExporter

        for name, make in others:
            processor = BatchSpanProcessor(DeferredSpanExporter(make, f"sending spans to {name}"))
            provider.add_span_processor(processor)
            flushes.append((f"spans for {name}", processor.force_flush))
    return flushes

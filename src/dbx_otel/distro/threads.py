# SPDX-License-Identifier: Apache-2.0
"""Threads that work for a request do so in its context, and hence under its identity."""

from opentelemetry.instrumentation.threading import ThreadingInstrumentor

from dbx_otel.instrumentation import lifecycle


def follow_context() -> None:
    """Carry the context into threads, timers and thread pools; tasks and `asyncio.to_thread` carry it by themselves."""
    instrumentor = ThreadingInstrumentor()
    if not lifecycle.disables("threading") and not instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.instrument()

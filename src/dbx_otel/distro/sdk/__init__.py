# SPDX-License-Identifier: Apache-2.0
"""The `sdk` pipeline: the three signals on OpenTelemetry's SDK, with its batch processors and exporters."""

import os
from functools import partial

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource

from dbx_otel import diagnostics
from dbx_otel.delivery.exiting import Flush, Left
from dbx_otel.distro.apart import apart
from dbx_otel.distro.destinations import destinations
from dbx_otel.distro.resource import build_resource
from dbx_otel.distro.sdk import logs, metrics, traces
from dbx_otel.logs import pipeline
from dbx_otel.settings import Settings


def configure(settings: Settings) -> tuple[list[tuple[str, Flush]], Left | None]:
    """Set the global providers.

    Args:
        settings: The settings.

    Returns:
        What to flush at exit, one entry a signal and destination. What has not been sent by then nobody can tell.
    """
    resource = build_resource(settings)
    found, notes = destinations(settings)
    for note in notes:
        diagnostics.say(note)
    flushes: list[tuple[str, Flush]] = []
    flushes += apart("traces", partial(traces.configure, resource, found)) or []
    flushes += apart("metrics", partial(metrics.configure, resource, found, settings.metrics_views)) or []
    flushes += apart("log records over OTLP", partial(logs.configure, resource, found)) or []
    _say_resource_in_log_lines(resource)
    return flushes, None


def _say_resource_in_log_lines(resource: Resource) -> None:
    pipeline.set_resource(_texts(resource))

    def of_child() -> None:
        # The SDK gives a forked child an instance id of its own, and has done so when this is called.
        provider = trace.get_tracer_provider()
        pipeline.set_resource(_texts(getattr(provider, "resource", resource)))

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=of_child)


def _texts(resource: Resource) -> dict[str, str]:
    return {name: str(value) for name, value in resource.attributes.items()}
